"""Auth callout beside what else decides about logins: limits, proxies, other users, reloads, claims that change."""

import json
import time
import unittest

from harness import connect_line, not_yet, server_binary, wait_until
from harness.callout import SUBJECT, VIOLATION, CalloutCase, Request, response, user_of
from harness.nkeys import ACCOUNT, SERVER, USER, Key
from harness.websocket import WebSocketClient

IS_TROUPE = not_yet.is_troupe(server_binary())

TOO_MANY = "-ERR 'maximum account active connections exceeded'\r\n"
AUTH_ERROR = "$SYS.ACCOUNT.CLIENT.AUTH.ERR"


class RulesCase(CalloutCase):
    accounts = "AUTH { users: [{user: auth, password: pwd}] }, APP {}, SYS { users: [{user: sys, password: pwd}] }"
    callout = ""
    rest = ""

    @classmethod
    def config_text(cls):
        return f"""
            server_name: rules
            accounts {{ {cls.accounts} }}
            system_account: SYS
            authorization {{
              timeout: 2
              auth_callout {{ issuer: {cls.issuer.public}, account: AUTH, auth_users: [auth] {cls.callout} }}
            }}
            {cls.rest}"""

    def let_in(self, s, account="APP", claims=None, connect=None, **nats):
        """A client whom the service lets in."""
        c, r = self.ask(s, **(connect or {"user": "bob", "pass": "x"}))
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, account, claims=claims, **nats)))
        return c.expect("PONG\r\n")

    def user_info(self, c):
        c.send("SUB _INBOX.i i\r\nPUB $SYS.REQ.USER.INFO _INBOX.i 0\r\n\r\n")
        return json.loads(c.read_op().split(b"\r\n", 1)[1])["data"]

    def not_asked(self, s):
        """The service has heard nothing: its own fence comes first."""
        self.assertEqual(s.read_to_fence(), [])

    def closed_reason(self, c):
        def closed():
            rows = self.server.json("/connz?state=closed&limit=1000")["connections"]
            return [x["reason"] for x in rows if x["cid"] == c.info["client_id"]]
        return wait_until(closed, "the connection among the closed ones")[0]

    def log_in(self, user, password="pwd"):
        c = self.raw()
        c.read_info()
        return c.send(connect_line(user=user, **{"pass": password}) + b"PING\r\n")


class Limits(RulesCase):
    accounts = """AUTH { users: [{user: auth, password: pwd}] }, SYS {},
                  APP { users: [{user: app, password: pwd}], limits { max_connections: 2 } }"""

    def test_full_account(self):
        s = self.service()
        first, second = (self.let_in(s, connect={"user": "app", "pass": "pwd"}) for _ in range(2))
        # Somebody whom the configuration knows is turned away without asking.
        self.log_in("app").expect_closed(TOO_MANY)
        self.not_asked(s)
        # Whom only the service knows is placed by it, and then turned away.
        c, r = self.ask(s, user="bob")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect_closed(TOO_MANY)
        # A reload that changes nothing keeps who is there, one that allows fewer closes the excess.
        self.server.reload(self.config + "\nlogtime: true\n")
        first.fence()
        second.fence()
        self.server.reload(self.config.replace("max_connections: 2", "max_connections: 1"))
        # The newest, but on the Go server chance decides.
        cids = {c.info["client_id"]: c for c in (first, second)}

        def closed():
            rows = self.server.json("/connz?state=closed")["connections"]
            return [cids[x["cid"]] for x in rows if x["cid"] in cids]
        gone = wait_until(closed, "one of them among the closed ones")
        self.assertEqual(len(gone), 1)
        gone[0].expect_closed(TOO_MANY)
        (second if gone[0] is first else first).fence()
        if IS_TROUPE:
            self.assertIs(gone[0], second)
        self.not_asked(s)

    def test_who_left_before_the_answer_is_not_counted(self):
        self.server.reload(self.config)
        s = self.service()
        for _ in range(5):
            c, r = self.ask(s, user="bob")
            c.close()
            self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        s.fence()
        self.let_in(s).fence()
        self.let_in(s).fence()


class SilentUser(RulesCase):
    accounts = "AUTH { users: [{user: auth, password: pwd}] }, APP { users: [{user: app, password: pwd}] }, SYS {}"
    rest = "no_auth_user: app"

    def test_first_operation_without_connect(self):
        s = self.service()
        c = self.raw()
        c.read_info()
        c.send("PING\r\n")
        self.answer(s, Request(s.read_op()), "")
        c.expect_closed(VIOLATION)

    def test_let_in_for_a_second(self):
        s = self.service()
        c = self.raw()
        c.read_info()
        c.send("PING\r\n")
        r = Request(s.read_op())
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP", claims={"exp": int(time.time()) + 2})))
        c.expect("PONG\r\n").expect_closed("-ERR 'User Authentication Expired'\r\n")


