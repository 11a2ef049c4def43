"""Clients that do not read: pending limit, write deadline, stalls, and that nobody else suffers."""

import contextlib
import json
import os
import threading
import time
import unittest

from harness import WireCase, hpub, msg, pub, wait_until

BLOCK = b"x" * 60000


class SlowCase(WireCase):
    monitor = True

    def not_reading(self, subject):
        c = self.client(rcvbuf=4096)
        c.send(f"SUB {subject} 1\r\n").fence()
        return c

    def closed(self, client):
        cid = client.info["client_id"]
        return wait_until(lambda: self.server.json(f"/connz?state=closed&cid={cid}")["connections"],
                          "the slow consumer to be closed", 20)[0]


class WithoutConnect(SlowCase):
    config = 'max_pending: 1MB\nmax_payload: 64KB\nwrite_deadline: "30s"\n'

    def test_counts_as_a_slow_consumer(self):
        c, p = self.raw(rcvbuf=4096), self.client(deadline=30)
        c.read_info()
        c.send("SUB early 1\r\n").expect("+OK\r\n")
        for _ in range(400):
            p.send(pub("early", BLOCK)).fence()
        self.assertEqual(self.closed(c)["reason"], "Slow Consumer (Pending Bytes)")
        varz = self.server.json("/varz")
        self.assertEqual((varz["slow_consumers"], varz["slow_consumer_stats"]["clients"]), (1, 1))


