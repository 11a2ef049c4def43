"""Messages that ask for a trace: the event, its entries, and what is not delivered."""

import gzip
import json
import unittest

from harness import WireCase, connect_line, hmsg, hpub, msg, not_yet, pub, server_binary

IS_TROUPE = not_yet.is_troupe(server_binary())
PARENT = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def header_block(op):
    line, _, rest = op.partition(b"\r\n")
    return rest[:int(line.split()[-2])]


class Base(WireCase):
    def user(self, who=None, server=None, **more):
        c = self.raw(server)
        c.read_info()
        login = {"user": who, "pass": "p"} if who else {}
        options = {"headers": True, "no_responders": True, "verbose": False, **login, **more}
        c.send(connect_line(**options) + b"PING\r\n").expect("PONG\r\n")
        return c

    def ask(self, subject, *lines, body="", dest="traces", reply=None):
        headers = [f"Nats-Trace-Dest: {dest}"] if dest else []
        return hpub(subject, "NATS/1.0\r\n" + "".join(f"{line}\r\n" for line in [*headers, *lines]) + "\r\n", body, reply)

    def event(self, c):
        op = c.read_op()
        line, _, rest = op.partition(b"\r\n")
        words = line.split()
        headers = ""
        if words[0] == b"HMSG":
            n = int(words[-2])
            headers, rest = rest[:n].decode(), rest[n:]
        body = rest[:-2]
        if "Content-Encoding: gzip" in headers:
            body = gzip.decompress(body)
        event = json.loads(body)
        for key in ("name", "id", "ver"):
            self.assertIn(key, event["server"])
        for e in event["events"]:
            self.assertIn("ts", e)
        return event

    def entries(self, event, kind):
        return [e for e in event["events"] if e["type"] == kind]


class Client(Base):
    def test_delivery_is_told(self):
        watcher, taker, sender = self.user(), self.user(name="taker"), self.user(name="sender")
        watcher.send("SUB traces 1\r\n").fence()
        taker.send("SUB foo.* 1\r\nSUB foo.> grp 2\r\n").fence()
        sender.send(self.ask("foo.bar", body="hello"))
        event = self.event(watcher)
        self.assertEqual(event["request"]["header"], {"Nats-Trace-Dest": ["traces"]})
        self.assertEqual(event["request"]["msgsize"], len("NATS/1.0\r\nNats-Trace-Dest: traces\r\n\r\nhello"))
        first = event["events"][0]
        self.assertEqual([first[k] for k in ("type", "kind", "name", "acc", "subj")], ["in", 0, "sender", "$G", "foo.bar"])
        out = self.entries(event, "eg")
        self.assertEqual({(e["sub"], e.get("queue"), e["name"], e.get("error")) for e in out},
                         {("foo.*", None, "taker", None), ("foo.>", "grp", "taker", None)})
        self.assertEqual(len(taker.read_to_fence()), 2)

    def test_only_traced(self):
        watcher, taker, sender = self.user(), self.user(), self.user()
        watcher.send("SUB traces 1\r\n").fence()
        taker.send("SUB foo 1\r\n").fence()
        for value in ("true", "1", "On"):
            sender.send(self.ask("foo", f"Nats-Trace-Only: {value}"))
            self.assertEqual(len(self.entries(self.event(watcher), "eg")), 1)
        taker.fence()
        sender.send(self.ask("foo", "Nats-Trace-Only: no"))
        self.event(watcher)
        self.assertEqual(len(taker.read_to_fence()), 1)

    def test_on_every_reactor(self):
        watcher, sender = self.user(), self.user()
        takers = [self.user() for _ in range(8)]
        watcher.send("SUB traces 1\r\n").fence()
        for t in takers:
            t.send("SUB foo 1\r\n").fence()
        for _ in range(20):
            sender.send(self.ask("foo"))
            self.assertEqual(len(self.entries(self.event(watcher), "eg")), 8)

    def test_no_echo_and_nobody(self):
        watcher, sender = self.user(), self.user(echo=False)
        watcher.send("SUB traces 1\r\n").fence()
        sender.send("SUB foo 1\r\n").fence()
        sender.send(self.ask("foo"))
        self.assertEqual([e["error"] for e in self.entries(self.event(watcher), "eg")], ["Not delivered because of no echo"])
        sender.send(self.ask("nobody"))
        self.assertEqual(len(self.event(watcher)["events"]), 1)

    def test_switched_off(self):
        watcher, taker, sender = self.user(), self.user(), self.user()
        watcher.send("SUB traces 1\r\n").fence()
        taker.send("SUB foo 1\r\n").fence()
        sender.send(self.ask("foo", dest="trace disabled") + self.ask("foo", PARENT, dest=None)
                    + self.ask("foo", "nats-trace-dest: traces", dest=None)).fence()
        self.assertEqual(len(taker.read_to_fence()), 3)
        watcher.fence()

    def test_bad_destination(self):
        watcher, taker, sender = self.user(), self.user(), self.user()
        watcher.send("SUB > 1\r\n").fence()
        taker.send("SUB foo 1\r\n").fence()
        sender.send(self.ask("foo", dest="a..b") + self.ask("foo", "Nats-Trace-Only: true", dest="a.*"))
        sender.send(self.ask("foo", dest="a\nb")).fence()
        self.assertEqual(len(taker.read_to_fence()), 2)
        for text in ('"a..b"', '"a.*"', r'"a\nb"'):
            self.server.wait_log(f"Destination {text} is not valid, won't be able to trace events\n")

    def test_reserved_destination(self):
        """Refused with the message, also where the publisher may publish everything."""
        taker, sender = self.user(), self.user()
        taker.send("SUB > 1\r\n").fence()
        for dest in ("_GR_.x", "$NRG.x"):
            for only in ([], ["Nats-Trace-Only: true"]):
                sender.send(self.ask("foo", *only, dest=dest))
                sender.expect(f"-ERR 'Permissions Violation for Publish to \"{dest}\"'\r\n").fence()
        taker.fence()

    def test_header_between_servers(self):
        """Nobody believes a client that names an account of origin."""
        watcher, taker, sender = self.user(), self.user(), self.user()
        watcher.send("SUB traces 1\r\n").fence()
        taker.send("SUB foo 1\r\n").fence()
        sender.send(self.ask("foo", "Nats-Trace-Origin-Account: B"))
        sender.send(self.ask("foo", "Nats-Trace-Origin-Account: B", "Nats-Trace-Only: true")).fence()
        got = taker.read_to_fence()
        self.assertEqual(len(got), 1)
        watcher.fence()
        self.server.wait_log('Message tracing disabled because of header "Nats-Trace-Origin-Account" with value="B"\n')

    def test_compressed(self):
        watcher, sender = self.user(), self.user()
        watcher.send("SUB traces 1\r\n").fence()
        for asked, told in (("snappy", b"snappy"), ("s2", b"snappy"), ("bad one", b"identity")):
            sender.send(self.ask("foo", f"Accept-Encoding: {asked}"))
            self.assertIn(b"\r\nContent-Encoding: %s\r\n" % told, watcher.read_op())
        sender.send(self.ask("foo", "Accept-Encoding: gzip"))
        self.assertEqual(self.event(watcher)["events"][0]["subj"], "foo")


