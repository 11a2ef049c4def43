"""Auth callout: a service decides about logins; what it is asked, what it may answer, what is refused."""

import ssl
import time
import unittest

from harness import WireCase, connect_line
from harness.callout import SUBJECT, TIMEOUT, VIOLATION, CalloutCase, OperatorCalloutCase, Request, response, user_of
from harness.certificates import client_context
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt
from harness.tls_case import CA, CLIENT, TlsCase, tls
from harness.websocket import WebSocketClient
from harness.xkey import CurveKey

class Callout(CalloutCase):
    def test_what_is_asked(self):
        s = self.service()
        before = int(time.time())
        c, r = self.ask(s, user="bob", name="app", lang="x", version="1.2", protocol=0, **{"pass": "secret"})
        self.assertEqual(r.claims["aud"], "nats-authorization-request")
        self.assertEqual(r.claims["sub"], self.issuer.public)
        self.assertEqual(r.claims["iss"], c.info["server_id"])
        self.assertIn(r.claims["exp"] - before, (TIMEOUT, TIMEOUT + 1))
        self.assertEqual(r.nats["type"], "authorization_request")
        self.assertEqual(r.nats["version"], 2)
        sid = r.nats["server_id"]
        self.assertEqual((sid["name"], sid["id"], sid["version"], sid["tags"]),
                         ("callout", c.info["server_id"], c.info["version"], ["a", "b"]))
        self.assertEqual(sid["host"], c.info["host"])
        self.assertNotIn("xkey", sid)
        self.assertRegex(r.user, r"^U[A-Z2-7]{55}$")
        self.assertEqual(r.nats["client_info"], {"host": "127.0.0.1", "id": c.info["client_id"], "user": "bob",
                                                 "name": "app", "kind": "Client", "type": "nats"})
        self.assertEqual(r.nats["connect_opts"], {"user": "bob", "pass": "secret", "name": "app", "lang": "x",
                                                  "version": "1.2", "protocol": 0})
        self.assertNotIn("client_tls", r.nats)
        self.assertRegex(r.reply, r"^\$SYS\._INBOX\.")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("PONG\r\n")

    def test_placed_in_an_account_with_permissions(self):
        s = self.service()
        c, r = self.ask(s, user="bob")
        jwt = user_of(self.issuer, r, "APP", claims={"name": "Robert"}, pub={"allow": ["app.>"]}, subs=1,
                      tags=["t:1"])
        self.answer(s, r, response(self.issuer, r, jwt))
        c.expect("PONG\r\n")
        c.send("PUB other 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n")
        shown = [x for x in self.server.json("/connz?auth=1")["connections"] if x["cid"] == c.info["client_id"]][0]
        self.assertEqual((shown["account"], shown["authorized_user"], shown["tags"]), ("APP", "Robert", ["t:1"]))
        c.send("SUB a 1\r\nSUB b 2\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n")

    def test_token_and_no_credentials(self):
        s = self.service()
        c, r = self.ask(s, auth_token="tok")
        self.assertEqual(r.nats["connect_opts"]["auth_token"], "tok")
        self.assertEqual(r.nats["client_info"]["user"], "[REDACTED]")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("PONG\r\n")
        c, r = self.ask(s)
        self.assertNotIn("user", r.nats["client_info"])
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("PONG\r\n")

    def test_what_waits_behind_connect_is_not_lost(self):
        s = self.service()
        c = self.raw()
        c.read_info()
        c.send(connect_line(user="bob") + b"SUB foo 1\r\nPUB foo 2\r\nhi\r\nPING\r\n")
        r = Request(s.read_op())
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("MSG foo 1 2\r\nhi\r\nPONG\r\n")

    def kept_out(self, payload_of, log=None):
        s = self.service()
        c, r = self.ask(s, user="bob")
        self.answer(s, r, payload_of(r))
        c.expect_closed(VIOLATION)
        if log:
            self.server.wait_log(log)

    def test_denied(self):
        self.kept_out(lambda r: "", "no reason supplied")
        self.kept_out(lambda r: response(self.issuer, r, error="go away"), "returned an error: go away")

    def test_broken_answers_let_nobody_in(self):
        other, stranger = Key(USER), Key(ACCOUNT)
        good = lambda r, **more: user_of(self.issuer, r, "APP", **more)
        answers = {
            "no token": lambda r: "eyJ",
            "noise": lambda r: b"\x00\xff" * 100,
            "signed by a stranger": lambda r: response(stranger, r, good(r)),
            "for another user": lambda r: response(self.issuer, r, good(r), sub=other.public),
            "for another server": lambda r: response(self.issuer, r, good(r), aud=Operator().key.public),
            "no audience": lambda r: response(self.issuer, r, good(r), aud=""),
            "expired": lambda r: response(self.issuer, r, good(r), exp=int(time.time()) - 10),
            "neither jwt nor error": lambda r: response(self.issuer, r),
            "both jwt and error": lambda r: response(self.issuer, r, good(r), error="x"),
            "a user's jwt instead": good,
            "the request sent back": lambda r: r.token,
            "user jwt of another user": lambda r: response(self.issuer, r, good(r, subject=other.public)),
            "user jwt by a stranger": lambda r: response(self.issuer, r, good(r, signer=stranger)),
            "user jwt expired": lambda r: response(self.issuer, r, good(r, claims={"exp": int(time.time()) - 10})),
            "user jwt is noise": lambda r: response(self.issuer, r, "eyJhbGciOiJ9.e30.AAAA"),
            "no such account": lambda r: response(self.issuer, r, user_of(self.issuer, r, "NOWHERE")),
            "no account": lambda r: response(self.issuer, r, user_of(self.issuer, r, None)),
            "issuer account": lambda r: response(self.issuer, r, good(r, issuer_account=stranger.public)),
            "from elsewhere": lambda r: response(self.issuer, r, good(r, src=["10.0.0.0/8"])),
            "other connection type": lambda r: response(self.issuer, r, good(r, allowed_connection_types=["MQTT"])),
            "proxy needed": lambda r: response(self.issuer, r, good(r, proxy_required=True)),
            "cut": lambda r: response(self.issuer, r, good(r))[:-8],
        }
        for what, payload_of in answers.items():
            with self.subTest(what):
                self.kept_out(payload_of)

    def test_answer_serves_once(self):
        s = self.service()
        a, first = self.ask(s, user="bob")
        token = response(self.issuer, first, user_of(self.issuer, first, "APP"))
        self.answer(s, first, token)
        a.expect("PONG\r\n")
        b, second = self.ask(s, user="bob")
        self.assertNotEqual(first.user, second.user)
        self.answer(s, second, token)
        b.expect_closed(VIOLATION)

    def test_no_answer_in_time(self):
        s = self.service()
        began = time.monotonic()
        c, _ = self.ask(s, user="bob")
        c.expect_closed(VIOLATION)
        self.assertGreaterEqual(time.monotonic() - began, TIMEOUT - 0.1)

    def test_client_that_leaves_meanwhile(self):
        s = self.service()
        c, r = self.ask(s, user="bob")
        c.close()
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        s.fence()

    def test_session_ends_with_its_user(self):
        s = self.service()
        c, r = self.ask(s, user="bob")
        jwt = user_of(self.issuer, r, "APP", claims={"exp": int(time.time()) + 2})
        self.answer(s, r, response(self.issuer, r, jwt))
        c.expect("PONG\r\n").expect_closed("-ERR 'User Authentication Expired'\r\n")

    def test_service_user_needs_its_password(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line(user="auth", **{"pass": "wrong"})).expect_closed(VIOLATION)

    def test_service_may_not_ask(self):
        s = self.service()
        s.send(f"PUB {SUBJECT} 0\r\n\r\n").expect(f"-ERR 'Permissions Violation for Publish to \"{SUBJECT}\"'\r\n")

    def test_users_of_the_service_account_see_and_send_nothing_of_it(self):
        s = self.service()
        c, r = self.ask(s, user="bob")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "AUTH")))
        c.expect("PONG\r\n")
        for filter_ in (SUBJECT, "$SYS._INBOX.>"):
            c.send(f"SUB {filter_} 1\r\n").expect(f"-ERR 'Permissions Violation for Subscription to \"{filter_}\"'\r\n")
        for subject in (SUBJECT, "$SYS._INBOX.x.1"):
            c.send(f"PUB {subject} 0\r\n\r\n").expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
        c.send("SUB > 2\r\nPING\r\n").expect("PONG\r\n")
        d, r = self.ask(s, user="eve")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        d.expect("PONG\r\n")
        c.fence()


