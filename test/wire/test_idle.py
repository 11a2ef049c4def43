"""Clients that do nothing useful: silent, half-open, unfinished, reconnecting; all bounded and harmless."""

import os
import threading
import time
import unittest

from harness import RawClient, WireCase, msg, pub, wait_until
from harness.kernel import wait_consumed


def processor_nanoseconds(pid):
    """What all threads have used."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


class Processor(WireCase):
    @unittest.skipIf(os.environ.get("WIRE_SANITIZED"), "a sanitizer works in the background")
    def test_without_traffic_it_uses_next_to_none(self):
        """Less than 0.5% of a core, with clients that are connected and silent."""
        clients = [self.client(auto_pong=False) for _ in range(50)]
        for c in clients:
            c.expect("PING\r\n").send("PONG\r\nPING\r\n").expect("PONG\r\n")  # there is no other for two minutes
        before, began = processor_nanoseconds(self.server.pid), time.monotonic()
        threading.Event().wait(3)  # what is measured
        used = processor_nanoseconds(self.server.pid) - before
        self.assertLess(used, 0.005 * 1e9 * (time.monotonic() - began))


class Idle(WireCase):
    monitor = True

    def connections(self):
        return self.server.json("/varz")["connections"]

    def wait_gone(self, but=0):
        wait_until(lambda: self.connections() <= but, f"connections to be gone, {but} may stay")

    def test_silent_connections_cost_little(self):
        self.wait_gone()
        warm = [self.raw() for _ in range(50)]
        for c in warm:
            c.read_info()
        before = self.server.rss_kib()
        silent = [self.raw() for _ in range(400)]
        for c in silent:
            c.read_info()
        grown = self.server.rss_kib() - before
        self.assertEqual(self.connections(), 450)
        self.assertLess(grown / len(silent), 64, f"{grown} KiB for {len(silent)} silent connections")
        self.client().fence()
        for c in warm + silent:
            c.close()
        self.wait_gone(but=1)

    def test_unfinished_lines_are_bounded(self):
        """The most that each can make the server hold is one control line."""
        clients = [self.client() for _ in range(100)]
        before = self.server.rss_kib()
        for c in clients:
            c.send(b"SUB " + b"a" * 4096)
        wait_consumed(self.server.port, clients)
        self.assertLess(self.server.rss_kib() - before, 100 * 100)
        for c in clients:
            c.send(b"a").expect_closed("-ERR 'maximum control line exceeded'\r\n")

    def test_announced_payloads_that_never_come_are_not_paid_for(self):
        clients = [self.client() for _ in range(100)]
        before = self.server.rss_kib()
        for c in clients:
            c.send("PUB foo 1048576\r\nabc")
        wait_consumed(self.server.port, clients)
        # 100 MiB would be reserved memory; resident it must not be.
        self.assertLess(self.server.rss_kib() - before, 40 * 1024)
        self.client().fence()
        for c in clients:
            c.reset()

    def test_connect_and_go(self):
        for n in range(500):
            c = RawClient(self.server.port)
            c.reset() if n % 2 else c.close()
        self.client().fence()
        self.wait_gone(but=1)

    def test_half_closed(self):
        import socket
        clients = [self.client() for _ in range(50)]
        for c in clients:
            c.sock.shutdown(socket.SHUT_WR)
        for c in clients:
            c.expect_closed()

    def test_pong_answers_that_nobody_reads(self):
        """A client that only sends PINGs and never reads fills its own queue and nobody else's."""
        c = self.client(rcvbuf=4096)
        c.deadline = 2
        try:
            for _ in range(200):
                c.send(b"PING\r\n" * 10000)
        except (OSError, AssertionError):
            pass  # the server stopped reading or closed; both are fine
        other = self.client()
        other.send("SUB ok 1\r\n").send(pub("ok", "x")).expect(msg("ok", 1, "x")).fence()
        c.reset()

    def test_reconnect_storm(self):
        for _ in range(5):
            clients = [self.raw() for _ in range(200)]
            for c in clients:
                c.read_info()
                c.send(b'CONNECT {"verbose":false}\r\nSUB storm 1\r\nPING\r\n')
            for c in clients:
                c.expect("PONG\r\n")
            for c in clients:
                c.close()
        self.wait_gone(but=1)
        p = self.client()
        p.send(pub("storm", "x")).fence()

    def test_subscription_churn_leaves_nothing(self):
        c = self.client()
        before = self.server.json("/subsz")["num_subscriptions"]
        for _ in range(20):
            c.send(b"".join(b"SUB churn.%d.* %d\r\n" % (i, i) for i in range(500)))
            c.send(b"".join(b"UNSUB %d\r\n" % i for i in range(500))).fence()
        self.assertEqual(self.server.json("/subsz")["num_subscriptions"], before)


if __name__ == "__main__":
    unittest.main()
