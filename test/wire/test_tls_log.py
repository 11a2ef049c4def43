"""What the log and /connz say of TLS: at the start, of a handshake, and of each way in which one fails."""

import unittest

from harness import connect_line
from harness.certificates import client_context
from harness.tls_case import CA, CLIENT, STRANGER, TlsCase, tls

FAILED = "TLS Handshake Failure"
FIRST_ONLY = 'Clients that are not using "TLS Handshake First" option will fail to connect'


class AtTheStart(TlsCase):
    serve = False

    def test_whether_it_is_required(self):
        allowed = "allow_non_tls: true\n"
        for config, notices in (
                (tls(), ["TLS required for client connections"]),
                (tls() + allowed, ["TLS available for client connections"]),
                (tls("handshake_first: true") + allowed, ["TLS required for client connections", FIRST_ONLY]),
                (tls('handshake_first: "50ms"') + allowed, ["TLS available for client connections"]),
                (tls("handshake_first: auto"), ["TLS required for client connections"]),
                ("", [])):
            with self.subTest(config=config):
                server = self.start(config=config)
                server.wait_log("Server is ready")
                listening, *after = [x.split("] ", 2)[-1] for x in server.log().splitlines()
                                     if "Listening for client connections" in x or "TLS " in x]
                self.assertIn("Listening", listening)
                self.assertEqual(after, notices)


class Handshake(TlsCase):
    monitor = True
    args = ("-D",)

    def ended(self, c, reason=FAILED):
        """Of a connection that is over: its lines, each with its level, from the handshake on."""
        cid = c.info["client_id"]
        self.assertEqual(self.reason_of(cid), reason)
        self.server.wait_log(f"cid:{cid} - Client connection closed")
        mine = [x for x in self.server.log().splitlines() if f" - cid:{cid} - " in x]
        return [f"{x[x.index('[', 1):][:5]} {x.split(f' - cid:{cid} - ')[1]}" for x in mine][1:]

    def greeted(self, **options):
        c = self.raw(**options)
        c.read_info()
        return c

    def failures(self, lines):
        """Those that tell what went wrong, with their level."""
        return [x for x in lines if "handshake error" in x or "handshake timeout" in x]


class Silent(Handshake):
    config = tls("timeout: 0.5")

    def test_silence_is_no_error(self):
        """Not even in the middle of a record."""
        for data in (b"", b"\x16\x03\x01\x02\x00\x01"):
            with self.subTest(data=data):
                c = self.greeted()
                c.send(data).wait_closed()
                self.assertEqual({x[:5] for x in self.failures(self.ended(c))}, {"[DBG]"})


class Required(Handshake):
    config = tls("timeout: 60")

    def test_a_good_one(self):
        c = self.greeted()
        c.start_tls(client_context(CA)).send(connect_line() + b"PING\r\n").expect("PONG\r\n").close()
        got = self.ended(c, "Client Closed")
        self.assertEqual(got[:2], ["[DBG] Starting TLS client connection handshake", "[DBG] TLS handshake complete"])
        self.assertRegex(got[2], r"^\[DBG\] TLS version 1\.[23], cipher suite TLS_\w+$")
        self.assertEqual(got[3:], ["[DBG] Client connection closed: Client Closed"])

    def test_plain_text_is_no_error(self):
        """It comes from health checks and lost clients."""
        for data in (b"CONNECT {}\r\nPING\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            with self.subTest(data=data):
                c = self.greeted()
                c.send(data).wait_closed()
                (line,) = self.failures(self.ended(c))
                self.assertRegex(line, r"^\[DBG\] .*first record does not look like a TLS handshake$")

    def test_who_leaves_instead_is_one(self):
        for leave in (lambda c: c.close(), lambda c: c.reset(), lambda c: c.send(b"\x16\x03\x01\x02\x00\x01").close()):
            c = self.greeted()
            leave(c)
            (line,) = self.failures(self.ended(c))
            self.assertRegex(line, r"^\[ERR\] TLS handshake error: .*(EOF|[Cc]onnection reset by peer)$")


class Allowed(Handshake):
    config = tls("timeout: 60") + "allow_non_tls: true\n"

    def test_who_leaves_was_no_failure(self):
        c = self.greeted()
        c.close()
        self.assertEqual(self.ended(c, "Client Closed"), ["[DBG] Client connection closed: Client Closed"])


class Verified(Handshake):
    config = tls("timeout: 60", f'ca_file: "{CA.file}"', "verify: true", f'pinned_certs: ["{CLIENT.key_sha256()}"]')

    def test_why_a_certificate_is_refused(self):
        unpinned = CA.issue("unpinned", usage="clientAuth")
        unknown = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        for certificate, why in ((None, "tls: client didn't provide a certificate"),
                                 (STRANGER, f"{unknown} (CN=stranger SHA-256: {STRANGER.sha256()})"),
                                 (unpinned, "certificate not pinned")):
            with self.subTest(why=why):
                c = self.greeted()
                self.refused_handshake(c, client_context(CA, certificate))
                c.close()
                self.assertEqual(self.failures(self.ended(c)), [f"[ERR] TLS handshake error: {why}"])


if __name__ == "__main__":
    unittest.main()
