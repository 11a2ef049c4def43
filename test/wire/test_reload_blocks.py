"""Each option of authorization, users and permissions is changed by SIGHUP while messages flow."""

import unittest

from harness import connect_line, msg, pub, wait_until
from harness.nkeys import ACCOUNT, USER, Key
from harness.reload_case import ReloadOptionCase
from harness.xkey import CurveKey
from test_callout import SUBJECT, Request, response, user_of

T = "{user: t, password: p}"
LOGIN = {"user": "t", "pass": "p"}
VIOLATION = "-ERR 'Authorization Violation'\r\n"


def users(*more, block=""):
    return f"authorization {{ {block} users: [{', '.join((T, *more))}] }}\n"


def as_user(name, password="p"):
    return {"user": name, "pass": password}


class UserCase(ReloadOptionCase):
    """Somebody else's rules change: the traffic's user is in every file."""

    def users_change(self, before, after, block_before="", block_after=""):
        """A trial, with a client of user u that was there before the change (None: u could not come)."""
        return self.running(users(*before, block=block_before), login=LOGIN), users(*after, block=block_after)

    def denied(self, c, subject):
        c.send(pub(subject, "x")).expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")

    def allowed(self, c, subject):
        c.send(pub(subject, "x")).fence()


class Authorization(UserCase):
    block = "authorization"

    def replaced(self, before, after, login, new):
        with self.running(f"authorization {{ {before} }}\n", login=login, cut=True) as t:
            t.reload(f"authorization {{ {after} }}\n")
            t.kept_out(**login)
            t.let_in(**new)
            wait_until(lambda: len(t.traffic.cut) == 2, "who came with the old to be closed")

    def test_user(self):
        self.replaced("user: a, password: p", "user: b, password: p", as_user("a"), as_user("b"))

    def test_pass(self):
        self.replaced("user: a, password: p", "user: a, password: q", as_user("a"), as_user("a", "q"))

    def test_token(self):
        self.replaced("token: one", "token: two", {"auth_token": "one"}, {"auth_token": "two"})

    def test_timeout(self):
        with self.running(users(block="timeout: 60,"), login=LOGIN) as t:
            t.reload(users(block='timeout: "200ms",'))
            c = t.raw()
            c.read_info()
            c.expect_closed("-ERR 'Authentication Timeout'\r\n")
            self.assertEqual(t.varz()["auth_timeout"], 0.2)

    def test_users(self):
        with self.running(users(), login=LOGIN) as t:
            t.kept_out(**as_user("u"))
            t.reload(users("{user: u, password: p}"))
            t.let_in(**as_user("u"))

    def test_default_permissions(self):
        free = "{user: t, password: p, permissions: {publish: '>', subscribe: '>'}}, {user: u, password: p}"
        with self.running(f"authorization {{ users: [{free}] }}\n", login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            t.reload(f"authorization {{ default_permissions: {{publish: a}}, users: [{free}] }}\n")
            self.denied(c, "b")
            self.allowed(c, "a")

    def test_auth_callout(self):
        issuer = Key(ACCOUNT)
        block = f"auth_callout {{ issuer: {issuer.public}, auth_users: [t, auth] }},"
        with self.running(users("{user: auth, password: p}"), login=LOGIN) as t:
            t.reload(users("{user: auth, password: p}", block=block))
            service = t.client(**as_user("auth"), headers=True)
            service.send(f"SUB {SUBJECT} 1\r\n").fence()
            c = t.raw()
            c.read_info()
            c.send(connect_line(user="stranger") + b"PING\r\n")
            r = Request(service.read_op())
            service.send(pub(r.reply, response(issuer, r, user_of(issuer, r))))
            c.expect("PONG\r\n")

    def test_proxy_required(self):
        with self.running(users(), login=LOGIN, cut=None) as t:
            t.reload(users(block="proxy_required: true,"))
            c = t.raw()
            c.read_info()
            c.send_quietly(connect_line(**LOGIN) + b"PING\r\n")
            self.assertIn(b"-ERR '", c.wait_closed())


class User(UserCase):
    block = "user"

    def test_user(self):
        with self.running(users("{user: u, password: p}"), login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            t.reload(users("{user: v, password: p}"))
            c.expect_closed()
            t.kept_out(**as_user("u"))
            t.let_in(**as_user("v"))

    def test_pass(self):
        with self.running(users("{user: u, password: p}"), login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            t.reload(users("{user: u, password: q}"))
            c.expect_closed(VIOLATION)
            t.kept_out(**as_user("u"))
            t.let_in(**as_user("u", "q"))

    def test_nkey(self):
        key = Key(USER)

        def signed(t):
            c = t.raw()
            nonce = c.read_info()["nonce"]
            return c.send(connect_line(nkey=key.public, sig=key.sign_text(nonce)) + b"PING\r\n")

        other = Key(USER)
        with self.running(users(f"{{nkey: {other.public}}}"), login=LOGIN) as t:
            signed(t).expect_closed(VIOLATION)
            t.reload(users(f"{{nkey: {key.public}}}"))
            signed(t).expect("PONG\r\n")

    def test_permissions(self):
        with self.running(users("{user: u, password: p}"), login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            t.reload(users("{user: u, password: p, permissions: {publish: a}}"))
            self.denied(c, "b")
            self.allowed(c, "a")

    def test_allowed_connection_types(self):
        with self.running(users("{user: u, password: p}"), login=LOGIN) as t:
            t.let_in(**as_user("u"))
            t.reload(users("{user: u, password: p, allowed_connection_types: [WEBSOCKET]}"))
            t.kept_out(**as_user("u"))

    def test_proxy_required(self):
        with self.running(users("{user: u, password: p}"), login=LOGIN) as t:
            t.let_in(**as_user("u"))
            t.reload(users("{user: u, password: p, proxy_required: true}"))
            c = t.raw()
            c.read_info()
            c.send_quietly(connect_line(**as_user("u")) + b"PING\r\n")
            self.assertIn(b"-ERR '", c.wait_closed())


class Permissions(UserCase):
    block = "permissions"

    def rules(self, text):
        return users("{user: u, password: p, permissions: {" + text + "}}")

    def test_publish(self):
        with self.running(self.rules("publish: a"), login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            self.denied(c, "b")
            t.reload(self.rules("publish: [b]"))
            self.allowed(c, "b")
            self.denied(c, "a")

    def test_subscribe(self):
        with self.running(self.rules("subscribe: a"), login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            c.send("SUB a 1\r\n").fence()
            t.reload(self.rules("subscribe: b"))
            c.expect("-ERR 'Permissions Violation for Subscription to \"a\" (sid \"1\")'\r\n")
            c.send("SUB b 2\r\n").fence()

    def responding(self, t, times=1):
        """User u, who was asked once and answers so often: what it hears."""
        u, asker = t.let_in(**as_user("u")), t.let_in(**LOGIN)
        u.send("SUB q 1\r\n").fence()
        asker.send("SUB back 1\r\n" + pub("q", "?", "back").decode()).fence()
        u.expect(msg("q", 1, "?", "back"))
        heard = []
        for _ in range(times):
            heard += u.send(pub("back", "!")).read_to_fence()
        return len(heard)

    def test_allow_responses(self):
        with self.running(self.rules("subscribe: q, publish: none"), login=LOGIN) as t:
            self.assertEqual(self.responding(t), 1)
            t.reload(self.rules("subscribe: q, publish: none, allow_responses: true"))
            self.assertEqual(self.responding(t), 0)


class SubjectPermission(UserCase):
    block = "subject_permission"

    def test_allow(self):
        rules = Permissions.rules
        with self.running(rules(self, "publish: {allow: [a]}"), login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            t.reload(rules(self, "publish: {allow: [a, b]}"))
            self.allowed(c, "b")

    def test_deny(self):
        rules = Permissions.rules
        with self.running(rules(self, "publish: {deny: [a]}"), login=LOGIN) as t:
            c = t.let_in(**as_user("u"))
            t.reload(rules(self, "publish: {deny: [a, b]}"))
            self.denied(c, "b")


class AllowResponses(Permissions):
    block = "allow_responses"
    test_publish = test_subscribe = test_allow_responses = None

    def test_max(self):
        rules = "subscribe: q, publish: none, allow_responses: {max: 1}"
        with self.running(self.rules(rules), login=LOGIN) as t:
            self.assertEqual(self.responding(t, 3), 2)
            t.reload(self.rules(rules.replace("max: 1", "max: 3")))
            self.assertEqual(self.responding(t, 3), 0)

    def test_expires(self):
        rules = "subscribe: q, publish: none, allow_responses: {max: 5, expires: '1m'}"
        with self.running(self.rules(rules), login=LOGIN) as t:
            self.assertEqual(self.responding(t), 0)
            t.reload(self.rules(rules.replace("1m", "1ns")))
            self.assertEqual(self.responding(t), 1)


class AuthCallout(UserCase):
    block = "auth_callout"

    def setUp(self):
        self.issuer = Key(ACCOUNT)

    def config(self, issuer=None, more="", auth_users="[t, auth]"):
        return (f"accounts {{ AUTH {{ users: [{{user: auth, password: p}}, {T}, {{user: u, password: p}}] }}, APP {{}}, APP2 {{}} }}\n"
                f"authorization {{ auth_callout {{ issuer: {(issuer or self.issuer).public}, account: AUTH, auth_users: {auth_users} {more} }} }}\n")

    def asked(self, t, issuer=None, account="APP", xkey=None):
        """A stranger whom the service lets into an account: what the stranger hears."""
        service = t.client(**as_user("auth"), headers=True)
        service.send(f"SUB {SUBJECT} 1\r\n").fence()
        c = t.raw()
        c.read_info()
        c.send(connect_line(user="stranger") + b"PING\r\n")
        r = Request(service.read_op(), xkey)
        issuer = issuer or self.issuer
        payload = response(issuer, r, user_of(issuer, r, account=account)).encode()
        if xkey:
            payload = xkey.seal(payload, r.server_xkey)
        service.send(pub(r.reply, payload)).fence()
        service.close()
        return c.read_op()

    def test_issuer(self):
        other = Key(ACCOUNT)
        with self.running(self.config(), login=LOGIN, cut=None) as t:
            self.assertEqual(self.asked(t), b"PONG\r\n")
            t.reload(self.config(issuer=other))
            self.assertEqual(self.asked(t, other), b"PONG\r\n")
            self.assertEqual(self.asked(t), VIOLATION.encode())

    def test_account(self):
        with self.running(self.config(), login=LOGIN, cut=None) as t:
            config = self.config().replace("AUTH {", "AUTH2 {").replace("account: AUTH,", "account: AUTH2,")
            t.reload(config)
            self.assertEqual(self.asked(t), b"PONG\r\n")

    def test_auth_users(self):
        with self.running(self.config(), login=LOGIN, cut=None) as t:
            t.reload(self.config(auth_users="[t, auth, u]"))
            t.let_in(**as_user("u"))

    def test_xkey(self):
        key = CurveKey()
        with self.running(self.config(), login=LOGIN, cut=None) as t:
            t.reload(self.config(more=f", xkey: {key.public}"))
            self.assertEqual(self.asked(t, xkey=key), b"PONG\r\n")

    def test_allowed_accounts(self):
        with self.running(self.config(more=", allowed_accounts: [APP, APP2]"), login=LOGIN, cut=None) as t:
            t.reload(self.config(more=", allowed_accounts: [APP]"))
            self.assertEqual(self.asked(t), b"PONG\r\n")

if __name__ == "__main__":
    unittest.main()
