"""TLS of client connections: when it begins, who is let in, what is shown of it, and what goes wrong."""

import os
import shutil
import socket
import ssl
import subprocess
import unittest

from harness import DEADLINE, Closed, WireCase, connect_line, msg, not_yet, pub, run_binary, server_binary, wait_until
from harness.certificates import Authority, client_context

IS_TROUPE = not_yet.is_troupe(server_binary())
REQUIRED = b"-ERR 'Secure Connection - TLS Required'\r\n"

CA = Authority()
SERVER = CA.issue("server")
CLIENT = CA.issue("client", subject="/O=Troupe/CN=client", usage="clientAuth")
STRANGER = Authority("Other CA").issue("stranger")


def tls(*lines, certificate=SERVER):
    return "tls { " + ", ".join((certificate.config, *lines)) + " }\n"


class TlsCase(WireCase):
    context = None

    def secure(self, server=None, context=None, session=None, **options):
        """A client that has read INFO, gone over to TLS and logged in."""
        c = self.raw(server)
        c.read_info()
        c.start_tls(context or self.context or client_context(CA), session=session)
        c.send(connect_line(**options) + b"PING\r\n").expect("PONG\r\n")
        return c

    def refused_handshake(self, c, context):
        """The handshake fails, or (TLS 1.3 tells a client late) the first read does."""
        with self.assertRaises((OSError, Closed)):
            c.start_tls(context)
            c.send_quietly(connect_line() + b"PING\r\n")
            c.expect("PONG\r\n")

    def reason_of(self, cid, server=None):
        server = server or self.server

        def closed():
            page = server.json("/connz?state=closed")
            return next((x for x in page["connections"] if x["cid"] == cid), None)

        return wait_until(closed, f"connection {cid} among the closed ones")["reason"]


