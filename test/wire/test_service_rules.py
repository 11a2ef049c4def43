"""Services between accounts at their edges: askers that lose interest, answers after the end, streams of the same
subjects, sampling by every kind of header."""

import json
import unittest

from harness import WireCase, hpub, msg, not_yet, pub, server_binary, wait_until

IS_TROUPE = not_yet.is_troupe(server_binary())


class ServiceCase(WireCase):
    def user(self, name, **more):
        return self.client(user=name, headers=True, no_responders=False, **{"pass": "p"}, **more)

    def reply_of(self, op):
        return op.split(b"\r\n", 1)[0].split()[3].decode()


class Latency(ServiceCase):
    config = """accounts {
      A { users: [{user: a, password: p}], exports: [
          {service: slow, threshold: "30s", latency: {sampling: 100%, subject: lat}}
          {service: traced, latency: {sampling: headers, subject: lat}}] }
      B { users: [{user: b, password: p}], imports: [
          {service: {account: A, subject: slow}}, {service: {account: A, subject: traced}}] }
      SYS {}
    }
    system_account: SYS
    """

    def setUp(self):
        self.a, self.b, self.watcher = self.user("a"), self.user("b"), self.user("a")
        self.watcher.send("SUB lat 1\r\n").fence()
        self.a.send("SUB slow 1\r\nSUB traced 2\r\n").fence()

    def event(self):
        return json.loads(self.watcher.read_op().split(b"\r\n", 1)[1])

    def test_asker_lost_interest(self):
        self.b.send("SUB back 1\r\n" + pub("slow", "?", "back").decode())
        reply = self.reply_of(self.a.read_op())
        self.b.send("UNSUB 1\r\n").fence()
        event = self.event()
        self.assertEqual((event["status"], event["description"]), (408, "Request Timeout"))
        self.a.send(pub(reply, "!")).fence()
        self.b.fence()
        self.assertEqual(self.watcher.read_to_fence(), [])

    def test_asker_left(self):
        self.b.send("SUB back 1\r\n" + pub("slow", "?", "back").decode())
        reply = self.reply_of(self.a.read_op())
        self.b.close()
        event = self.event()
        self.assertEqual(event["status"], 408)
        self.a.send(pub(reply, "!")).fence()

    def test_only_the_first_answer_counts(self):
        self.b.send("SUB back 1\r\n" + pub("slow", "?", "back").decode())
        reply = self.reply_of(self.a.read_op())
        self.a.send(pub(reply, "1") + pub(reply, "2")).fence()
        self.b.expect(msg("back", 1, "1")).fence()
        self.assertEqual(self.event()["status"], 200)
        self.b.send(pub("slow", "?"))
        self.assertEqual(self.event()["status"], 400)

    def test_which_headers_ask(self):
        long = "479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb"
        trace, span = "80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1"
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
        self.b.send("SUB back 1\r\n").fence()
        for header, wanted in (
                ("Uber-Trace-Id: 0:0:0:0", False), ("Uber-Trace-Id: 0:0:0:00", False), ("Uber-Trace-Id: 0:0:0:1", True),
                ("Uber-Trace-Id: 0:0:0:01", True), ("Uber-Trace-Id: 0:0:0:5", True), (f"Uber-Trace-Id: {long}:1", True),
                (f"Uber-Trace-Id: {long}:0", False), ("X-B3-Sampled: 1", True), ("X-B3-Sampled: 0", False),
                (f"X-B3-TraceId: {trace}", True), (f"X-B3-TraceId: {trace}\r\nX-B3-Sampled: 0", False),
                (f"X-B3-TraceId: {trace}\r\nX-B3-Sampled: 1", True), ("B3: 0", False), ("B3: 0-0-0-0", False),
                ("B3: 0-0-0", False), ("B3: 0-0-1-0", True), ("B3: 0-0-1", True), ("B3: 0-0-d", True),
                (f"B3: {trace}-{span}-1", True), (f"B3: {trace}-{span}-1-05e3ac9a4f6e3b90", True),
                (f"B3: {trace}-{span}-0-05e3ac9a4f6e3b90", False), (f"traceparent: {parent}01", True),
                (f"traceparent: {parent}27", True), (f"traceparent: {parent}00", False),
                (f"traceparent: {parent}22", False), ("X-B3-Sampled: 1", True)):
            with self.subTest(header):
                self.b.send(hpub("traced", f"NATS/1.0\r\n{header}\r\n\r\n", "?", "back"))
                self.a.send(pub(self.reply_of(self.a.read_op()), "!"))
                self.b.expect(msg("back", 1, "!"))
                if wanted:  # an event of one before it would come first
                    name, value = header.split("\r\n")[0].split(": ")
                    self.assertEqual({k.lower(): v for k, v in self.event()["header"].items()}[name.lower()], [value])

    def test_what_the_event_repeats_of_the_headers(self):
        self.b.send("SUB back 1\r\n").fence()
        for header, wanted in (
                ("X-B3-TraceId: a\r\nX-B3-ParentSpanId: b\r\nX-B3-SpanId: c\r\nX-B3-Sampled: 1",
                 {"X-B3-TraceId": ["a"], "X-B3-ParentSpanId": ["b"], "X-B3-SpanId": ["c"], "X-B3-Sampled": ["1"]}),
                ("Uber-Trace-Id: 1:2:3:1\r\nUberctx-X: foo", {"Uber-Trace-Id": ["1:2:3:1"], "Uberctx-X": ["foo"]}),
                ("Traceparent: 00-1-2-01\r\nTracestate: x=1,y=2",
                 {"Traceparent": ["00-1-2-01"], "Tracestate": ["x=1,y=2"]})):
            with self.subTest(header):
                self.b.send(hpub("traced", f"NATS/1.0\r\n{header}\r\nSome-Other: value\r\n\r\n", "?", "back"))
                self.a.send(pub(self.reply_of(self.a.read_op()), "!"))
                self.b.expect(msg("back", 1, "!"))
                event = self.event()
                self.assertEqual({k.lower(): v for k, v in event["header"].items()},
                                 {k.lower(): v for k, v in wanted.items()})


