"""Each option of accounts, their exports, imports, mappings and limits is changed by SIGHUP while messages flow."""

import json
import unittest

from harness import connect_line, hpub, msg, pub, wait_until
from harness.nkeys import ACCOUNT, USER, Key
from harness.reload_case import IS_TROUPE
from test_reload_blocks import LOGIN, T, UserCase, as_user


class AccountCase(UserCase):
    """Traffic in T; accounts A (exports) and B (imports) with users a and b."""

    def config(self, a="", b=""):
        return (f"accounts {{ T {{ users: [{T}] }}\n A {{ users: [{{user: a, password: p}}], {a} }}\n"
                f" B {{ users: [{{user: b, password: p}}], {b} }} }}\n")

    def both(self, t):
        return t.let_in(**as_user("a"), headers=True), t.let_in(**as_user("b"), headers=True)

    def changing(self, before, after):
        """(a, b) of the files -> the trial's context and the later file."""
        return self.running(self.config(*before), login=LOGIN), self.config(*after)


STREAM = ("exports: [{stream: 'x.>'}]", "imports: [{stream: {account: A, subject: 'x.>'}}]")
SERVICE = ("exports: [{service: q}]", "imports: [{service: {account: A, subject: q}}]")


class Account(AccountCase):
    block = "account"

    def test_nkey(self):
        """It comes, changes and goes: who is in the account stays, with its imports, and others come to the same one."""
        one, two = (f"nkey: {Key(ACCOUNT).public}, {STREAM[0]}" for _ in range(2))
        with self.running(self.config(STREAM[0], STREAM[1]), login=LOGIN) as t:
            a, b = self.both(t)
            b.send("SUB x.> 1\r\n").fence()
            for after in (one, two, STREAM[0]):
                t.reload(self.config(after, STREAM[1]))
                for publisher in (a, t.let_in(**as_user("a"))):
                    publisher.send(pub("x.y", after[-3:])).fence()
                    b.expect(msg("x.y", 1, after[-3:]))
            for wrong in (Key(USER).public, "A" * 56, "x"):
                t.refused(self.config(f"nkey: {wrong}"), r".*Not a valid public nkey for an account: .*" + wrong[:20])

    def test_users(self):
        with self.running(self.config(), login=LOGIN) as t:
            a, _ = self.both(t)
            t.reload(self.config().replace("user: a", "user: c"))
            a.expect_closed()
            t.let_in(**as_user("c"))

    def test_default_permissions(self):
        trial, after = self.changing((), ("default_permissions: {publish: only}",))
        with trial as t:
            a, _ = self.both(t)
            t.reload(after)
            self.denied(a, "other")

    def test_mappings(self):
        trial, after = self.changing((), ("mappings: {from: to}",))
        with trial as t:
            a, _ = self.both(t)
            a.send("SUB to 1\r\n").fence()
            t.reload(after)
            a.send(pub("from", "x")).expect(msg("to", 1, "x"))

    def crosses(self, before, after):
        trial, later = self.changing(before, after)
        with trial as t:
            a, b = self.both(t)
            b.send("SUB x.1 1\r\n").fence()
            a.send(pub("x.1", "no")).fence()
            b.fence()
            t.reload(later)
            a.send(pub("x.1", "yes")).fence()
            b.expect(msg("x.1", 1, "yes"))

    def test_imports(self):
        self.crosses((STREAM[0], ""), STREAM)

    def test_exports(self):
        self.crosses(("", ""), STREAM)

    def test_limits(self):
        trial, after = self.changing((), ("limits: {max_payload: 5}",))
        with trial as t:
            a, _ = self.both(t)
            t.reload(after)
            a.send("PUB a 6\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")

    def test_msg_trace(self):
        trial, after = self.changing((), ("msg_trace: traces",))
        with trial as t:
            self.assertFalse(MsgTrace.traced(self, t))
            t.reload(after)
            self.assertTrue(MsgTrace.traced(self, t))


class MsgTrace(AccountCase):
    block = "msg_trace"
    PARENT = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    def traced(self, t, subject="traces", times=1):
        """How many events come there for so many messages with a traceparent."""
        a, _ = self.both(t)
        a.send(f"SUB {subject} 1\r\n").fence()
        for _ in range(times):
            a.send(hpub("foo", f"NATS/1.0\r\n{self.PARENT if hasattr(self, 'PARENT') else MsgTrace.PARENT}\r\n\r\n", "x"))
        seen = len(a.read_to_fence())
        while seen < times:  # an event may come a little later than its message
            more = len(a.read_to_fence())
            seen += more
            if not more:
                break
        return seen

    def test_dest(self):
        trial, after = self.changing(("msg_trace: {dest: one}",), ("msg_trace: {dest: two}",))
        with trial as t:
            self.assertEqual(self.traced(t, "one"), 1)
            t.reload(after)
            self.assertEqual(self.traced(t, "two"), 1)

    def test_sampling(self):
        trial, after = self.changing(("msg_trace: {dest: traces, sampling: 100}",), ("msg_trace: {dest: traces, sampling: 1}",))
        with trial as t:
            self.assertEqual(self.traced(t, times=50), 50)
            t.reload(after)
            self.assertLess(self.traced(t, times=50), 50)


