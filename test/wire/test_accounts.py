"""Accounts: apart by default, streams and services that they give each other, mapped subjects."""

import json
import unittest

from harness import WireCase, connect_line, hmsg, hpub, msg, not_yet, pub, server_binary

IS_TROUPE = not_yet.is_troupe(server_binary())

TREE = """accounts {
  A { users: [{user: a, password: p}], exports: [
      {stream: "s.>"}
      {stream: "t.*.*"}
      {stream: private, accounts: [B]}
      {service: "q.*"}
      {service: many, response_type: stream}
      {service: "by.*", account_token_position: 2}
      {service: deep}
  ]}
  B { users: [{user: b, password: p}],
      exports: [{service: middle}]
      imports: [
      {stream: {account: A, subject: "s.>"}, prefix: from}
      {stream: {account: A, subject: "t.*.*"}, to: "turned.$2.$1"}
      {stream: {account: A, subject: private}}
      {service: {account: A, subject: "q.*"}, to: "ask.*"}
      {service: {account: A, subject: many}, share: true}
      {service: {account: A, subject: "by.B"}}
      {service: {account: A, subject: deep}, to: middle}
  ]}
  C { users: [{user: c, password: p}], imports: [
      {service: {account: B, subject: middle}, to: far}
  ]}
  D { users: [{user: d, password: p}] }
}
"""


class Base(WireCase):
    def user(self, who, server=None, **more):
        c = self.raw(server)
        c.read_info()
        options = {"headers": True, "no_responders": True, "verbose": False, **more}
        c.send(connect_line(user=who, **{"pass": "p"}, **options) + b"PING\r\n").expect("PONG\r\n")
        return c

    def request(self, op):
        """The parts of the MSG or HMSG that a responder reads: subject, reply, headers, body."""
        words = op.split(b"\r\n")[0].split()
        block = op[op.index(b"\r\n") + 2:-2]
        if words[0] == b"HMSG":
            n = int(words[-2])
            reply = words[3].decode() if len(words) == 6 else None
            return words[1].decode(), reply, block[:n].decode(), block[n:].decode()
        return words[1].decode(), words[3].decode() if len(words) == 5 else None, "", block.decode()

    def info(self, headers):
        lines = [line for line in headers.split("\r\n") if line.lower().startswith("nats-request-info:")]
        self.assertEqual(len(lines), 1, headers)
        return json.loads(lines[0].split(":", 1)[1])


class SecondLogin(Base):
    config = TREE
    monitor = True

    def test_subscriptions_do_not_come_along(self):
        """A further CONNECT is a login anew, into the same account or another: what was subscribed before is gone."""
        for then in ("d", "a"):
            with self.subTest(then=then):
                c, in_a, in_then = self.user("a"), self.user("a"), self.user(then)
                c.send("SUB x 1\r\nSUB y q 2\r\n").fence()
                in_a.send(pub("x", "1")).fence()
                c.expect(msg("x", 1, "1"))
                c.send(connect_line(user=then, **{"pass": "p"})).fence()
                in_a.send(pub("x", "2") + pub("y", "2")).fence()
                c.fence()
                entry, = self.server.json(f"/connz?cid={c.info['client_id']}&auth=1&subs=1")["connections"]
                self.assertEqual((entry["account"], entry["subscriptions"]), (then.upper(), 0))
                c.send("SUB x 1\r\n").fence()  # the sid is free
                in_then.send(pub("x", "3")).fence()
                c.expect(msg("x", 1, "3")).fence()


class Isolation(Base):
    config = TREE

    def test_nothing_crosses_without_an_import(self):
        d, a, other = self.user("d"), self.user("a"), self.user("d")
        d.send("SUB > 1\r\n").fence()
        a.send(pub("s.x", "1") + pub("plain", "2")).fence()
        other.send(pub("mine", "3")).fence()
        d.expect(msg("mine", 1, "3")).fence()


