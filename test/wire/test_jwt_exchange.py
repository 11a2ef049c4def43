"""What accounts of operator mode give each other: activations, positions of accounts in subjects, the system account's
own services; and what a push of claims makes of it."""

import json
import os
import signal
import tempfile
import time
import unittest

from harness import WireCase, connect_line, hpub, pub, wait_until
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt

UPDATE = "$SYS.REQ.CLAIMS.UPDATE"
KINDS = ("stream", "service")


def one(kind, subject, **more):
    return {"name": subject, "subject": subject, "type": kind, **more}


def activation(signer, importer, kind, subject, **nats):
    return signer.jwt(importer.public, {"type": "activation", "subject": subject, "kind": kind, **nats})


class ExchangeCase(WireCase):
    serve = False

    def node(self, *preload, system=None, **more):
        """With the accounts `giver` and `taker`, whose claims are pushed."""
        self.op = Operator()
        if system is not None:
            self.op.system_jwt = self.op.account(self.op.system, name="SYS", **system)
        self.giver, self.taker = Key(ACCOUNT), Key(ACCOUNT)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = self.op.config(*preload, resolver="{type: full, dir: '%s', allow_delete: true}"
                                                   % os.path.join(folder.name, "jwt"))
        self.server = self.start(config=config + f"system_account: {self.op.system.public}\n", monitor=True)
        self.sys = self.login(self.op.system).expect("PONG\r\n")
        self.sys.send("SUB inbox.> 1\r\n").fence()

    def login(self, account, user=None, signer=None, lang="", version="", **claims):
        user = user or Key(USER)
        c = self.raw(self.server)
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=user_jwt(account, user, signer=signer, **claims), sig=user.sign_text(nonce),
                            headers=True, no_responders=True, lang=lang, version=version) + b"PING\r\n")
        return c

    def push(self, account, code=200, **claims):
        self.sys.send(pub(UPDATE, self.op.account(account, **claims), "inbox.x"))
        got = json.loads(self.sys.read_op().split(b"\r\n", 1)[1])
        part = got["data"] if code == 200 else got["error"]
        self.assertEqual(part["code"], code)
        return part

    def pair(self):
        """Sessions of both accounts; `hears(kind)` tells how often what one says is heard by the other."""
        g, t = self.login(self.giver).expect("PONG\r\n"), self.login(self.taker).expect("PONG\r\n")
        g.send("SUB service.> 1\r\n").fence()
        t.send("SUB stream.> 1\r\n").fence()

        def hears(kind, subject=None):
            sender, hearer = (g, t) if kind == "stream" else (t, g)
            sender.send(pub(subject or kind + ".a", "x")).fence()
            return len(hearer.read_to_fence())
        return hears

    def soon(self, hears, want, subjects=(None, None)):
        for kind, subject in zip(KINDS, subjects):
            wait_until(lambda: hears(kind, subject) == want, f"{kind} to be heard {want} times")


