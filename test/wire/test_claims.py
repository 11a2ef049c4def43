"""Resolvers over the system account: account JWTs are pushed, looked up, listed, packed and deleted."""

import json
import os
import tempfile
import time
import unittest

from harness import WireCase, connect_line, pub, wait_until
from harness.nkeys import ACCOUNT, OPERATOR, USER, Key, Operator, user_jwt

# Seconds in which a session is opened before its account ends: a sanitizer's build takes its time.
SOON = 8 if os.environ.get("WIRE_SANITIZED") else 2


class ClaimsCase(WireCase):
    serve = False

    def node(self, resolver, *preload, **claims):
        self.op = getattr(self, "op", None) or Operator(**claims)
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        text = self.op.config(*preload, resolver=resolver.replace("DIR", os.path.join(self.dir.name, "jwt")))
        return self.start(config=text + f"system_account: {self.op.system.public}\n", monitor=True)

    def login(self, server, account):
        user = Key(USER)
        c = self.raw(server)
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=user_jwt(account, user), sig=user.sign_text(nonce)) + b"PING\r\n")
        return c

    def sys(self, server):
        c = self.login(server, self.op.system)
        c.expect("PONG\r\n").send("SUB inbox.> 1\r\n").fence()
        return c

    def ask(self, c, subject, body=""):
        c.send(pub(subject, body, "inbox.x"))
        op = c.read_op()
        return op.split(b"\r\n", 1)[1][:-2]

    def push(self, c, subject, jwt):
        return json.loads(self.ask(c, subject, jwt))


FULL = "{type: full, dir: 'DIR', allow_delete: true}"


