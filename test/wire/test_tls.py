"""TLS of client connections: when it begins, who is let in, what is shown of it, and what goes wrong."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

from harness import DEADLINE, Closed, connect_line, msg, not_yet, pub, server_binary, wait_until
from harness.certificates import client_context
from harness.tls_case import CA, CLIENT, STRANGER, TlsCase, tls

IS_TROUPE = not_yet.is_troupe(server_binary())
REQUIRED = b"-ERR 'Secure Connection - TLS Required'\r\n"


class Plain(TlsCase):
    """A certificate and nothing else."""

    config = tls()
    monitor = True

    def test_info_comes_first_and_says_so(self):
        info = self.raw().read_info()
        self.assertIs(info.get("tls_required"), True)
        self.assertNotIn("tls_verify", info)
        self.assertNotIn("tls_available", info)

    def test_varz(self):
        page = self.server.json("/varz")
        self.assertIs(page["tls_required"], True)
        self.assertNotIn("tls_verify", page)
        self.assertEqual((page["tls_timeout"], page["auth_timeout"]), (2, 3))
        self.assertRegex(page["tls_cert_not_after"], r"^\d{4}-\d\d-\d\dT[\d:]+Z$")

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


class First(TlsCase):
    config = tls("handshake_first: true") + "allow_non_tls: true\n"
    monitor = True

    def test_info_comes_inside(self):
        c = self.raw().start_tls(client_context(CA))
        info = c.read_info()
        self.assertIs(info.get("tls_required"), True)
        c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")
        page = self.server.json(f"/connz?cid={info['client_id']}")["connections"][0]
        self.assertIs(page["tls_first"], True)

    def test_plain_text_is_refused_although_allowed(self):
        """Who waits for TLS first takes nothing else, allow_non_tls or not."""
        c = self.raw()
        c.send_quietly(connect_line() + b"PING\r\n")
        self.assertNotIn(b"INFO", c.wait_closed())

    @unittest.skipUnless(shutil.which("nats"), "no nats CLI here")
    def test_nats_cli(self):
        args = ["nats", "--tlsfirst", "--tlsca", CA.file, "-s", f"localhost:{self.server.port}", "pub", "foo", "hello"]
        done = subprocess.run(args, capture_output=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


class FirstAuto(TlsCase):
    """Who begins TLS within the delay gets INFO inside, who waits gets it in clear."""

    config = tls("handshake_first: auto")
    monitor = True

    def test_both_orders(self):
        first = self.raw().start_tls(client_context(CA))
        info = first.read_info()
        first.send(connect_line() + b"PING\r\n").expect("PONG\r\n")
        self.assertIs(self.server.json(f"/connz?cid={info['client_id']}")["connections"][0].get("tls_first"), True)
        later = self.secure()
        self.assertNotIn("tls_first", self.server.json(f"/connz?cid={later.info['client_id']}")["connections"][0])

    def test_plain_text_is_refused(self):
        c = self.raw()
        c.read_info()
        c.send_quietly(connect_line() + b"PING\r\n")
        self.assertNotIn(b"PONG", c.wait_closed())


class FirstDelay(TlsCase):
    config = tls('handshake_first: "10s"') + "allow_non_tls: true\n"

    def test_no_info_before_the_delay_is_over(self):
        c = self.raw()
        c.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            c.sock.recv(1)
        c.start_tls(client_context(CA)).read_info()


class Pinned(TlsCase):
    config = tls(f'ca_file: "{CA.file}"', "verify: true", f'pinned_certs: ["{CLIENT.key_sha256().upper()}"]')
    monitor = True

    def test_only_the_pinned_key(self):
        self.secure(context=client_context(CA, CLIENT))
        c = self.raw()
        cid = c.read_info()["client_id"]
        self.refused_handshake(c, client_context(CA, CA.issue("other", usage="clientAuth")))
        self.assertEqual(self.reason_of(cid), "TLS Handshake Failure")
        self.server.wait_log("certificate not pinned")


class RateLimit(TlsCase):
    config = tls("connection_rate_limit: 5")

    def test_who_comes_beyond_is_told(self):
        """In clear, since its handshake was never answered."""
        got = b""
        for _ in range(100):
            c = self.raw()
            c.read_info()
            c.send_quietly(b"\x16\x03\x01")
            c.sock.settimeout(0.05)
            try:
                got = c.sock.recv(1000)
            except (TimeoutError, ConnectionResetError):
                got = b""
            if got:
                break
        if IS_TROUPE:  # the Go server says so to whoever still listens
            self.assertEqual(got, b"-ERR 'Connection throttling is active. Please try again later.'\r\n")
        self.server.wait_log("connections due to TLS rate limiting")


class Reload(TlsCase):
    serve = False

    def test_a_new_certificate_without_losing_a_client(self):
        where = CA.path("current")
        os.makedirs(where)
        cert, key = os.path.join(where, "cert.pem"), os.path.join(where, "key.pem")

        def put(certificate):
            shutil.copy(certificate.cert, cert)
            shutil.copy(certificate.key, key)

        def presented():
            c = self.raw(server)
            c.read_info()
            c.start_tls(client_context(CA))
            return c.sock.getpeercert(binary_form=True)

        old, new = CA.issue("old", days=10), CA.issue("new", days=20)
        put(old)
        config = f'tls {{ cert_file: "{cert}", key_file: "{key}" }}\n'
        server = self.start(config=config, monitor=True)
        first = self.secure(server)
        self.assertEqual(presented(), old.der())
        end = server.json("/varz")["tls_cert_not_after"]
        put(new)
        server.reload(config)
        self.assertEqual(presented(), new.der())
        self.assertGreater(server.json("/varz")["tls_cert_not_after"], end)
        first.fence()
        # A broken one changes nothing.
        with open(cert, "w", encoding="ascii") as f:
            f.write("nonsense")
        server.signal(signal.SIGHUP)
        server.wait_log("error parsing X509 certificate/key pair: tls: failed to find any PEM data in certificate input")
        self.assertEqual(presented(), new.der())
        first.fence()

    def test_tls_comes_and_goes(self):
        server = self.start(config="# nothing\nping_max: 3\n")
        plain = self.client(server)
        server.reload(tls() + "ping_max: 3\n")
        self.assertIn("Reloaded: tls = enabled", server.log())
        self.secure(server).fence()
        plain.fence()
        server.reload("ping_max: 3\n")
        self.assertIn("Reloaded: tls = disabled", server.log())
        self.client(server).fence()

    def test_keys_no_longer_pinned(self):
        other = CA.issue("other", usage="clientAuth")

        def config(*certificates):
            pins = ", ".join(f'"{c.key_sha256()}"' for c in certificates)
            return tls(f'ca_file: "{CA.file}"', "verify: true", f"pinned_certs: [{pins}]")

        server = self.start(config=config(CLIENT, other))
        stays, goes = (self.secure(server, context=client_context(CA, c)) for c in (CLIENT, other))
        server.reload(config(CLIENT))
        goes.wait_closed()
        stays.fence()
        self.assertIn("Disconnect 1 clients due to pinned certs reload", server.log())


def _suite(openssl_name):
    """The registry's name of a suite."""
    done = subprocess.run(["openssl", "ciphers", "-stdname", "ALL"], capture_output=True, timeout=30, check=True)
    for line in done.stdout.decode().splitlines():
        name, _, own, *_ = line.split()
        if own == openssl_name:
            return name
    raise AssertionError(f"openssl does not list {openssl_name}")


