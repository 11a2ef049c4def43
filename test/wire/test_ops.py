"""PUB, SUB, UNSUB: subjects, wildcards, sids, overlapping subscriptions, auto-unsubscribe."""

import unittest

from harness import WireCase, connect_line, msg, pub
from harness.kernel import data_segments_received


class Publish(WireCase):
    def test_msg_forms(self):
        c = self.client()
        c.send("SUB foo 1\r\n")
        c.send("PUB foo 5\r\nhello\r\n").expect("MSG foo 1 5\r\nhello\r\n")
        c.send("PUB foo reply.to 5\r\nhello\r\n").expect("MSG foo 1 reply.to 5\r\nhello\r\n")
        c.send("PUB foo 0\r\n\r\n").expect("MSG foo 1 0\r\n\r\n")
        c.send("PUB foo r 0\r\n\r\n").expect("MSG foo 1 r 0\r\n\r\n")
        c.fence()

    def test_size_is_passed_on_as_it_was_written(self):
        c = self.client()
        c.send("SUB foo 1\r\nPUB foo 000000005\r\nhello\r\n").expect("MSG foo 1 000000005\r\nhello\r\n").fence()

    def test_blanks_between_arguments(self):
        c = self.client()
        c.send("SUB\tfoo \t 1 \r\n")
        c.send("PUB  \tfoo\t\t 2  \r\nhi\r\n").expect("MSG foo 1 2\r\nhi\r\n")
        c.send("pub foo 2\nhi\r\n").expect("MSG foo 1 2\r\nhi\r\n")  # a bare LF ends the line
        c.send("uNsUb  1\t\r\n").send(pub("foo")).fence()

    def test_payload_is_opaque(self):
        c = self.client()
        c.send("SUB foo 1\r\n")
        for payload in (bytes(range(256)), b"\r\n", b"PING\r\n", b"\r\nMSG foo 1 0\r\n\r\n", b"\x00" * 1000):
            c.send(pub("foo", payload)).expect(msg("foo", 1, payload))

    def test_largest_payload(self):
        c = self.client()
        payload = bytes(i % 251 for i in range(1048576))
        c.send("SUB foo 1\r\n").send(pub("foo", payload)).expect(msg("foo", 1, payload)).fence()

    def test_sizes_around_buffers(self):
        c = self.client()
        c.send("SUB foo 1\r\n")
        for size in (1, 63, 64, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 16384, 32767,
                     32768, 32769, 65535, 65536, 65537, 131072, 262143, 500001):
            payload = (b"%d." % size * size)[:size]
            c.send(pub("foo", payload)).expect(msg("foo", 1, payload))

    def test_pipelined_burst_keeps_order(self):
        c, other = self.client(), self.client()
        other.send("SUB seq 7\r\n").fence()
        c.send(b"".join(pub("seq", str(i)) for i in range(20000)))
        other.expect(b"".join(msg("seq", 7, str(i)) for i in range(20000)))
        c.fence()

    def test_no_subscriber_no_answer(self):
        self.client().send("PUB nobody 2\r\nhi\r\n").fence()

    def test_reserved_subjects(self):
        c = self.client()
        for subject in ("_GR_.x", "$GR.x", "$NRG.x"):
            c.send(pub(subject)).expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
        for reply in ("_R_.x", "$JS.ACK.x", "$JS.API.INFO", "$JS.x", "_GR_.x"):
            c.send(pub("foo", "", reply)).expect(
                f"-ERR 'Permissions Violation for Publish with Reply of \"{reply}\"'\r\n")
        c.send(pub("_R_", "", "_R_")).send(pub("$JSx.ACK", "", "$JSx.ACK")).fence()

    def test_system_account_may_publish_to_raft_groups(self):
        server = self.start(config="accounts { $SYS { users: [{user: sys, password: p}] }, A { users: [{user: a, password: p}] } }\n")
        sys, watcher = (self.client(server, user="sys", **{"pass": "p"}) for _ in range(2))
        watcher.send("SUB $NRG.> 1\r\n").fence()
        sys.send(pub("$NRG.x", "1")).fence()
        watcher.expect(msg("$NRG.x", 1, "1"))
        error = "-ERR 'Permissions Violation for Publish to \"{}\"'\r\n"
        sys.send(pub("_GR_.x")).expect(error.format("_GR_.x")).fence()
        sys.send(connect_line(user="a", **{"pass": "p"}) + pub("$NRG.x")).expect(error.format("$NRG.x")).fence()
        sys.send(connect_line(user="sys", **{"pass": "p"}) + pub("$NRG.x", "2")).fence()
        watcher.expect(msg("$NRG.x", 1, "2")).fence()

    def test_subjects_without_meaning_reach_nobody(self):
        c = self.client()
        c.send("SUB > 1\r\nSUB * 2\r\nSUB *.* 3\r\n")
        for subject in ("foo..bar", "foo.", ".foo", ".", ".."):
            c.send(pub(subject, "x"))
        c.fence()


