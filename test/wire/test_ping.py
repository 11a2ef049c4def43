"""PINGs of the server: when they come, what an answer means, and the end of a connection that gives none."""

import time
import unittest

from harness import WireCase, connect_line, wait_until
from harness.certificates import client_context
from harness.tls_case import CA, TlsCase, tls

STALE = "-ERR 'Stale Connection'\r\n"


class Stale(WireCase):
    config = 'ping_interval: "150ms"\nping_max: 2\n'
    monitor = True

    def test_two_pings_then_the_end(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        c.send(connect_line())
        c.expect_closed("PING\r\nPING\r\n" + STALE)

    def test_also_without_connect(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        c.expect_closed("PING\r\nPING\r\n" + STALE)

    def test_answers_keep_it_open(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        c.send(connect_line())
        for _ in range(5):
            c.expect("PING\r\n").send("PONG\r\n")
        c.expect("PING\r\nPING\r\n").send("PONG\r\n")  # one answer makes up for both
        c.expect_closed("PING\r\nPING\r\n" + STALE)

    def test_unasked_pongs_are_harmless(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        c.send(connect_line() + b"PONG\r\n" * 10)
        c.expect_closed("PING\r\nPING\r\n" + STALE)

    def test_the_reason_and_the_counters(self):
        before = self.server.json("/varz")["stale_connections"]
        c = self.raw(auto_pong=False)
        cid = c.read_info()["client_id"]
        c.wait_closed()
        closed = wait_until(lambda: self.server.json(f"/connz?state=closed&cid={cid}")["connections"], "the closed entry")
        self.assertEqual(closed[0]["reason"], "Stale Connection")
        varz = self.server.json("/varz")
        self.assertEqual(varz["stale_connections"], before + 1)
        self.assertEqual(varz["stale_connection_stats"]["clients"], before + 1)

    def test_rtt_is_known_after_an_answer(self):
        c = self.raw(auto_pong=False)
        cid = c.read_info()["client_id"]
        c.send(connect_line())
        c.expect("PING\r\n").send("PONG\r\n")
        c.send("PING\r\n").expect("PONG\r\n")
        rtt = self.server.json(f"/connz?cid={cid}")["connections"][0]["rtt"]
        self.assertRegex(rtt, r"^[0-9.]+(ns|µs|ms)$")

    def test_an_active_client_is_not_asked(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        c.send(connect_line())
        c.expect("PING\r\n").send("PONG\r\n")
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            c.send("PING\r\n").expect("PONG\r\n")


class OverTls(TlsCase):
    config = tls() + 'ping_interval: "150ms"\nping_max: 2\n'

    def test_two_pings_then_the_end(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        c.start_tls(client_context(CA)).send(connect_line())
        c.expect_closed("PING\r\nPING\r\n" + STALE)


class PingMax(WireCase):
    config = 'ping_interval: "100ms"\nping_max: 4\n'

    def test_four(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        c.send(connect_line())
        c.expect_closed("PING\r\n" * 4 + STALE)


class FirstPing(WireCase):
    def test_first_ping_comes_after_two_seconds(self):
        c = self.raw(auto_pong=False)
        c.read_info()
        started = time.monotonic()
        c.send(connect_line()).expect("PING\r\n")
        waited = time.monotonic() - started
        self.assertGreaterEqual(waited, 1.9)
        self.assertLess(waited, 4.5)  # 2.4 s at most, and a loaded machine
        c.send("PONG\r\n").send("PING\r\n").expect("PONG\r\n")


if __name__ == "__main__":
    unittest.main()
