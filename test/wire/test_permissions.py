"""Permission errors: their texts, that none of them closes, and the limits of an account."""

import unittest

from harness import WireCase, connect_line, hpub, msg, pub


def login(user, **more):
    return connect_line(user=user, **{"pass": "p"}, headers=True, **more)


def publish_error(subject):
    return f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n"


def subscribe_error(subject, queue=None, sid=None):
    tail = f' using queue "{queue}"' if queue else ""
    tail += f' (sid "{sid}")' if sid else ""
    return f"-ERR 'Permissions Violation for Subscription to \"{subject}\"{tail}'\r\n"


class Permissions(WireCase):
    config = """authorization { users: [
      {user: u, password: p, permissions: {
        publish: {allow: [ok, "in.>"], deny: "in.no"},
        subscribe: {allow: [ok, "s.>", "q.* g.*"], deny: ["s.no", "s.q grp"]}}}
      {user: r, password: p, permissions: {subscribe: svc, allow_responses: {max: 1, expires: "1m"}}}
      {user: all, password: p}
    ]}
    """

    def user(self, name, **more):
        c = self.raw()
        c.read_info()
        c.send(login(name, **more) + b"PING\r\n").expect("+OK\r\nPONG\r\n" if more.get("verbose") else "PONG\r\n")
        return c

    def test_publish(self):
        c, watcher = self.user("u"), self.user("all")
        watcher.send("SUB > 1\r\n").fence()
        c.send(pub("ok", "1") + pub("in.x.y", "2")).fence()
        c.send(pub("no", "3")).expect(publish_error("no")).send(pub("in.no", "4")).expect(publish_error("in.no"))
        c.send(hpub("no", "NATS/1.0\r\n\r\n")).expect(publish_error("no")).fence()
        watcher.expect(msg("ok", 1, "1") + msg("in.x.y", 1, "2")).fence()

    def test_second_connect_without_credentials_changes_nobody(self):
        c = self.user("u")
        c.send("CONNECT {}\r\n").fence()
        c.send(pub("no")).expect(publish_error("no")).send(pub("ok")).fence()
        c.send(login("all")).fence().send(pub("no")).fence()
        c.send(login("nobody")).expect_closed("-ERR 'Authorization Violation'\r\n")

    def test_the_log_names_what_was_refused(self):
        c = self.user("u")
        c.send(pub('n"o', "") + pub("ok", "", "_R_.x") + b"SUB no 2\r\nSUB no q 7\r\nPING\r\n")
        while c.read_op() != b"PONG\r\n":
            pass
        for what in ('Publish Violation - Subject "n\\"o"\n', 'Publish Violation - Reply "_R_.x"\n',
                     'Subscription Violation - Subject "no", SID 2\n',
                     'Subscription Violation - Subject "no", Queue: "q", SID 7\n'):
            self.server.wait_log(what)

    def test_reply_subject_is_not_checked(self):
        self.user("u").send(pub("ok", "", "no")).fence()

    def test_text_is_quoted_as_go_does(self):
        c = self.user("u")
        c.send(b'PUB we"ird\\x\x01\xc3\xa9 0\r\n\r\n')
        c.expect(b'-ERR \'Permissions Violation for Publish to "we\\"ird\\\\x\\x01\xc3\xa9"\'\r\n').fence()

    def test_verbose_gives_no_ok_with_it(self):
        c = self.user("u", verbose=True)
        c.send(pub("no")).expect(publish_error("no")).send("SUB no 1\r\n").expect(subscribe_error("no"))
        c.send(pub("ok")).expect("+OK\r\n").fence()

    def test_subscribe(self):
        c = self.user("u")
        for line, error in [
            ("ok 1", ""), ("no 2", subscribe_error("no")), ("> 3", subscribe_error(">")), ("s.* 4", ""), ("s.> 5", ""),
            ("s.no 6", subscribe_error("s.no")), ("no q 7", subscribe_error("no", "q")), ("q.1 g.1 8", ""),
            ("q.1 h 9", subscribe_error("q.1", "h")), ("q.1 10", subscribe_error("q.1")),
            ("s.q grp 11", subscribe_error("s.q", "grp")), ("s.q 12", ""),
        ]:
            with self.subTest(line=line):
                c.send(f"SUB {line}\r\nPING\r\n").expect(error + "PONG\r\n")

    def test_denied_subject_does_not_come_through_a_wildcard(self):
        c, p = self.user("u"), self.user("all")
        c.send("SUB s.> 1\r\nSUB s.* any 2\r\n").fence()
        p.send(pub("s.no", "x") + pub("s.yes", "y")).fence()
        self.assertEqual(sorted(c.read_to_fence()), [msg("s.yes", 1, "y"), msg("s.yes", 2, "y")])

    def test_queue_member_that_may_not_have_it_is_passed_over(self):
        """The group's messages go to those who may read them, none is lost on the other."""
        denied, other, p = self.user("u"), self.user("all"), self.user("all")
        for c in (denied, other):
            c.send("SUB s.> grp 1\r\n").fence()
        p.send(pub("s.no", "x") * 50).fence()
        self.assertEqual(other.read_to_fence(), [msg("s.no", 1, "x")] * 50)
        denied.fence()

    def test_allowed_responses(self):
        responder, asker = self.user("r"), self.user("all")
        responder.send(pub("inb", "unasked")).expect(publish_error("inb"))
        responder.send("SUB svc 1\r\n").fence()
        asker.send("SUB inb 5\r\n").send(pub("svc", "", "inb")).fence()
        responder.expect(msg("svc", 1, "", "inb"))
        responder.send(pub("inb", "1") + pub("inb", "2")).expect(publish_error("inb")).fence()
        asker.expect(msg("inb", 5, "1")).fence()


