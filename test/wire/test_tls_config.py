"""The tls block: what it decides about algorithms, and what is said of a wrong one."""

import ssl
import unittest

from harness import WireCase, connect_line, run_binary
from harness.certificates import client_context
from harness.tls_case import CA, CLIENT, SERVER, TlsCase, tls


class Algorithms(TlsCase):
    serve = False

    def shared(self, server, context):
        c = self.raw(server)
        c.read_info()
        c.start_tls(context).send(connect_line() + b"PING\r\n").expect("PONG\r\n")
        return c.sock.cipher()[0]

    def test_cipher_suites(self):
        server = self.start(config=tls('cipher_suites: ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]'))
        context = client_context(CA, version=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(self.shared(server, context), "ECDHE-ECDSA-AES256-GCM-SHA384")
        context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        c = self.raw(server)
        c.read_info()
        self.refused_handshake(c, context)

    def test_min_version(self):
        server = self.start(config=tls('min_version: "1.3"'))
        self.shared(server, client_context(CA))
        c = self.raw(server)
        c.read_info()
        self.refused_handshake(c, client_context(CA, version=ssl.TLSVersion.TLSv1_2))

    def test_curve_preferences(self):
        server = self.start(config=tls('curve_preferences: ["CurveP384"]'))
        context = client_context(CA)
        context.set_ecdh_curve("secp384r1")
        self.shared(server, context)
        context.set_ecdh_curve("prime256v1")
        c = self.raw(server)
        c.read_info()
        self.refused_handshake(c, context)

    def test_certificate_with_an_rsa_key(self):
        server = self.start(config=tls(certificate=CA.issue("rsa", key="rsa")))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.shared(server, client_context(CA, version=version))

    def test_without_any_certificate(self):
        """Such a block is valid; it just lets nobody in."""
        server = self.start(config="tls {}\n")
        c = self.raw(server)
        c.read_info()
        self.refused_handshake(c, client_context(CA))


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


if __name__ == "__main__":
    unittest.main()
