"""What one connection has been told (PONG), every later publish on any other connection must respect.

A server with several threads is easily wrong here only now and then: these tests hammer it.
"""

import os
import random
import threading
import unittest

from harness import WireCase, msg, pub, wait_until

ROUNDS = int(os.environ.get("WIRE_ROUNDS", "600"))


class Hammer(WireCase):
    def test_sub_pong_publish_elsewhere(self):
        """After its PONG a SUB gets the next publish of any connection, after an UNSUB's PONG nothing more."""
        clients = [self.client() for _ in range(10)]
        rng = random.Random(5)
        for n in range(ROUNDS * 4):
            subscriber, publisher = rng.sample(clients, 2)
            subject = f"h.{n}" if n % 2 else "h.same"
            subscriber.send(f"SUB {subject} {n}\r\nPING\r\n").expect("PONG\r\n")
            publisher.send(pub(subject, str(n)) + b"PING\r\n").expect("PONG\r\n")
            subscriber.expect(msg(subject, n, str(n)))
            subscriber.send(f"UNSUB {n}\r\nPING\r\n").expect("PONG\r\n")
            publisher.send(pub(subject, "late") + b"PING\r\n").expect("PONG\r\n")
        for c in clients:
            c.fence()

    def test_everybody_subscribes_then_anybody_publishes(self):
        """All subscribe, all have their PONG, each publishes once: everyone gets exactly everyone's message."""
        clients = [self.client() for _ in range(10)]
        for n in range(ROUNDS):
            for c in clients:
                c.send(f"SUB all.{n} {n}\r\nPING\r\n")
            for c in clients:
                c.expect("PONG\r\n")
            for i, c in enumerate(clients):
                c.send(pub(f"all.{n}", str(i)) + b"PING\r\n")
            pongs = {c: 0 for c in clients}
            got = {c: [] for c in clients}
            for c in clients:
                while not pongs[c] or len(got[c]) < len(clients):
                    op = c.read_op()
                    if op == b"PONG\r\n":
                        pongs[c] += 1
                    else:
                        got[c].append(op)
            want = sorted(msg(f"all.{n}", n, str(i)) for i in range(len(clients)))
            for c in clients:
                self.assertEqual(sorted(got[c]), want)
                c.send(f"UNSUB {n}\r\n")
        for c in clients:
            c.fence()

    def test_end_seen_publish_elsewhere(self):
        """Who has seen a connection end may rely on it: no message is picked for its queue members any more."""
        keepers = [self.client() for _ in range(4)]
        for n in range(ROUNDS // 2):
            keeper, leaver = keepers[n % len(keepers)], self.client()
            keeper.send(f"SUB end.{n} q {n}\r\n").fence()
            leaver.send(f"SUB end.{n} q 1\r\n").fence()
            leaver.send("-ERR bye\r\n").expect_closed()
            keeper.send(b"".join(pub(f"end.{n}", str(i)) for i in range(12)))
            # In order: a message that went round by the leaver's reactor would come late.
            keeper.expect(b"".join(msg(f"end.{n}", n, str(i)) for i in range(12)))
            keeper.send(f"UNSUB {n}\r\n").fence()

    def test_switching_subscriber(self):
        """Exactly one of the clients is subscribed at any time; a stream of publishes reaches each exactly once."""
        clients = [self.client() for _ in range(8)]
        publishers = [self.client() for _ in range(4)]
        for n in range(ROUNDS * 2):
            c = clients[n % len(clients)]
            c.send(b"SUB sw 1\r\nPING\r\n").expect("PONG\r\n")
            for i, p in enumerate(publishers):
                p.send(pub("sw", f"{n}.{i}") + b"PING\r\n")
            for p in publishers:
                p.expect("PONG\r\n")
            ops = c.send("UNSUB 1\r\n").read_to_fence()
            self.assertEqual(sorted(ops), [msg("sw", 1, f"{n}.{i}") for i in range(len(publishers))])
        for c in clients:
            c.fence()

    def test_delivered_before_the_publishers_pong(self):
        """A publisher's PONG says that its messages are on their way: a subscriber's later PONG comes after them."""
        subscribers = [self.client() for _ in range(6)]
        for c in subscribers:
            c.send("SUB fence 1\r\n").fence()
        publishers = [self.client() for _ in range(4)]
        for n in range(ROUNDS):
            p = publishers[n % 4]
            p.send(pub("fence", str(n)) + b"PING\r\n").expect("PONG\r\n")
            for c in subscribers:
                self.assertEqual(c.read_to_fence(), [msg("fence", 1, str(n))])

    def test_queue_membership(self):
        """A member whose UNSUB was answered is never chosen again, and the rest share without loss."""
        members = [self.client() for _ in range(8)]
        publisher = self.client()
        for n in range(ROUNDS):
            joined = members[:1 + n % len(members)]
            for c in joined:
                c.send(b"SUB qm grp 1\r\nPING\r\n")
            for c in joined:
                c.expect("PONG\r\n")
            publisher.send(b"".join(pub("qm", f"{n}.{i}") for i in range(4)) + b"PING\r\n").expect("PONG\r\n")
            got = [op for c in joined for op in c.send("UNSUB 1\r\n").read_to_fence()]
            self.assertEqual(sorted(got), [msg("qm", 1, f"{n}.{i}") for i in range(4)])
        for c in members:
            c.fence()

    def test_new_connections_too(self):
        """The same with connections that are seconds old at most, wherever the server puts them."""
        publisher = self.client()
        for n in range(ROUNDS // 2):
            with self.client() as c:
                c.send("SUB fresh 1\r\nPING\r\n").expect("PONG\r\n")
                publisher.send(pub("fresh", str(n)) + b"PING\r\n").expect("PONG\r\n")
                c.expect(msg("fresh", 1, str(n)))
            with self.client() as p:
                p.send(pub("back", str(n)))
                p.fence()

    def test_request_reply_ping_pong(self):
        """A responder subscribed before, an inbox subscribed just now: the answer always finds it."""
        responders = [self.client() for _ in range(3)]
        for c in responders:
            c.send("SUB ask workers 1\r\n").fence()
        asker = self.client()
        for n in range(ROUNDS):
            asker.send(f"SUB inbox.{n} {n}\r\nUNSUB {n} 1\r\n" + f"PUB ask inbox.{n} 1\r\nq\r\n")
            answered = None
            while answered is None:
                for c in responders:
                    ops = c.read_to_fence()
                    if ops:
                        self.assertEqual(ops, [msg("ask", 1, "q", f"inbox.{n}")])
                        c.send(pub(f"inbox.{n}", "a"))
                        answered = c
            asker.expect(msg(f"inbox.{n}", n, "a"))
        for c in (asker, *responders):
            c.fence()


class Ordering(WireCase):
    def test_per_publisher_and_subject(self):
        """Eight publishers at once, six subscribers: each publisher's messages arrive in order and complete."""
        count, publishers = 2000, 8
        subscribers = [self.client(deadline=30) for _ in range(6)]
        for c in subscribers:
            c.send("SUB ord.* 1\r\n").fence()

        def publish(number):
            c = self.client()
            for start in range(0, count, 50):
                c.send(b"".join(pub(f"ord.{number}", str(i)) for i in range(start, start + 50)))
            c.fence()
            c.close()

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(publishers)]
        for t in threads:
            t.start()
        for c in subscribers:
            last = [-1] * publishers
            for _ in range(count * publishers):
                op = c.read_op()
                head, payload = op.split(b"\r\n")[:2]
                number = int(head.split()[1].split(b".")[1])
                self.assertEqual(int(payload), last[number] + 1, f"publisher {number}")
                last[number] += 1
        for t in threads:
            t.join()
        for c in subscribers:
            c.fence()

    def test_across_subjects_of_one_publisher(self):
        """One connection's messages keep their order for one subscription even over different subjects."""
        c, p = self.client(), self.client()
        c.send("SUB > 1\r\n").fence()
        p.send(b"".join(pub(f"x{i % 17}.{i}", str(i)) for i in range(5000)))
        c.expect(b"".join(msg(f"x{i % 17}.{i}", 1, str(i)) for i in range(5000)))
        p.fence()

    def test_small_and_large_messages_keep_their_order(self):
        c, p = self.client(), self.client()
        c.send("SUB sizes 1\r\n").fence()
        sizes = [1, 5000, 10, 200000, 3, 127, 129, 4095, 4096, 4097, 0, 70000, 2] * 8
        payloads = [bytes([n % 256]) * size for n, size in enumerate(sizes)]
        thread = threading.Thread(target=lambda: p.send(b"".join(pub("sizes", x) for x in payloads)))
        thread.start()
        c.expect(b"".join(msg("sizes", 1, x) for x in payloads)).fence()
        thread.join()


class Exact(WireCase):
    def test_auto_unsubscribe_under_concurrent_publishers(self):
        """However many publish at once, UNSUB max lets exactly max through."""
        publishers = [self.client() for _ in range(8)]
        for maximum in (1, 2, 7, 100, 333):
            c = self.client()
            c.send(f"SUB exact 1\r\nUNSUB 1 {maximum}\r\n").fence()
            threads = [threading.Thread(target=lambda p=p: p.send(pub("exact") * 60).fence()) for p in publishers]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(c.read_to_fence(), [msg("exact", 1)] * maximum)
            c.close()

    def test_auto_unsubscribe_of_a_group_under_concurrent_publishers(self):
        publishers = [self.client() for _ in range(4)]
        members = [self.client() for _ in range(4)]
        for c in members:
            c.send("SUB exq g 1\r\nUNSUB 1 50\r\n").fence()
        threads = [threading.Thread(target=lambda p=p: p.send(pub("exq") * 100).fence()) for p in publishers]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([c.read_to_fence() for c in members], [[msg("exq", 1)] * 50] * 4)

    def test_every_message_once_while_others_come_and_go(self):
        """Churn of subscriptions and connections on the same subject disturbs nobody's delivery."""
        steady = [self.client(deadline=30) for _ in range(3)]
        for c in steady:
            c.send("SUB ch.* 1\r\n").fence()
        stop = threading.Event()
        failures = []

        def churn(number):
            try:
                while not stop.is_set():
                    with self.client() as c:
                        for i in range(20):
                            c.send(f"SUB ch.{i % 4} {i}\r\nSUB ch.* g{number} q{i}\r\nUNSUB {i} 1\r\nUNSUB q{i}\r\n")
                        c.read_to_fence()
            except Exception as e:  # noqa: BLE001 - reported below
                failures.append(e)

        threads = [threading.Thread(target=churn, args=(n,)) for n in range(3)]
        for t in threads:
            t.start()
        p = self.client()
        total = 4000
        for start in range(0, total, 40):
            p.send(b"".join(pub(f"ch.{i % 4}", str(i)) for i in range(start, start + 40))).fence()
        for c in steady:
            c.expect(b"".join(msg(f"ch.{i % 4}", 1, str(i)) for i in range(total)))
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        for c in steady:
            c.fence()


class Cleanup(WireCase):
    monitor = True

    def test_subscriptions_of_closed_connections_are_gone(self):
        base = self.server.json("/subsz")["num_subscriptions"]
        for _ in range(5):
            clients = [self.client() for _ in range(20)]
            for n, c in enumerate(clients):
                c.send(f"SUB gone.{n} 1\r\nSUB gone.> 2\r\nSUB gone.* q 3\r\n").fence()
            self.assertEqual(self.server.json("/subsz")["num_subscriptions"], base + 60)
            for n, c in enumerate(clients):
                c.reset() if n % 2 else c.close()
            wait_until(lambda: self.server.json("/subsz")["num_subscriptions"] == base, "the subscriptions to be gone")


if __name__ == "__main__":
    unittest.main()