class LoginTimes(TlsCase):
    serve = False

    def test_the_time_for_a_login_begins_inside(self):
        """However short it is, nobody is told of it in clear in the middle of a handshake."""
        server = self.start(config=tls() + "authorization { user: u, password: p, timeout: 0.001 }\n", monitor=True)
        c = self.raw(server)
        c.read_info()
        end = time.monotonic() + 0.1
        wait_until(lambda: time.monotonic() > end, "time to pass")
        c.start_tls(client_context(CA)).expect_closed("-ERR 'Authentication Timeout'\r\n")

    def test_wrong_password(self):
        server = self.start(config=tls() + "authorization { user: u, password: p }\n")
        c = self.raw(server)
        c.read_info()
        c.start_tls(client_context(CA)).send(connect_line(user="u", **{"pass": "wrong"}))
        c.expect_closed("-ERR 'Authorization Violation'\r\n")

    def test_a_reload_of_something_else_leaves_both_kinds(self):
        config = tls() + "allow_non_tls: true\nping_interval: %s\n"
        server = self.start(config=config % "10s")
        for reload in (None, config % "20s"):
            if reload:
                server.reload(reload)
            info = self.raw(server).read_info()
            self.assertIs(info["tls_available"], True)
            self.assertNotIn("tls_required", info)


if __name__ == "__main__":
    unittest.main()