class Permissions(Base):
    config = """authorization { users: [
      {user: few, password: p, permissions: {publish: [foo, ok]}}
      {user: deaf, password: p, permissions: {subscribe: {allow: ">", deny: "foo.no"}}}
      {user: all, password: p}
    ]}
    """

    def test_destination_must_be_allowed(self):
        c, taker = self.user("few"), self.user("all")
        taker.send("SUB > 1\r\n").fence()
        c.send(self.ask("foo", dest="traces"))
        c.expect("-ERR 'Permissions Violation for Publish to \"traces\"'\r\n").fence()
        taker.fence()

    def test_refused_publish_is_told(self):
        c, watcher = self.user("few"), self.user("all")
        watcher.send("SUB ok 1\r\n").fence()
        c.send(self.ask("other", dest="ok"))
        c.expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n")
        event = self.event(watcher)
        self.assertEqual(event["events"][0]["error"], 'Permissions Violation for Publish to "other"')

    def test_reserved_subjects_are_told(self):
        c, watcher = self.user("all"), self.user("all")
        watcher.send("SUB ok 1\r\n").fence()
        for subject, reply, error in (("_GR_.x", None, 'to "_GR_.x"'), ("$NRG.x", None, 'to "$NRG.x"'),
                                      ("foo", "_R_.x", 'with Reply of "_R_.x"')):
            c.send(self.ask(subject, dest="ok", reply=reply))
            c.expect(f"-ERR 'Permissions Violation for Publish {error}'\r\n")
            event = self.event(watcher)
            self.assertEqual([e.get("error") for e in event["events"]], [f"Permissions Violation for Publish {error}"])

    def test_denied_at_delivery_is_told(self):
        sender, watcher, deaf = self.user("all"), self.user("all"), self.user("deaf")
        watcher.send("SUB traces 1\r\n").fence()
        deaf.send("SUB foo.* 1\r\n").fence()
        sender.send(self.ask("foo.no"))
        self.assertEqual([e["error"] for e in self.entries(self.event(watcher), "eg")],
                         ["Not delivered because subscription denies this subject"])