class Plain(TlsCase):
    """A certificate and nothing else."""

    config = tls()
    monitor = True

    def test_info_comes_first_and_says_so(self):
        info = self.raw().read_info()
        self.assertIs(info.get("tls_required"), True)
        self.assertNotIn("tls_verify", info)
        self.assertNotIn("tls_available", info)

    def test_messages(self):
        c = self.secure()
        c.send("SUB foo 1\r\n" + "PUB foo 5\r\nhello\r\n")
        c.expect(msg("foo", "1", "hello"))

    def test_large_and_many(self):
        a, b = self.secure(), self.secure()
        a.send("SUB big 1\r\n").fence()
        payload = os.urandom(700_000)
        b.send(pub("big", payload))
        a.expect(msg("big", "1", payload))
        total = 2000
        b.send(b"".join(pub("big", str(i)) for i in range(total)))
        a.expect(b"".join(msg("big", "1", str(i)) for i in range(total)))

    def test_what_follows_the_handshake_at_once(self):
        """CONNECT in the same segment as the client's last handshake message."""
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            c = self.raw()
            c.read_info()
            session = client_context(CA, version=version).wrap_bio(incoming, outgoing, server_hostname="localhost")

            def step(what):
                """Runs it until it is done; what it wants to send is returned at the end, not sent."""
                while True:
                    try:
                        what()
                        return outgoing.read()
                    except ssl.SSLWantReadError:
                        c.sock.settimeout(DEADLINE)
                        c.sock.sendall(outgoing.read())
                        got = c.sock.recv(65536)
                        self.assertTrue(got, "closed in the handshake")
                        incoming.write(got)

            last = step(session.do_handshake)
            session.write(connect_line() + b"PING\r\n")
            c.sock.sendall(last + outgoing.read())
            got = b""

            def read_pong():
                nonlocal got
                while not got.endswith(b"PONG\r\n"):
                    got += session.read(65536)

            step(read_pong)
            self.assertEqual(got, b"PONG\r\n")

    def test_both_versions_and_no_older_one(self):
        for version, shown in ((ssl.TLSVersion.TLSv1_2, "1.2"), (ssl.TLSVersion.TLSv1_3, "1.3")):
            c = self.secure(context=client_context(CA, version=version))
            cid = c.info["client_id"]
            page = self.server.json(f"/connz?cid={cid}")["connections"][0]
            self.assertEqual(page["tls_version"], shown)
            self.assertEqual(page["tls_cipher_suite"], _suite(c.sock.cipher()[0]))
            self.assertNotIn("tls_first", page)
        old = client_context(CA)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        c = self.raw()
        c.read_info()
        self.refused_handshake(c, old)

    def test_plain_text_is_refused(self):
        c = self.raw()
        cid = c.read_info()["client_id"]
        c.send_quietly(connect_line() + b"PING\r\n")
        got = c.wait_closed()
        if IS_TROUPE:
            self.assertEqual(got, REQUIRED)
        self.assertEqual(self.reason_of(cid), "TLS Handshake Failure")
        self.secure().fence()

    def test_rubbish_instead_of_a_handshake(self):
        for rubbish in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" + os.urandom(3000),
                        b"\x16" * 70_000, b"\x16\x03\x01\x00\x00" * 1000):
            c = self.raw()
            c.read_info()
            c.send_quietly(rubbish)
            try:
                c.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            c.wait_closed()
        self.secure().fence()

    def test_a_client_that_leaves_in_the_middle(self):
        for reset in (False, True):
            c = self.raw()
            cid = c.read_info()["client_id"]
            c.send(b"\x16\x03\x01\x01\x00\x01\x00")
            c.reset() if reset else c.close()
            self.assertEqual(self.reason_of(cid), "TLS Handshake Failure")
        self.secure().fence()

    def test_a_broken_record_ends_the_connection(self):
        c = self.secure()
        raw = socket.socket(fileno=os.dup(c.sock.fileno()))
        self.addCleanup(raw.close)
        raw.sendall(b"\x17\x03\x03\x00\x20" + os.urandom(32))
        with self.assertRaises((OSError, Closed)):
            c.expect("+OK\r\n")
        self.secure().fence()

    def test_a_large_message_to_one_who_reads_late(self):
        a, b = self.secure(), self.secure()
        a.send("SUB late 1\r\n").fence()
        payload = os.urandom(900_000)
        for _ in range(8):
            b.send(pub("late", payload))
        b.fence()
        for _ in range(8):
            a.expect(msg("late", "1", payload))

    def test_close_notify(self):
        c = self.secure()
        c.sock.unwrap()  # sends ours and waits for the server's
        c.close()

    def test_the_server_says_goodbye(self):
        c = self.secure()
        c.send("NONSENSE\r\n")
        self.assertIn(b"Unknown Protocol Operation", c.wait_closed())

    def test_tickets_resume(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(CA, version=version)
            first = self.secure(context=context)
            self.assertFalse(first.sock.session_reused)
            again = self.secure(context=context, session=first.sock.session)
            self.assertTrue(again.sock.session_reused)
            again.fence()


class Cli(TlsCase):
    config = tls()

    @unittest.skipUnless(shutil.which("nats"), "no nats CLI here")
    def test_nats_cli(self):
        base = ["nats", "--tlsca", CA.file, "-s", f"localhost:{self.server.port}"]
        done = subprocess.run([*base, "pub", "foo", "hello"], capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        stranger = ["nats", "-s", f"localhost:{self.server.port}", "pub", "foo", "hello"]
        self.assertNotEqual(subprocess.run(stranger, capture_output=True, timeout=30, check=False).returncode, 0)


class Verify(TlsCase):
    config = tls(f'ca_file: "{CA.file}"', "verify: true")
    monitor = True

    def test_info(self):
        info = self.raw().read_info()
        self.assertIs(info.get("tls_required"), True)
        self.assertIs(info.get("tls_verify"), True)

    def test_good_certificate_and_what_is_shown(self):
        c = self.secure(context=client_context(CA, CLIENT))
        page = self.server.json(f"/connz?cid={c.info['client_id']}&auth=1")["connections"][0]
        own = page["tls_peer_certs"][0]
        self.assertEqual(own, {"subject": "CN=client,O=Troupe", "spki_sha256": CLIENT.key_sha256(),
                               "cert_sha256": CLIENT.sha256()})
        self.assertNotIn("tls_peer_certs", self.server.json(f"/connz?cid={c.info['client_id']}")["connections"][0])

    def test_none_or_a_strangers(self):
        for certificate, said in ((None, "tls: client didn't provide a certificate"),
                                  (STRANGER, "certificate signed by unknown authority")):
            c = self.raw()
            cid = c.read_info()["client_id"]
            self.refused_handshake(c, client_context(CA, certificate))
            self.assertEqual(self.reason_of(cid), "TLS Handshake Failure")
            self.server.wait_log(said)

    def test_wrong_usage(self):
        c = self.raw()
        c.read_info()
        self.refused_handshake(c, client_context(CA, CA.issue("serveronly", usage="serverAuth")))

    def test_resumed_sessions_keep_their_certificate(self):
        context = client_context(CA, CLIENT, version=ssl.TLSVersion.TLSv1_3)
        first = self.secure(context=context)
        again = self.secure(context=context, session=first.sock.session)
        page = self.server.json(f"/connz?cid={again.info['client_id']}&auth=1")["connections"][0]
        self.assertEqual(page["tls_peer_certs"][0]["cert_sha256"], CLIENT.sha256())


class Optional(TlsCase):
    config = tls(f'ca_file: "{CA.file}"', "verify: optional")

    def test_with_and_without(self):
        self.assertNotIn("tls_verify", self.raw().read_info())
        self.secure(context=client_context(CA, CLIENT))
        self.secure()
        c = self.raw()
        c.read_info()
        self.refused_handshake(c, client_context(CA, STRANGER))


class NonTls(TlsCase):
    config = tls() + "allow_non_tls: true\n"

    def test_both_kinds(self):
        info = self.raw().read_info()
        self.assertNotIn("tls_required", info)
        self.assertIs(info.get("tls_available"), True)
        a, b = self.secure(), self.client()
        a.send("SUB foo 1\r\n").fence()
        b.send(pub("foo", "x"))
        a.expect(msg("foo", "1", "x"))


class NonTlsShort(TlsCase):
    config = tls('timeout: "300ms"') + "allow_non_tls: true\n"

    def test_who_says_nothing_goes_on_in_clear(self):
        c = self.raw()
        c.read_info()
        c.sock.settimeout(0.9)
        with self.assertRaises(TimeoutError):
            c.sock.recv(1)  # three times as long as a handshake may take, and nothing happens
        c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")


class Timeouts(TlsCase):
    config = tls('timeout: "250ms"')
    monitor = True

    def test_silence_ends_the_connection(self):
        c = self.raw()
        cid = c.read_info()["client_id"]
        c.wait_closed()
        self.assertEqual(self.reason_of(cid), "TLS Handshake Failure")

    def test_half_a_handshake_too(self):
        c = self.raw()
        cid = c.read_info()["client_id"]
        c.send(b"\x16\x03\x01\x01\x00\x01\x00")
        c.wait_closed()
        self.assertEqual(self.reason_of(cid), "TLS Handshake Failure")


class Configuration(WireCase):
    serve = False

    def test_texts(self):
        where = CA.dir
        good = SERVER.config
        cases = {
            f'tls {{ cert_file: "{where}/nope.pem", key_file: "{SERVER.key}" }}':
                f"error parsing X509 certificate/key pair: open {where}/nope.pem: no such file or directory",
            f'tls {{ cert_file: "{SERVER.cert}" }}': "missing 'key_file' in TLS configuration",
            f'tls {{ key_file: "{SERVER.key}" }}': "missing 'cert_file' in TLS configuration",
            f'tls {{ cert_file: "{SERVER.cert}", key_file: "{CLIENT.key}" }}':
                "error parsing X509 certificate/key pair: tls: private key does not match public key",
            f'tls {{ cert_file: "{SERVER.cert}", key_file: "{SERVER.cert}" }}':
                "error parsing X509 certificate/key pair: tls: found a certificate rather than a key in the PEM for the "
                "private key",
            f'tls {{ {good}, ca_file: "{where}/nope" }}': f"open {where}/nope: no such file or directory",
            f'tls {{ {good}, ca_file: "{SERVER.key}" }}': "failed to parse root ca certificate",
            f'tls {{ {good}, cipher_suites: ["TLS_RSA_WITH_RC4_128_SHA"] }}':
                "insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: "
                "TLS_RSA_WITH_RC4_128_SHA",
            f'tls {{ {good}, cipher_suites: ["x"] }}': "unrecognized cipher x",
            f'tls {{ {good}, curve_preferences: ["x"] }}': "unrecognized curve preference x",
            f'tls {{ {good}, cipher_suites: [] }}': "error parsing tls config, 'cipher_suites' cannot be empty",
            f'tls {{ {good}, min_version: "1.1" }}': "error parsing tls config: unsupported TLS version: TLS 1.1",
            f'tls {{ {good}, min_version: "7" }}': "error parsing tls config: unknown version: 7",
            f'tls {{ {good}, timeout: "5x" }}':
                'error parsing tls config, \'timeout\' time: unknown unit "x" in duration "5x"',
            f'tls {{ {good}, first: "5x" }}': 'field "first"\'s value "5x" is invalid',
            f'tls {{ {good}, first: 5 }}': 'field "first" should be a boolean or a string, got int64',
            f'tls {{ {good}, pinned_certs: ["AA"] }}':
                "error parsing tls config, 'pinned_certs' key aa does not look like hex-encoded sha256 of DER encoded "
                "SubjectPublicKeyInfo",
            f'tls {{ {good}, verify: maybe }}':
                "error parsing tls config, expected 'verify' to be a boolean or 'optional'",
            f'tls {{ {good}, foo: 1 }}': 'error parsing tls config, unknown field "foo"',
            f'tls {{ {good}, connection_rate_limit: x }}': "error parsing tls config, 'connection_rate_limit' wrong type",
            'tls { cert_store: "x" }': "cert store type not implemented",
            f'tls {{ {good}, certs: [{{ {good} }}] }}':
                "error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
            "tls { certs: [ { cert_file: a } ] }":
                "error parsing certificates config: both 'cert_file' and 'cert_key' options are required",
            "tls { cert_file: 1 }": "error parsing tls config, expected 'cert_file' to be filename",
        }
        path = CA.path("bad.conf")
        for text, said in cases.items():
            with self.subTest(text):
                with open(path, "w", encoding="utf-8") as f:
                    f.write("port: -1\n" + text + "\n")
                done = run_binary("-t", "-c", path)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr.decode(), r"^nats-server: [^\n]*bad\.conf:2:\d+: ")
                self.assertIn(f": {said}\n", done.stderr.decode())

    def test_no_key_is_shown(self):
        with open(SERVER.key, encoding="ascii") as f:
            inner = f.read().splitlines()[1]
        with open(CA.path("half.key"), "w", encoding="ascii") as f:
            f.write(f"-----BEGIN EC PRIVATE KEY-----\n{inner}\n-----END EC PRIVATE KEY-----\n")
        with open(CA.path("half.conf"), "w", encoding="utf-8") as f:
            f.write(f'tls {{ cert_file: "{SERVER.cert}", key_file: "{CA.path("half.key")}" }}\n')
        done = run_binary("-t", "-c", CA.path("half.conf"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"tls: failed to parse private key", done.stderr)
        self.assertNotIn(inner.encode(), done.stderr + done.stdout)

    def test_flags(self):
        for flags, said in ((("--tls",), "TLS Server certificate must be present and valid"),
                            (("--tlscert", SERVER.cert), "TLS Server private key must be present and valid"),
                            (("--tlsverify=maybe",), 'invalid boolean value "maybe" for -tlsverify: expected true, false, '
                             'or optional: strconv.ParseBool: parsing "maybe": invalid syntax')):
            with self.subTest(flags):
                done = run_binary("-p", "-1", *flags)
                self.assertIn(said, done.stderr.decode())
        server = self.start("--tls", "--tlscert", SERVER.cert, "--tlskey", SERVER.key, "--tlsverify", "--tlscacert",
                            CA.file)
        c = self.raw(server)
        self.assertIs(c.read_info().get("tls_verify"), True)
        c.start_tls(client_context(CA, CLIENT)).send(connect_line() + b"PING\r\n").expect("PONG\r\n")

    def test_flag_takes_tls_away(self):
        server = self.start("--tls=false", config=tls())
        self.assertNotIn("tls_required", self.client(server).info)


def _suite(openssl_name):
    """The registry's name of a suite."""
    done = subprocess.run(["openssl", "ciphers", "-stdname", "ALL"], capture_output=True, timeout=30, check=True)
    for line in done.stdout.decode().splitlines():
        name, _, own, *_ = line.split()
        if own == openssl_name:
            return name
    raise AssertionError(f"openssl does not list {openssl_name}")


if __name__ == "__main__":
    unittest.main()