class WithStreams(ServiceCase):
    config = """accounts {
      STATIC { users: [{user: static, password: p}], exports: [{stream: ">"}, {service: my.service}] }
      DYN { users: [{user: dyn, password: p}], exports: [{stream: ">"}], imports: [
          {stream: {subject: ">", account: STATIC}}, {service: {subject: my.service, account: STATIC}}] }
      LISTENER { users: [{user: listener, password: p}], imports: [{stream: {subject: ">", account: DYN}}] }
      TENANT { users: [{user: tenant, password: p}], exports: [{stream: "DW.>"}, {service: "DW.>"}] }
      GLOBAL { users: [{user: global, password: p}], imports: [
          {stream: {account: TENANT, subject: "DW.>"}, prefix: tenant}
          {service: {account: TENANT, subject: "DW.>"}, to: "tenant.DW.>"}] }
      NARROW { users: [{user: narrow, password: p, permissions: {subscribe: {allow: ["in.DW.>"], deny: ["in.DW.secret"]}}}]
               imports: [{stream: {account: TENANT, subject: "DW.>"}, prefix: in}] }
      OWN { users: [{user: own, password: p}], exports: [{service: echo, accounts: [OWN], latency: {subject: lat}}],
            imports: [{service: {account: OWN, subject: echo}}] }
    }"""

    def test_a_request_is_no_part_of_an_exported_stream(self):
        s, d, hearer, member = self.user("static"), self.user("dyn"), self.user("dyn"), self.user("dyn")
        hearer.send("SUB > 1\r\n").fence()

        def heard(*want):
            d.send(pub("my.service", "hi", "foo") * 20).fence()
            got = [0, 0, 0]

            def read():
                for i, c in enumerate((s, hearer, member)):
                    got[i] += len(c.read_to_fence())
                return all(n >= w for n, w in zip(got, want))
            wait_until(read, f"{want} messages")  # a group's messages may go on from one reactor to another
            read()
            self.assertEqual(got, list(want))
        heard(0, 20, 0)
        s.send("SUB my.service prod 1\r\n").fence()
        heard(20, 20, 0)
        # A member that has only come by the stream is passed over.
        member.send("SUB my.service prod 3\r\n").fence()
        heard(20, 20, 20)
        s.send("UNSUB 1\r\nSUB my.service 2\r\n").fence()
        heard(20, 20, 20)
        self.assertEqual(s.send(pub("my.service", "x")).expect(msg("my.service", 2, "x")).read_to_fence(), [])
        self.assertEqual(hearer.read_to_fence() + member.read_to_fence(),
                         [msg("my.service", 1, "x"), msg("my.service", 3, "x")])

    def test_an_answer_is_no_part_of_an_exported_stream(self):
        s, d, hearer = self.user("static"), self.user("dyn"), self.user("listener")
        hearer.send("SUB > 1\r\n").fence()
        s.send("SUB my.service 1\r\n").fence()
        d.send("SUB foo 1\r\n").fence()
        d.send(pub("my.service", "?", "foo"))
        s.send(pub(self.reply_of(s.read_op()), "!")).fence()
        d.expect(msg("foo", 1, "!")).fence()
        self.assertEqual([op.split()[1] for op in hearer.read_to_fence()], [b"my.service"])

    def test_no_double_delivery(self):
        t = self.user("tenant")
        t.send("SUB > 1\r\n").fence()
        t.send(pub("DW.test.123", "x")).expect(msg("DW.test.123", 1, "x")).fence()
        g = self.user("global")
        g.send("SUB > 1\r\n").fence()
        t.send(pub("DW.test.123", "x")).expect(msg("DW.test.123", 1, "x")).fence()
        self.assertEqual(g.read_to_fence(), [msg("tenant.DW.test.123", 1, "x")])

    def test_denies_are_about_the_subject_here(self):
        t, n = self.user("tenant"), self.user("narrow")
        n.send("SUB in.DW.> 1\r\nSUB in.DW.> workers 2\r\n").fence()
        t.send(pub("DW.secret", "no") + pub("DW.public", "yes")).fence()
        self.assertEqual(sorted(n.read_to_fence()), [msg("in.DW.public", sid, "yes") for sid in (1, 2)])

    def test_an_account_imports_its_own_service(self):
        c = self.user("own")
        c.send("SUB echo 1\r\nSUB back 2\r\n").fence()
        c.send(pub("echo", "?", "back"))
        c.send(pub(self.reply_of(c.read_op()), "!"))
        got = c.read_to_fence()
        self.assertIn(msg("back", 2, "!"), got)


