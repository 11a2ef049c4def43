"""Limits: payload, control line (whole and split), subscriptions, subject tokens, connections."""

import unittest

from harness import RawClient, WireCase, connect_line, hpub, msg, pub, server_binary, wait_until
from harness.kernel import wait_consumed
from harness.server import is_troupe

CONTROL_LINE = "-ERR 'maximum control line exceeded'\r\n"
PAYLOAD = "-ERR 'Maximum Payload Violation'\r\n"
SUBSCRIPTIONS = "-ERR 'maximum subscriptions exceeded'\r\n"
CONNECTIONS = "-ERR 'maximum connections exceeded'\r\n"


@unittest.skipUnless(is_troupe(server_binary()), "the Go server closes every client")
class Negative(WireCase):
    """What would shut everybody out means that there is no such limit."""

    serve = False

    def test_everybody_is_served(self):
        for line in ("max_control_line: -1", 'write_deadline: "-1s"', "authorization { user: a, password: b, timeout: -1 }"):
            with self.subTest(line=line):
                server = self.start(config=line + "\n")
                c = self.client(server, user="a", **{"pass": "b"})
                c.send("SUB a 1\r\n" + "PUB a 1\r\nx\r\n").expect(msg("a", 1, "x")).fence()


class DefaultLimits(WireCase):
    def test_control_line_default_is_4096_of_arguments(self):
        c = self.client()
        subject = "a" * 4094
        c.send(f"SUB {subject} 1\r\n").send(f"PUB {subject} 1\r\nx\r\n").expect(msg(subject, 1, "x")).fence()
        c.send(f"SUB {subject}a 1\r\n").expect_closed(CONTROL_LINE)

    def test_control_line_counts_blanks_and_not_the_op(self):
        c = self.client()
        c.send(f"SUB {' ' * 2000}foo{' ' * 4090} 1\r\n").fence()  # blanks before the first argument are free
        c.send(pub("foo", "x")).expect(msg("foo", 1, "x"))
        c.send(f"SUB foo{' ' * 4091} 2\r\n").fence()
        c.send(f"SUB foo{' ' * 4092} 3\r\n").expect_closed(CONTROL_LINE)

    def test_control_line_cut_exactly_at_the_limit(self):
        c = self.client()
        c.send(f"SUB {'a' * 4094} 1")
        wait_consumed(self.server.port, [c])
        c.send("\r\n").fence()

    def test_control_line_that_never_ends(self):
        c = self.client()
        c.send("SUB " + "a" * 4096)
        wait_consumed(self.server.port, [c])
        c.send("a").expect_closed(CONTROL_LINE)

    def test_payload_default_is_one_mebibyte(self):
        self.client().send("PUB foo 1048577\r\n").expect_closed(PAYLOAD)
        self.client().send("PUB foo 999999999\r\n").expect_closed(PAYLOAD)
        self.client().send(pub("foo", b"x" * 1048576)).fence()

    def test_payload_checked_before_it_arrives(self):
        c = self.client()
        c.send("PUB foo 1048577\r\n")
        c.expect_closed(PAYLOAD)

    def test_payload_comes_before_pedantic_and_reserved(self):
        self.client(pedantic=True).send("PUB foo..bar 1048577\r\n").expect_closed(PAYLOAD)
        self.client().send("PUB _GR_.x 1048577\r\n").expect_closed(PAYLOAD)


class AccountLimits(WireCase):
    config = """no_auth_user: g
    accounts { G { users: [{user: g, password: p}], limits: {max_payload: 100} } }
    """

    def test_payload_of_what_comes_with_the_login(self):
        for login in (b"", connect_line(user="g", **{"pass": "p"})):
            with self.subTest(login=login):
                c = self.raw()
                self.assertEqual(c.read_info()["max_payload"], 1048576)
                c.send(login + pub("foo", "x" * 100) + pub("foo", "x" * 101))
                c.expect_closed(("" if login else "+OK\r\n") + PAYLOAD)

    def test_payload_is_told_after_the_login(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line(user="g", protocol=1, **{"pass": "p"}) + b"PING\r\n").expect("PONG\r\n")
        self.assertEqual(c.read_info()["max_payload"], 100)


