"""Resolvers over the system account: account JWTs are pushed, looked up, listed, packed and deleted."""

import hashlib
import json
import os
import tempfile
import time
import unittest

from harness import WireCase, connect_line, hpub, msg, pub, wait_until
from harness.nkeys import ACCOUNT, NO_LIMITS, OPERATOR, USER, Key, Operator, user_jwt

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

    def test_what_may_be_answered_stays_so_under_new_defaults(self):
        def defaults(most, *allowed):
            return {"default_permissions": {"pub": {}, "sub": {"allow": ["svc", *allowed]},
                                            "resp": {"max": most, "ttl": 60_000_000_000}}}
        server, c, a, _, service = self.live(defaults(1))
        asker, nothing = self.raw(server), "-ERR 'Permissions Violation for Publish to \"inb\"'\r\n"
        nonce, key = asker.read_info()["nonce"], Key(USER)
        asker.send(connect_line(jwt=user_jwt(a, key, pub={"allow": [">"]}, sub={"allow": [">"]}), sig=key.sign_text(nonce)))
        asker.send("SUB inb 1\r\n").fence()
        service.send("SUB svc 1\r\n").fence()
        for change, answered in ((defaults(1, "more"), True), (defaults(2, "more"), False)):
            asker.send(pub("svc", "", "inb")).fence()
            service.expect(msg("svc", 1, "", "inb"))
            self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, **change))
            service.send(pub("inb", "x"))
            if answered:
                asker.expect(msg("inb", 1, "x"))
            service.send(pub("inb", "y")).expect(nothing * (1 if answered else 2)).fence()
        asker.fence()

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

    def test_fewer_connections(self):
        server = self.node(FULL)
        c, a, full = self.sys(server), Key(ACCOUNT), "-ERR 'maximum account active connections exceeded'\r\n"
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a))
        sessions = [self.login(server, a).expect("PONG\r\n") for _ in range(8)]
        other = self.login(server, self.op.system).expect("PONG\r\n")
        for most in (8, 3, 3, 2, 4):
            self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, limits={"conn": most}))
            for gone in sessions[most:]:
                gone.expect_closed(full)
                self.assertEqual(self.reason_of(server, gone), "Maximum Account Connections Exceeded")
            sessions = sessions[:most]
            for left in sessions:
                left.fence()
        sessions += [self.login(server, a).expect("PONG\r\n") for _ in range(2)]
        self.login(server, a).expect_closed(full)
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, limits={"conn": 0}))
        for gone in sessions:
            gone.expect_closed(full)
        other.fence()

    def test_fewer_subscriptions(self):
        full = "-ERR 'maximum subscriptions exceeded'\r\n"
        server, c, a, key, session = self.live()
        session.send("SUB a 1\r\nSUB b 2\r\n").fence()
        one = self.login(server, a).expect("PONG\r\n")
        one.send("SUB a 1\r\n").fence()
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, limits={"subs": 3}))
        session.fence()
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, limits={"subs": 2}))
        session.expect_closed(full)
        self.assertEqual(self.reason_of(server, session), "Maximum Subscriptions Exceeded")
        one.send("SUB b 2\r\n").fence()
        one.send("SUB c 3\r\n").expect(full)

    def test_limits_of_a_user_stay_beside_those_of_its_account(self):
        server, c, a, key, session = self.live({"limits": {"payload": 3, "subs": 1}}, payload=5, subs=2)
        session.send("PUB x 3\r\nabc\r\n").fence()
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a))
        session.send("PUB x 5\r\nabcde\r\nSUB a 1\r\nSUB b 2\r\n").fence()
        session.send("SUB c 3\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n")
        session.send("UNSUB 2\r\n").fence()  # the NATS server would close who is at the limit
        self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, limits={"payload": 4}))
        session.send("PUB x 5\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")

    def test_an_exporter_decides_anew_who_may_import(self):
        server = self.node(FULL)
        c, giver, taker = self.sys(server), Key(ACCOUNT), Key(ACCOUNT)
        update = "$SYS.REQ.CLAIMS.UPDATE"
        stream = {"name": "e", "subject": "news", "type": "stream", "token_req": True}
        token = giver.jwt(taker.public, {"type": "activation", "subject": "news", "kind": "stream"})
        self.push(c, update, self.op.account(giver, exports=[stream]))
        self.push(c, update, self.op.account(taker, imports=[
            {"name": "i", "subject": "news", "type": "stream", "account": giver.public, "token": token}]))
        g, t = self.login(server, giver).expect("PONG\r\n"), self.login(server, taker).expect("PONG\r\n")
        t.send("SUB news 1\r\n").fence()

        def hears():
            g.send(pub("news", "x")).fence()
            return len(t.read_to_fence())
        self.assertEqual(hears(), 1)
        for claims, heard in (({"exports": []}, 0), ({"exports": [stream]}, 1),
                              ({"exports": [{**stream, "revocations": {taker.public: int(time.time()) + 60}}]}, 0),
                              ({"exports": [{**stream, "revocations": {taker.public: int(time.time()) - 60}}]}, 1)):
            with self.subTest(claims=claims):
                self.push(c, update, self.op.account(giver, **claims))
                wait_until(lambda: hears() == heard, "the exporter's word to count")

    def test_an_activation_ends(self):
        server = self.node(FULL)
        c, giver, taker = self.sys(server), Key(ACCOUNT), Key(ACCOUNT)
        end = int(time.time()) + SOON
        for kind in ("stream", "service"):
            with self.subTest(kind=kind):
                giver, taker, end = Key(ACCOUNT), Key(ACCOUNT), int(time.time()) + SOON
                token = giver.jwt(taker.public, {"type": "activation", "subject": "s", "kind": kind}, exp=end)
                one = {"name": "s", "subject": "s", "type": kind}
                self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(giver, exports=[{**one, "token_req": True}]))
                self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(
                    taker, imports=[{**one, "account": giver.public, "token": token}]))
                g, t = self.login(server, giver).expect("PONG\r\n"), self.login(server, taker).expect("PONG\r\n")
                sender, hearer = (g, t) if kind == "stream" else (t, g)
                hearer.send("SUB s 1\r\n").fence()

                def hears():
                    sender.send(pub("s", "x")).fence()
                    return len(hearer.read_to_fence())
                self.assertEqual(hears(), 1)
                wait_until(lambda: hears() == 0, "the end of the activation")
                self.assertGreaterEqual(time.time(), end - 1)

    def test_functions_of_accounts(self):
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

        def hash_of(key):
            return "".join(digits[b % 62] for b in hashlib.sha256(key.public.encode()).digest()[:8])
        server = self.node(FULL)
        c, giver, taker = self.sys(server), Key(ACCOUNT), Key(ACCOUNT)
        update = "$SYS.REQ.CLAIMS.UPDATE"
        self.push(c, update, self.op.account(giver, exports=[
            {"name": "e", "subject": "events.{{account-hash()}}.*", "type": "stream"},
            {"name": "s", "subject": "ask.{{account-hash()}}.>", "type": "service"}]))
        self.push(c, update, self.op.account(
            taker,
            imports=[{"name": "e", "subject": "events.{{account-hash-import()}}.*", "type": "stream", "account": giver.public,
                      "local_subject": "in.{{account-hash()}}.*"},
                     {"name": "s", "subject": "ask.{{account-hash-import()}}.one", "type": "service", "account": giver.public}],
            mappings={"m.{{account-hash()}}": [{"subject": "mapped.{{account-hash()}}"}]}))
        g, t = self.login(server, giver).expect("PONG\r\n"), self.login(server, taker).expect("PONG\r\n")
        theirs, own = hash_of(giver), hash_of(taker)
        g.send(f"SUB ask.{theirs}.> 1\r\n").fence()
        t.send(f"SUB in.{own}.* 1\r\nSUB mapped.{own} 2\r\nSUB back 3\r\n").fence()
        g.send(pub(f"events.{theirs}.x", "1") + pub("events.{{account-hash()}}.x", "2")).fence()
        t.expect(msg(f"in.{own}.x", 1, "1")).fence()
        t.send(pub(f"m.{own}", "3")).expect(msg(f"mapped.{own}", 2, "3"))
        t.send(pub(f"ask.{theirs}.one", "4", "back")).fence()
        self.assertIn(f"MSG ask.{theirs}.one 1 ".encode(), g.read_op())

    def test_mappings_that_cannot_be(self):
        server = self.node(FULL)
        c, a = self.sys(server), Key(ACCOUNT)
        for source, destination in (("m", "{{account-hash-import()}}"), ("m", "{{account-hash(x)}}"),
                                    ("m.{{account-hash-leaf-remote()}}", "n"), ("m.*", "{{wildcard(2)}}")):
            with self.subTest(source=source, destination=destination):
                got = self.push(c, "$SYS.REQ.CLAIMS.UPDATE",
                                self.op.account(a, mappings={source: [{"subject": destination}]}))
                self.assertRegex(got["error"]["description"], "^jwt validation failed - mapping ")

    def test_scope_of_a_signing_key_changes(self):
        signing, plain_signing = Key(ACCOUNT), Key(ACCOUNT)

        def keys(allow, **more):
            template = {**NO_LIMITS, "pub": {"allow": [allow]}}
            return {"signing_keys": [plain_signing.public, {"kind": "user_scope", "key": signing.public,
                                                            "role": "r", "template": template, **more}]}
        for change in (keys("b"), keys("a", description="of another name"), {"signing_keys": [plain_signing.public]},
                       {"signing_keys": [plain_signing.public, signing.public]}):
            with self.subTest(change=change):
                server, c, a, key, plain = self.live(keys("a"), plain_signing)
                session, user = self.raw(server), Key(USER)
                nonce = session.read_info()["nonce"]
                session.send(connect_line(jwt=user_jwt(a, user, signer=signing, scoped=True),
                                          sig=user.sign_text(nonce)) + b"PING\r\n").expect("PONG\r\n")
                self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, **keys("a")))
                session.send("PUB b 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"b\"'\r\n")
                self.push(c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(a, **change))
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
                                      (self.op.key, None, "malformed request"),
                                      (self.op.key, [self.op.system.public], "not allowed to delete system account")]:
            listed = {} if accounts is None else {"accounts": accounts}
            token = signer.jwt(signer.public, {"type": "generic", **listed})
            got = self.push(c, "$SYS.REQ.CLAIMS.DELETE", token)
            self.assertEqual(got["error"], {"code": 500, "description":
                                            f"delete accounts request by {signer.public} failed - {why}"})
        # What is not there, or not any more, can be deleted too.
        for accounts, number in (([], 0), ([a.public], 1), ([a.public], 1)):
            token = self.op.key.jwt(self.op.key.public, {"type": "generic", "accounts": accounts})
            self.assertEqual(self.push(c, "$SYS.REQ.CLAIMS.DELETE", token)["data"],
                             {"code": 200, "message": f"deleted {number} accounts"})
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