class Sealed(CalloutCase):
    """The same with a curve key."""

    @classmethod
    def config_text(cls):
        cls.xkey = CurveKey()
        cls.extra = f", xkey: {cls.xkey.public}"
        return super().config_text()

    def test_request_is_sealed(self):
        s = self.service()
        c, r = self.ask(s, self.xkey, user="bob", **{"pass": "secret"})
        self.assertTrue(r.raw.startswith(b"xkv1"))
        self.assertEqual(r.server_xkey, c.info["xkey"])
        self.assertEqual(r.nats["server_id"]["xkey"], c.info["xkey"])
        self.answer(s, r, self.xkey.seal(response(self.issuer, r, user_of(self.issuer, r, "APP")), r.server_xkey))
        c.expect("PONG\r\n")

    def test_answer_in_clear(self):
        s = self.service()
        c, r = self.ask(s, self.xkey, user="bob")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("PONG\r\n")

    def test_sealed_by_a_stranger_or_broken(self):
        s = self.service()
        stranger = CurveKey()
        for seal in (lambda r, t: stranger.seal(t, r.server_xkey), lambda r, t: self.xkey.seal(t, r.server_xkey)[:-1],
                     lambda r, t: b"xkv1", lambda r, t: self.xkey.seal(t, stranger.public)):
            c, r = self.ask(s, self.xkey, user="bob")
            self.answer(s, r, seal(r, response(self.issuer, r, user_of(self.issuer, r, "APP"))))
            c.expect_closed(VIOLATION)


