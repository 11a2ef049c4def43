"""The parser: pipelined, split at every byte, truncated, hostile; everything with the exact answer."""

import itertools
import os
import random
import unittest

from harness import Closed, WireCase, connect_line, hmsg, msg, pub
from harness.kernel import wait_consumed

PLAIN = connect_line()
HEADERS = connect_line(headers=True)
UNKNOWN = b"-ERR 'Unknown Protocol Operation'\r\n"
PAYLOAD = b"-ERR 'Maximum Payload Violation'\r\n"

OK = b"+OK\r\n"


def session(n):
    """A session that uses every op on subjects of its own, and what it must give, whatever the cuts."""
    foo, bar = f"f{n:05}", f"b{n:05}"
    text = (
        f"SUB {foo} 1\r\nSUB\t{bar}.* grp  2\r\nPUB {foo} 5\r\nhello\r\nPUB {bar}.x re.ply 3\r\na\r\n\r\n"
        f"HPUB {foo} 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHPUB {bar}.y re 16 16\r\nNATS/1.0\r\nA:\r\n\r\n\r\n"
        f"+OK\r\nPONG\r\nUNSUB 2\r\nPUB {bar}.x 0\r\n\r\nUNSUB 1 3\r\nPUB {foo} 1\r\nz\r\nPUB {foo} 1\r\nn\r\n"
        f"pub {foo} 2\nxx\r\nSUB a..b 9\r\nping me\r\n")
    answer = (
        OK + b"PONG\r\n" + OK + OK + OK + msg(foo, 1, "hello") + OK + msg(f"{bar}.x", 2, b"a\r\n", "re.ply") +
        OK + hmsg(foo, 1, "NATS/1.0\r\n\r\n", "hi") + OK + hmsg(f"{bar}.y", 2, "NATS/1.0\r\nA:\r\n\r\n", "", "re") +
        OK + OK + OK + OK + msg(foo, 1, "z") + OK + OK + b"-ERR 'Invalid Subject'\r\nPONG\r\n")
    return connect_line(verbose=True, headers=True) + b"PING\r\n" + text.encode(), answer


class Split(WireCase):
    """Sessions cut in pieces. They must not see each other's messages, so each has subjects of its own."""

    numbers = itertools.count()

    def sessions(self, count):
        """`count` connections, each with its own session to send and what that must give."""
        out = []
        for _ in range(count):
            c = self.raw()
            c.read_info()
            out.append((c, *session(next(self.numbers))))
        return out

    def close(self, sessions):
        for c, *_ in sessions:
            c.close()

    def test_whole(self):
        (c, text, answer), = self.sessions(1)
        c.send(text).expect(answer).fence()

    def test_cut_once_at_every_byte(self):
        sessions = self.sessions(len(session(0)[0]))
        for at, (c, text, _) in enumerate(sessions):
            c.send(text[:at])
        wait_consumed(self.server.port, [c for c, *_ in sessions])
        for at, (c, text, _) in enumerate(sessions):
            c.send(text[at:])
        for at, (c, text, answer) in enumerate(sessions):
            with self.subTest(cut_after=text[max(0, at - 20):at]):
                c.expect(answer).fence()
        self.close(sessions)

    def test_cut_twice_near_each_other(self):
        """Every first cut, the second one 1, 2 or 3 bytes later."""
        for gap in (1, 2, 3):
            sessions = self.sessions(len(session(0)[0]) - gap)
            for part in range(3):
                for a, (c, text, _) in enumerate(sessions):
                    c.send((text[:a], text[a:a + gap], text[a + gap:])[part])
                wait_consumed(self.server.port, [c for c, *_ in sessions])
            for a, (c, text, answer) in enumerate(sessions):
                with self.subTest(cuts=(a, a + gap), at=text[max(0, a - 10):a + gap + 10]):
                    c.expect(answer).fence()
            self.close(sessions)

    def test_one_byte_at_a_time(self):
        (c, text, answer), = self.sessions(1)
        for i in range(len(text)):
            c.send(text[i:i + 1])
            wait_consumed(self.server.port, [c])
        c.expect(answer).fence()

    def test_random_chunks_many_times(self):
        rng = random.Random(11)
        for n, (c, text, answer) in enumerate(sessions := self.sessions(20)):
            big = f"big.{n}"
            tail = b"".join(pub(big, bytes([n % 256]) * rng.randrange(3000)) for n in range(30))
            data = text + f"SUB {big} 5\r\n".encode() + tail
            at = 0
            while at < len(data):
                step = rng.choice((1, 2, 3, 17, 100, 1000, 9000))
                c.send(data[at:at + step])
                at += step
            c.expect(answer + OK)
            c.send("PING\r\n")
            ops = []
            while (op := c.read_op()) != b"PONG\r\n":
                ops.append(op)
            sent, rest = [], tail
            while rest:
                line, rest = rest.split(b"\r\n", 1)
                size = int(line.split()[-1])
                sent += [OK, msg(big, 5, rest[:size])]
                rest = rest[size + 2:]
            self.assertEqual(ops, sent)
        self.close(sessions)


