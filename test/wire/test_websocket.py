"""WebSocket clients: the upgrade and its refusals, frames good and bad, compression, close codes, origins."""

import random
import signal
import socket
import struct
import unittest

from harness import Server, msg, pub, wait_until
from harness.kernel import wait_consumed
from harness.websocket import (CLOSE, CONTINUATION, DEFLATE, PING, PONG, TEXT, WebSocketCase, deflate, frame, request)


class Basics(WebSocketCase):
    def test_ports_file_and_log(self):
        self.assertRegex(self.server.ports["websocket"][0], r"^ws://127\.0\.0\.1:\d+$")
        self.assertIn(f"Listening for websocket clients on {self.server.ports['websocket'][0]}", self.server.log())
        self.assertIn("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!", self.server.log())

    def test_info(self):
        info = self.ws().read_info()
        plain = self.raw().read_info()
        self.assertEqual((info["host"], info["port"]), ("127.0.0.1", self.port_of(self.server)))
        self.assertEqual(info["client_ip"], "127.0.0.1")
        self.assertNotIn("connect_urls", info)
        different = {"port", "client_id"}
        self.assertEqual({k: v for k, v in info.items() if k not in different},
                         {k: v for k, v in plain.items() if k not in different})

    def test_the_answer(self):
        c = self.ws()
        self.assertTrue(c.answer.startswith("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                            "Sec-WebSocket-Accept: "), c.answer)
        self.assertNotIn("Extensions", c.answer)

    def test_messages_to_and_from_other_clients(self):
        w, t = self.connected(), self.client()
        w.send("SUB to.ws 1\r\n").fence()
        t.send("SUB to.tcp 2\r\n").fence()
        for n in (0, 1, 125, 126, 5000, 65535, 65536, 300_000, 1024 * 1024):
            with self.subTest(n=n):
                data = (b"0123456789abcdef" * (n // 16 + 1))[:n]
                w.send(pub("to.tcp", data))
                t.expect(msg("to.tcp", 2, data))
                t.send(pub("to.ws", data))
                w.expect(msg("to.ws", 1, data))

    def test_connz(self):
        c = self.connected(connect={"name": "browser", "lang": "js", "version": "1"})
        rows = self.server.json("/connz")["connections"]
        mine = [r for r in rows if r.get("name") == "browser"]
        self.assertEqual([(r["kind"], r["type"], r["ip"]) for r in mine], [("Client", "websocket", "127.0.0.1")])
        c.close()

    def test_varz(self):
        got = self.server.json("/varz")["websocket"]
        self.assertEqual(got, {"host": "127.0.0.1", "port": self.port_of(self.server), "no_tls": True})

    def test_operations_in_odd_frames(self):
        c = self.connected()
        c.send("SUB a 1\r\n").fence()
        text = pub("a", "hello") + pub("a", "you")
        for cut in range(1, len(text)):
            c.send_bytes(frame(text[:cut], TEXT) + frame(text[cut:]))
            c.expect(msg("a", 1, "hello") + msg("a", 1, "you"))
        # One message of single bytes, an empty one in between, and a ping.
        for i, byte in enumerate(text):
            c.send_bytes(frame(bytes([byte]), TEXT if i == 0 else CONTINUATION, fin=False))
            c.send_bytes(frame(b"", CONTINUATION, fin=False) + frame(b"x", PING))
        c.send_bytes(frame(b"", CONTINUATION))
        c.expect(msg("a", 1, "hello") + msg("a", 1, "you")).fence()
        self.assertEqual(c.controls, [(PONG, b"x")] * len(text))

    def test_frames_byte_by_byte(self):
        c = self.connected()
        c.send("SUB a 1\r\n").fence()
        for byte in frame(pub("a", "x" * 200)):
            c.send_bytes(bytes([byte]))
        c.expect(msg("a", 1, "x" * 200))

    def test_many_messages_in_one_frame(self):
        c = self.connected()
        c.send("SUB a 1\r\n").fence()
        c.send(pub("a", "0123456789") * 20_000)
        for _ in range(20_000):
            c.expect(msg("a", 1, "0123456789"))

    def test_no_frame_is_limited_for_others_than_browsers(self):
        c = self.connected()
        c.send("SUB a 1\r\n").fence()
        self.client().send(pub("a", "x" * 100_000)).fence()
        c.expect(msg("a", 1, "x" * 100_000))
        self.assertGreater(max(f[3] for f in c.frames), 4096)

    def test_browsers_get_frames_of_4096(self):
        c = self.connected(User_Agent="Mozilla/5.0 (X11) Chrome/1 Safari/1")
        c.send("SUB a 1\r\n").fence()
        self.client().send(pub("a", "x" * 100_000)).fence()
        c.expect(msg("a", 1, "x" * 100_000)).fence()
        self.assertLessEqual(max(f[3] for f in c.frames), 4096)
        self.assertEqual({(f[0], f[1]) for f in c.frames}, {(2, True)})

    def test_pings_are_answered(self):
        c = self.connected()
        for text in (b"", b"hello", b"x" * 125):
            c.send_bytes(frame(text, PING))
            self.assertEqual(c.read_control(), (PONG, text))
        c.send_bytes(frame(b"nobody asked", PONG)).fence()

    def test_a_reader_that_stops_gets_everything_later(self):
        c = self.connected(rcvbuf=8192)
        c.send("SUB a 1\r\n").fence()
        p = self.client()
        for i in range(200):
            p.send(pub("a", f"{i:04}" * 2500))
        p.fence()
        for i in range(200):
            if i % 20 == 0:
                c.send_bytes(frame(b"x", PING))
            c.expect(msg("a", 1, f"{i:04}" * 2500))
        c.fence()
        self.assertEqual(c.controls, [(PONG, b"x")] * 10)


class Refused(WebSocketCase):
    """Requests that are no upgrade: the status, the log, and that no client was counted."""

    def test_status_and_log(self):
        cases = {
            "invalid version": request(Sec_WebSocket_Version="12"),
            "invalid version ": request(Sec_WebSocket_Version=None),
            "key missing": request(Sec_WebSocket_Key=None),
            "invalid websocket key": request("c2hvcnQ="),
            "invalid value for header 'Upgrade'": request(Upgrade="h2c"),
            "invalid value for header 'Connection'": request(Connection="close"),
        }
        for reason, data in cases.items():
            with self.subTest(reason=reason):
                answer, c = self.answer_to(data)
                self.assertTrue(answer.startswith("HTTP/1.1 400 Bad Request\r\n"), answer)
                self.assertTrue(answer.endswith("\r\n\r\nBad Request\n"), answer)
                self.server.wait_log(f"127.0.0.1:{c.sock.getsockname()[1]} - websocket handshake error: {reason.strip()}")

    def test_other_methods(self):
        for method in ("POST", "PUT", "OPTIONS"):
            answer, _ = self.answer_to(request(method=method))
            self.assertTrue(answer.startswith("HTTP/1.1 405 Method Not Allowed\r\n"), answer)
        self.server.wait_log("websocket handshake error: request method must be GET")

    def test_no_http(self):
        for data in (b"PING\r\n\r\n", b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                     b"GET / HTTP/1.1\r\nno colon\r\n\r\n"):
            with self.subTest(data=data):
                c = self.ws(upgrade=False)
                c.send_bytes(data)
                got = c.wait_closed()
                self.assertRegex(got, rb"^HTTP/1\.\d (400|505) ")

    def test_another_request_may_follow(self):
        answer, c = self.answer_to(request(Sec_WebSocket_Version="12"))
        self.assertIn("400", answer)
        c.upgrade()
        c.connect().fence()

    def test_data_before_the_answer(self):
        c = self.ws(upgrade=False)
        c.send_bytes(request() + frame("PING\r\n"))
        self.assertNotIn(b"101", c.wait_closed()[:12])
        self.server.wait_log("client sent data before handshake is complete")

    def test_other_paths(self):
        answer, _ = self.answer_to(request(path="/mqtt"))
        self.assertTrue(answer.startswith("HTTP/1.1 404 Not Found\r\n"), answer)
        c = self.ws(upgrade=False)
        c.send_bytes(request(path="/leafnode"))
        c.wait_closed()
        self.server.wait_log("Not configured to accept leaf node connections")
        for path in ("/", "/any/where?x=1"):
            c = self.ws(path=path)
            c.connect()

    def test_oversized_head(self):
        c = self.ws(upgrade=False)
        c.send_quietly(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 2_000_000 + b"\r\n\r\n")
        self.assertRegex(c.wait_closed(), rb"^(HTTP/1\.1 431 |$)")

    def test_none_of_them_is_a_client(self):
        s = self.start(config=self.config, monitor=True)
        self.answer_to(request(Sec_WebSocket_Version="12"), s)[1].close()
        wait_until(lambda: s.json("/varz")["connections"] == 0, "the count to fall")
        self.assertEqual(s.json("/connz?state=closed")["connections"], [])


class Counting(WebSocketCase):
    """Who has not asked for an upgrade yet is no client: not shown, not counted, takes no place."""

    more = "max_connections: 1"

    def counts(self):
        v = self.server.json("/varz")
        return v["connections"], v["total_connections"], self.server.json("/connz")["num_connections"]

    def test_counts_from_the_upgrade_on(self):
        waiting = [self.ws(upgrade=False) for _ in range(5)]
        for c in waiting:
            c.send_bytes(b"GET / HTTP/1.1\r\n")
        wait_consumed(self.port_of(self.server), waiting)
        connections, total, shown = self.counts()
        self.assertEqual((connections, shown), (0, 0))
        one = self.client()  # there is room for one
        first = one.info["client_id"]
        late = waiting[0]
        late.send_bytes(request().split(b"\r\n", 1)[1])
        self.assertIn("101", late.read_answer())
        late.begin_frames()
        late.read_info()
        self.assertEqual(late.info["client_id"], first + 1)
        late.expect("-ERR 'maximum connections exceeded'\r\n").wait_closed()
        self.assertEqual(self.counts(), (1, total + 2, 1))
        for c in waiting[1:]:
            c.close()
        self.assertEqual([x["reason"] for x in self.server.json("/connz?state=closed")["connections"]],
                         ["Maximum Connections Exceeded"])
        one.fence()

    def test_they_hold_nobody_up_at_the_end(self):
        with Server(config=self.config) as s:
            c = self.ws(s, upgrade=False)
            c.send_bytes(b"GET / HT")
        c.wait_closed()


class SlowUpgrade(WebSocketCase):
    block = 'handshake_timeout: "200ms"'

    def test_it_ends(self):
        for data in (b"", b"GET / HT", request()[:-2]):
            with self.subTest(data=data):
                c = self.ws(upgrade=False)
                c.send_bytes(data)
                c.wait_closed()

    def test_others_are_not_hurried(self):
        c = self.connected()
        idle = self.ws(upgrade=False)
        idle.wait_closed()
        c.fence()


class BadFrames(WebSocketCase):
    CASES = {
        "mask bit missing": frame("PING\r\n", mask=False),
        "RSV2 and RSV3 must be clear": frame("PING\r\n", rsv=1),
        "compressed frame received without negotiated permessage-deflate": frame("PING\r\n", rsv=4),
        "control frame length bigger than maximum allowed of 125 bytes": frame("x" * 126, PING),
        "control frame does not have final bit set": frame("x", PING, fin=False),
        "invalid continuation frame": frame("x", CONTINUATION),
        "new message started before final frame for previous message was received":
            frame("PI", TEXT, fin=False) + frame("NG\r\n", TEXT),
        "unknown opcode 3": frame("x", 3),
        "unknown opcode 7": frame("x", 7),
        "close frame payload cannot be 1 byte": frame("x", CLOSE),
        "invalid close status code 1005": frame(struct.pack(">H", 1005), CLOSE),
        "invalid close status code 999": frame(struct.pack(">H", 999), CLOSE),
        "invalid 64-bit payload length": frame("x", length=1 << 63),
    }

    def test_each_ends_the_connection_with_1002(self):
        for text, data in self.CASES.items():
            with self.subTest(text=text):
                c = self.connected()
                self.expect_protocol_error(c.send_bytes(data), text)
                self.server.wait_log(f"read error: {text}")

    def test_what_came_before_is_done(self):
        c, t = self.connected(), self.client()
        t.send("SUB a 1\r\n").fence()
        c.send_bytes(frame(pub("a", "x")) + frame("x", 3))
        t.expect(msg("a", 1, "x"))
        self.expect_protocol_error(c, "unknown opcode 3")

    def test_reason(self):
        c = self.connected()
        cid = c.info["client_id"]
        c.send_bytes(frame("x", 3)).wait_closed()
        rows = wait_until(lambda: [r for r in self.server.json("/connz?state=closed")["connections"] if r["cid"] == cid],
                          "the closed connection")
        self.assertEqual(rows[0]["reason"], "Read Error")

    def test_a_frame_that_never_ends_costs_nothing(self):
        c = self.connected()
        c.send_bytes(frame("PING\r\n", length=1 << 62)).expect("PONG\r\n")


class Closing(WebSocketCase):
    def start_to_end(self, more=""):
        s = Server(config=self.config + more)
        self.addCleanup(s.kill)
        return s

    def test_the_client_says_goodbye(self):
        for code, text in ((1000, ""), (1001, "bye"), (3000, "x" * 123)):
            with self.subTest(code=code):
                c = self.connected()
                c.send_bytes(frame(struct.pack(">H", code) + text.encode(), CLOSE)).expect_close_frame(code, text)
        c = self.connected()
        c.send_bytes(frame(b"", CLOSE)).expect_close_frame(0, "")

    def test_invalid_utf8_in_a_goodbye(self):
        c = self.connected()
        c.send_bytes(frame(b"\x03\xe8\xff\xfe", CLOSE)).expect_close_frame(1007, "invalid utf8 body in close frame")

    def test_text_need_not_be_utf8(self):
        c = self.connected()
        c.send("SUB a 1\r\n").fence()
        c.send_bytes(frame(pub("a", b"\xff\xfe"), TEXT)).expect(msg("a", 1, b"\xff\xfe"))

    def test_a_goodbye_after_what_was_sent(self):
        c = self.connected()
        c.send_bytes(frame("PING\r\n") + frame(b"\x03\xe8", CLOSE)).expect_close_frame(1000, "", "PONG\r\n")

    def test_the_end_of_the_stream(self):
        c = self.connected()
        c.sock.shutdown(socket.SHUT_WR)
        c.expect_close_frame(1000, "Client Closed")

    def test_too_large_a_payload(self):
        c = self.connected()
        c.send("PUB a 1048577\r\n").expect_close_frame(1009, "Maximum Message Payload Exceeded", "-ERR 'Maximum Payload Violation'\r\n")

    def test_shutdown(self):
        s = self.start_to_end()
        c = self.connected(s)
        s.signal(signal.SIGINT)
        c.expect_close_frame(1001, "Server Shutdown")

    def test_lame_duck(self):
        s = self.start_to_end("lame_duck_duration: '30s', lame_duck_grace_period: '1ms'")
        c = self.connected(s, connect={"protocol": 1})
        s.signal(signal.SIGUSR2)
        self.assertIs(c.read_info()["ldm"], True)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.port_of(s)), timeout=5)
        c.expect_close_frame(1001, "Server Shutdown")
        s.wait_exit()


class Full(WebSocketCase):
    more = "max_connections: 1"

    def test_maximum_connections(self):
        c = self.connected()
        d = self.ws()
        d.read_info()
        d.expect_close_frame(1008, "Maximum Connections Exceeded", "-ERR 'maximum connections exceeded'\r\n")
        c.fence()


class Compression(WebSocketCase):
    block = "compression: true"

    def test_agreed_only_when_offered(self):
        self.assertIn(f"Sec-WebSocket-Extensions: {DEFLATE}\r\n", self.ws(compress=True).answer)
        self.assertNotIn("Extensions", self.ws().answer)

    def test_both_ways(self):
        c = self.connected(compress=True)
        c.send("SUB a 1\r\n").fence()
        for n in (0, 10, 64, 65, 1000, 100_000, 900_000):
            with self.subTest(n=n):
                c.send(pub("a", "abc " * (n // 4))).expect(msg("a", 1, "abc " * (n // 4)))
        self.assertTrue(any(f[2] & 4 for f in c.frames))
        small = [f for f in c.frames if f[3] < 8]
        self.assertTrue(all(not f[2] for f in small), small)

    def test_plain_frames_are_taken_too(self):
        c = self.connected(compress=True)
        c.send_bytes(frame("SUB a 1\r\n") + frame(deflate(pub("a", "x" * 100)), rsv=4) + frame("PING\r\n"))
        c.expect(msg("a", 1, "x" * 100) + b"PONG\r\n")

    def test_fragments_of_a_compressed_message(self):
        c = self.connected(compress=True)
        packed = deflate("SUB a 1\r\n" + "PUB a 5\r\nhello\r\n" * 100 + "PING\r\n")
        c.send_bytes(frame(packed[:5], TEXT, fin=False, rsv=4))
        for i in range(5, len(packed)):
            c.send_bytes(frame(packed[i:i + 1], CONTINUATION, fin=False))
        c.send_bytes(frame(b"", CONTINUATION))
        c.expect(msg("a", 1, "hello") * 100 + b"PONG\r\n")

    def test_browsers(self):
        noise = random.Random(1).randbytes(60_000)
        for agent, whole in (("Mozilla/5.0 Chrome/1 Safari/1", False), ("Mozilla/5.0 Version/17 Safari/1", True)):
            with self.subTest(agent=agent):
                c = self.connected(compress=True, User_Agent=agent)
                c.send("SUB a 1\r\n").fence()
                self.client().send(pub("a", noise)).fence()
                c.expect(msg("a", 1, noise))
                self.assertEqual(max(f[3] for f in c.frames) > 4096, whole)

    def test_a_bomb(self):
        c = self.connected(compress=True)
        c.send_bytes(frame(deflate(b"PUB a 1000000\r\n" + b"\0" * 80_000_000), rsv=4))
        c.wait_closed()
        self.assertLess(self.server.rss_kib(), 200_000)

    def test_garbage(self):
        c = self.connected(compress=True)
        c.send_bytes(frame(b"\xff\xff\xff\xff garbage", rsv=4)).wait_closed()
        self.server.wait_log("read error: ")

    def test_continuation_with_the_bit(self):
        c = self.connected(compress=True)
        c.send_bytes(frame(b"x", TEXT, fin=False, rsv=4) + frame(b"y", CONTINUATION, rsv=4))
        self.expect_protocol_error(c, "invalid continuation frame")

    def test_a_reader_that_stops_gets_everything_later(self):
        c = self.connected(compress=True, rcvbuf=8192)
        c.send("SUB a 1\r\n").fence()
        p = self.client()
        noise = random.Random(1).randbytes(15_000).hex()
        for i in range(100):
            p.send(pub("a", f"{i:04}{noise}"))
        p.fence()
        for i in range(100):
            c.expect(msg("a", 1, f"{i:04}{noise}"))
        c.fence()


class Origins(WebSocketCase):
    block = 'allowed_origins: ["http://good.example", "https://good.example:8443"]'

    def test_allowed(self):
        for origin in (None, "http://good.example", "http://GOOD.example:80", "https://good.example:8443"):
            with self.subTest(origin=origin):
                self.ws(Origin=origin).connect()

    def test_refused(self):
        for origin, why in (("http://bad.example", "not in the allowed list"), ("https://good.example", "not in the allowed list"),
                            ("http://good.example:81", "not in the allowed list"),
                            ("null", 'parse "null": invalid URI for request')):
            with self.subTest(origin=origin):
                answer, _ = self.answer_to(request(Origin=origin))
                self.assertTrue(answer.startswith("HTTP/1.1 403 Forbidden\r\n"), answer)
                self.server.wait_log(f"websocket handshake error: origin not allowed: {why}")


class SameOrigin(WebSocketCase):
    block = "same_origin: true"

    def test_it(self):
        self.ws(Origin="http://here.example:8080", Host="here.example:8080").connect()
        answer, _ = self.answer_to(request(Origin="http://here.example", Host="there.example"))
        self.assertTrue(answer.startswith("HTTP/1.1 403 "), answer)
        self.server.wait_log("origin not allowed: not same origin")


class OwnHeaders(WebSocketCase):
    block = 'headers { X-One: "a b", Strict-Transport-Security: "max-age=1" }'

    def test_they_are_in_the_answer(self):
        answer = self.ws().answer
        self.assertIn("\r\nX-One: a b\r\n", answer)
        self.assertIn("\r\nStrict-Transport-Security: max-age=1\r\n", answer)


class Forwarded(WebSocketCase):
    more = "debug: true"

    def test_the_log_names_the_client_behind_the_proxy(self):
        self.connected(X_Forwarded_For="192.0.2.7").close()
        self.server.wait_log("192.0.2.7/127.0.0.1:")
        self.connected(X_Forwarded_For="2001:db8::1").close()
        self.server.wait_log("[2001:db8::1]/127.0.0.1:")

    def test_nonsense_is_not_taken(self):
        c = self.connected(X_Forwarded_For="evil\tname")
        port = c.sock.getsockname()[1]
        self.server.wait_log(f" 127.0.0.1:{port} - wid:")
        self.assertNotIn("evil", self.server.log())


if __name__ == "__main__":
    unittest.main()