class SilentUserElsewhere(RulesCase):
    accounts = """AUTH { users: [{user: auth, password: pwd}] }, APP { users: [{user: app, password: pwd}] }, OTHER {},
                  SYS { users: [{user: sys, password: pwd}] }"""
    callout = ", allowed_accounts: [OTHER]"
    rest = "no_auth_user: app"

    def test_not_asked_about(self):
        s = self.service()
        c = self.client()
        info = self.user_info(c)
        self.assertEqual((info["user"], info["account"]), ("app", "APP"))
        sys = self.client(user="sys", **{"pass": "pwd"})
        self.assertEqual(self.user_info(sys)["account"], "SYS")
        self.not_asked(s)
        info = self.user_info(self.let_in(s, "OTHER", connect={"user": "dlc", "pass": "zzz"}))
        self.assertEqual((info["user"], info["account"]), ("dlc", "OTHER"))


class Delegated(RulesCase):
    """Users of the configuration of whom the service decides."""

    @classmethod
    def setUpClass(cls):
        cls.known = Key(USER)
        cls.accounts = f"""AUTH {{ users: [{{user: auth, password: pwd}}] }}, SYS {{}},
            APP {{ users: [{{user: app, password: pwd, proxy_required: false}}, {{nkey: {cls.known.public}}},
                          {{user: far, password: pwd, proxy_required: true}}] }}"""
        super().setUpClass()

    def test_signed_nonce_is_told(self):
        s = self.service()
        c = self.raw()
        nonce = c.read_info()["nonce"]
        c.send(connect_line(nkey=self.known.public, sig=self.known.sign_text(nonce)) + b"PING\r\n")
        r = Request(s.read_op())
        self.assertEqual(r.nats["client_info"]["nonce"], nonce)
        self.assertEqual(r.nats["connect_opts"]["sig"], self.known.sign_text(nonce))
        self.assertEqual(r.nats["connect_opts"]["nkey"], self.known.public)
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        info = self.user_info(c.expect("PONG\r\n"))
        self.assertEqual((info["user"], info["account"]), (self.known.public, "APP"))

    def test_a_reload_that_wants_a_proxy(self):
        s = self.service()
        c = self.let_in(s, connect={"user": "app", "pass": "pwd"}, claims={"name": "other"})
        try:
            self.server.reload(self.config.replace("proxy_required: false", "proxy_required: true"))
            c.expect_closed()
            self.told_to_use_a_proxy(s, "app")
        finally:
            self.server.reload(self.config)

    def test_the_service_cannot_let_in_who_lacks_a_proxy(self):
        self.told_to_use_a_proxy(self.service(), "far")

    def told_to_use_a_proxy(self, s, user):
        s.send(f"SUB {AUTH_ERROR} e\r\n").fence()
        c, r = self.ask(s, user=user, **{"pass": "pwd"})
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect_closed(VIOLATION)
        self.assertEqual(self.closed_reason(c), "Proxy Required")
        self.assertEqual(json.loads(s.read_op().split(b"\r\n", 1)[1])["reason"], "Proxy connection required")

    def test_a_reload_of_permissions_keeps_them(self):
        s = self.service()
        c = self.let_in(s)
        self.server.reload(self.config.replace("{user: app, password: pwd,",
                                               "{user: app, password: pwd, permissions { publish: a },"))
        c.fence()
        self.server.reload(self.config)
        c.fence()

    def test_user_of_the_service_with_a_wrong_password(self):
        s = self.service()
        self.log_in("auth", "wrong").expect_closed(VIOLATION)
        self.not_asked(s)

    def test_naming_the_service_as_nkey_does_not_help(self):
        s = self.service()
        c = self.raw()
        c.read_info()
        c.send(connect_line(user="app", nkey="auth", **{"pass": "pwd"}) + b"PING\r\n")
        self.answer(s, Request(s.read_op()), "")
        c.expect_closed(VIOLATION)


