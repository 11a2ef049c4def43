"""Auth callout of operator mode: sentinels, scoped keys, claims that change while their sessions go on."""

import json
import os
import tempfile
import time
import unittest

from harness import connect_line, not_yet, pub, server_binary, wait_until
from harness.callout import SUBJECT, VIOLATION, OperatorCalloutCase, Request, response, user_of
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt

IS_TROUPE = not_yet.is_troupe(server_binary())
REPLIES = "$SYS._INBOX.abc.def"
NOTHING = {"pub": {"deny": [">"]}, "sub": {"deny": [">"]}}


def scope(key, **template):
    template = {"subs": -1, "data": -1, "payload": -1, **template}
    return {"kind": "user_scope", "key": key.public, "role": "r", "template": template}


class SentinelCase(OperatorCalloutCase):
    """The sentinel may do nothing; what a user may is up to the scope that signed it."""

    @classmethod
    def config_text(cls):
        cls.op = Operator()
        cls.auth, cls.app, cls.signing = (Key(ACCOUNT) for _ in range(3))
        cls.user = Key(USER)
        cls.scopes = {name: Key(ACCOUNT) for name in ("narrow", "proxy", "web", "away")}
        narrow = scope(cls.scopes["narrow"], pub={"allow": ["foo.>", "$SYS.REQ.USER.INFO"]},
                       sub={"allow": ["foo.>", "_INBOX.>"]}, resp={"max": 1, "ttl": 3_000_000_000}, subs=3, payload=512)
        cls.keys = [cls.signing.public, narrow, scope(cls.scopes["proxy"], proxy_required=True),
                    scope(cls.scopes["web"], allowed_connection_types=["WEBSOCKET"]),
                    scope(cls.scopes["away"], src=["10.0.0.0/8"])]
        cls.sentinel = user_jwt(cls.auth, cls.user, name="sentinel", bearer_token=True, **NOTHING)
        auth = cls.op.account(cls.auth, authorization=cls.authorization())
        app = cls.op.account(cls.app, signing_keys=cls.keys)
        return cls.op.config((cls.auth, auth), (cls.app, app)) + f"default_sentinel: {cls.sentinel}\n"

    def asked(self, s, **connect):
        """A client without a token of its own, and what is asked about it."""
        c = self.raw()
        c.read_info()
        c.send(connect_line(**connect) + b"PING\r\n")
        return c, Request(s.read_op())

    def placed(self, s, signer, scoped=True, **nats):
        """A client for whom the service gives a user that `signer` signed."""
        c, r = self.asked(s, auth_token="x")
        if scoped:
            nats = {"subs": 0, "data": 0, "payload": 0, **nats}
        jwt = user_of(signer, r, None, claims={"name": "placed"}, issuer_account=self.app.public, **nats)
        self.answer(s, r, response(self.auth, r, jwt))
        return c

    def user_info(self, c):
        c.send("SUB _INBOX.i i\r\nPUB $SYS.REQ.USER.INFO _INBOX.i 0\r\n\r\n")
        return json.loads(c.read_op().split(b"\r\n", 1)[1])["data"]

    def closed_reason(self, c):
        def closed():
            rows = self.server.json("/connz?state=closed&limit=1000")["connections"]
            return [x["reason"] for x in rows if x["cid"] == c.info["client_id"]]
        return wait_until(closed, "the connection among the closed ones")[0]