class Streams(Base):
    config = TREE

    def test_prefix(self):
        a, b = self.user("a"), self.user("b")
        b.send("SUB from.s.x.* 7\r\nSUB s.> 8\r\n").fence()
        a.send(pub("s.x.y", "1", "answer") + pub("s.z", "2") + pub("x", "3")).fence()
        b.expect(msg("from.s.x.y", 7, "1", "answer")).fence()

    def test_wildcard_over_everything(self):
        a, b = self.user("a"), self.user("b")
        b.send("SUB > 1\r\n").fence()
        a.send(pub("s.x", "1") + pub("t.l.r", "2") + pub("private", "3") + pub("other", "4")).fence()
        b.expect(msg("from.s.x", 1, "1") + msg("turned.r.l", 1, "2") + msg("private", 1, "3")).fence()

    def test_transform_and_its_reverse(self):
        a, b = self.user("a"), self.user("b")
        b.send("SUB turned.*.left 1\r\n").fence()
        a.send(pub("t.left.right", "yes") + pub("t.right.left", "no")).fence()
        b.expect(msg("turned.right.left", 1, "yes")).fence()

    def test_local_messages_come_too(self):
        b, other = self.user("b"), self.user("b")
        b.send("SUB from.> 1\r\n").fence()
        other.send(pub("from.here", "local")).fence()
        b.expect(msg("from.here", 1, "local")).fence()

    def test_queue_groups_take_once(self):
        a = self.user("a")
        members = [self.user("b") for _ in range(4)]
        for m in members:
            m.send("SUB from.s.q grp 1\r\n").fence()
        a.send(b"".join(pub("s.q", str(i)) for i in range(200))).fence()
        got = [len(m.read_to_fence()) for m in members]
        self.assertEqual(sum(got), 200)
        self.assertGreater(min(got), 0, got)

    def test_unsubscribe(self):
        a, b = self.user("a"), self.user("b")
        b.send("SUB from.s.u 1\r\n").fence()
        a.send(pub("s.u", "1")).fence()
        b.expect(msg("from.s.u", 1, "1")).send("UNSUB 1\r\n").fence()
        a.send(pub("s.u", "2")).fence()
        b.fence()

    @unittest.skipUnless(IS_TROUPE, "the Go server counts shadows apart and delivers more")
    def test_max_counts_what_is_imported(self):
        a, b, other = self.user("a"), self.user("b"), self.user("b")
        b.send("SUB from.s.m 1\r\nUNSUB 1 3\r\n").fence()
        a.send(pub("s.m", "1") + pub("s.m", "2")).fence()
        other.send(pub("from.s.m", "3") + pub("from.s.m", "4")).fence()
        b.expect(msg("from.s.m", 1, "1") + msg("from.s.m", 1, "2") + msg("from.s.m", 1, "3")).fence()
        b.send("SUB from.s.m 1\r\n").fence()
        a.send(pub("s.m", "5")).fence()
        b.expect(msg("from.s.m", 1, "5")).fence()

    def test_headers_come_along(self):
        a, b = self.user("a"), self.user("b")
        b.send("SUB from.s.h 1\r\n").fence()
        a.send(hpub("s.h", "NATS/1.0\r\nK: v\r\n\r\n", "body")).fence()
        b.expect(hmsg("from.s.h", 1, "NATS/1.0\r\nK: v\r\n\r\n", "body")).fence()

    def test_interest_counts_for_responders(self):
        a, b = self.user("a"), self.user("b")
        a.send("SUB inbox 1\r\n" + pub("private", "", "inbox").decode())
        a.expect(hmsg("inbox", 1, "NATS/1.0 503\r\nNats-Subject: private\r\n\r\n")).fence()
        b.send("SUB private 1\r\n").fence()
        a.send(pub("private", "now", "inbox")).fence()
        b.expect(msg("private", 1, "now", "inbox")).fence()


