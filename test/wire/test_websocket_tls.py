"""WebSocket over TLS: the block's own certificate, its mapping to users, its reload, and plain HTTP on that port."""

import socket
import unittest

from harness import connect_line, msg, pub
from harness.certificates import client_context
from harness.server import is_troupe
from harness.tls_case import CA, CLIENT, tls
from harness.websocket import CLOSE, WebSocketCase, frame, request


class SecureCase(WebSocketCase):
    no_tls = tls()

    def wss(self, server=None, context=None, **headers):
        c = self.ws(server, upgrade=False)
        c.start_tls(context or client_context(CA))
        c.upgrade(**headers)
        return c


class Secure(SecureCase):
    def test_ports_file_and_log(self):
        self.assertRegex(self.server.ports["websocket"][0], r"^wss://127\.0\.0\.1:\d+$")
        self.assertIn("Listening for websocket clients on wss://127.0.0.1:", self.server.log())
        self.assertNotIn("DO NOT USE IN PRODUCTION", self.server.log())

    def test_info(self):
        info = self.wss().read_info()
        self.assertIs(info["tls_required"], True)
        self.assertIs(info["tls_available"], True)
        self.assertNotIn("tls_required", self.raw().read_info())

    def test_messages(self):
        c, t = self.wss(), self.client()
        c.connect()
        c.send("SUB a 1\r\n").fence()
        for n in (0, 10, 5000, 900_000):
            t.send(pub("a", "x" * n))
            c.expect(msg("a", 1, "x" * n))
            c.send(pub("a", "y" * n)).expect(msg("a", 1, "y" * n))

    def test_connz(self):
        c = self.wss().connect(name="safe")
        row = next(r for r in self.server.json("/connz")["connections"] if r.get("name") == "safe")
        self.assertEqual((row["type"], row["tls_version"]), ("websocket", "1.3"))
        c.fence()

    def test_plain_http(self):
        c = self.ws(upgrade=False)
        c.send_bytes(request())
        self.assertEqual(c.wait_closed(),
                         b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")

    def test_goodbye(self):
        c = self.wss().connect()
        c.send_bytes(frame("PING\r\n") + frame(b"\x03\xe8", CLOSE)).expect_close_frame(1000, "", "PONG\r\n")

    def test_a_reload_brings_another_certificate(self):
        s = self.start(config=self.config)
        c = self.wss(s).connect()
        other = CA.issue("other", subject="/CN=other")
        s.reload(self.config.replace(tls(), tls(certificate=other)))
        c.fence()
        d = self.wss(s)
        self.assertIn((("commonName", "other"),), d.sock.getpeercert()["subject"])


class RateLimit(SecureCase):
    no_tls = tls("connection_rate_limit: 1")

    def test_it_is_that_of_the_clients_port_alone(self):
        for _ in range(10):
            self.wss().connect().fence()
        if is_troupe(self.server.binary):
            self.server.wait_log('"connection_rate_limit" has no effect in the tls block of websocket')


class SameOrigin(SecureCase):
    block = "same_origin: true"

    def test_the_scheme_counts(self):
        self.wss(Origin="https://here.example", Host="here.example").connect()
        c = self.ws(upgrade=False)
        c.start_tls(client_context(CA))
        c.send_bytes(request(Origin="http://here.example", Host="here.example"))
        self.assertTrue(c.read_answer().startswith("HTTP/1.1 403 "))


class Mapped(WebSocketCase):
    more = 'authorization { users: [ { user: "CN=client,O=Troupe" }, { user: other, password: pears } ] }'
    no_tls = tls(f'ca_file: "{CA.file}"', "verify_and_map: true")

    def test_a_certificate_is_the_user(self):
        c = self.ws(upgrade=False)
        c.start_tls(client_context(CA, CLIENT))
        c.upgrade()
        c.connect()
        rows = self.server.json("/connz?auth=1")["connections"]
        self.assertEqual([r["authorized_user"] for r in rows if r["cid"] == c.info["client_id"]], ["CN=client,O=Troupe"])

    def test_without_one(self):
        c = self.ws(upgrade=False)
        with self.assertRaises((OSError, AssertionError)):
            c.start_tls(client_context(CA))
            c.upgrade()

    def test_others_give_their_password(self):
        self.client(user="other", **{"pass": "pears"}).fence()
        t = self.raw()
        t.read_info()
        t.send(connect_line()).expect_closed("-ERR 'Authorization Violation'\r\n")


class Silent(WebSocketCase):
    no_tls = tls()
    block = 'handshake_timeout: "300ms"'

    def test_it_ends(self):
        for data in (b"", b"\x16\x03\x01"):
            c = socket.create_connection(("127.0.0.1", self.port_of(self.server)), timeout=10)
            self.addCleanup(c.close)
            c.sendall(data)
            while c.recv(1000):
                pass


if __name__ == "__main__":
    unittest.main()