class Events(RulesCase):
    accounts = "AUTH { users: [{user: auth, password: pwd}] }, APP {}, SYS { users: [{user: sys, password: pwd}] }"
    callout = ", allowed_accounts: [AUTH, APP]"

    def told(self, s, payload_of):
        c, r = self.ask(s, user="bob")
        self.answer(s, r, payload_of(r))
        c.expect_closed(VIOLATION)
        return self.reason_told(s), r

    def reason_told(self, s):
        head, body = s.read_op().split(b"\r\n", 1)
        self.assertEqual(head.split()[1], AUTH_ERROR.encode())
        event = json.loads(body)
        self.assertEqual(event["client"]["acc"], "AUTH")
        return event["reason"]

    def test_why_is_told_in_the_account_of_the_service(self):
        s = self.service()
        s.send(f"SUB {AUTH_ERROR} e\r\n").fence()
        self.let_in(s)
        self.not_asked(s)
        good = lambda r, **more: user_of(self.issuer, r, "APP", **more)
        other, stranger = Key(USER), Key(ACCOUNT)
        old = {"exp": int(time.time()) - 10}
        for want, payload_of in (
                ("Auth callout service returned an error: WRONG PASSWORD",
                 lambda r: response(self.issuer, r, error="WRONG PASSWORD")),
                ('Auth callout violation: "no reason supplied" on account "AUTH"', lambda r: ""),
                ("Proxy connection required", lambda r: response(self.issuer, r, good(r, proxy_required=True))),
                ("Auth callout violation: auth callout response is not for server",
                 lambda r: response(self.issuer, r, good(r), aud=Key(SERVER).public)),
                ("Auth callout violation: auth callout response is not for expected user",
                 lambda r: response(self.issuer, r, good(r), sub=other.public)),
                (f'Expected authorized user of "%s" but got "{other.public}" on account "AUTH"',
                 lambda r: response(self.issuer, r, good(r, subject=other.public))),
                ("Error validating user JWT: claim is expired",
                 lambda r: response(self.issuer, r, good(r, claims=old))),
                ("Authorization response had validation errors: claim is expired",
                 lambda r: response(self.issuer, r, good(r), **old)),
                ("Auth callout signing key is unknown", lambda r: response(stranger, r, good(r))),
                # Who signed is looked at before what it says.
                ("Auth callout signing key is unknown", lambda r: response(stranger, r, error="x")),
                ('Wrong issuer for auth callout response on account "AUTH", expected '
                 f'"{self.issuer.public}" got "{stranger.public}"',
                 lambda r: response(self.issuer, r, good(r, signer=stranger))),
                ('No valid account "NOWHERE" for auth callout response on account "AUTH": account missing',
                 lambda r: response(self.issuer, r, user_of(self.issuer, r, "NOWHERE"))),
                ('Authorized user on account "AUTH" not allowed to use connection type',
                 lambda r: response(self.issuer, r, good(r, allowed_connection_types=["WEBSOCKET"]))),
                ('Authorized user on account "AUTH" not allowed from source "127.0.0.1"',
                 lambda r: response(self.issuer, r, good(r, src=["10.0.0.0/8"]))),
                ('Authorized user on account "AUTH" outside of valid connect times',
                 lambda r: response(self.issuer, r, good(r, times=[{"start": "00:00:00", "end": "00:00:00"}]))),
                ("Authorization response had validation errors: Only Error or Jwt can be set",
                 lambda r: response(self.issuer, r, good(r), error="x"))):
            with self.subTest(want):
                told, r = self.told(s, payload_of)
                self.assertEqual(told, want % r.user if "%s" in want else want)
        # Its own user, with a wrong password, is no matter for it.
        self.log_in("auth", "wrong").expect_closed(VIOLATION)
        self.assertEqual(self.reason_told(s), "Authentication Failure")

    def test_connect_and_disconnect(self):
        s = self.service()
        sys = self.client(user="sys", **{"pass": "pwd"})
        sys.send("SUB $SYS.ACCOUNT.APP.> 1\r\nSUB $SYS.SERVER.ACCOUNT.APP.CONNS 2\r\n").fence()
        sys.fence()
        c = self.let_in(s, claims={"name": "Robert"}, tags=["role:a", "region:b"])
        got = {}

        def collect(n):
            while len(got) < n:
                head, body = sys.read_op().split(b"\r\n", 1)
                got[head.split()[1].decode()] = json.loads(body)
        collect(3)
        event = got["$SYS.ACCOUNT.APP.CONNECT"]["client"]
        self.assertEqual((event["user"], event["acc"], event["tags"]), ("Robert", "APP", ["role:a", "region:b"]))
        self.assertEqual(got["$SYS.SERVER.ACCOUNT.APP.CONNS"]["conns"], 1)
        got.clear()
        c.close()
        collect(3)
        event = got["$SYS.ACCOUNT.APP.DISCONNECT"]["client"]
        self.assertEqual((event["user"], event["acc"], event["tags"]), ("Robert", "APP", ["role:a", "region:b"]))
        self.assertEqual(got["$SYS.SERVER.ACCOUNT.APP.CONNS"]["conns"], 0)

    def test_only_the_first_answer_counts(self):
        s = self.service()
        for _ in range(5):
            c, r = self.ask(s, user="bob")
            self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
            self.answer(s, r, "")
            self.answer(s, r, "")
            c.expect("PONG\r\n")
            s.fence()
            c.fence()

    def test_kinds_of_connections(self):
        s = self.service()
        for types, allowed in ((["STANDARD"], True), (["standard"], True), (["STANDARD", "SomeNewType"], True),
                               (["SomeNewType"], False), (["WEBSOCKET"], False)):
            with self.subTest(types):
                c, r = self.ask(s, user="bob")
                jwt = user_of(self.issuer, r, "APP", allowed_connection_types=types)
                self.answer(s, r, response(self.issuer, r, jwt))
                if allowed:
                    c.expect("PONG\r\n").close()
                else:
                    c.expect_closed(VIOLATION)