class PendingBytes(SlowCase):
    config = 'max_pending: 1MB\nmax_payload: 64KB\nwrite_deadline: "30s"\n'

    def flood(self, publisher, subject, count=400):
        for _ in range(count):
            publisher.send(pub(subject, BLOCK)).fence()

    def test_closed_with_reason_and_counted(self):
        before = self.server.json("/varz")
        c, p = self.not_reading("slow.a"), self.client(deadline=30)
        self.flood(p, "slow.a")
        closed = self.closed(c)
        self.assertEqual(closed["reason"], "Slow Consumer (Pending Bytes)")
        varz = self.server.json("/varz")
        self.assertEqual(varz["slow_consumers"], before["slow_consumers"] + 1)
        self.assertEqual(varz["slow_consumer_stats"]["clients"], before["slow_consumer_stats"]["clients"] + 1)
        self.assertIn("Slow Consumer Detected: MaxPending of 1048576 Exceeded", self.server.log())

    def test_what_was_written_is_a_clean_prefix(self):
        c, p = self.not_reading("slow.b"), self.client(deadline=30)
        self.flood(p, "slow.b")
        self.closed(c)
        got = c.wait_closed()
        one = msg("slow.b", 1, BLOCK)
        self.assertGreater(len(got), len(one))
        self.assertEqual((one * (len(got) // len(one) + 1))[:len(got)], got)

    def test_others_get_everything(self):
        slow, reader, p = self.not_reading("slow.c"), self.client(deadline=30), self.client(deadline=30)
        reader.send("SUB slow.c 7\r\n").fence()
        total = 300
        thread = threading.Thread(target=self.flood, args=(p, "slow.c", total))
        thread.start()
        for _ in range(total):
            self.assertEqual(reader.read_op(), msg("slow.c", 7, BLOCK))
        thread.join()
        reader.fence()
        self.assertEqual(self.closed(slow)["reason"], "Slow Consumer (Pending Bytes)")

    def test_unrelated_clients_do_not_wait(self):
        self.not_reading("slow.d")
        p = self.client(deadline=30)
        a, b = self.client(), self.client()
        a.send("SUB quick 1\r\n").fence()
        thread = threading.Thread(target=self.flood, args=(p, "slow.d", 200))
        thread.start()
        worst = 0.0
        for n in range(300):
            started = time.monotonic()
            b.send(pub("quick", str(n)))
            a.expect(msg("quick", 1, str(n)))
            worst = max(worst, time.monotonic() - started)
        thread.join()
        self.assertLess(worst, 1.0)

    def test_own_messages_can_be_too_many_as_well(self):
        c = self.client(rcvbuf=4096)
        cid = c.info["client_id"]
        c.send("SUB slow.e 1\r\n").fence()
        c.deadline = 20
        for _ in range(400):
            c.send_quietly(pub("slow.e", BLOCK))
        closed = wait_until(lambda: self.server.json(f"/connz?state=closed&cid={cid}")["connections"], "the close", 20)
        self.assertEqual(closed[0]["reason"], "Slow Consumer (Pending Bytes)")

    def test_queue_member_that_is_slow_loses_only_itself(self):
        """The group lives on: after the slow member is closed, the other one gets all."""
        slow, good, p = self.client(rcvbuf=4096), self.client(deadline=30), self.client(deadline=30)
        slow.send("SUB slow.q g 1\r\n").fence()
        good.send("SUB slow.q g 2\r\n").fence()
        for _ in range(300):
            p.send(pub("slow.q", BLOCK)).fence()
            good.read_to_fence()
        self.closed(slow)
        p.send(pub("slow.q", "a") * 50).fence()
        self.assertEqual(good.read_to_fence(), [msg("slow.q", 2, "a")] * 50)


class WriteDeadline(SlowCase):
    config = 'max_pending: 64MB\nwrite_deadline: "300ms"\n'

    def test_closed_with_reason(self):
        before = self.server.json("/varz")["slow_consumer_stats"]["clients"]
        c, p = self.not_reading("late.a"), self.client(deadline=30)
        for _ in range(100):
            p.send(pub("late.a", BLOCK)).fence()
        closed = self.closed(c)
        self.assertEqual(closed["reason"], "Slow Consumer (Write Deadline)")
        self.assertEqual(self.server.json("/varz")["slow_consumer_stats"]["clients"], before + 1)
        self.assertIn("Slow Consumer Detected: WriteDeadline of 300ms exceeded with", self.server.log())

    def test_reader_in_time_is_left_alone(self):
        c, p = self.client(rcvbuf=4096), self.client(deadline=30)
        c.deadline = 30
        c.send("SUB late.b 1\r\n").fence()
        thread = threading.Thread(target=lambda: [p.send(pub("late.b", BLOCK)).fence() for _ in range(100)])
        thread.start()
        for _ in range(100):
            self.assertEqual(c.read_op(), msg("late.b", 1, BLOCK))
        thread.join()
        c.fence()


    def test_a_trickle_is_not_enough(self):
        """A reader that takes a little now and then does not renew the deadline for ever."""
        c, p = self.not_reading("late.c"), self.client(deadline=30)
        for _ in range(100):
            p.send(pub("late.c", BLOCK)).fence()
        cid = c.info["client_id"]

        def sip():
            with contextlib.suppress(OSError):
                c.sock.settimeout(5)
                c.sock.recv(512)
            return self.server.json(f"/connz?state=closed&cid={cid}")["connections"]

        closed = wait_until(sip, "the trickling reader to be closed", 30)
        self.assertEqual(closed[0]["reason"], "Slow Consumer (Write Deadline)")


class WriteTimeoutRetry(SlowCase):
    config = 'max_pending: 64MB\nwrite_deadline: "1s"\nwrite_timeout: retry\n'

    def test_late_reader_stays_and_gets_everything(self):
        c, p = self.not_reading("retry.a"), self.client(deadline=30)
        c.deadline = 30
        for _ in range(100):
            p.send(pub("retry.a", BLOCK)).fence()
        self.server.wait_log("Slow Consumer Detected: WriteDeadline of 1s exceeded with", 20)
        for _ in range(100):
            self.assertEqual(c.read_op(), msg("retry.a", 1, BLOCK))
        c.fence()
        self.assertGreater(self.server.json("/varz")["slow_consumers"], 0)

    def test_reader_that_takes_nothing_is_closed(self):
        before = self.server.json("/varz")["slow_consumers"]
        c, p = self.not_reading("retry.b"), self.client(deadline=30)
        for _ in range(100):
            p.send(pub("retry.b", BLOCK)).fence()
        self.assertEqual(self.closed(c)["reason"], "Slow Consumer (Write Deadline)")
        self.assertIn("Slow Consumer State: WriteDeadline of 1s exceeded with", self.server.log())
        self.assertGreater(self.server.json("/varz")["slow_consumers"], before + 1)


class Stall(SlowCase):
    config = 'max_pending: 4MB\nmax_payload: 1MB\nwrite_deadline: "30s"\n'

    def test_fast_producer_is_held_back_a_little_and_this_is_counted(self):
        slow, p = self.not_reading("st.a"), self.client(deadline=30)
        for _ in range(200):
            p.send(pub("st.a", BLOCK)).fence()
        self.assertGreater(self.server.json("/varz")["stalled_clients"], 0)
        self.assertGreater(self.closed(slow)["stalls"], 0)  # of the one who is waited for
        entry, = self.server.json(f"/connz?cid={p.info['client_id']}")["connections"]
        self.assertNotIn("stalls", entry)


class NoStall(SlowCase):
    config = 'max_pending: 4MB\nno_fast_producer_stall: true\nwrite_deadline: "30s"\n'

    def test_dropped_instead_of_closed(self):
        c, p = self.not_reading("ns.a"), self.client(deadline=30)
        for _ in range(300):
            p.send(pub("ns.a", BLOCK)).fence()
        p.send("SUB ns.b 1\r\n").send(pub("ns.b", "x")).expect(msg("ns.b", 1, "x"))
        c.deadline = 30
        ops = c.read_to_fence()
        self.assertLess(len(ops), 300)
        self.assertGreater(len(ops), 10)
        self.assertEqual(set(ops), {msg("ns.a", 1, BLOCK)})
        self.assertEqual(self.server.json("/varz")["slow_consumers"], 0)

    def test_a_trace_tells_of_it(self):
        c, p, watcher = self.not_reading("ns.c"), self.client(deadline=30, headers=True), self.client()
        watcher.send("SUB traces 1\r\n").fence()
        for _ in range(300):
            p.send(pub("ns.c", BLOCK)).fence()
        p.send(hpub("ns.c", "NATS/1.0\r\nNats-Trace-Dest: traces\r\n\r\n", BLOCK)).fence()
        event = json.loads(watcher.read_op().split(b"\r\n", 1)[1])
        out, = [e for e in event["events"] if e["type"] == "eg"]
        self.assertEqual((out["cid"], out["error"]), (
            c.info["client_id"], "Not delivered because fast producer not stalled and consumer is slow"))
        self.assertEqual(self.server.json("/varz")["stalled_clients"], 0)


class Defaults(SlowCase):
    def test_who_reads_large_messages_is_not_slow(self):
        """More of them than may be pending."""
        c, p = self.client(deadline=60), self.client(deadline=60)
        c.send("SUB large 1\r\n").fence()
        block = os.urandom(1 << 20)
        sender = threading.Thread(target=lambda: [p.send(pub("large", block)) for _ in range(80)])
        sender.start()
        self.addCleanup(sender.join)
        for _ in range(80):
            self.assertEqual(c.read_op(), msg("large", 1, block))
        self.assertEqual(self.server.json("/varz")["slow_consumers"], 0)


if __name__ == "__main__":
    unittest.main()