class AllowedAccounts(CalloutCase):
    """Users of the configuration in accounts that are not delegated are let in without the service."""

    @classmethod
    def config_text(cls):
        return f"""
            accounts {{
              AUTH {{ users: [{{user: auth, password: pwd}}] }}
              ONE {{ users: [{{user: one, password: pwd}}] }}
              TWO {{ users: [{{user: two, password: pwd}}] }}
              SYS {{}}
            }}
            system_account: SYS
            authorization {{
              timeout: {TIMEOUT}
              auth_callout {{ issuer: {cls.issuer.public}, account: AUTH, auth_users: [auth], allowed_accounts: [ONE] }}
            }}"""

    def test_who_is_asked_about(self):
        s = self.service()
        self.client(user="two", **{"pass": "pwd"})
        c, r = self.ask(s, user="one", **{"pass": "pwd"})
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "TWO")))
        c.expect("PONG\r\n")
        c, r = self.ask(s, user="two", **{"pass": "wrong"})
        self.answer(s, r, response(self.issuer, r, error="no"))
        c.expect_closed(VIOLATION)


class BadConfig(WireCase):
    serve = False

    def keeps_out(self, callout, text, accounts="AUTH { users: [{user: auth, password: pwd}] }"):
        config = f"accounts {{ {accounts} }}\nauthorization {{ auth_callout {{ {callout} }} }}"
        with self.assertRaises(AssertionError) as e:
            self.start(config=config).stop()
        self.assertIn(text, str(e.exception))

    def test_what_is_refused(self):
        issuer = Key(ACCOUNT).public
        usual = f"issuer: {issuer}, account: AUTH, auth_users: [auth]"
        self.keeps_out(usual + ", allowed_accounts: [AUTH, NOWHERE]",
                     'auth_callout allowed account "NOWHERE" not found in configured accounts')
        self.keeps_out(usual + ', allowed_accounts: ["*"]',
                     'auth_callout allowed account "*" not found in configured accounts')
        self.keeps_out(usual + ", allowed_accounts: ONE",
                     "Expected allowed accounts field to be an array, got ")
        self.keeps_out("account: AUTH, auth_users: [auth]", "Authorization callouts require an issuer to be specified")
        self.keeps_out(f"issuer: {issuer}, account: AUTH", "Authorization callouts require authorized users to be specified")
        self.keeps_out("issuer: AAA, auth_users: [auth]",
                     'Expected callout user to be a valid public account nkey, got "AAA"')
        self.keeps_out(usual + ", xkey: XAB", 'Expected callout xkey to be a valid public xkey, got "XAB"')

    def test_allowed_accounts_that_are_there(self):
        issuer = Key(ACCOUNT).public
        self.start(config=f"""accounts {{ AUTH {{ users: [{{user: auth, password: pwd}}] }} }}
            authorization {{ auth_callout {{ issuer: {issuer}, account: AUTH, auth_users: [auth], allowed_accounts: [AUTH] }} }}""")