class Sentinels(SentinelCase):
    def test_scope_gives_permissions_and_limits(self):
        c = self.placed(self.service(), self.scopes["narrow"]).expect("PONG\r\n")
        info = self.user_info(c)
        self.assertEqual((info["user"], info["account"]), ("placed", self.app.public))
        self.assertEqual(sorted(info["permissions"]["publish"]["allow"]), ["$SYS.REQ.USER.INFO", "foo.>"])
        self.assertEqual(sorted(info["permissions"]["subscribe"]["allow"]), ["_INBOX.>", "foo.>"])
        c.send("PUB bar 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"bar\"'\r\n")
        c.send("SUB foo.a 1\r\nSUB foo.b 2\r\nSUB foo.c 3\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n")
        c.send(pub("foo.a", "x" * 513)).expect_closed("-ERR 'Maximum Payload Violation'\r\n")

    def test_user_of_a_scope_has_no_limits_of_its_own(self):
        c = self.placed(self.service(), self.scopes["narrow"], scoped=False, subs=-1, data=-1, payload=-1)
        c.expect_closed(VIOLATION)

    def test_what_a_scope_asks_for(self):
        s = self.service()
        for name, reason in (("proxy", "Proxy Required"), ("web", "Authentication Failure"),
                             ("away", "Authentication Failure")):
            with self.subTest(name):
                c = self.placed(s, self.scopes[name])
                c.expect_closed(VIOLATION)
                self.assertEqual(self.closed_reason(c), reason)
        for sources, allowed in ((["127.0.0.0/8"], True), (["10.0.0.0/8"], False),
                                 (["10.0.0.0/8", "127.0.0.1/32"], True)):
            with self.subTest(sources):
                c = self.placed(s, self.signing, scoped=False, src=sources)
                if allowed:
                    c.expect("PONG\r\n").close()
                else:
                    c.expect_closed(VIOLATION)

    def test_nkey_of_a_client_is_for_the_service_to_judge(self):
        s, key = self.service(), Key(USER)
        c = self.raw()
        nonce = c.read_info()["nonce"]
        c.send(connect_line(nkey=key.public, sig=key.sign_text(nonce), auth_token="x") + b"PING\r\n")
        r = Request(s.read_op())
        self.assertEqual(r.nats["connect_opts"]["nkey"], key.public)
        self.assertEqual(r.nats["connect_opts"]["sig"], key.sign_text(nonce))
        self.assertEqual(r.nats["connect_opts"]["jwt"], self.sentinel)
        self.assertEqual(r.nats["client_info"]["nonce"], nonce)
        self.answer(s, r, response(self.auth, r, user_of(self.app, r, None, claims={"name": "nonced"})))
        self.assertEqual(self.user_info(c.expect("PONG\r\n"))["user"], "nonced")

    def test_service(self):
        s = self.service()
        info = self.user_info(s)
        self.assertEqual(info["permissions"], {"publish": {"deny": [SUBJECT]}, "subscribe": {}})
        self.assertEqual((info["user"], info["user_name"], info["account"]), (self.nkey.public, "U", self.auth.public))

    def test_service_without_its_signature(self):
        s, stranger = self.service(), Key(USER)
        for sig in (None, "AAAA", "!"):
            c = self.raw()
            nonce = c.read_info()["nonce"]
            more = {} if sig is None else {"sig": sig}
            c.send(connect_line(jwt=user_jwt(self.auth, self.nkey), **more)).expect_closed(VIOLATION)
        c = self.raw()
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=user_jwt(self.auth, self.nkey), sig=stranger.sign_text(nonce)))
        c.expect_closed(VIOLATION)
        self.assertEqual(s.read_to_fence(), [])

    def test_naming_the_service_as_nkey_does_not_help(self):
        s, ordinary = self.service(), Key(USER)
        c = self.login(ordinary, user_jwt(self.auth, ordinary), nkey=self.nkey.public)
        self.answer(s, Request(s.read_op()), "")
        c.expect_closed(VIOLATION)
        self.assertEqual(self.closed_reason(c), "Authentication Failure")
        self.server.wait_log("authentication error")
        self.assertNotIn("maximum account active connections", self.server.log())

    def test_why_is_logged(self):
        s, stranger, other = self.service(), Key(ACCOUNT), Key(ACCOUNT)
        for payload_of, said in (
                (lambda r: response(stranger, r, user_of(self.app, r, None), nats={"issuer_account": self.auth.public}),
                 "Auth callout signing key is unknown"),
                (lambda r: response(self.auth, r, user_of(self.app, r, None), nats={"issuer_account": other.public}),
                 f'Auth callout response issuer account "{other.public}" is not the callout account'),
                (lambda r: response(self.auth, r, user_of(other, r, None)),
                 f'Account "{other.public}" not permitted as valid account option for auth callout for account '
                 f'"{self.auth.public}"'),
                (lambda r: response(self.auth, r, user_of(stranger, r, None, issuer_account=self.app.public)),
                 f'User JWT issuer "{stranger.public}" is not known'),
                (lambda r: response(self.auth, r, user_of(self.scopes["narrow"], r, None,
                                                          issuer_account=self.app.public)),
                 "User JWT is not valid: ")):
            with self.subTest(said):
                c, r = self.asked(s)
                self.answer(s, r, payload_of(r))
                c.expect_closed(VIOLATION)
                self.server.wait_log("[WRN] " + said)