class Services(Base):
    config = TREE

    def ask(self, b, a, subject, expected, body="hello"):
        b.send(pub(subject, body, "back"))
        got = self.request(a.read_op())
        self.assertEqual((got[0], got[3]), (expected, body))
        self.assertRegex(got[1], r"^_R_\.")
        return got

    def test_request_and_answer(self):
        a, b = self.user("a"), self.user("b")
        a.send("SUB q.* 1\r\n").fence()
        b.send("SUB back 9\r\n").fence()
        _, reply, headers, _ = self.ask(b, a, "ask.x", "q.x")
        info = self.info(headers)
        self.assertEqual(info["acc"], "B")
        self.assertLessEqual(set(info), {"acc", "rtt"})
        a.send(pub(reply, "world")).fence()
        b.expect(msg("back", 9, "world")).fence()
        # A second answer comes too late.
        a.send(pub(reply, "again")).fence()
        b.fence()

    def test_shared_details_and_streamed_answers(self):
        a, b = self.user("a"), self.user("b", name="asker", lang="py", version="1")
        a.send("SUB many 1\r\n").fence()
        b.send("SUB back 9\r\n").fence()
        _, reply, headers, _ = self.ask(b, a, "many", "many")
        info = self.info(headers)
        for key, wanted in {"acc": "B", "user": "b", "name": "asker", "lang": "py", "ver": "1",
                            "kind": "Client", "client_type": "nats", "host": "127.0.0.1"}.items():
            self.assertEqual(info[key], wanted)
        self.assertIn("start", info)
        a.send(pub(reply, "1") + pub(reply, "2") + pub(reply, "")).fence()
        b.expect(msg("back", 9, "1") + msg("back", 9, "2") + msg("back", 9, "")).fence()
        a.send(pub(reply, "after the end")).fence()
        b.fence()

    def test_requester_cannot_name_another(self):
        a, b = self.user("a"), self.user("b")
        a.send("SUB q.* 1\r\n").fence()
        lie = 'NATS/1.0\r\nNats-Request-Info: {"acc":"SYS"}\r\nX: 1\r\n\r\n'
        b.send(hpub("ask.x", lie, "body", "back"))
        _, _, headers, body = self.request(a.read_op())
        self.assertEqual(body, "body")
        self.assertIn("X: 1", headers)
        self.assertEqual(self.info(headers)["acc"], "B")

    @unittest.skipUnless(IS_TROUPE, "the Go server replaces the first header of this exact name")
    def test_requester_cannot_name_another_by_another_spelling(self):
        a, b = self.user("a"), self.user("b")
        a.send("SUB q.* 1\r\n").fence()
        lie = 'NATS/1.0\r\nnats-request-info:{}\r\nNats-Request-Info: {"acc":"X"}\r\nNats-Request-Info: {}\r\n\r\n'
        b.send(hpub("ask.x", lie, "", "back"))
        self.assertEqual(self.info(self.request(a.read_op())[2])["acc"], "B")

    def test_no_responders(self):
        b = self.user("b")
        b.send("SUB back 9\r\n" + pub("ask.x", "", "back").decode())
        b.expect(hmsg("back", 9, "NATS/1.0 503\r\nNats-Subject: ask.x\r\n\r\n")).fence()

    def test_no_responders_behind_the_last_that_was_taken(self):
        """Whichever reactors the listeners sit on, and whether their end has been heard of."""
        b, responders = self.user("b"), [self.user("a") for _ in range(4)]
        b.send("SUB back.> 9\r\n").fence()
        for n in range(40):
            listening = responders[:1 + n % 4]
            for a in listening:
                a.send(f"SUB q.{n} {n}\r\nUNSUB {n} 1\r\n").fence()
            b.send(b"".join(pub(f"ask.{n}", "", f"back.{i}") for i in (1, 2, 3)))
            for i in (2, 3):
                b.expect(hmsg(f"back.{i}", 9, f"NATS/1.0 503\r\nNats-Subject: ask.{n}\r\n\r\n"))
            for a in listening:
                self.assertEqual(self.request(a.read_op())[0], f"q.{n}")
        for one in (b, *responders):
            one.fence()

    def test_answer_before_the_next_pong(self):
        """Who answers and has its PONG has answered: the answer comes before any later PONG of who asked."""
        responders, askers = [self.user("a") for _ in range(3)], [self.user("b") for _ in range(4)]
        for i, b in enumerate(askers):
            b.send(f"SUB back.{i} 9\r\n").fence()
        for n in range(300):
            a, b = responders[n % 3], askers[n % 4]
            a.send(f"SUB q.{n} {n}\r\nUNSUB {n} 1\r\n").fence()
            back = f"back.{n % 4}"
            b.send(pub(f"ask.{n}", "", back))
            reply = self.request(a.read_op())[1]
            a.send(pub(reply, str(n))).fence()
            self.assertEqual(b.read_to_fence(), [msg(back, 9, str(n))])

    def test_account_in_the_subject(self):
        a, b = self.user("a"), self.user("b")
        a.send("SUB by.* 1\r\n").fence()
        b.send(pub("by.B", "1") + pub("by.C", "2")).fence()
        self.assertEqual(self.request(a.read_op())[0], "by.B")
        a.fence()

    def test_chain_of_services(self):
        a, b, c = self.user("a"), self.user("b"), self.user("c")
        a.send("SUB deep 1\r\n").fence()
        c.send("SUB back 9\r\n").fence()
        _, reply, headers, _ = self.ask(c, a, "far", "deep")
        info = self.info(headers)
        self.assertEqual((info["acc"], info["svc"]), ("C", "B"))
        a.send(pub(reply, "answer")).fence()
        c.expect(msg("back", 9, "answer")).fence()
        b.fence()

    def test_no_answer_can_be_forged(self):
        b, d = self.user("b"), self.user("d")
        b.send("SUB back 9\r\n").fence()
        d.send(pub("_R_.AAAAAA.BBBBBB", "x")).fence()
        b.send(pub("ask.x", "", "_R_.AAAAAA.BBBBBB"))
        b.expect("-ERR 'Permissions Violation for Publish with Reply of \"_R_.AAAAAA.BBBBBB\"'\r\n").fence()

    def test_many_over_all_reactors(self):
        responders = [self.user("a") for _ in range(4)]
        askers = [self.user("b") for _ in range(8)]
        for a in responders:
            a.send("SUB q.* workers 1\r\n").fence()
        for i, b in enumerate(askers):
            b.send(f"SUB back.{i} 9\r\n").fence()
            b.send(b"".join(pub(f"ask.{i}", str(n), f"back.{i}") for n in range(50)))
        for b in askers:
            b.fence()
        answered = 0
        for a in responders:
            requests = [self.request(op) for op in a.read_to_fence()]
            answered += len(requests)
            a.send(b"".join(pub(reply, "ok") for _, reply, _, _ in requests)).fence()
        self.assertEqual(answered, 400)
        for b in askers:
            self.assertEqual(len(b.read_to_fence()), 50)