class Secure(CalloutCase, TlsCase):
    """What TLS has shown of the client is told to the service."""

    more = ()

    @classmethod
    def config_text(cls):
        return tls(*cls.more) + super().config_text()

    def ask_securely(self, context, session=None):
        """What a client in `context` is asked about; it is let in."""
        s = self.raw()
        s.read_info()
        s.start_tls(client_context(CA, *self.service_certificate))
        s.send(connect_line(user="auth", headers=True, **{"pass": "pwd"}) + f"SUB {SUBJECT} 1\r\nPING\r\n".encode())
        s.expect("PONG\r\n")
        c = self.raw()
        c.read_info()
        c.start_tls(context, session=session)
        c.send(connect_line(user="bob") + b"PING\r\n")
        r = Request(s.read_op())
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("PONG\r\n")
        s.close()
        return c, r.nats["client_tls"]

    service_certificate = ()

    def test_client_without_a_certificate(self):
        for version, shown in ((ssl.TLSVersion.TLSv1_2, "1.2"), (ssl.TLSVersion.TLSv1_3, "1.3")):
            c, told = self.ask_securely(client_context(CA, version=version))
            self.assertEqual(told["version"], shown)
            self.assertRegex(told["cipher"], "^TLS_[A-Z0-9_]+$")
            self.assertEqual(sorted(told), ["cipher", "version"])