class Full(ClaimsCase):
    def test_an_account_that_is_pushed_lets_its_users_in(self):
        server = self.node(FULL)
        c, a = self.sys(server), Key(ACCOUNT)
        self.login(server, a).expect_closed("-ERR 'Authorization Violation'\r\n")
        for subject in ("$SYS.REQ.CLAIMS.UPDATE", f"$SYS.REQ.ACCOUNT.{a.public}.CLAIMS.UPDATE",
                        f"$SYS.ACCOUNT.{a.public}.CLAIMS.UPDATE"):
            got = self.push(c, subject, self.op.account(a))
            self.assertEqual(sorted(got), ["data", "server"])
            self.assertEqual(got["data"], {"account": a.public, "code": 200, "message": "jwt updated"})
        self.login(server, a).expect("PONG\r\n")

    def test_an_update_changes_live_sessions(self):
        server = self.node(FULL)
        c, a = self.sys(server), Key(ACCOUNT)
        now = int(time.time())
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a))
        session = self.login(server, a).expect("PONG\r\n")
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, revocations={"*": now + 60}))
        self.assertIn(b"-ERR", session.wait_closed())

    def reason_of(self, server, c):
        def closed():
            return [x["reason"] for x in server.json("/connz?state=closed")["connections"]
                    if x["cid"] == c.info["client_id"]]
        return wait_until(closed, "the connection among the closed ones")[0]

    def live(self, claims=None, signing=None, **user):
        """A session of an account that was pushed; what comes next is told when its claims change."""
        server = self.node(FULL)
        c, a, key = self.sys(server), Key(ACCOUNT), Key(USER)
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, **(claims or {})))
        session = self.raw(server)
        nonce = session.read_info()["nonce"]
        jwt = user_jwt(a, key, signer=signing, **user)
        session.send(connect_line(jwt=jwt, sig=key.sign_text(nonce)) + b"PING\r\n").expect("PONG\r\n")
        return server, c, a, key, session

    def test_revoked(self):
        for who in ("*", None):
            server, c, a, key, session = self.live()
            other = self.login(server, a).expect("PONG\r\n")
            self.push(c, "$SYS.REQ.CLAIMS.UPDATE",
                      self.op.account(a, revocations={who or key.public: int(time.time()) + 60}))
            session.expect_closed("-ERR 'User Authentication Revoked'\r\n")
            self.assertEqual(self.reason_of(server, session), "Credentials Revoked")
            if who:
                other.expect_closed("-ERR 'User Authentication Revoked'\r\n")
            else:
                other.fence()

    def test_revocation_of_the_past_is_no_matter(self):
        server, c, a, key, session = self.live()
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, revocations={key.public: int(time.time()) - 60}))
        session.fence()

    def test_account_expires(self):
        server, c, a, key, session = self.live({"expires": int(time.time()) + SOON})
        session.expect_closed("-ERR 'Account Authentication Expired'\r\n")
        self.assertEqual(self.reason_of(server, session), "Authentication Expired")
        self.login(server, a).expect_closed("-ERR 'Authorization Violation'\r\n")

    def test_account_gets_an_end_and_loses_it(self):
        server, c, a, key, session = self.live()
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, expires=int(time.time()) + SOON))
        session.expect_closed("-ERR 'Account Authentication Expired'\r\n")
        server, c, a, key, session = self.live({"expires": int(time.time()) + SOON})
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a))
        late = self.login(server, a).expect("PONG\r\n")
        timer = self.login(server, a).expect("PONG\r\n")
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, expires=int(time.time()) + SOON))
        timer.expect_closed("-ERR 'Account Authentication Expired'\r\n")
        for one in (session, late):
            one.expect_closed("-ERR 'Account Authentication Expired'\r\n")

    def test_account_is_deleted(self):
        server, c, a, key, session = self.live()
        token = self.op.key.jwt(self.op.key.public, {"type": "generic", "accounts": [a.public]})
        self.push(c, "$SYS.REQ.CLAIMS.DELETE", token)
        session.expect_closed("-ERR 'Account Authentication Expired'\r\n")
        self.assertEqual(self.reason_of(server, session), "Authentication Expired")

    def test_bearers_are_forbidden(self):
        server, c, a, key, session = self.live(bearer_token=True)
        plain = self.login(server, a).expect("PONG\r\n")
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, limits={"disallow_bearer": True}))
        session.expect_closed("-ERR 'Authorization Violation'\r\n")
        self.assertEqual(self.reason_of(server, session), "Authentication Failure")
        plain.fence()

    def test_signing_key_is_gone(self):
        signing = Key(ACCOUNT)
        server, c, a, key, session = self.live({"signing_keys": [signing.public]}, signing)
        plain = self.login(server, a).expect("PONG\r\n")
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a))
        session.expect_closed()
        self.assertEqual(self.reason_of(server, session), "Authentication Failure")
        plain.fence()

    def test_lookup_list_and_pack(self):
        server = self.node(FULL)
        c, a = self.sys(server), Key(ACCOUNT)
        jwt = self.op.account(a)
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", jwt)
        self.assertEqual(self.ask(c, f"$SYS.REQ.ACCOUNT.{a.public}.CLAIMS.LOOKUP").decode(), jwt)
        self.assertEqual(self.ask(c, f"$SYS.REQ.ACCOUNT.{Key(ACCOUNT).public}.CLAIMS.LOOKUP"), b"")
        got = json.loads(self.ask(c, "$SYS.REQ.CLAIMS.LIST"))
        self.assertEqual(sorted(got["data"]), sorted([a.public, self.op.system.public]))
        self.assertIn("id", got["server"])
        lines = [self.ask(c, "$SYS.REQ.CLAIMS.PACK").decode()]
        while lines[-1]:
            lines.append(c.read_op().split(b"\r\n", 1)[1][:-2].decode())
        self.assertEqual(sorted(lines), sorted(["", f"{a.public}|{jwt}", f"{self.op.system.public}|{self.op.system_jwt}"]))

    def test_what_is_refused(self):
        server = self.node(FULL)
        c, a, stranger = self.sys(server), Key(ACCOUNT), Operator()
        update = "$SYS.REQ.CLAIMS.UPDATE"
        for subject, jwt in [(update, "nonsense"), (update, ""), (update, stranger.account(a)[:-4] + "AAAA"),
                             (f"$SYS.REQ.ACCOUNT.{a.public}.CLAIMS.UPDATE", self.op.account(Key(ACCOUNT)))]:
            with self.subTest(subject=subject):
                got = self.push(c, subject, jwt)
                self.assertEqual(got["error"]["code"], 500)
                self.assertRegex(got["error"]["description"], "^jwt update resulted in error - ")
        self.assertEqual(got["error"]["description"],
                         "jwt update resulted in error - subject does not match jwt content")
        self.push(c, update, stranger.account(a))
        self.login(server, a).expect_closed("-ERR 'Authorization Violation'\r\n")

    def test_delete(self):
        server = self.node(FULL)
        c, a = self.sys(server), Key(ACCOUNT)
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a))
        session = self.login(server, a).expect("PONG\r\n")
        stranger = Key(OPERATOR)
        for signer, accounts, why in [(stranger, [a.public], "not trusted"), (self.op.key, ["x"], "malformed request"),
                                      (self.op.key, [self.op.system.public], "not allowed to delete system account")]:
            token = signer.jwt(signer.public, {"type": "generic", "accounts": accounts})
            got = self.push(c, "$SYS.REQ.CLAIMS.DELETE", token)
            self.assertEqual(got["error"], {"code": 500, "description":
                                            f"delete accounts request by {signer.public} failed - {why}"})
        token = self.op.key.jwt(self.op.key.public, {"type": "generic", "accounts": [a.public]})
        self.assertEqual(self.push(c, "$SYS.REQ.CLAIMS.DELETE", token)["data"], {"code": 200, "message": "deleted 1 accounts"})
        session.wait_closed()
        self.login(server, a).expect_closed("-ERR 'Authorization Violation'\r\n")
        self.assertEqual(json.loads(self.ask(c, "$SYS.REQ.CLAIMS.LIST"))["data"], [self.op.system.public])