class Mapping(AccountCase):
    block = "mapping"

    def mapped(self, before, after, check):
        trial, later = self.changing((f"mappings: {{from: [{before}]}}",), (f"mappings: {{from: [{after}]}}",))
        with trial as t:
            a, _ = self.both(t)
            a.send("SUB one 1\r\nSUB two 2\r\nSUB from 3\r\n").fence()
            t.reload(later)
            check(a)

    def test_destination(self):
        self.mapped("{destination: one, weight: 100}", "{destination: two, weight: 100}",
                    lambda a: a.send(pub("from", "x")).expect(msg("two", 2, "x")))

    def test_weight(self):
        def check(a):
            for _ in range(20):
                a.send(pub("from", "x")).expect(msg("two", 2, "x"))
        self.mapped("{destination: one, weight: 100}, {destination: two, weight: 0}",
                    "{destination: one, weight: 0}, {destination: two, weight: 100}", check)

    def test_cluster(self):
        self.mapped("{destination: one, weight: 100}", "{destination: one, weight: 100, cluster: elsewhere}",
                    lambda a: a.send(pub("from", "x")).expect(msg("from", 3, "x")))


class AccountLimits(AccountCase):
    block = "account_limits"

    def test_max_connections(self):
        trial, after = self.changing(("limits: {max_connections: 10}",), ("limits: {max_connections: 1}",))
        with trial as t:
            one, two = t.let_in(**as_user("a")), None
            t.reload(after)
            two = t.raw()
            two.read_info()
            two.send_quietly(connect_line(**as_user("a")) + b"PING\r\n").expect_closed("-ERR 'maximum account active connections exceeded'\r\n")
            one.fence()

    def test_max_subscriptions(self):
        trial, after = self.changing((), ("limits: {max_subscriptions: 1}",))
        with trial as t:
            a, _ = self.both(t)
            a.send("SUB a 1\r\n").fence()
            t.reload(after)
            a.send("SUB b 2\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n")

    def test_max_payload(self):
        trial, after = self.changing(("limits: {max_payload: 100}",), ("limits: {max_payload: 5}",))
        with trial as t:
            a, _ = self.both(t)
            t.reload(after)
            a.send("PUB a 6\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")


class Export(AccountCase):
    block = "export"

    def test_stream(self):
        Account.crosses(self, ("exports: [{stream: y}]", ""), STREAM)

    def asks(self, t, a_subject="q", b_subject="q", answers=1, lat=None):
        """b asks, a answers so often: (how many answers b hears, the request as a hears it)."""
        a, b = self.both(t)
        a.send(f"SUB {a_subject} 1\r\n").fence()
        b.send("SUB back 1\r\n").fence()
        b.send(pub(b_subject, "?", "back")).fence()
        ops = a.read_to_fence()
        if not ops:
            b.read_to_fence()
            return 0, b""
        reply = ops[0].split(b"\r\n")[0].split()[3].decode()
        heard = 0
        for _ in range(answers):
            a.send(pub(reply, "!")).fence()
            heard += len(b.read_to_fence())
        self.later = (a, b, reply)
        return heard, ops[0]

    def test_service(self):
        trial, after = self.changing(("exports: [{service: other}]", ""), SERVICE)
        with trial as t:
            self.assertEqual(self.asks(t)[0], 0)
            t.reload(after)
            self.assertEqual(self.asks(t)[0], 1)

    def test_accounts(self):
        Account.crosses(self, ("exports: [{stream: 'x.>', accounts: [T]}]", ""),
                        ("exports: [{stream: 'x.>', accounts: [T, B]}]", STREAM[1]))

    def test_response_type(self):
        trial, after = self.changing(SERVICE, ("exports: [{service: q, response_type: stream}]", SERVICE[1]))
        with trial as t:
            self.assertEqual(self.asks(t, answers=3)[0], 1)
            t.reload(after)
            self.assertEqual(self.asks(t, answers=3)[0], 3)

    def test_threshold(self):
        trial, after = self.changing(SERVICE, ("exports: [{service: q, threshold: '1ms'}]", SERVICE[1]))
        with trial as t:
            self.assertEqual(self.asks(t)[0], 1)
            t.reload(after)
            self.asks(t, answers=0)
            a, b, reply = self.later
            t.traffic.flows(100)
            wait_until(lambda: not a.send(pub(reply, "!")).read_to_fence() and not b.read_to_fence(), "the answer to be too late")

    def latency(self, before, after, subject):
        trial, later = self.changing((f"exports: [{{service: q {before}}}]", SERVICE[1]), (f"exports: [{{service: q {after}}}]", SERVICE[1]))
        with trial as t:
            t.reload(later)
            watcher = t.let_in(**as_user("a"), headers=True)
            watcher.send(f"SUB {subject} 1\r\n").fence()
            self.asks(t)
            self.assertIn(b"io.nats.server.metric.v1.service_latency", watcher.read_op())

    def test_latency(self):
        self.latency("", ", latency: lat", "lat")

    def test_account_token_position(self):
        open_to_all = ("exports: [{service: 'q.*'}]", "imports: [{service: {account: A, subject: 'q.B'}}]")
        trial, after = self.changing(open_to_all, (open_to_all[0].replace("'q.*'", "'q.*', account_token_position: 2"), open_to_all[1]))
        with trial as t:
            t.reload(after)
            self.assertEqual(self.asks(t, "q.B", "q.B")[0], 1)
            if IS_TROUPE:
                broken = self.config(after.split("A {")[0] and open_to_all[0].replace("'q.*'", "'q.*', account_token_position: 2"),
                                     open_to_all[1].replace("q.B", "q.T"))
                t.refused(broken, ".*")

    def trace_crosses(self, before, after):
        trial, later = self.changing(before, after)
        with trial as t:
            counts = []
            for file in (None, later):
                if file:
                    t.reload(file)
                a, b = self.both(t)
                watcher = t.let_in(**as_user("a" if "stream" in before[0] else "b"), headers=True)
                watcher.send("SUB traces 1\r\n").fence()
                if "stream" in before[0]:
                    b.send("SUB x.1 1\r\n").fence()
                    a.send(hpub("x.1", "NATS/1.0\r\nNats-Trace-Dest: traces\r\n\r\n", "x")).fence()
                else:
                    a.send("SUB q 1\r\n").fence()
                    b.send(hpub("q", "NATS/1.0\r\nNats-Trace-Dest: traces\r\n\r\n", "x", "back")).fence()
                event = json.loads(watcher.read_op().split(b"\r\n", 1)[1].split(b"\r\n\r\n")[-1])
                counts.append(sum(1 for e in event["events"] if e["type"] == "eg"))
            self.assertLess(counts[0], counts[1], counts)

    def test_allow_trace(self):
        self.trace_crosses(SERVICE, ("exports: [{service: q, allow_trace: true}]", SERVICE[1]))