class Traces(ClaimsCase):
    """Where messages are traced to, and how far, as the claims have it at the moment."""

    PARENT = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    def accounts(self):
        self.server = self.node(FULL)
        self.c, self.a, self.b = self.sys(self.server), Key(ACCOUNT), Key(ACCOUNT)
        self.put(self.a)
        self.put(self.b)

    def put(self, account, **claims):
        self.assertEqual(self.push(self.c, "$SYS.REQ.CLAIMS.UPDATE", self.op.account(account, **claims))["data"]["code"], 200)

    def user(self, account, *lines):
        key, c = Key(USER), self.raw(self.server)
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=user_jwt(account, key), sig=key.sign_text(nonce), headers=True, no_responders=True))
        return c.send("".join(f"{line}\r\n" for line in lines)).fence()

    def entries(self, sender, watcher, subject, header, reply=None):
        """The kinds of the entries of the events of one message."""
        sender.send(hpub(subject, f"NATS/1.0\r\n{header}\r\n\r\n", "x", reply)).fence()
        events = [json.loads(op[op.index(b"{"):-2])["events"] for op in watcher.read_to_fence()]
        return [[e["type"] for e in event] for event in events]

    def test_destination_of_an_account(self):
        self.accounts()
        sender, watcher = self.user(self.a), self.user(self.a, "SUB acc.dest 1")
        for trace, want in (({}, []), ({"trace": {"dest": "acc.dest"}}, [["in"]]), ({}, [])):
            self.put(self.a, **trace)
            wait_until(lambda: self.entries(sender, watcher, "foo", self.PARENT) == want, f"{want} with {trace}")

    def test_service(self):
        self.accounts()
        self.put(self.a, exports=[{"name": "req", "subject": "req", "type": "service"}])
        self.put(self.b, imports=[{"name": "req", "subject": "req", "account": self.a.public, "type": "service"}])
        sender, watcher = self.user(self.b), self.user(self.b, "SUB dest 1")
        self.user(self.a, "SUB req 1")
        for allowed, want in ((False, ["in", "si"]), (True, ["in", "si", "eg"]), (False, ["in", "si"])):
            self.put(self.a, exports=[{"name": "req", "subject": "req", "type": "service", "allow_trace": allowed}])
            wait_until(lambda: self.entries(sender, watcher, "req", "Nats-Trace-Dest: dest", "back") == [want], f"{want}")

    def test_stream(self):
        self.accounts()
        self.put(self.a, exports=[{"name": "info", "subject": "info", "type": "stream"}])
        sender, watcher = self.user(self.a), self.user(self.a, "SUB dest 1")
        self.user(self.b, "SUB info 1")
        for allowed, want in ((False, ["in", "se"]), (True, ["in", "se", "eg"]), (False, ["in", "se"])):
            self.put(self.b, imports=[{"name": "info", "subject": "info", "account": self.a.public, "type": "stream",
                                       "allow_trace": allowed}])
            wait_until(lambda: self.entries(sender, watcher, "info", "Nats-Trace-Dest: dest") == [want], f"{want}")


if __name__ == "__main__":
    unittest.main()