class Subscribe(WireCase):
    def delivered(self, patterns, subject):
        """The sids (here: the patterns' numbers) that one publish reaches."""
        c = self.client()
        for sid, pattern in enumerate(patterns):
            c.send(f"SUB {pattern} {sid}\r\n")
        ops = c.send(pub(subject, "x")).read_to_fence()
        for op in ops:
            self.assertEqual(op, msg(subject, op.split()[2].decode(), "x"))
        return sorted(patterns[int(op.split()[2])] for op in ops)

    def test_wildcards(self):
        patterns = ["foo", "foo.bar", "foo.*", "foo.>", "*", "*.bar", "*.*", ">", "foo.bar.*", "foo.*.baz", "*.*.*",
                    "foo.bar.>", "bar.>", "foo.ba", "foo.barr", "fo*", "foo.b*", "foo.>x", "f>"]
        for subject, expected in [
            ("foo", ["*", ">", "foo"]),
            ("bar", ["*", ">"]),
            ("foo.bar", ["*.*", "*.bar", ">", "foo.*", "foo.>", "foo.bar"]),
            ("foo.x", ["*.*", ">", "foo.*", "foo.>"]),
            ("foo.bar.baz", ["*.*.*", ">", "foo.*.baz", "foo.>", "foo.bar.*", "foo.bar.>"]),
            ("foo.bar.baz.q", [">", "foo.>", "foo.bar.>"]),
            ("bar.x.y.z.a.b.c.d", [">", "bar.>"]),
            ("fo*", ["*", ">", "fo*"]),
            ("foo.b*", ["*.*", ">", "foo.*", "foo.>", "foo.b*"]),
            ("foo.>x", ["*.*", ">", "foo.*", "foo.>", "foo.>x"]),
            ("f>", ["*", ">", "f>"]),
            ("Foo", ["*", ">"]),
        ]:
            with self.subTest(subject=subject):
                self.assertEqual(self.delivered(patterns, subject), expected)

    def test_wildcards_in_a_published_subject_are_literal_tokens(self):
        patterns = ["foo.bar", "foo.*", "foo.>", ">", "*.bar", "*"]
        self.assertEqual(self.delivered(patterns, "foo.*"), [">", "foo.*", "foo.>"])
        self.assertEqual(self.delivered(patterns, "foo.>"), [">", "foo.*", "foo.>"])
        self.assertEqual(self.delivered(patterns, "*.bar"), ["*.bar", ">"])

    def test_many_levels(self):
        deep = ".".join("abcdefghij" * 6)
        patterns = [deep, deep[:-1] + "*", deep[:-1] + ">", "a.>", deep + ".k", deep[:-2]]
        self.assertEqual(self.delivered(patterns, deep), sorted(patterns[:4]))

    def test_odd_bytes_in_subjects(self):
        c = self.client()
        for sid, subject in enumerate([b"\xff\xfe", b"foo\x00bar", b"foo\x0cbar", "\u00e9.\u65e5".encode(), b"{}|~`'\"\\"]):
            c.send(b"SUB " + subject + b" %d\r\n" % sid).send(b"PUB " + subject + b" 1\r\nx\r\n")
            c.expect(b"MSG " + subject + b" %d 1\r\nx\r\n" % sid)

    def test_bad_subjects(self):
        c = self.client()
        for subject in ("foo.", ".foo", "foo..bar", ">.foo", ".", "foo.>.bar", "..", "foo..", "*..>"):
            with self.subTest(subject=subject):
                c.send(f"SUB {subject} 1\r\n").expect("-ERR 'Invalid Subject'\r\n").fence()
        c.send("SUB ok 1\r\n").send(pub("ok")).expect(msg("ok", 1))  # the sid is still free

    def test_sids_are_text(self):
        c = self.client()
        for sid in ("sid-with_text", "0", "000", "-1", "*", ">", "99999999999999999999999", "\u00e9"):
            c.send(f"SUB s.{ord(sid[0])}.{len(sid)} {sid}\r\n")
            c.send(pub(f"s.{ord(sid[0])}.{len(sid)}", "x"))
            c.expect(f"MSG s.{ord(sid[0])}.{len(sid)} {sid} 1\r\nx\r\n")

    def test_same_sid_again_is_ignored(self):
        c = self.client()
        c.send("SUB foo 1\r\nSUB bar 1\r\nSUB foo q 1\r\n")
        c.send(pub("bar", "no")).send(pub("foo", "yes")).expect(msg("foo", 1, "yes")).fence()
        c.send("UNSUB 1\r\n").send(pub("foo")).send(pub("bar")).fence()
        c.send("SUB bar 1\r\n").send(pub("bar", "now")).expect(msg("bar", 1, "now")).fence()

    def test_same_sid_on_other_connections(self):
        a, b = self.client(), self.client()
        a.send("SUB foo 1\r\n").fence()
        b.send("SUB foo 1\r\nUNSUB 1\r\n").fence()
        b.send(pub("foo", "x")).fence()
        a.expect(msg("foo", 1, "x")).fence()

    def test_overlapping_subscriptions_each_get_it_once(self):
        c = self.client()
        c.send("SUB foo.bar 1\r\nSUB foo.bar 2\r\nSUB foo.* 3\r\nSUB > 4\r\nSUB *.bar 5\r\n")
        ops = c.send(pub("foo.bar", "x", "r")).read_to_fence()
        self.assertEqual(sorted(ops), [msg("foo.bar", i, "x", "r") for i in range(1, 6)])

    def test_queue_name_must_not_be_the_systems(self):
        c = self.client()
        c.send("SUB foo _sys_ 1\r\n").expect(
            "-ERR 'Permissions Violation for Subscription to \"foo\" using queue \"_sys_\"'\r\n").fence()
        c.send("SUB foo _sys_x 2\r\n").fence()

    def test_queue_names_are_free_text(self):
        c = self.client()
        for n, queue in enumerate(("*", "a..b", "bar.>", "x.*", ".")):
            c.send(f"SUB qn.{n} {queue} {n}\r\n").send(pub(f"qn.{n}", "x")).expect(msg(f"qn.{n}", n, "x"))
        c.fence()

    def test_subscriber_gone_is_forgotten(self):
        a, b = self.client(), self.client()
        a.send("SUB gone q 1\r\n").fence()
        b.send("SUB gone q 2\r\n").fence()
        a.send("-ERR bye\r\n").expect_closed()  # closed by the server, so it is over when this returns
        for i in range(20):
            b.send(pub("gone", str(i)))
        b.expect(b"".join(msg("gone", 2, str(i)) for i in range(20))).fence()