class Answering(ServiceCase):
    config = """accounts {
      A { users: [{user: a, password: p, permissions: {subscribe: foo, allow_responses: true}}, {user: c, password: p}],
          exports: [{service: foo}, {service: mapped}, {service: chunks, response: chunked, threshold: "30s"}],
          mappings: { mapped: mapped.v2 } }
      B { users: [{user: b, password: p}], imports: [{service: {account: A, subject: foo}},
          {service: {account: A, subject: mapped}}, {service: {account: A, subject: chunks}}] }
      E { users: [{user: e, password: p}], exports: [{service: s}] }
      W { users: [{user: w, password: p}], exports: [{service: s}] }
      C { users: [{user: cl, password: p}], imports: [{service: {account: E, subject: s}}, {service: {account: W, subject: s}}] }
    }"""

    def test_a_service_that_may_only_answer(self):
        a, b = self.user("a"), self.user("b")
        a.send("SUB foo 1\r\n").fence()
        b.send("SUB back 1\r\n").fence()
        b.send(pub("foo", "?", "back"))
        reply = self.reply_of(a.read_op())
        a.send(pub(reply, "!")).fence()
        b.expect(msg("back", 1, "!")).fence()
        a.send(pub(reply, "!")).expect(f"-ERR 'Permissions Violation for Publish to \"{reply}\"'\r\n")

    def test_chunks_until_the_empty_one(self):
        c, b = self.user("c"), self.user("b")
        c.send("SUB chunks 1\r\n").fence()
        b.send("SUB back 1\r\n").fence()
        b.send(pub("chunks", "?", "back"))
        reply = self.reply_of(c.read_op())
        c.send(b"".join(pub(reply, str(n)) for n in range(10)) + pub(reply, "") + pub(reply, "more")).fence()
        self.assertEqual(b.read_to_fence(), [*(msg("back", 1, str(n)) for n in range(10)), msg("back", 1, "")])

    def test_the_exporter_maps_what_it_serves(self):
        c, b = self.user("c"), self.user("b")
        c.send("SUB mapped.v2 1\r\nSUB mapped 2\r\n").fence()
        b.send("SUB back 1\r\n" + pub("mapped", "?", "back").decode())
        c.send(pub(self.reply_of(c.read_op()), "!")).fence()
        b.expect(msg("back", 1, "!")).fence()

    def test_one_subject_of_two_accounts(self):
        e, w, c = self.user("e"), self.user("w"), self.user("cl")
        for s in (e, w):
            s.send("SUB s 1\r\n").fence()
        c.send("SUB back 1\r\n" + pub("s", "?", "back").decode()).fence()
        for s, text in ((e, "E"), (w, "W")):
            s.send(pub(self.reply_of(s.read_op()), text)).fence()
        self.assertEqual(sorted(c.read_to_fence()), [msg("back", 1, "E"), msg("back", 1, "W")])


class Chains(ServiceCase):
    """Each account imports what the one before it exports."""

    config = "accounts {\n" + "\n".join(
        f"A{i} {{ users: [{{user: a{i}, password: p}}], exports: [{{service: help}}]"
        + (f", imports: [{{service: {{account: A{i - 1}, subject: help}}}}] }}" if i else " }") for i in range(18)) + "\n}"

    def test_how_long_they_may_be(self):
        server = self.user("a0")
        server.send("SUB help 1\r\n").fence()
        for links, served in ((16, True), (17, not IS_TROUPE)):
            c = self.user(f"a{links}")
            c.send("SUB back 1\r\n" + pub("help", "?", "back").decode()).fence()
            got = server.read_to_fence()
            self.assertEqual(len(got), 1 if served else 0, links)
            if served:
                server.send(pub(self.reply_of(got[0]), "!")).fence()
                c.expect(msg("back", 1, "!"))


class Pipelined(WireCase):
    config = """no_auth_user: user
      accounts { TEST { users: [{user: user, password: pwd}], limits { max_connections: 1 } } }"""

    def test_nothing_of_who_is_too_many_counts(self):
        one = self.client()
        one.send("SUB foo 1\r\n").fence()
        two = self.raw()
        two.read_info()
        two.send("CONNECT {}\r\nPUB foo 2\r\nhi\r\n").expect_closed("-ERR 'maximum account active connections exceeded'\r\n")
        self.assertEqual(one.read_to_fence(), [])


del ServiceCase

if __name__ == "__main__":
    unittest.main()