class QueueRules(WireCase):
    """Rules with a group behind the subject."""

    serve = False

    def user(self, server, name):
        c = self.raw(server)
        c.read_info()
        c.send(login(name) + b"PING\r\n").expect("PONG\r\n")
        return c

    def test_who_may_join(self):
        anything = '{deny: ["> *.dev", "> locked"]}'
        cases = [('"> v1.>"', "a", "v1.x", True), ('"> v1.>"', "a", None, False), ('"> v1.>"', "a", "v1", False),
                 ('"a g"', "a", "h", False), ('"a g"', "a", "g", True), ('["a", "a g"]', "a", "h", False),
                 ("a", "a", "any", True), ('["> *.dev", "> *.stg"]', "a", "x.prod", False),
                 ('{deny: ["> >"]}', "a", "g", False), ('{deny: ["> >"]}', "a", None, True),
                 ('{deny: a}', "a", "g", False), ('{deny: ["a >"]}', "a", "g.h", False), ('{deny: ["a >"]}', "b", "g", True),
                 (anything, "a", "x.dev", False), (anything, "a", "x.y.dev", True), (anything, "a", "dev", True),
                 ('{allow: ">", deny: ["a.>", "> locked"]}', "a.b", "free", False), (anything, "a", "locked", False)]
        users = "\n".join(f"{{user: u{i}, password: p, permissions: {{subscribe: {rules}}}}}"
                          for i, (rules, *_) in enumerate(cases))
        server = self.start(config=f"authorization {{ users: [{users}] }}\n")
        for i, (rules, subject, queue, may) in enumerate(cases):
            with self.subTest(rules=rules, subject=subject, queue=queue):
                c = self.user(server, f"u{i}")
                c.send(f"SUB {subject} {queue or ''} 1\r\nPING\r\n")
                c.expect(("" if may else subscribe_error(subject, queue)) + "PONG\r\n")

    def test_what_one_group_may_not_have_others_get(self):
        cases = [("a.b one", "one", "two"), ("b.b one.*", "one.x", "two.x"), ("c.b one.>", "one.x.y", "one")]
        users = ", ".join(f'{{user: u{i}, password: p, permissions: {{subscribe: {{allow: ">", deny: "{deny}"}}}}}}'
                          for i, (deny, *_) in enumerate(cases))
        server = self.start(config=f"authorization {{ users: [{users}, {{user: all, password: p}}] }}\n")
        for i, (deny, barred, free) in enumerate(cases):
            with self.subTest(deny=deny):
                c, p, top = self.user(server, f"u{i}"), self.user(server, "all"), deny[0]
                c.send(f"SUB {top}.* {barred} 1\r\nSUB {top}.* {free} 2\r\nSUB {top}.* 3\r\n").fence()
                p.send(pub(f"{top}.b", "x") + pub(f"{top}.c", "y")).fence()
                self.assertEqual(sorted(c.read_to_fence()), [msg(f"{top}.b", sid, "x") for sid in (2, 3)]
                                 + [msg(f"{top}.c", sid, "y") for sid in (1, 2, 3)])