class Latency(Base):
    config = """accounts {
      A { users: [{user: a, password: p}], exports: [
          {service: all, latency: lat.all, threshold: "200ms"}
          {service: none, latency: {sampling: headers, subject: lat.none}}
      ]}
      B { users: [{user: b, password: p}], imports: [
          {service: {account: A, subject: all}, share: true}
          {service: {account: A, subject: none}}
      ]}
      "$SYS" { users: [{user: s, password: p}] }
    }
    """

    def event(self, c):
        subject, _, _, body = self.request(c.read_op())
        event = json.loads(body)
        self.assertEqual(event["type"], "io.nats.server.metric.v1.service_latency")
        for key in ("id", "timestamp", "start", "service", "system", "total", "status"):
            self.assertIn(key, event)
        return subject, event

    def parties(self):
        a, b, watcher = self.user("a", name="server"), self.user("b", name="asker"), self.user("a")
        watcher.send("SUB lat.* 1\r\n").fence()
        a.send("SUB all 1\r\nSUB none 2\r\n").fence()
        b.send("SUB back 1\r\n").fence()
        return a, b, watcher

    def test_answered(self):
        a, b, watcher = self.parties()
        b.send(pub("all", "?", "back"))
        a.send(pub(self.request(a.read_op())[1], "!"))
        b.expect(msg("back", 1, "!"))
        subject, event = self.event(watcher)
        self.assertEqual((subject, event["status"]), ("lat.all", 200))
        self.assertEqual(event["requestor"]["name"], "asker")
        self.assertEqual(event["responder"]["name"], "server")
        self.assertEqual(event["responder"]["acc"], "A")
        self.assertGreater(event["total"], 0)
        self.assertNotIn("description", event)

    def test_without_reply(self):
        _, b, watcher = self.parties()
        b.send(pub("all", "?"))
        _, event = self.event(watcher)
        self.assertEqual((event["status"], event["description"]), (400, "Bad Request"))

    def test_nobody_there(self):
        a, b, watcher = self.parties()
        a.send("UNSUB 1\r\n").fence()
        b.send(pub("all", "?", "back"))
        _, event = self.event(watcher)
        self.assertEqual((event["status"], event["description"]), (503, "Service Unavailable"))

    def test_too_late(self):
        _, b, watcher = self.parties()
        b.send(pub("all", "?", "back"))
        _, event = self.event(watcher)
        self.assertEqual((event["status"], event["description"]), (504, "Service Timeout"))

    def test_headers_ask_for_it(self):
        a, b, watcher = self.parties()
        for header, wanted in (("X-B3-Sampled: 1", {"X-B3-Sampled": ["1"]}),
                               ("Uber-Trace-Id: 1:2:3:1", {"Uber-Trace-Id": ["1:2:3:1"]}),
                               ("traceparent: 00-1-2-01", {"Traceparent": ["00-1-2-01"]}),
                               ("b3: 1-2-1", {"B3": ["1-2-1"]})):
            with self.subTest(header):
                for quiet in ("X-B3-Sampled: 0", "Uber-Trace-Id: 1:2:3:0", "traceparent: 00-1-2-00", "b3: 0", "X: 1"):
                    b.send(hpub("none", f"NATS/1.0\r\n{quiet}\r\n\r\n", "?", "back"))
                    a.send(pub(self.request(a.read_op())[1], "!"))
                    b.expect(msg("back", 1, "!"))
                b.send(hpub("none", f"NATS/1.0\r\n{header}\r\n\r\n", "?", "back"))
                a.send(pub(self.request(a.read_op())[1], "!"))
                b.expect(msg("back", 1, "!"))
                subject, event = self.event(watcher)
                self.assertEqual((subject, event["header"]), ("lat.none", wanted))
                self.assertNotIn("name", event["requestor"])


