"""HPUB and HMSG, stripping for clients without headers, and the no-responders answer."""

import itertools
import unittest

from harness import WireCase, connect_line, hmsg, hpub, msg, pub

HEADERS = "NATS/1.0\r\nA: b\r\n\r\n"
EMPTY = "NATS/1.0\r\n\r\n"


def no_responders(subject, reply, sid):
    return hmsg(reply, sid, f"NATS/1.0 503\r\nNats-Subject: {subject}\r\n\r\n")


class Headers(WireCase):
    def test_hmsg_forms(self):
        c = self.client(headers=True)
        c.send("SUB foo 1\r\n")
        for block in (HEADERS, EMPTY, "NATS/1.0 503\r\n\r\n", "NATS/1.0 100 Idle Heartbeat\r\nA:b\r\nA: c\r\n\r\n"):
            for reply in (None, "re.ply"):
                for payload in ("", "pay", "\r\n\r\n", "x" * 3000):
                    with self.subTest(block=block, reply=reply, payload=payload[:9]):
                        c.send(hpub("foo", block, payload, reply)).expect(hmsg("foo", 1, block, payload, reply))
        c.fence()

    def test_block_is_not_looked_into(self):
        c = self.client(headers=True)
        c.send("SUB foo 1\r\n")
        for block in ("garbage", "x", "NATS/1.0\r\nno colon\r\n\r\n", "NATS/1.0\r\nUnfinished: x", "HTTP/1.1 200\r\n\r\n"):
            with self.subTest(block=block):
                c.send(hpub("foo", block, "pay")).expect(hmsg("foo", 1, block, "pay"))

    def test_empty_block_makes_a_plain_message(self):
        c = self.client(headers=True)
        c.send("SUB foo 1\r\nHPUB foo 0 3\r\nabc\r\n").expect(msg("foo", 1, "abc"))
        c.send("HPUB foo re 0 0\r\n\r\n").expect(msg("foo", 1, "", "re")).fence()

    def test_sizes_are_passed_on_as_they_were_written(self):
        c = self.client(headers=True)
        c.send("SUB foo 1\r\nHPUB foo 012 0012\r\nNATS/1.0\r\n\r\n\r\n")
        c.expect("HMSG foo 1 012 0012\r\nNATS/1.0\r\n\r\n\r\n").fence()

    def test_case_and_blanks(self):
        c = self.client(headers=True)
        c.send("SUB foo 1\r\nhPuB\t foo \t12\t 13 \r\nNATS/1.0\r\n\r\nx\r\n").expect(hmsg("foo", 1, EMPTY, "x"))

    def test_stripped_for_a_client_without_headers(self):
        plain, c = self.client(), self.client(headers=True)
        plain.send("SUB strip 1\r\nSUB strip q 2\r\n").fence()
        c.send(hpub("strip", HEADERS, "pay", "re")).fence()
        self.assertEqual(sorted(plain.read_to_fence()), [msg("strip", 1, "pay", "re"), msg("strip", 2, "pay", "re")])
        c.send(hpub("strip", HEADERS)).fence()
        self.assertEqual(sorted(plain.read_to_fence()), [msg("strip", 1), msg("strip", 2)])
        c.send(hpub("strip", HEADERS, "y" * 70000)).fence()
        plain.send("UNSUB 2\r\n")
        self.assertEqual(len(plain.read_to_fence()), 2)

    def test_both_kinds_of_subscribers_at_once(self):
        plain, with_headers, c = self.client(), self.client(headers=True), self.client(headers=True)
        plain.send("SUB both 1\r\n").fence()
        with_headers.send("SUB both 2\r\n").fence()
        for i in range(20):
            c.send(hpub("both", HEADERS, str(i))).send(pub("both", f"p{i}"))
        c.fence()
        self.assertEqual(plain.read_to_fence(), [m for i in range(20) for m in (msg("both", 1, str(i)), msg("both", 1, f"p{i}"))])
        self.assertEqual(with_headers.read_to_fence(),
                         [m for i in range(20) for m in (hmsg("both", 2, HEADERS, str(i)), msg("both", 2, f"p{i}"))])

    def test_publisher_without_headers_is_closed_without_a_word(self):
        self.client().send(hpub("foo", EMPTY)).expect_closed()
        self.client(headers=False).send(hpub("foo", EMPTY)).expect_closed()

    def test_bad_sizes_close_without_a_word(self):
        for line in ("HPUB foo 12", "HPUB foo", "HPUB foo 12 11", "HPUB foo -1 12", "HPUB foo 12 -1", "HPUB foo x 12",
                     "HPUB foo 12 x", "HPUB foo 1 2 3 4", "HPUB foo a b 1 2", "HPUB foo 99999999999 99999999999",
                     "HPUB foo 12 0000000012", "HPUB foo 1.0 12", "HPUB foo +1 12"):
            with self.subTest(line=line):
                self.client(headers=True).send(line + "\r\nNATS/1.0\r\n\r\n\r\n").expect_closed()

    def test_total_counts_for_max_payload(self):
        c = self.client(headers=True)
        c.send("SUB foo 1\r\n").send(hpub("foo", EMPTY, "x" * (1048576 - 12)))
        c.expect(hmsg("foo", 1, EMPTY, "x" * (1048576 - 12)))
        c.send("HPUB foo 12 1048577\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")

    def test_total_must_be_followed_by_crlf(self):
        error = "-ERR 'Unknown Protocol Operation'\r\n"
        self.client(headers=True).send("HPUB foo 12 12\r\nNATS/1.0\r\n\r\nx\r\n").expect_closed(error)
        self.client(headers=True).send("HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\n").expect_closed(error)

    def test_second_connect_can_switch_headers(self):
        c = self.client(headers=False)
        c.send(connect_line(headers=True) + b"SUB sw 1\r\n").send(hpub("sw", EMPTY, "x")).expect(hmsg("sw", 1, EMPTY, "x"))

    def test_pedantic_hpub(self):
        c = self.client(headers=True, pedantic=True)
        c.send(hpub("foo..x", EMPTY)).expect("-ERR 'Invalid Publish Subject'\r\n").fence()

    def test_reserved_subject_hpub(self):
        c = self.client(headers=True)
        c.send(hpub("_GR_.x", EMPTY)).expect("-ERR 'Permissions Violation for Publish to \"_GR_.x\"'\r\n").fence()