class Accounts(Base):
    config = """accounts {
      A { users: [{user: a, password: p}], exports: [{stream: s}, {stream: t}, {service: q, allow_trace: true}, {service: r}]
          mappings: {from: to}, msg_trace: {dest: a.traces, sampling: "100%"} }
      B { users: [{user: b, password: p}], imports: [
          {stream: {account: A, subject: s}, prefix: x, allow_trace: true}
          {stream: {account: A, subject: t}, prefix: x}
          {service: {account: A, subject: q}}
          {service: {account: A, subject: r}} ] }
    }
    """

    def test_mapping(self):
        a, watcher = self.user("a"), self.user("a")
        watcher.send("SUB traces 1\r\n").fence()
        a.send(self.ask("from"))
        event = self.event(watcher)
        self.assertEqual(event["events"][0]["subj"], "from")
        self.assertEqual(self.entries(event, "sm")[0]["to"], "to")

    def test_stream_import(self):
        a, b, watcher = self.user("a"), self.user("b", name="importer"), self.user("a")
        watcher.send("SUB traces 1\r\n").fence()
        b.send("SUB x.> 1\r\n").fence()
        a.send(self.ask("s"))
        event = self.event(watcher)
        exported, out = self.entries(event, "se"), self.entries(event, "eg")
        self.assertEqual([(e["acc"], e["to"]) for e in exported], [("B", "x.s")])
        self.assertEqual([(e["acc"], e["name"], e["sub"]) for e in out], [("B", "importer", "s")])
        a.send(self.ask("t"))
        event = self.event(watcher)
        self.assertEqual((len(self.entries(event, "se")), len(self.entries(event, "eg"))), (1, 0))
        self.assertEqual(len(b.read_to_fence()), 2)
        a.send(self.ask("t", "Nats-Trace-Only: true"))
        self.event(watcher)
        b.fence()

    def test_service_import(self):
        a, b, watcher = self.user("a", name="responder"), self.user("b"), self.user("b")
        watcher.send("SUB traces 1\r\n").fence()
        a.send("SUB q 1\r\nSUB r 2\r\n").fence()
        b.send("SUB back 1\r\n").fence()
        b.send(self.ask("q", reply="back"))
        event = self.event(watcher)
        self.assertEqual([(e["acc"], e["from"], e["to"]) for e in self.entries(event, "si")], [("A", "q", "q")])
        self.assertEqual([(e["acc"], e["name"], e["sub"]) for e in self.entries(event, "eg")], [("A", "responder", "q")])
        b.send(self.ask("r", reply="back"))
        event = self.event(watcher)
        self.assertEqual((len(self.entries(event, "si")), len(self.entries(event, "eg"))), (1, 0))
        got = a.read_to_fence()
        self.assertEqual(len(got), 2)
        self.assertIn(b"Nats-Trace-Dest: trace disabled", got[1])

    def test_destination_is_not_told_to_the_service(self):
        """What the service does with the header must not reach a subject of its own account."""
        a, b, watchers = self.user("a"), self.user("b"), [self.user("a"), self.user("b")]
        for w in watchers:
            w.send("SUB traces 1\r\n").fence()
        a.send("SUB q 1\r\n").fence()
        b.send(self.ask("q", reply="back"))
        self.event(watchers[1])
        asked = a.read_op()
        self.assertRegex(asked, rb"\r\nNats-Trace-Dest: _R_\.\S+\r\n")
        a.send(hpub("elsewhere", header_block(asked))).fence()
        for w in watchers:
            w.fence()

    def test_answer(self):
        """It is traced in the account of who answers, and no further."""
        a, b, watchers = self.user("a", name="responder"), self.user("b"), [self.user("a"), self.user("b")]
        for w in watchers:
            w.send("SUB traces 1\r\n").fence()
        a.send("SUB q 1\r\n").fence()
        b.send("SUB back 1\r\n").fence()
        for only in ([], ["Nats-Trace-Only: true"]):
            b.send(pub("q", reply="back"))
            reply = a.read_op().split(b"\r\n")[0].split()[3].decode()
            a.send(self.ask(reply, "X: y", *only, body="hi"))
            event = self.event(watchers[0])
            self.assertEqual([event["events"][0][k] for k in ("type", "name", "subj")], ["in", "responder", reply])
            self.assertEqual([(e["acc"], e["from"], e["to"]) for e in self.entries(event, "si")], [("B", reply, "back")])
            got = b.read_to_fence()
            self.assertEqual(len(got), 0 if only else 1)
            if got:
                self.assertEqual(sorted(header_block(got[0]).split(b"\r\n")),
                                 [b"", b"", b"NATS/1.0", b"Nats-Trace-Dest: trace disabled", b"X: y"])
        watchers[1].fence()

    def test_external_goes_where_the_account_says(self):
        a, b, watcher = self.user("a"), self.user("b"), self.user("a")
        watcher.send("SUB a.traces 1\r\n").fence()
        a.send(self.ask("foo", PARENT, dest=None))
        self.assertEqual(self.event(watcher)["events"][0]["subj"], "foo")
        a.send(self.ask("foo", PARENT[:-1] + "0", dest=None)).fence()
        b.send(self.ask("foo", PARENT, dest=None)).fence()
        watcher.fence()


if __name__ == "__main__":
    unittest.main()