class Changing(OperatorCalloutCase):
    """The callout places users into its own account, whose claims are pushed."""

    serve = False
    monitor = False

    def setUp(self):
        self.nkey, self.user = Key(USER), Key(USER)
        self.op, self.auth, self.other = Operator(), Key(ACCOUNT), Key(ACCOUNT)
        self.other_service = Key(USER)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        config = self.op.config((self.auth, self.claims()), (self.other, self.other_claims()),
                                resolver="{type: full, dir: '%s'}" % os.path.join(self.folder.name, "jwt"))
        self.server = self.start(config=config + f"system_account: {self.op.system.public}\n", monitor=True)
        admin = Key(USER)
        self.sys = self.login(admin, user_jwt(self.op.system, admin)).expect("PONG\r\n")
        self.sys.send("SUB inbox.> 1\r\n").fence()

    def claims(self, **more):
        return self.op.account(self.auth, authorization={
            "auth_users": [self.nkey.public], "allowed_accounts": [self.auth.public, self.other.public]}, **more)

    def other_claims(self):
        return self.op.account(self.other, authorization={
            "auth_users": [self.other_service.public], "allowed_accounts": [self.other.public]})

    def push(self, jwt):
        self.sys.send(pub("$SYS.REQ.CLAIMS.UPDATE", jwt, "inbox.x"))
        self.assertEqual(json.loads(self.sys.read_op().split(b"\r\n", 1)[1])["data"]["code"], 200)

    def placed(self, s, account=None, **nats):
        c = self.login(self.user, user_jwt(self.auth, self.user, **NOTHING))
        r = Request(s.read_op())
        self.answer(s, r, response(self.auth, r, user_of(account or self.auth, r, None, **nats)))
        return c.expect("PONG\r\n"), r.user

    def denied(self, c):
        for subject in (SUBJECT, REPLIES):
            c.send(f"PUB {subject} 0\r\n\r\n").expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
            c.send(f"SUB {subject} 1\r\n").expect(f"-ERR 'Permissions Violation for Subscription to \"{subject}\"'\r\n")

    def test_revoked(self):
        s = self.service()
        (first, key), (second, _), (third, _) = (self.placed(s) for _ in range(3))
        soon = int(time.time()) + 60
        self.push(self.claims(revocations={key: soon}))
        first.expect_closed("-ERR 'User Authentication Revoked'\r\n")
        self.push(self.claims(revocations={}))
        second.fence()
        third.fence()
        self.push(self.claims(revocations={"*": soon}))
        second.expect_closed("-ERR 'User Authentication Revoked'\r\n")
        third.expect_closed("-ERR 'User Authentication Revoked'\r\n")

    def test_default_permissions_keep_the_denies(self):
        s = self.service()
        c, _ = self.placed(s)
        self.denied(c)
        for permissions in ({"pub": {"allow": [">"]}, "sub": {"allow": [">"]}}, {"pub": {}, "sub": {}}):
            self.push(self.claims(default_permissions=permissions))
            self.denied(c)
            self.placed(s)[0].close()

    def test_claims_without_it_switch_it_off(self):
        s = self.service()
        self.placed(s)[0].close()
        self.push(self.op.account(self.auth))
        self.login(self.user, user_jwt(self.auth, self.user)).expect("PONG\r\n").send("PUB a 0\r\n\r\n").fence()
        self.assertEqual(s.read_to_fence(), [])

    def test_limits_of_the_user_stay(self):
        s = self.service()
        c, _ = self.placed(s, payload=64, subs=2)
        self.push(self.claims(limits={"payload": 128}))
        c.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n")
        c.send(pub("a", "x" * 65)).expect_closed("-ERR 'Maximum Payload Violation'\r\n")

    def test_placed_where_another_service_listens(self):
        s = self.service()
        t = self.login(self.other_service, user_jwt(self.other, self.other_service), headers=True).expect("PONG\r\n")
        t.send(f"SUB {SUBJECT} 1\r\n").fence()
        c, _ = self.placed(s, self.other)
        self.denied(c)
        c.send("SUB > 9\r\n").fence()
        b = Key(USER)
        d = self.login(b, user_jwt(self.other, b, **NOTHING))
        r = Request(t.read_op())
        self.answer(t, r, response(self.other, r, user_of(self.other, r, None)))
        d.expect("PONG\r\n")
        self.assertEqual(c.read_to_fence(), [])


del OperatorCalloutCase, SentinelCase

if __name__ == "__main__":
    unittest.main()