class Latency(Export):
    block = "latency"
    test_stream = test_service = test_accounts = test_response_type = test_threshold = test_latency = None
    test_account_token_position = test_allow_trace = None

    def test_sampling(self):
        self.latency(", latency: {subject: lat, sampling: headers}", ", latency: {subject: lat, sampling: 100}", "lat")

    def test_subject(self):
        self.latency(", latency: {subject: lat}", ", latency: {subject: other}", "other")


class Import(AccountCase):
    block = "import"
    asks, trace_crosses = Export.asks, Export.trace_crosses

    def test_stream(self):
        Account.crosses(self, (STREAM[0], "imports: [{stream: {account: A, subject: 'x.2'}}]"), STREAM)

    def test_service(self):
        trial, after = self.changing((SERVICE[0], ""), SERVICE)
        with trial as t:
            self.assertEqual(self.asks(t)[0], 0)
            t.reload(after)
            self.assertEqual(self.asks(t)[0], 1)

    def moved(self, more, subject):
        trial, after = self.changing(STREAM, (STREAM[0], f"imports: [{{stream: {{account: A, subject: 'x.>'}}, {more}}}]"))
        with trial as t:
            a, b = self.both(t)
            b.send(f"SUB {subject} 1\r\n").fence()
            t.reload(after)
            a.send(pub("x.1", "x")).fence()
            b.expect(msg(subject, 1, "x"))

    def test_prefix(self):
        self.moved("prefix: pre", "pre.x.1")

    def test_to(self):
        self.moved("to: 'y.>'", "y.1")

    def test_share(self):
        trial, after = self.changing(SERVICE, (SERVICE[0], "imports: [{service: {account: A, subject: q}, share: true}]"))
        with trial as t:
            self.assertNotIn(b'"user":"b"', self.asks(t)[1])
            t.reload(after)
            self.assertIn(b'"user":"b"', self.asks(t)[1])

    def test_allow_trace(self):
        self.trace_crosses(STREAM, (STREAM[0], "imports: [{stream: {account: A, subject: 'x.>'}, allow_trace: true}]"))


class ImportSource(AccountCase):
    block = "import_source"

    def test_account(self):
        with_t = self.config("exports: [{stream: 'x.>'}]", STREAM[1]).replace(f"T {{ users: [{T}]", f"T {{ users: [{T}], exports: [{{stream: 'x.>'}}]")
        with self.running(with_t.replace("{account: A", "{account: T"), login=LOGIN) as t:
            a, b = self.both(t)
            b.send("SUB x.1 1\r\n").fence()
            a.send(pub("x.1", "no")).fence()
            t.reload(with_t)
            a.send(pub("x.1", "yes")).fence()
            b.expect(msg("x.1", 1, "yes"))

    def test_subject(self):
        Account.crosses(self, (STREAM[0], "imports: [{stream: {account: A, subject: 'x.2'}}]"),
                        (STREAM[0], "imports: [{stream: {account: A, subject: 'x.1'}}]"))


if __name__ == "__main__":
    unittest.main()