class Hostile(WireCase):
    def answer(self, before, data):
        """A connection that has sent this; the server may close at any byte of it."""
        c = self.raw()
        c.read_info()
        c.send_quietly(before + data)
        return c

    def test_closed_with_unknown_operation(self):
        for data in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"POST /x HTTP/1.0\r\n\r\n", b"GET /varz HTTP/1.1\r\n", b"\x00" * 10, b"\x00",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"\xff\xfe\xfd", b"\r\n", b"\n", b" PING\r\n",
            b"MSG foo 1 2\r\nxx\r\n", b"RMSG $G foo 2\r\nxx\r\n", b"LMSG foo 2\r\nxx\r\n", b"RS+ $G foo\r\n",
            b"RS- $G foo\r\n", b"LS+ foo\r\n", b"LS- foo\r\n", b"A+ x\r\n", b"A- x\r\n", b"rs+ $G foo\r\n",
            b"ls+ x\r\n", b"a+ x\r\n", b"-ERR\r\n", b"PINX\r\n", b"PIXG\r\n", b"POX\r\n", b"PUX\r\n", b"PUBfoo 2\r\n",
            b"SUBfoo 1\r\n", b"SUX\r\n", b"UNSUX\r\n", b"UNSUBx\r\n", b"CONNECX {}\r\n", b"INFX\r\n", b"+NO\r\n",
            b"-ERX\r\n", b"HPUBx\r\n", b"HX\r\n", b"PUB\r\n", b"SUB\r\n", b"UNSUB\r\n", b"HPUB\r\n", b"Q\r\n",
            b"{\"verbose\":false}\r\n", b"\x1b[A\r\n", "\u65e5\u672c\r\n".encode(),
        ]:
            for before in (b"", HEADERS):
                with self.subTest(before=before, data=data):
                    self.answer(before, data).expect_closed(UNKNOWN)

    def test_client_hmsg_with_payload(self):
        self.answer(HEADERS, b"HMSG foo 1 2 2\r\nxx\r\n").expect_closed(UNKNOWN)

    def test_closed_with_unknown_operation_after_payload(self):
        for data in (b"PUB foo 2\r\nxxx\r\n", b"PUB foo 2\r\nxx\n", b"PUB foo 2\r\nxx\rx", b"PUB foo 0\r\nx\r\n",
                     b"PUB foo 5\r\nhi\r\nPING\r\n", b"HPUB foo 12 13\r\nNATS/1.0\r\n\r\nxx\r\n"):
            with self.subTest(data=data):
                self.answer(HEADERS, data).expect_closed(UNKNOWN)
        self.answer(HEADERS, b"PUB foo 2\r\n\r\n\r\nPING\r\nxx").expect_closed(b"PONG\r\n" + UNKNOWN)

    def test_closed_without_a_word(self):
        for data in [
            b"PUB \r\n", b"PUB foo\r\n", b"PUB foo bar baz 2\r\nxx\r\n", b"PUB foo -1\r\n\r\n", b"PUB foo x\r\n",
            b"PUB foo 1x\r\nx\r\n", b"PUB foo +1\r\nx\r\n", b"PUB foo 0x1\r\n", b"PUB foo 1.0\r\n", b"PUB foo 1e3\r\n",
            b"PUB foo 0000000001\r\nx\r\n", b"PUB foo 1000000000\r\n", b"PUB foo 99999999999999999999999\r\n",
            b"PUB foo -99999999999999999999\r\n", b"PUB foo 18446744073709551616\r\n", b"PUB foo\r2\r\nxx\r\n",
            b"SUB foo\r\n", b"SUB a b c d\r\n", b"SUB \t \r\n", b"UNSUB 1 2 3\r\n", b"-ERR 'x'\r\n",
            b"CONNECT x\r\n", b"SUB " + b"a" * 4096 + b"\r\n", b"PUB foo \xd9\xa1\r\n",
        ]:
            with self.subTest(data=data[:60]):
                self.answer(HEADERS, data).expect_closed()

    def test_log_shows_what_it_was(self):
        self.answer(PLAIN, b"GET /varz HTTP/1.1\r\n").wait_closed()
        self.server.wait_log("Client parser ERROR")
        self.assertRegex(self.server.log(), r"""Client parser ERROR.*: proto='"GET /varz .*"\.\.\.'""")

    def test_error_of_a_client_ends_it_and_is_logged(self):
        c = self.answer(PLAIN, b"-ERR 'I am lost'\r\n")
        c.wait_closed()
        self.server.wait_log("Client Error 'I am lost'")

    def test_info_that_is_no_json_object(self):
        for data in (b"INFO x\r\n", b"INFO\r\n", b"INFO []\r\n"):
            with self.subTest(data=data):
                self.answer(HEADERS, data).expect_closed()

    def test_tolerated(self):
        for data in [
            b"INFO {}\r\n", b'INFO {"server_id":"x","connect_urls":["a:1"]}\r\n', b"+OK\r\n", b"+OKAY then\r\n",
            b"PONG\r\nPONG\r\n", b"PONG with words\r\n", b"UNSUB 99\r\n", b"PUB foo 2\nxx\r\n", b"sub foo 1\n",
            b"unsub 1\n", b"+ok\n",
        ]:
            with self.subTest(data=data):
                self.answer(HEADERS, data + b"PING\r\n").expect("PONG\r\n")

    def test_ping_forms(self):
        for data in (b"PING\r\n", b"ping\r\n", b"pInG\n", b"PINGS\r\n", b"PING x y\r\n", b"PING\r\r\n",
                     b"PING\x00\xff\r\n", b"PING " + b"x" * 4000 + b"\r\n"):
            with self.subTest(data=data[:30]):
                self.answer(PLAIN, data).expect("PONG\r\n").fence()

    def test_ping_junk_is_not_bounded(self):
        self.answer(PLAIN, b"PING " + b"x" * 10000 + b"\r\n").expect("PONG\r\n").fence()

    def test_nothing_after_an_error_is_processed(self):
        other = self.client()
        other.send("SUB after 1\r\n").fence()
        for data in (b"PUB x x x x\r\n", b"GARBAGE\r\n", b"PUB foo 9999999\r\n", b"SUB " + b"y" * 5000 + b"\r\n"):
            self.answer(PLAIN, data + pub("after", "x")).wait_closed()
        other.fence()

    def test_what_came_before_an_error_is_processed(self):
        other = self.client()
        other.send("SUB before 1\r\n").fence()
        self.answer(PLAIN, pub("before", "a") + pub("before", "b") + b"GARBAGE\r\n").expect_closed(UNKNOWN)
        other.expect(msg("before", 1, "a") + msg("before", 1, "b")).fence()

    def test_truncated_sessions(self):
        other = self.client()
        other.send("SUB trunc 1\r\n").fence()
        text = PLAIN + b"SUB foo 1\r\nPUB trunc 10\r\n0123456789\r\n"
        for end in range(len(text)):
            c = self.raw()
            c.read_info()
            c.send(text[:end])
            c.reset() if end % 2 else c.close()
        self.raw().read_info()
        other.fence()

    def test_partial_payload_then_close_is_not_delivered(self):
        other, c = self.client(), self.client()
        other.send("SUB part 1\r\n").fence()
        c.send(b"PUB part 100000\r\n" + b"x" * 99999)
        wait_consumed(self.server.port, [c])
        c.close()
        self.client().send(pub("part", "whole")).fence()
        other.expect(msg("part", 1, "whole")).fence()

    def test_half_close_still_gets_its_answers(self):
        import socket
        c = self.client()
        c.send("SUB foo 1\r\n" + "PUB foo 1\r\nx\r\nPING\r\n").expect(msg("foo", 1, "x") + b"PONG\r\n")
        c.sock.shutdown(socket.SHUT_WR)
        c.expect_closed()

    def test_random_bytes_never_hurt(self):
        rng = random.Random(int(os.environ.get("WIRE_SEED", "3")))
        words = [b"PUB ", b"SUB ", b"HPUB ", b"UNSUB ", b"PING", b"PONG", b"CONNECT ", b"INFO ", b"+OK", b"-ERR ",
                 b"foo", b" ", b"\r\n", b"\n", b"\r", b"1", b"9", b"-", b"{}", b"\x00", b"\xff", b".", b"*", b">", b"\t"]
        for _ in range(300):
            data = b"".join(rng.choice(words) for _ in range(rng.randrange(1, 40)))
            c = self.raw()
            c.read_info()
            c.send_quietly(data)
            c.reset()
        self.client().fence()

    def test_100k_lines_without_an_end_each_its_error(self):
        c = self.client()
        try:
            for _ in range(100):
                c.send(b"SUB aaaaaaaa " * 1000)
        except OSError:
            pass  # closed while sending
        got = c.wait_closed()
        self.assertIn(got, (b"-ERR 'maximum control line exceeded'\r\n", b""))

    def test_100k_short_lines_in_one_go(self):
        c = self.client()
        c.send(b"PING\r\n" * 100000)
        self.assertEqual(c.read_exact(600000), b"PONG\r\n" * 100000)
        c.send(b"".join(b"SUB a.%d %d\r\n" % (i, i) for i in range(100000))).fence()
        c.send(pub("a.99999", "x")).expect(msg("a.99999", 99999, "x"))
        c.send(b"".join(b"UNSUB %d\r\n" % i for i in range(100000))).send(pub("a.5", "x")).fence()

    def test_partial_lines_on_many_connections(self):
        clients = [self.raw() for _ in range(200)]
        for c in clients:
            c.read_info()
            c.send(b"PUB foo." + b"x" * 2000)
        wait_consumed(self.server.port, clients)
        self.client().fence()
        for c in clients:
            c.send(b" 1\r\ny\r\nPING\r\n").expect("+OK\r\nPONG\r\n")
            c.close()


class Closing(WireCase):
    def test_error_text_arrives_before_the_end(self):
        for _ in range(20):
            self.client().send(b"PUB foo 9999999\r\n").expect_closed(PAYLOAD)

    def test_reading_after_close(self):
        c = self.client()
        c.send("BAD\r\n").read_op()
        with self.assertRaises(Closed):
            c.read_op()


if __name__ == "__main__":
    unittest.main()