class Reloaded(WireCase):
    serve = False

    def test_subscriptions_that_lost_their_permission_are_removed_and_named(self):
        server = self.start(config="authorization { users: [{user: u, password: p}] }\n")
        c, p = self.raw(server), self.raw(server)
        for one in (c, p):
            one.read_info()
            one.send(login("u") + b"PING\r\n").expect("PONG\r\n")
        c.send("SUB foo 1\r\nSUB foo q 2\r\nSUB bar 3\r\n").fence()
        server.reload("authorization { users: [{user: u, password: p, permissions: {subscribe: bar}}] }\n")
        self.assertEqual({op.decode() for op in c.read_to_fence()},
                         {subscribe_error("foo", sid="1"), subscribe_error("foo", "q", "2")})
        for line in ('"foo" (sid "1")', '"foo" using queue "q" (sid "2")'):
            server.wait_log(f'[INF] Removed sub {line} for User "u" - not authorized\n')
        self.assertNotIn("[ERR]", server.log())
        p.send(pub("foo") + pub("bar")).fence()
        c.expect(msg("bar", 3)).fence()

    def test_the_log_names_who_is_sent_away(self):
        server = self.start(config="authorization { users: [{user: u, password: p}] }\n")
        c = self.raw(server)
        c.read_info()
        c.send(login("u") + b"PING\r\n").expect("PONG\r\n")
        server.reload("authorization { users: [{user: u, password: q}] }\n")
        c.expect_closed("-ERR 'Authorization Violation'\r\n")
        server.wait_log('"$G/user:u" - authentication error - User "u"')


class AccountLimits(WireCase):
    serve = False

    def test_the_narrower_limit_counts(self):
        full, large = "-ERR 'maximum subscriptions exceeded'\r\n", "-ERR 'Maximum Payload Violation'\r\n"
        for of_node, of_account in ((1, 5), (5, 1)):
            with self.subTest(of_node=of_node):
                server = self.start(config=f"""max_subscriptions: {of_node}, max_payload: {of_node * 10}
                    accounts {{ A {{ users: [{{user: u, password: p}}],
                      limits {{ max_subscriptions: {of_account}, max_payload: {of_account * 10} }} }} }}\n""")
                c = self.raw(server)
                c.read_info()
                c.send(login("u") + b"PING\r\n").expect("PONG\r\n")
                c.send("SUB a 1\r\n").fence()
                c.send("SUB b 2\r\n").expect(full)
                c.send(pub("x", "1" * 10)).fence()
                c.send(pub("x", "1" * 11)).expect_closed(large)

    def test_no_subscription_at_all(self):
        server = self.start(config="accounts { A { users: [{user: u, password: p}], limits { max_subscriptions: 0 } } }\n")
        c = self.raw(server)
        c.read_info()
        # The Go server waits a while, and answers meanwhile.
        got = c.send(login("u")).send_quietly("PING\r\n").wait_closed()
        self.assertEqual(got.replace(b"PONG\r\n", b""), b"-ERR 'maximum subscriptions exceeded'\r\n")

    def test_connections_subscriptions_payload(self):
        server = self.start(config="accounts { A { users: [{user: u, password: p}], "
                                   "limits { max_connections: 1, max_subscriptions: 1, max_payload: 10 } } }\n")
        c = self.raw(server)
        self.assertEqual(c.read_info()["max_payload"], 1048576)
        c.send(login("u", protocol=1) + b"PING\r\n").expect("PONG\r\n")
        self.assertEqual(c.read_info()["max_payload"], 10)  # the client's own limit
        other = self.raw(server)
        other.read_info()
        other.send(login("u")).expect_closed("-ERR 'maximum account active connections exceeded'\r\n")
        c.send("SUB a 1\r\nSUB b 2\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n").fence()
        c.send(pub("a", "x" * 10)).expect(msg("a", 1, "x" * 10))
        c.send("PUB a 11\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")


if __name__ == "__main__":
    unittest.main()