class SmallLimits(WireCase):
    config = "max_payload: 100\nmax_control_line: 64\nmax_subscriptions: 3\nmax_sub_tokens: 3\n"

    def small(self):
        """The usual CONNECT is near the limit of this server: use a short one."""
        c = self.raw()
        self.assertEqual(c.read_info()["max_payload"], 100)
        c.send('CONNECT {"verbose":false,"headers":true}\r\nPING\r\n').expect("PONG\r\n")
        return c

    def test_payload(self):
        c = self.small()
        c.send("SUB foo 1\r\n").send(pub("foo", "x" * 100)).expect(msg("foo", 1, "x" * 100)).fence()
        c.send(pub("foo", "x" * 101)).expect_closed(PAYLOAD)
        self.small().send(hpub("foo", "NATS/1.0\r\n\r\n", "x" * 88)).fence()
        self.small().send(hpub("foo", "NATS/1.0\r\n\r\n", "x" * 89)).expect_closed(PAYLOAD)

    def test_control_line_for_each_op(self):
        long = b"x" * 65
        for op in (b"SUB ", b"UNSUB ", b"PUB ", b"HPUB ", b"INFO ", b"-ERR ", b"CONNECT "):
            with self.subTest(op=op, whole=True):
                self.small().send(op + long + b"\r\n").expect_closed(CONTROL_LINE)
            with self.subTest(op=op, whole=False):
                self.small().send(op + long).expect_closed(CONTROL_LINE)
            with self.subTest(op=op, in_two=True):
                c = self.small()
                c.send(op + long[:40])
                wait_consumed(self.server.port, [c])
                c.send_quietly(long).expect_closed(CONTROL_LINE)

    def test_ops_without_arguments_are_not_bounded(self):
        c = self.small()
        c.send(b"PING " + b"x" * 200 + b"\r\n").expect("PONG\r\n")
        c.send(b"PONG " + b"x" * 200 + b"\r\n+OK " + b"x" * 200 + b"\r\n").fence()

    def test_first_connect_too(self):
        c = self.raw()
        c.read_info()
        c.send('CONNECT {"name":"' + "n" * 60 + '"}\r\n').expect_closed(CONTROL_LINE)

    def test_subscriptions(self):
        c = self.small()
        c.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n").fence()
        c.send("SUB d 4\r\n").expect(SUBSCRIPTIONS).fence()
        c.send("SUB d 4\r\n").expect(SUBSCRIPTIONS).fence()
        self.server.wait_log("maximum subscriptions exceeded\n")
        c.send(pub("d")).fence()
        c.send("UNSUB 2\r\nSUB d 4\r\n").send(pub("d")).expect(msg("d", 4)).fence()
        c.send("UNSUB 1 1\r\n").send(pub("a")).expect(msg("a", 1))  # ends itself, which frees a place
        c.send("SUB e 5\r\n").send(pub("e")).expect(msg("e", 5)).fence()
        self.small().send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n").fence()  # the limit is per connection

    def test_subject_tokens(self):
        c = self.small()
        c.send("SUB a.b.c 1\r\n").fence()
        error = "-ERR 'Permissions Violation for Subscription to \"a.b.c.d\", too many tokens'\r\n"
        c.send("SUB a.b.c.d 2\r\n").expect(error)
        c.send("SUB a.b.c.d q 2\r\n").expect(error)
        c.send("SUB a.b.> 2\r\nSUB > 3\r\n").fence()
        c.send("UNSUB 2\r\n")
        self.assertEqual(sorted(c.send(pub("a.b.c")).read_to_fence()), [msg("a.b.c", 1), msg("a.b.c", 3)])
        c.send(pub("a.b.c.d")).expect(msg("a.b.c.d", 3)).fence()  # publishing is not bounded