class SystemServices(Base):
    config = 'accounts { "$SYS" { users: [{user: s, password: p}] }, B { users: [{user: b, password: p}] } }\n'

    def test_every_account_may_ask_about_itself(self):
        s, b = self.user("s"), self.user("b", name="me")
        s.send("SUB $SYS.REQ.ACCOUNT.*.* 1\r\n").fence()
        b.send(pub("$SYS.REQ.ACCOUNT.PING.STATZ", "", "back"))
        subject, _, headers, _ = self.request(s.read_op())
        self.assertEqual(subject, "$SYS.REQ.ACCOUNT.B.STATZ")
        info = self.info(headers)
        self.assertEqual(info["acc"], "B")
        self.assertIn("server", info)
        self.assertNotIn("name", info)


class Mappings(Base):
    config = """
    mappings = { g: global.g }
    accounts { M { users: [{user: m, password: p}, {user: few, password: p, permissions: {publish: to}}], mappings: {
      plain: to
      "w.*.*": "{{wildcard(2)}}.by.$1"
      some: [{destination: half, weight: "50%"}]
      lost: [{destination: kept, weight: 50%}, {destination: lost, weight: 0}]
      elsewhere: [{destination: there, weight: 100, cluster: OTHER}]
      "p.*": "part.{{partition(3,1)}}"
    }}
    G { users: [{user: g, password: p}] } }
    no_auth_user: m
    """

    def test_literal_and_wildcard(self):
        m, other = self.user("m"), self.user("m")
        m.send("SUB > 1\r\n").fence()
        other.send(pub("plain", "1") + pub("w.a.b", "2") + pub("elsewhere", "3") + pub("p.x", "4")).fence()
        m.expect(msg("to", 1, "1") + msg("b.by.a", 1, "2") + msg("elsewhere", 1, "3"))
        self.assertRegex(m.read_op(), rb"^MSG part\.[012] 1 1\r\n4")
        m.fence()

    def test_weights(self):
        m, other = self.user("m"), self.user("m")
        m.send("SUB > 1\r\n").fence()
        other.send(pub("some") * 400).fence()
        got = m.read_to_fence()
        halves, rest = (sum(op.startswith(start) for op in got) for start in (b"MSG half ", b"MSG some "))
        self.assertEqual(halves + rest, 400)
        self.assertTrue(120 < halves < 280, halves)

    def test_permission_is_asked_for_where_it_goes(self):
        c = self.user("few")
        c.send(pub("plain", "1")).fence()
        c.send(pub("other")).expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n").fence()