class Activations(ExchangeCase):
    def exports(self, **more):
        return [one(kind, kind + ".a", **more) for kind in KINDS]

    def imports(self, signer=None, **nats):
        tokens = {} if not signer else {
            kind: {"token": activation(signer, self.taker, kind, kind + ".a", **nats)} for kind in KINDS}
        return [one(kind, kind + ".a", account=self.giver.public, **tokens.get(kind, {})) for kind in KINDS]

    def test_what_is_public_becomes_private_and_public_again(self):
        self.node()
        self.push(self.giver, exports=self.exports())
        self.push(self.taker, imports=self.imports())
        hears = self.pair()
        self.soon(hears, 1)
        for claims, want in (({"exports": self.exports(token_req=True)}, 0), ({"exports": self.exports()}, 1),
                             ({}, 0), ({"exports": self.exports()}, 1)):
            self.push(self.giver, **claims)
            self.soon(hears, want)
        self.push(self.taker)
        self.soon(hears, 0)
        self.push(self.taker, imports=self.imports())
        self.soon(hears, 1)

    def test_signing_key_of_an_activation_is_gone(self):
        self.node()
        key = Key(ACCOUNT)
        exports = self.exports(token_req=True)
        self.push(self.giver, exports=exports, signing_keys=[key.public])
        self.push(self.taker, imports=self.imports(key, issuer_account=self.giver.public))
        hears = self.pair()
        self.soon(hears, 1)
        self.push(self.giver, exports=exports)
        self.soon(hears, 0)
        self.push(self.giver, exports=exports, signing_keys=[key.public])
        self.soon(hears, 1)

    def test_revoked_activations(self):
        self.node()
        now = int(time.time())
        self.push(self.giver, exports=self.exports(token_req=True))
        self.push(self.taker, imports=self.imports(self.giver))
        hears = self.pair()
        self.soon(hears, 1)
        for whom, want in ((Key(ACCOUNT).public, 1), (self.taker.public, 0), ("*", 0)):
            with self.subTest(whom):
                self.push(self.giver, exports=self.exports(token_req=True, revocations={whom: now + 60}))
                self.soon(hears, want)
                self.push(self.giver, exports=self.exports(token_req=True))
                self.soon(hears, 1)

    def test_an_activation_for_something_else_is_no_claim(self):
        self.node()
        self.push(self.giver, exports=[*self.exports(token_req=True), one("stream", "other", token_req=True)])
        other = Key(ACCOUNT)
        for token in (activation(self.giver, other, "stream", "stream.a"),
                      activation(self.giver, self.taker, "stream", "other"),
                      activation(self.giver, self.taker, "stream", "nowhere"),
                      activation(self.giver, self.taker, "service", "stream.a")):
            imports = [one("stream", "stream.a", account=self.giver.public, token=token)]
            self.push(self.taker, code=500, imports=imports)
            self.login(self.taker).expect_closed("-ERR 'Authorization Violation'\r\n")

    def test_an_activation_by_another_account(self):
        self.node()
        key = Key(ACCOUNT)
        self.push(self.giver, exports=self.exports(token_req=True), signing_keys=[key.public])
        self.push(self.taker, code=500, imports=self.imports(key, issuer_account=self.taker.public))

    def test_position_of_the_account(self):
        self.node()
        exports = [one(kind, kind + ".*", account_token_position=2) for kind in KINDS]
        own = [kind + "." + self.taker.public for kind in KINDS]
        self.push(self.giver, exports=exports)
        self.push(self.taker, imports=[one(kind, s, account=self.giver.public) for kind, s in zip(KINDS, own)])
        hears = self.pair()
        self.soon(hears, 1, own)
        self.push(self.taker, imports=[one(kind, kind + ".a", account=self.giver.public) for kind in KINDS])
        self.soon(hears, 0)
        self.push(self.giver, exports=[one(kind, kind + ".*") for kind in KINDS])
        self.soon(hears, 1)
        self.push(self.giver, exports=exports)
        self.soon(hears, 0)

    def test_latency_with_and_without_shared_details(self):
        self.node()
        self.push(self.giver, exports=[one("service", "service.a",
                                           service_latency={"sampling": "headers", "results": "lat"})])
        g = self.login(self.giver).expect("PONG\r\n")
        g.send("SUB service.a 1\r\nSUB lat 2\r\n").fence()
        for share in (True, False):
            self.push(self.taker, imports=[one("service", "service.a", account=self.giver.public, share=share)])
            t = self.login(self.taker, lang="x", version="1").expect("PONG\r\n")
            t.send("SUB back 1\r\n").fence()

            def ask(head):
                t.send(hpub("service.a", head, "?", "back"))
                g.send(pub(g.read_op().split(b"\r\n", 1)[0].split()[3].decode(), "!"))
                self.assertIn(b"!", t.read_op())
            ask(b"NATS/1.0\r\nShare: Me\r\n\r\n")
            ask(b"NATS/1.0\r\nX-B3-Sampled: 1\r\nShare: Me\r\n\r\n")
            event = json.loads(g.read_op().split(b"\r\n", 1)[1])
            self.assertEqual(event["header"], {"X-B3-Sampled": ["1"]})
            asker = event["requestor"]
            self.assertEqual(asker["acc"], self.taker.public)
            self.assertIn("rtt", asker)
            self.assertEqual([name in asker for name in ("lang", "ver", "host", "start")], [share] * 4)

    def test_an_answer_behind_its_threshold(self):
        self.node()
        self.push(self.giver, exports=[one("service", "service.a", response_threshold=20_000_000)])
        self.push(self.taker, imports=[one("service", "service.a", account=self.giver.public)])
        g, t = self.login(self.giver).expect("PONG\r\n"), self.login(self.taker).expect("PONG\r\n")
        g.send("SUB service.a 1\r\n").fence()
        t.send("SUB back 1\r\n" + pub("service.a", "?", "back").decode()).fence()
        reply = g.read_op().split()[3].decode()
        end = time.monotonic() + 0.3
        wait_until(lambda: time.monotonic() > end, "time to pass")
        g.send(pub(reply, "!")).fence()
        self.assertEqual(t.read_to_fence(), [])


