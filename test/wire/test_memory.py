"""Hostile clients that try to make the server hold memory: what each can cost is bounded, and it comes back.

These are Troupe's own promises: the Go server keeps more (and when it gives it back is up to its collector), so only
what the clients see is the same there and the sizes are not compared.
"""

import threading
import unittest

from harness import WireCase, msg, not_yet, pub, server_binary, wait_until
from harness.kernel import open_files, wait_consumed

MANY = 1000
BLOCK = b"x" * 60000


class MemoryCase(WireCase):
    """One test each: what another left behind would hide what it costs."""

    monitor = True
    config = "max_closed_clients: 100\n"  # so that their list is full early and does not grow

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.promised = not_yet.is_troupe(server_binary())

    def assert_kib(self, grown, limit, what):
        if self.promised:
            self.assertLess(grown, limit, f"{grown} KiB for {what}")

    def setUp(self):
        if not open_files(MANY + 200):
            self.skipTest(f"cannot have {MANY + 200} open files")

    def many(self):
        clients = [self.raw() for _ in range(MANY)]
        for c in clients:
            c.read_info()
            c.send('CONNECT {"verbose":false}\r\nPING\r\n')
        for c in clients:
            c.expect("PONG\r\n")
        return clients

    def wait_gone(self, clients, but=0):
        for c in clients:
            c.reset()
        wait_until(lambda: self.server.json("/varz")["connections"] <= but, "the connections to be gone", 20)

    def grown(self, clients, *parts):
        """KiB by which these bytes, sent by each client part after part, make the server grow."""
        before = self.server.own_memory_kib()
        for part in parts:
            for c in clients:
                c.send(part)
            wait_consumed(self.server.port, clients)
        watcher = self.client()
        watcher.fence()
        watcher.close()
        return self.server.own_memory_kib() - before

    def comes_back(self, before, slack):
        if self.promised:
            wait_until(lambda: self.server.own_memory_kib() < before + slack,
                       f"memory to come back from {self.server.own_memory_kib()} to {before} KiB and {slack} more", 20)


class AnnouncedPayload(MemoryCase):
    def test_costs_nothing_until_it_comes(self):
        clients = self.many()
        grown = self.grown(clients, "PUB x 1048576\r\n")
        self.assert_kib(grown, 1024 + 512, f"{MANY} announced payloads")
        self.wait_gone(clients)


class BegunLine(MemoryCase):
    def test_costs_little(self):
        clients = self.many()
        self.assert_kib(self.grown(clients, "P", "U"), 1024 + 512, f"{MANY} begun lines")
        self.wait_gone(clients)


class PartOfPayload(MemoryCase):
    def test_payload_that_comes_in_part_costs_its_part(self):
        """A few bytes of each payload: neither the payload's full size nor a large buffer may become resident."""
        clients = self.many()
        grown = self.grown(clients, "PUB x 1048576\r\n", b"y" * 100)
        self.assert_kib(grown, MANY * 8, f"{MANY} payloads of which 100 bytes came")
        self.wait_gone(clients)


class PartialLine(MemoryCase):
    def test_partial_line_of_4_kb(self):
        clients = self.many()
        grown = self.grown(clients, b"PUB " + b"a" * 4000)
        self.assert_kib(grown, MANY * 8, f"{MANY} partial lines of 4 KB")
        self.wait_gone(clients)


class PartialLineInSteps(MemoryCase):
    def test_partial_line_byte_by_byte(self):
        """Growing a line in small steps must not cost more than the line."""
        clients = self.many()
        grown = self.grown(clients, b"PUB " + b"a" * 36, *[b"a" * 180] * 22)
        self.assert_kib(grown, MANY * 8, f"{MANY} partial lines of 4 KB")
        self.wait_gone(clients)


class AgainAndAgain(MemoryCase):
    def test_costs_nothing_in_the_end(self):
        """Nothing of connections that went stays. What the allocator keeps for the next ones meanwhile is chance."""
        before = self.server.own_memory_kib()
        for _ in range(16):  # a KiB left behind by each connection would be 16 MiB
            clients = self.many()
            self.grown(clients, b"PUB x 1048576\r\n", b"y" * 4000)
            self.wait_gone(clients)
        self.comes_back(before, 8 * 1024)


class SlowConsumerCase(MemoryCase):
    config = 'max_pending: 16MB\nwrite_deadline: "30s"\n'

    def flood(self, subject, others=0):
        c = self.client(rcvbuf=4096)
        c.send(f"SUB {subject} 1\r\n").fence()
        cid = c.info["client_id"]
        p = self.client(deadline=30)
        for _ in range(600):  # 36 MB: more than the kernel and the server hold for one connection
            p.send(pub(subject, BLOCK)).fence()
        closed, = wait_until(lambda: self.server.json(f"/connz?state=closed&cid={cid}")["connections"], "the close", 20)
        self.assertEqual(closed["reason"], "Slow Consumer (Pending Bytes)")
        p.send("SUB ok 9\r\n").send(pub("ok", "x")).expect(msg("ok", 9, "x")).fence()
        self.wait_gone([c, p], others)


class ClosedSlowConsumer(SlowConsumerCase):
    def test_memory_of_a_closed_one_comes_back(self):
        """16 MB were pending; what remains when it is gone is far from that."""
        before = self.server.own_memory_kib()
        self.flood("slow")
        self.comes_back(before, 8 * 1024)


class LargeTraffic(SlowConsumerCase):
    def test_does_not_keep_what_others_needed(self):
        """Large messages that never cease are no reason to hold the memory of a queue that is gone."""
        before = self.server.own_memory_kib()
        ended = threading.Event()

        def publish(c):
            while not ended.is_set():
                c.send(pub("large", BLOCK * 5)).fence()

        thread = threading.Thread(target=publish, args=(self.client(deadline=30),))
        thread.start()
        try:
            for n in range(3):
                self.flood(f"slow.{n}", others=1)
            self.comes_back(before, 12 * 1024)
        finally:
            ended.set()
            thread.join()


class SlowConsumers(SlowConsumerCase):
    def test_next_ones_use_the_same_memory(self):
        self.flood("warm")
        before = self.server.own_memory_kib()
        for n in range(4):
            self.flood(f"slow.{n}")
        self.comes_back(before, 24 * 1024)  # one queue more, for the next may live on another thread


if __name__ == "__main__":
    unittest.main()