class Functions(Base):
    """Hashes of accounts' names in subjects."""

    A, B = "NUmM6cRx", "b2oh2L6w"
    config = """accounts {
      A { users: [{user: a, password: p}], exports: [
          {stream: "events.{{account-hash()}}.>"}
          {service: "req.{{account-hash()}}.*"}
      ]}
      B { users: [{user: b, password: p}], mappings: {"m.{{account-hash()}}": "n.{{account-hash()}}"}, imports: [
          {stream: {account: A, subject: "events.{{account-hash-import()}}.>"}, prefix: "from.{{account-hash()}}"}
          {service: {account: A, subject: "req.{{account-hash-import()}}.*"}, to: "svc.{{ Account-Hash( ) }}.*"}
      ]}
    }
    """

    def test_functions_of_accounts(self):
        a, b = self.user("a"), self.user("b")
        a.send(f"SUB req.{self.A}.* 1\r\n").fence()
        b.send(f"SUB from.{self.B}.> 1\r\nSUB n.* 2\r\n").fence()
        a.send(pub(f"events.{self.A}.x.y", "1") + pub(f"events.{self.B}.x", "2")).fence()
        b.expect(msg(f"from.{self.B}.events.{self.A}.x.y", 1, "1"))
        b.send(pub(f"m.{self.B}", "3")).expect(msg(f"n.{self.B}", 2, "3"))
        b.send(pub(f"svc.{self.B}.one", "4", "back")).fence()
        self.assertEqual(self.request(a.read_op())[::3], (f"req.{self.A}.one", "4"))

    def test_permissions_are_taken_as_they_are(self):
        server = self.start(config="""accounts { A { users: [{user: a, password: p,
            permissions: {publish: ["ok.{{account-hash()}}"]}}] } }\n""")
        a = self.user("a", server)
        a.send(pub("ok.{{account-hash()}}", "1")).fence()
        a.send(pub(f"ok.{self.A}")).expect(f"-ERR 'Permissions Violation for Publish to \"ok.{self.A}\"'\r\n")


class Reload(Base):
    def test_imports_come_and_go(self):
        a = "A { users: [{user: a, password: p}], exports: [{stream: s}, {service: q}] }"
        b = "B { users: [{user: b, password: p}]%s }"
        imports = ", imports: [{stream: {account: A, subject: s}, to: l}, {service: {account: A, subject: q}}]"
        without, having = (f"accounts {{ {a}, {b % i} }}\n" for i in ("", imports))
        server = self.start(config=without)
        a, b = self.user("a", server), self.user("b", server)
        a.send("SUB q 1\r\n").fence()
        b.send("SUB l 1\r\nSUB back 2\r\n").fence()
        a.send(pub("s", "unheard")).fence()
        server.reload(having)
        b.fence()
        a.fence()
        a.send(pub("s", "heard")).fence()
        b.expect(msg("l", 1, "heard"))
        b.send(pub("q", "?", "back"))
        reply = self.request(a.read_op())[1]
        a.send(pub(reply, "!")).fence()
        b.expect(msg("back", 2, "!")).fence()
        server.reload(without)
        a.fence()
        a.send(pub("s", "unheard")).fence()
        b.fence()


if __name__ == "__main__":
    unittest.main()