class NoResponders(WireCase):
    def asker(self, **options):
        return self.client(headers=True, no_responders=True, **options)

    def test_answer(self):
        c = self.asker()
        c.send("SUB in.* 7\r\n").send(pub("nr.a", "question", "in.1"))
        c.expect("HMSG in.1 7 36 36\r\nNATS/1.0 503\r\nNats-Subject: nr.a\r\n\r\n\r\n").fence()

    def test_header_length_grows_with_the_subject(self):
        c = self.asker()
        c.send("SUB in.> 1\r\n")
        for n in (1, 10, 67, 68, 69, 200, 967, 968, 3000):
            c.send(pub("s" * n, "", "in.x.y")).expect(no_responders("s" * n, "in.x.y", 1))

    def test_for_hpub_too(self):
        c = self.asker()
        c.send("SUB in.* 1\r\n").send(hpub("nr.b", HEADERS, "pay", "in.1")).expect(no_responders("nr.b", "in.1", 1))

    def test_none_without_the_option(self):
        self.client(headers=True).send("SUB in.* 1\r\n").send(pub("nr.c", "", "in.1")).fence()
        self.client(headers=True, no_responders=False).send("SUB in.* 1\r\n").send(pub("nr.c", "", "in.1")).fence()

    def test_none_without_a_reply(self):
        self.asker().send("SUB in.* 1\r\n").send(pub("nr.d")).fence()

    def test_none_without_a_subscription_of_its_own(self):
        other, c = self.client(headers=True), self.asker()
        other.send("SUB in.* 1\r\n").fence()
        c.send(pub("nr.e", "", "in.1")).fence()
        other.fence()

    def test_none_for_a_queue_subscription(self):
        self.asker().send("SUB in.* q 1\r\n").send(pub("nr.f", "", "in.1")).fence()

    def test_one_answer_with_several_subscriptions(self):
        c = self.asker()
        c.send("SUB in.* 1\r\nSUB in.1 2\r\n").send(pub("nr.g", "", "in.1"))
        ops = c.read_to_fence()
        self.assertEqual(len(ops), 1, ops)
        self.assertIn(ops[0], [no_responders("nr.g", "in.1", 1), no_responders("nr.g", "in.1", 2)])

    def test_none_when_someone_listens(self):
        c, other = self.asker(), self.client()
        c.send("SUB in.* 1\r\n")
        for queue in ("", "q "):
            other.send(f"SUB nr.h {queue}1\r\n").fence()
            c.send(pub("nr.h", "x", "in.1")).fence()
            other.expect(msg("nr.h", 1, "x", "in.1")).send("UNSUB 1\r\n").fence()
        c.send(pub("nr.h", "x", "in.1")).expect(no_responders("nr.h", "in.1", 1)).fence()

    def test_listener_that_ended_by_its_maximum(self):
        c, other = self.asker(), self.client()
        other.send("SUB nr.i 1\r\nUNSUB 1 1\r\n").fence()
        c.send("SUB in.* 1\r\n").send(pub("nr.i", "", "in.1")).fence()
        c.send(pub("nr.i", "", "in.2")).expect(no_responders("nr.i", "in.2", 1)).fence()

    def test_requests_behind_the_last_that_was_taken(self):
        """Whichever reactors the two sit on, and whether the end has been heard of: one is taken, two are answered."""
        askers = [self.asker() for _ in range(3)]
        for c in askers:
            c.send("SUB in.> 1\r\n").fence()
        for n, queue in itertools.product(range(40), ("", "q ")):
            other = self.client()
            subject = f"nr.l{n}{queue.strip()}"
            other.send(f"SUB {subject} {queue}1\r\nUNSUB 1 1\r\n").fence()
            c = askers[n % len(askers)]
            c.send(b"".join(pub(subject, "", f"in.{i}") for i in (1, 2, 3)))
            c.expect(no_responders(subject, "in.2", 1)).expect(no_responders(subject, "in.3", 1))
            other.expect(msg(subject, 1, "", "in.1"))
            other.close()
        for c in askers:
            c.fence()

    def test_requests_behind_the_last_that_several_took(self):
        """The same with listeners on several reactors: all take the first request, nobody the others."""
        c, others = self.asker(), [self.client() for _ in range(4)]
        c.send("SUB in.> 1\r\n").fence()
        for n in range(40):
            subject, listening = f"nr.n{n}", others[:2 + n % 3]
            for other in listening:
                other.send(f"SUB {subject} {n}\r\nUNSUB {n} 1\r\n").fence()
            c.send(b"".join(pub(subject, "", f"in.{i}") for i in (1, 2, 3)))
            c.expect(no_responders(subject, "in.2", 1)).expect(no_responders(subject, "in.3", 1))
            for other in listening:
                other.expect(msg(subject, n, "", "in.1"))
        for one in (c, *others):
            one.fence()

    def test_service_that_leaves(self):
        """Every request has exactly one answer, from the service or from the server, as it comes and goes."""
        c, service = self.asker(), self.client()
        c.send("SUB in.* 1\r\n").fence()
        for n in range(200):
            service.send("SUB nr.m 1\r\n" + "PING\r\n" * (n % 3) + "UNSUB 1\r\nPING\r\n")
            c.send(pub("nr.m", "", f"in.{n}"))
            taken = 0
            for _ in range(n % 3 + 1):
                while (op := service.read_op()) != b"PONG\r\n":
                    self.assertEqual(op, msg("nr.m", 1, "", f"in.{n}"))
                    taken += 1
            if not taken:
                c.expect(no_responders("nr.m", f"in.{n}", 1))
        c.fence()

    def test_own_subscription_without_echo(self):
        c = self.asker(echo=False)
        c.send("SUB in.* 1\r\n").send(pub("nr.j", "", "in.1")).expect(no_responders("nr.j", "in.1", 1))
        c.send("SUB nr.j 2\r\n").send(pub("nr.j", "", "in.1")).expect(no_responders("nr.j", "in.1", 1)).fence()

    def test_answer_does_not_count_for_the_maximum(self):
        c, other = self.asker(), self.client()
        c.send("SUB in.* 1\r\nUNSUB 1 1\r\n").send(pub("nr.k", "", "in.1") * 3)
        c.expect(no_responders("nr.k", "in.1", 1) * 3)
        other.send(pub("in.1", "a") + pub("in.1", "b")).fence()
        c.expect(msg("in.1", 1, "a")).fence()

    def test_verbose_order(self):
        c = self.asker(verbose=True)
        c.send("SUB in.* 1\r\n").expect("+OK\r\n")
        c.send(pub("nr.l", "", "in.1")).expect(b"+OK\r\n" + no_responders("nr.l", "in.1", 1)).fence()

    def test_subject_that_nobody_can_have(self):
        c = self.asker()
        c.send("SUB in.* 1\r\n").send(pub("foo..bar", "", "in.1")).expect(no_responders("foo..bar", "in.1", 1))

    def test_not_headers_any_more(self):
        c = self.asker()
        c.send(connect_line(headers=False)).expect_closed("-ERR 'no responders requires headers support'\r\n")


class HeadersOff(WireCase):
    config = "no_header_support: true\n"

    def test_hpub_closes(self):
        self.client(headers=True).send(hpub("foo", EMPTY)).expect_closed()

    def test_no_responders_refused(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line(headers=True, no_responders=True)).expect_closed(
            "-ERR 'no responders requires headers support'\r\n")

    def test_plain_messages_pass(self):
        self.client(headers=True).send("SUB foo 1\r\n").send(pub("foo", "x")).expect(msg("foo", 1, "x")).fence()


if __name__ == "__main__":
    unittest.main()