class Defaults(ExchangeCase):
    def permissions(self, subject):
        return {"pub": {"allow": [subject]}, "sub": {"allow": [subject]}}

    def test_default_permissions_follow_the_account(self):
        self.node()
        a = self.giver
        self.push(a, default_permissions=self.permissions("foo"))
        usual = self.login(a).expect("PONG\r\n")
        own = self.login(a, **self.permissions("baz")).expect("PONG\r\n")
        usual.send("SUB foo 1\r\n").fence()
        own.send("SUB baz 1\r\n").fence()
        self.push(a, default_permissions=self.permissions("bar"))
        usual.expect("-ERR 'Permissions Violation for Subscription to \"foo\" (sid \"1\")'\r\n")
        usual.send("PUB foo 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"foo\"'\r\n")
        usual.send("SUB bar 2\r\nPUB bar 1\r\nx\r\n").expect("MSG bar 2 1\r\nx\r\n")
        own.send("PUB baz 1\r\nx\r\n").expect("MSG baz 1 1\r\nx\r\n")
        own.send("PUB bar 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"bar\"'\r\n")

    def test_limits_beyond_every_number(self):
        self.node()
        much = 2 ** 31
        limits = {"subs": much, "payload": much, "conn": much, "leaf": much}
        key = Key(ACCOUNT)
        scope = {"kind": "user_scope", "key": key.public, "role": "r",
                 "template": {"subs": much, "data": -1, "payload": much}}
        self.push(self.giver, limits=limits, signing_keys=[scope])
        for c in (self.login(self.giver), self.login(self.giver, subs=much, payload=much),
                  self.login(self.giver, signer=key, subs=0, data=0, payload=0)):
            c.expect("PONG\r\n").send("SUB foo 1\r\nPUB foo 1\r\nx\r\n").expect("MSG foo 1 1\r\nx\r\n")
            c.fence()

    def test_user_of_a_bearer_token(self):
        self.node()
        self.push(self.giver)
        user, other = Key(USER), Key(ACCOUNT)
        for issuer, want in ((self.giver, b"PONG\r\n"), (other, b"-ERR 'Authorization Violation'\r\n")):
            c = self.raw(self.server)
            c.read_info()
            jwt = user_jwt(self.giver, user, bearer_token=True, issuer_account=issuer.public)
            c.send(connect_line(jwt=jwt) + b"PING\r\n")
            self.assertEqual(c.read_op(), want)

    def test_full_account_is_no_failed_login(self):
        self.node()
        self.push(self.giver, limits={"conn": 1})
        self.login(self.giver).expect("PONG\r\n")
        self.login(self.giver).expect_closed("-ERR 'maximum account active connections exceeded'\r\n")
        self.assertNotIn("authentication error", self.server.log())

    def test_headers_with_claims_are_passed_over(self):
        self.node()
        self.sys.send(hpub(UPDATE, b"NATS/1.0\r\nkey: value\r\n\r\n", self.op.account(self.giver), "inbox.x"))
        self.assertIn(b"jwt updated", self.sys.read_op())
        delete = self.op.key.jwt(self.op.key.public, {"accounts": [self.giver.public]})
        self.sys.send(hpub("$SYS.REQ.CLAIMS.DELETE", b"NATS/1.0\r\nkey: value\r\n\r\n", delete, "inbox.x"))
        self.assertIn(b"deleted 1 accounts", self.sys.read_op())