class Cache(ClaimsCase):
    def test_only_accounts_in_use_are_kept(self):
        self.op = Operator()
        a, b = Key(ACCOUNT), Key(ACCOUNT)
        server = self.node("{type: cache, dir: 'DIR', ttl: '1h'}", (a, self.op.account(a)))
        c = self.sys(server)
        got = self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(b))
        self.assertEqual(got["data"], {"account": b.public, "code": 200, "message": "jwt update cache skipped"})
        got = self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.system_jwt + "x")
        self.assertRegex(got["error"]["description"], "^jwt update cache resulted in error - ")
        got = self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(self.op.system, name="SYS2"))
        self.assertEqual(got["data"]["message"], "jwt updated cache")


class Memory(ClaimsCase):
    def test_updates_of_accounts_in_use(self):
        a, b = Key(ACCOUNT), Key(ACCOUNT)
        self.op = Operator()
        server = self.start(config=self.op.config((a, self.op.account(a)))
                            + f"system_account: {self.op.system.public}\n")
        c = self.sys(server)
        session = self.login(server, a).expect("PONG\r\n")
        got = self.push(c, f"$SYS.REQ.ACCOUNT.{b.public}.CLAIMS.UPDATE", self.op.account(b))
        self.assertEqual(got["data"]["message"], "jwt update skipped")
        got = self.push(c, f"$SYS.REQ.ACCOUNT.{a.public}.CLAIMS.UPDATE",
                        self.op.account(a, revocations={"*": int(time.time()) + 60}))
        self.assertEqual(got["data"]["message"], "jwt updated")
        session.wait_closed()
        got = self.push(c, f"$SYS.REQ.ACCOUNT.{a.public}.CLAIMS.UPDATE", "")
        self.assertEqual(got["error"]["description"], "jwt update error - request body is empty")


if __name__ == "__main__":
    unittest.main()