class Connections(WireCase):
    config = "max_connections: 3\n"
    monitor = True

    def test_connections(self):
        clients = [self.client() for _ in range(3)]
        for _ in range(3):
            c = self.raw()
            c.read_info()
            c.expect_closed(CONNECTIONS)
        for c in clients:
            c.fence()
        clients.pop().close()
        wait_until(lambda: self.server.json("/varz")["connections"] == 2, "the connection to be gone")
        self.client()
        self.assertEqual(self.server.json("/varz")["max_connections"], 3)

    def tearDown(self):
        super().tearDown()
        reasons = {c["reason"] for c in self.server.json("/connz?state=closed")["connections"]}
        self.assertLessEqual(reasons, {"Maximum Connections Exceeded", "Client Closed"})
        self.assertIn("Maximum Connections Exceeded", reasons)


class NoConnections(WireCase):
    serve = False

    def turned_away(self, server):
        c = self.raw(server)
        c.read_info()
        c.expect_closed(CONNECTIONS)

    def test_zero_and_less_are_none_at_all(self):
        for most in (0, -1):
            with self.subTest(most=most):
                server = self.start(config=f"max_connections: {most}\n", monitor=True)
                self.turned_away(server)
                self.assertEqual(server.json("/varz")["max_connections"], -1)

    def test_zero_by_reload_closes_everybody(self):
        server = self.start(config="max_connections: 5\n")
        clients = [self.client(server) for _ in range(3)]
        server.reload("max_connections: 0\n")
        for c in clients:
            c.expect_closed(CONNECTIONS)
        self.turned_away(server)


class RaisedLimits(WireCase):
    config = "max_payload: 8MB\nmax_control_line: 64KB\n"

    def test_raised(self):
        c = self.client()
        subject = "s" * 60000
        c.send(f"SUB {subject} 1\r\n").send(pub(subject, "x")).expect(msg(subject, 1, "x"))
        payload = bytes(range(256)) * 32768
        c.send("SUB big 2\r\n").send(pub("big", payload)).expect(msg("big", 2, payload)).fence()
        c.send("PUB big 8388609\r\n").expect_closed(PAYLOAD)


class LimitsReloaded(WireCase):
    serve = False

    def test_max_payload_and_control_line(self):
        server = self.start(config="max_payload: 1000\n")
        old = self.client(server)
        server.reload("max_payload: 50\nmax_control_line: 100\n")
        self.assertEqual(self.raw(server).read_info()["max_payload"], 50)
        c = self.client(server)
        c.send("PUB foo 51\r\n").expect_closed(PAYLOAD)
        old.send("SUB " + "x" * 101 + " 1\r\n").expect_closed(CONTROL_LINE)

    def test_max_connections_lowered_closes_the_excess(self):
        server = self.start(config="max_connections: 5\n")
        clients = [self.client(server) for _ in range(5)]
        server.reload("max_connections: 2\n")
        closed = 0
        for c in clients:
            got = b""
            try:
                c.send_quietly(b"PING\r\n")
                got = c.read_op()
            except AssertionError:
                got = b"closed"
            if got != b"PONG\r\n":
                self.assertEqual(got, CONNECTIONS.encode())
                c.expect_closed()
                closed += 1
        self.assertEqual(closed, 3)

    def test_more_pending_than_32_bits_count(self):
        server = self.start(config="max_pending: 5GB\n", monitor=True)
        self.assertEqual(server.json("/varz")["max_pending"], 5 << 30)
        self.client(server).send("SUB foo 1\r\n" + "PUB foo 1\r\nx\r\n").expect(msg("foo", 1, "x"))

    def test_connect_line_still_fits(self):
        server = self.start(config="max_control_line: 256\n")
        with RawClient(server.port) as c:
            c.read_info()
            c.send(connect_line(name="n" * 100) + b"PING\r\n").expect("PONG\r\n")


if __name__ == "__main__":
    unittest.main()