class Unasked(WireCase):
    """Where no operator is trusted a JWT says nothing."""

    serve = False

    def test_a_jwt_is_passed_over(self):
        account, user = Key(ACCOUNT), Key(USER)
        for config, who in ("", {}), ("authorization { user: u, password: pwd }", {"user": "u", "pass": "pwd"}):
            server = self.start(config=config)
            c = self.raw(server)
            nonce = c.read_info().get("nonce", "")
            c.send(connect_line(jwt=user_jwt(account, user), sig=user.sign_text(nonce), **who) + b"PING\r\n")
            c.expect("PONG\r\n")

    def test_a_reload_with_a_broken_account_is_refused(self):
        op, account = Operator(), Key(ACCOUNT)
        old = op.account(account, expires=int(time.time()) - 2)
        server = self.start(config=op.config((account, old)))
        with open(server.config_path, "w", encoding="utf-8") as f:
            f.write(op.config().replace("resolver_preload {", "resolver_preload {\n  foo: bar"))
        server.signal(signal.SIGHUP)
        server.wait_log("Failed to reload server configuration")
        server.reload(op.config((account, op.account(account))))


class OfTheSystem(ExchangeCase):
    def asker(self):
        c = self.login(self.taker).expect("PONG\r\n")
        c.send("SUB back 1\r\n").fence()

        def answered(subject):
            c.send(pub(subject, "", "back"))
            op = c.read_op()
            return not op.startswith(b"HMSG")
        return answered

    def imported(self, *pairs):
        return [one("service", s, local_subject=to, account=self.op.system.public) for s, to in pairs]

    def test_only_of_itself(self):
        self.node()
        theirs, own = self.op.system.public, self.taker.public
        self.push(self.taker, imports=self.imported(
            (f"$SYS.REQ.ACCOUNT.{theirs}.CONNZ", "theirs"), ("$SYS.REQ.ACCOUNT.*.CONNZ", "any.*"),
            (f"$SYS.REQ.ACCOUNT.{own}.CONNZ", "own")))
        answered = self.asker()
        for subject, want in (("own", True), ("$SYS.REQ.ACCOUNT.PING.CONNZ", True), ("theirs", False),
                              (f"any.{own}", False)):
            self.assertEqual(answered(subject), want, subject)
        self.push(self.taker, mappings={"foo.bar": [{"subject": "foo.baz"}]})
        self.assertTrue(answered("$SYS.REQ.ACCOUNT.PING.CONNZ"))

    def test_the_system_account_may_export_more(self):
        self.node(system={"exports": [one("service", "$SYS.REQ.ACCOUNT.*.>")]})
        theirs, own = self.op.system.public, self.taker.public
        self.push(self.taker, imports=self.imported(
            (f"$SYS.REQ.ACCOUNT.{theirs}.CONNZ", "theirs"), ("$SYS.REQ.ACCOUNT.*.CONNZ", "any.*"),
            (f"$SYS.REQ.ACCOUNT.{own}.CONNZ", "own")))
        answered = self.asker()
        for subject in ("theirs", "own", f"any.{theirs}", f"any.{own}", "any.PING"):
            self.assertTrue(answered(subject), subject)

    def test_the_system_account_cannot_export_less(self):
        self.node(system={"exports": [one("service", "$SYS.REQ.>", token_req=True)]})
        self.push(self.taker)
        answered = self.asker()
        self.assertTrue(answered("$SYS.REQ.ACCOUNT.PING.CONNZ"))

    def test_info_about_another_account(self):
        self.node(system={"exports": [one("service", "$SYS.REQ.ACCOUNT.*.INFO")]})
        self.push(self.taker, imports=self.imported(("$SYS.REQ.ACCOUNT.*.INFO", "info.*")))
        answered = self.asker()
        self.assertTrue(answered(f"info.{self.op.system.public}"))


del ExchangeCase

if __name__ == "__main__":
    unittest.main()