class Verified(Secure):
    more = (f'ca_file: "{CA.file}"', "verify: true")
    service_certificate = (CLIENT,)
    test_client_without_a_certificate = None

    def pem(self, path):
        with open(path, encoding="ascii") as f:
            return f.read()

    def test_chains(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(CA, CLIENT, version=version)
            c, told = self.ask_securely(context)
            self.assertNotIn("certs", told)
            self.assertEqual(told["verified_chains"], [[self.pem(CLIENT.cert), self.pem(CA.file)]])
            session = c.sock.session
            c.close()
            c, told = self.ask_securely(context, session=session)
            self.assertEqual(told["verified_chains"], [[self.pem(CLIENT.cert), self.pem(CA.file)]])


class OverWebSocket(CalloutCase):
    """The service decides about WebSocket clients too."""

    more = ""

    @classmethod
    def config_text(cls):
        return f"{super().config_text()}\nwebsocket {{ host: 127.0.0.1, port: -1, no_tls: true {cls.more} }}\n"

    def ask_about(self, **connect):
        s = self.service()
        c = WebSocketClient(int(self.server.ports["websocket"][0].rsplit(":", 1)[1]))
        self.addCleanup(c.close)
        c.read_info()
        c.send(connect_line(**connect) + b"PING\r\n")
        return s, c, Request(s.read_op())

    def test_asked(self):
        s, c, r = self.ask_about(user="bob")
        self.assertEqual(r.nats["client_info"]["type"], "websocket")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("PONG\r\n")
        s, c, r = self.ask_about(user="bob")
        self.answer(s, r, response(self.issuer, r, error="no"))
        c.expect(VIOLATION).wait_closed()


class Reload(CalloutCase):
    def test_sessions_stay_until_what_they_rest_on_changes(self):
        s = self.service()
        c, r = self.ask(s, user="bob")
        self.answer(s, r, response(self.issuer, r, user_of(self.issuer, r, "APP")))
        c.expect("PONG\r\n")
        self.server.reload(self.config + "\nmax_payload: 2000\n")
        c.fence()
        self.server.reload(self.config.replace("[a, b]", "[a, c]"))
        c.expect_closed()
        s.fence()


class OperatorMode(OperatorCalloutCase):
    def test_placed_by_the_service(self):
        s = self.service()
        sentinel = user_jwt(self.auth, self.user, tags=["x"])
        c = self.login(self.user, sentinel)
        r = Request(s.read_op())
        self.assertEqual((r.claims["sub"], r.nats["connect_opts"]["jwt"]), (self.auth.public, sentinel))
        self.assertEqual((r.nats["client_info"]["user"], r.nats["client_info"]["tags"]), (self.user.public, ["x"]))
        self.assertEqual(r.nats["client_info"]["nonce"], c.info["nonce"])
        jwt = user_of(self.app, r, None, claims={"name": "bob"}, pub={"deny": ["no"]})
        self.answer(s, r, response(self.auth, r, jwt))
        c.expect("PONG\r\n")
        c.send("PUB no 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"no\"'\r\n")
        shown = [x for x in self.server.json("/connz?auth=1")["connections"] if x["cid"] == c.info["client_id"]][0]
        self.assertEqual((shown["account"], shown["authorized_user"]), (self.app.public, "bob"))

    def test_signing_key_answers(self):
        s = self.service()
        c = self.login(self.user, user_jwt(self.auth, self.user))
        r = Request(s.read_op())
        jwt = user_of(self.signing, r, None, issuer_account=self.auth.public)
        self.answer(s, r, response(self.signing, r, jwt, nats={"issuer_account": self.auth.public}))
        c.expect("PONG\r\n")
        c.send(f"SUB {SUBJECT} 1\r\n").expect(f"-ERR 'Permissions Violation for Subscription to \"{SUBJECT}\"'\r\n")

    def test_who_is_kept_out(self):
        s = self.service()
        for payload_of in (lambda r: response(self.auth, r, user_of(self.other, r, None)),
                           lambda r: response(self.other, r, user_of(self.app, r, None)),
                           lambda r: response(self.auth, r, user_of(Key(ACCOUNT), r, None)),
                           lambda r: response(self.auth, r, user_of(self.app, r, None),
                                              nats={"issuer_account": self.app.public}),
                           lambda r: response(self.auth, r, user_of(self.signing, r, None)),
                           lambda r: ""):
            c = self.login(self.user, user_jwt(self.auth, self.user))
            r = Request(s.read_op())
            self.answer(s, r, payload_of(r))
            c.expect_closed(VIOLATION)


class OperatorSealed(OperatorMode):
    """The same with a curve key, and with every account allowed."""

    allowed = ["*"]
    test_placed_by_the_service = test_signing_key_answers = test_who_is_kept_out = None

    @classmethod
    def authorization(cls):
        return {**super().authorization(), "xkey": cls.xkey.public}

    def asked(self, service, **claims):
        c = self.login(self.user, user_jwt(self.auth, self.user, **claims))
        return c, Request(service.read_op(), self.xkey)

    def seal(self, r, payload):
        return self.xkey.seal(payload, r.server_xkey)

    def test_any_account(self):
        s = self.service()
        for account in (self.app, self.other, self.auth):
            c, r = self.asked(s)
            self.assertTrue(r.raw.startswith(b"xkv1"))
            self.assertEqual((r.server_xkey, r.nats["server_id"]["xkey"]), (c.info["xkey"], c.info["xkey"]))
            self.answer(s, r, self.seal(r, response(self.auth, r, user_of(account, r, None))))
            c.expect("PONG\r\n")
            shown = [x for x in self.server.json("/connz?auth=1")["connections"] if x["cid"] == c.info["client_id"]][0]
            self.assertEqual(shown["account"], account.public)

    def test_sealed_answers_need_no_known_signer(self):
        s = self.service()
        c, r = self.asked(s)
        self.answer(s, r, self.seal(r, response(Key(ACCOUNT), r, user_of(self.app, r, None))))
        c.expect("PONG\r\n")

    def test_answer_in_clear(self):
        s = self.service()
        c, r = self.asked(s)
        self.answer(s, r, response(self.auth, r, user_of(self.other, r, None)))
        c.expect("PONG\r\n")
        c, r = self.asked(s)
        self.answer(s, r, response(Key(ACCOUNT), r, user_of(self.other, r, None)))
        c.expect_closed(VIOLATION)

    def test_who_is_kept_out(self):
        s = self.service()
        stranger, nobody = CurveKey(), Key(ACCOUNT)
        for payload_of in (lambda r: stranger.seal(response(self.auth, r, user_of(self.app, r, None)), r.server_xkey),
                           lambda r: self.seal(r, response(self.auth, r, user_of(nobody, r, None))),
                           lambda r: self.seal(r, response(self.auth, r, error="no")),
                           lambda r: self.seal(r, response(self.auth, r, user_of(self.app, r, None)))[:-1],
                           lambda r: self.seal(r, "")):
            c, r = self.asked(s)
            self.answer(s, r, payload_of(r))
            c.expect_closed(VIOLATION)


del CalloutCase, OperatorCalloutCase, TlsCase

if __name__ == "__main__":
    unittest.main()