class InTheGlobalAccount(RulesCase):
    """The block names no account, and the service is the single user of the authorization block."""

    users = "user: auth, password: pwd"
    names = "auth"

    @classmethod
    def config_text(cls):
        return f"""authorization {{
              timeout: 2
              {cls.users}
              auth_callout {{ issuer: {cls.issuer.public}, auth_users: [{cls.names}] }}
            }}
            {cls.rest}"""

    def test_service_is_not_asked_about(self):
        s = self.service()
        self.log_in("auth", "wrong").expect_closed(VIOLATION)
        self.not_asked(s)
        c, r = self.ask(s, user="other", **{"pass": "pwd"})
        self.answer(s, r, "")
        c.expect_closed(VIOLATION)

    def test_what_a_user_of_it_may_do(self):
        s = self.service()
        c = self.let_in(s, "$G", connect={"user": "dlc", "pass": "zzz"}, claims={"exp": int(time.time()) + 600},
                        pub={"allow": ["$SYS.>"]}, subs=10, data=1024)
        info = self.user_info(c)
        denied = ["$SYS.REQ.USER.AUTH", "$SYS._INBOX.>"]
        self.assertEqual((info["user"], info["account"]), ("dlc", "$G"))
        self.assertEqual(info["permissions"]["publish"]["allow"], ["$SYS.>"])
        self.assertEqual(sorted(info["permissions"]["publish"]["deny"]), denied)
        self.assertEqual(sorted(info["permissions"]["subscribe"]["deny"]), denied)
        self.assertTrue(590e9 < info["expires"] <= 600e9, info)
        c = self.let_in(s, "$G", connect={"auth_token": "SECRET-TOKEN"})
        self.assertEqual(self.user_info(c)["user"], "[REDACTED]")


class WebSocketService(InTheGlobalAccount):
    """The service's user is that of the websocket block, where alone it needs no question."""

    test_what_a_user_of_it_may_do = test_service_is_not_asked_about = None
    users = "user: other, password: pwd"
    rest = "websocket { listen: '127.0.0.1:-1', no_tls: true, authorization { user: auth, password: pwd } }"

    def by_websocket(self, **connect):
        c = WebSocketClient(int(self.server.ports["websocket"][0].rsplit(":", 1)[1]))
        self.addCleanup(c.close)
        c.read_info()
        return c.send(connect_line(headers=True, **connect) + b"PING\r\n")

    def test_where_it_is_trusted(self):
        s = self.by_websocket(user="auth", **{"pass": "pwd"}).expect("PONG\r\n")
        s.send(f"SUB {SUBJECT} 1\r\n").fence()
        self.not_asked(s)
        c = self.log_in("auth")
        self.answer(s, Request(s.read_op()), "")
        c.expect_closed(VIOLATION)


class EmptyName(InTheGlobalAccount):
    test_what_a_user_of_it_may_do = test_service_is_not_asked_about = None
    names = 'auth, ""'
    rest = "websocket { listen: '127.0.0.1:-1', no_tls: true, authorization { token: s3cr3t-token } }"
    by_websocket = WebSocketService.by_websocket

    def test_a_token_is_not_the_user_without_a_name(self):
        s = self.service()
        c = self.by_websocket(auth_token="s3cr3t-token")
        self.answer(s, Request(s.read_op()), "")
        c.expect(VIOLATION)


del CalloutCase, RulesCase

if __name__ == "__main__":
    unittest.main()
