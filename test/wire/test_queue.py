"""Queue groups: one member per group, uniform choice over connections, several groups, leaving members."""

import unittest
from collections import Counter

from harness import WireCase, hmsg, hpub, msg, pub


def chi_square(counts, expected):
    return sum((c - expected) ** 2 / expected for c in counts)


class Queues(WireCase):
    def members(self, count, subject, queue="q", sid=1, per_connection=1):
        out = [self.client() for _ in range(count)]
        for c in out:
            for i in range(per_connection):
                c.send(f"SUB {subject} {queue} {sid + i}\r\n")
            c.fence()
        return out

    def publish(self, subject, count):
        p = self.client()
        p.send(b"".join(pub(subject, str(i)) for i in range(count))).fence()

    def test_one_member_gets_each_message(self):
        members = self.members(5, "one")
        self.publish("one", 2000)
        got = [op for c in members for op in c.read_to_fence()]
        self.assertEqual(Counter(got), Counter(msg("one", 1, str(i)) for i in range(2000)))

    def test_uniform_over_connections(self):
        members = self.members(8, "uni")
        self.publish("uni", 8000)
        counts = [len(c.read_to_fence()) for c in members]
        self.assertEqual(sum(counts), 8000)
        # 7 degrees of freedom: above 40 about once in a million runs of a fair server.
        self.assertLess(chi_square(counts, 1000), 40, counts)

    def test_uniform_over_members_not_connections(self):
        one, three = self.members(1, "uneven"), self.members(1, "uneven", per_connection=3)
        self.publish("uneven", 4000)
        ones, threes = one[0].read_to_fence(), three[0].read_to_fence()
        by_sid = Counter(op.split()[2] for op in threes)
        self.assertEqual(len(ones) + len(threes), 4000)
        self.assertLess(chi_square([len(ones), *(by_sid[s] for s in (b"1", b"2", b"3"))], 1000), 40, (len(ones), by_sid))

    def test_uniform_with_members_on_the_publishers_connection(self):
        others = self.members(3, "self")
        p = self.client()
        p.send("SUB self q 1\r\n").send(b"".join(pub("self") for _ in range(4000)))
        counts = [len(p.read_to_fence())] + [len(c.read_to_fence()) for c in others]
        self.assertEqual(sum(counts), 4000)
        self.assertLess(chi_square(counts, 1000), 40, counts)

    def test_uniform_from_many_publishers(self):
        members = self.members(4, "pubs")
        publishers = [self.client() for _ in range(8)]
        for p in publishers:
            p.send(pub("pubs") * 1000)
        for p in publishers:
            p.fence()
        counts = [len(c.read_to_fence()) for c in members]
        self.assertEqual(sum(counts), 8000)
        self.assertLess(chi_square(counts, 2000), 35, counts)

    def test_no_pattern_for_one_publisher(self):
        """A round robin is uniform too; the choice is random: both orders of a pair must be seen."""
        a, b = self.members(2, "rnd")
        p = self.client()
        order = []
        for i in range(60):
            p.send(pub("rnd", str(i))).fence()
        got = {int(op.split(b"\r\n")[1]) for op in a.read_to_fence()}
        order = [i in got for i in range(60)]
        self.assertEqual(len(b.read_to_fence()), 60 - len(got))
        pairs = {(x, y) for x, y in zip(order, order[1:])}
        self.assertEqual(len(pairs), 4, order)

    def test_each_group_gets_it(self):
        groups = {name: self.members(3, "grp", queue=name) for name in ("a", "b", "c")}
        plain = self.client()
        plain.send("SUB grp 1\r\n").fence()
        self.publish("grp", 300)
        want = Counter(msg("grp", 1, str(i)) for i in range(300))
        for name, members in groups.items():
            with self.subTest(group=name):
                self.assertEqual(Counter(op for c in members for op in c.read_to_fence()), want)
        self.assertEqual(plain.read_to_fence(), [msg("grp", 1, str(i)) for i in range(300)])

    def test_same_name_on_overlapping_patterns_is_one_group(self):
        """Members are grouped by the queue's name alone among all that match."""
        members = [self.client() for _ in range(3)]
        for c, pattern in zip(members, ("ov.x", "ov.*", "ov.>")):
            c.send(f"SUB {pattern} q 1\r\n").fence()
        self.publish("ov.x", 3000)
        got = [c.read_to_fence() for c in members]
        self.assertEqual(Counter(op for ops in got for op in ops), Counter(msg("ov.x", 1, str(i)) for i in range(3000)))
        self.assertLess(chi_square([len(ops) for ops in got], 1000), 30)

    def test_wildcard_group(self):
        members = self.members(2, "wild.*.x")
        self.publish("wild.1.x", 100)
        self.publish("wild.2.x", 100)
        self.publish("wild.2.y", 100)
        self.assertEqual(sum(len(c.read_to_fence()) for c in members), 200)

    def test_member_that_leaves_gets_nothing_more(self):
        members = self.members(4, "leave")
        members[0].send("UNSUB 1\r\n").fence()
        members[1].send("-ERR bye\r\n").expect_closed()
        self.publish("leave", 500)
        self.assertEqual(members[0].read_to_fence(), [])
        self.assertEqual(sum(len(c.read_to_fence()) for c in members[2:]), 500)

    def test_member_that_joins_gets_its_share(self):
        members = self.members(2, "join")
        self.publish("join", 100)
        late = self.members(2, "join")
        self.publish("join", 2000)
        counts = [len(c.read_to_fence()) for c in late]
        self.assertLess(chi_square(counts, 500), 30, counts)
        self.assertEqual(sum(counts) + sum(len(c.read_to_fence()) for c in members), 2100)

    def test_no_loss_while_members_come_and_go(self):
        steady = self.members(1, "churn")[0]
        others = [self.client() for _ in range(4)]
        p = self.client()
        sent = 0
        for _ in range(100):
            for n, c in enumerate(others):
                c.send("SUB churn q 9\r\n")
                p.send(pub("churn", str(sent)))
                sent += 1
                c.send("UNSUB 9\r\n")
        p.fence()
        got = Counter(op.split(b"\r\n")[1] for c in [steady, *others] for op in c.read_to_fence())
        self.assertEqual(got, Counter(str(i).encode() for i in range(sent)))

    def test_plain_and_queue_on_one_connection(self):
        c = self.client()
        c.send("SUB mix 1\r\nSUB mix q 2\r\nSUB mix q 3\r\n")
        ops = c.send(pub("mix") * 100).read_to_fence()
        by_sid = Counter(op.split()[2] for op in ops)
        self.assertEqual(by_sid[b"1"], 100)
        self.assertEqual(by_sid[b"2"] + by_sid[b"3"], 100)
        self.assertGreater(min(by_sid.values()), 10, by_sid)

    def test_headers_and_reply_reach_members(self):
        a = self.client(headers=True)
        a.send("SUB hq q 1\r\n").fence()
        b = self.client(headers=True)
        b.send(hpub("hq", "NATS/1.0\r\nA: b\r\n\r\n", "x", "re")).fence()
        a.expect(hmsg("hq", 1, "NATS/1.0\r\nA: b\r\n\r\n", "x", "re")).fence()

    def test_member_of_same_name_on_another_subject_is_another_group(self):
        a, b = self.members(1, "sub.a", queue="same")[0], self.members(1, "sub.b", queue="same")[0]
        self.publish("sub.a", 10)
        self.assertEqual(len(a.read_to_fence()), 10)
        self.assertEqual(b.read_to_fence(), [])


if __name__ == "__main__":
    unittest.main()