class Unsubscribe(WireCase):
    def test_now(self):
        c = self.client()
        c.send("SUB foo 1\r\n").send(pub("foo", "a")).send("UNSUB 1\r\n").send(pub("foo", "b"))
        c.expect(msg("foo", 1, "a")).fence()

    def test_unknown_sid(self):
        self.client().send("UNSUB 42\r\nUNSUB 42 7\r\n").fence()

    def test_max(self):
        c = self.client()
        c.send("SUB foo 1\r\nUNSUB 1 3\r\n").send(b"".join(pub("foo", str(i)) for i in range(6)))
        c.expect(b"".join(msg("foo", 1, str(i)) for i in range(3))).fence()
        c.send("SUB foo 1\r\n").send(pub("foo", "again")).expect(msg("foo", 1, "again"))  # the sid is free again

    def test_max_counts_what_was_already_delivered(self):
        c = self.client()
        c.send("SUB foo 1\r\n").send(pub("foo") * 3).expect(msg("foo", 1) * 3)
        c.send("UNSUB 1 5\r\n").send(pub("foo") * 5).expect(msg("foo", 1) * 2).fence()

    def test_max_reached_already_ends_it_now(self):
        for maximum in ("3", "2", "1"):
            c = self.client()
            c.send("SUB foo 1\r\n").send(pub("foo") * 3).expect(msg("foo", 1) * 3)
            c.send(f"UNSUB 1 {maximum}\r\n").send(pub("foo")).fence()

    def test_max_that_is_no_positive_number_ends_it_now(self):
        for maximum in ("0", "x", "-1", "1x", "+5", "9999999999"):
            with self.subTest(maximum=maximum):
                c = self.client()
                c.send(f"SUB foo 1\r\nUNSUB 1 {maximum}\r\n").send(pub("foo")).fence()

    def test_max_can_be_changed(self):
        c = self.client()
        c.send("SUB foo 1\r\nUNSUB 1 2\r\nUNSUB 1 4\r\n").send(pub("foo") * 6).expect(msg("foo", 1) * 4).fence()
        c.send("SUB foo 2\r\nUNSUB 2 9\r\n").send(pub("foo")).expect(msg("foo", 2)).send("UNSUB 2\r\n")
        c.send(pub("foo")).fence()

    def test_max_of_queue_members(self):
        a, b, p = self.client(), self.client(), self.client()
        a.send("SUB foo q 1\r\nUNSUB 1 10\r\n").fence()
        b.send("SUB foo q 2\r\nUNSUB 2 25\r\n").fence()
        for _ in range(50):
            p.send(pub("foo"))
        p.fence()
        self.assertEqual(a.read_to_fence(), [msg("foo", 1)] * 10)
        self.assertEqual(b.read_to_fence(), [msg("foo", 2)] * 25)

    def test_max_over_wildcard(self):
        c = self.client()
        c.send("SUB w.* 1\r\nUNSUB 1 2\r\n").send(pub("w.a") + pub("w.b") + pub("w.c"))
        c.expect(msg("w.a", 1) + msg("w.b", 1)).fence()

    def test_max_exact_for_each_overlapping(self):
        c = self.client()
        c.send("SUB o.x 1\r\nSUB o.* 2\r\nSUB > 3\r\nUNSUB 1 1\r\nUNSUB 2 2\r\nUNSUB 3 3\r\n")
        ops = c.send(pub("o.x") * 5).read_to_fence()
        self.assertEqual(sorted(ops), [msg("o.x", 1)] + [msg("o.x", 2)] * 2 + [msg("o.x", 3)] * 3)


class Coalescing(WireCase):
    def test_a_burst_leaves_in_few_writes(self):
        """What a turn delivers to a connection is one write, be it one message or hundreds."""
        subscriber, publisher = self.client(), self.client()
        subscriber.send("SUB burst 1\r\n").fence()
        before = data_segments_received(subscriber.sock)
        publisher.send(pub("burst", "data") * 2000).fence()
        subscriber.expect(msg("burst", 1, "data") * 2000)
        self.assertLess(data_segments_received(subscriber.sock) - before, 100)


if __name__ == "__main__":
    unittest.main()
