"""Operator mode: users with JWTs, accounts from the resolver, what is refused and when a session ends."""

import os
import tempfile
import time
import unittest

from harness import Server, WireCase, connect_line, wait_until
from harness.nkeys import ACCOUNT, OPERATOR, USER, Key, Operator, user_jwt

VIOLATION = "-ERR 'Authorization Violation'\r\n"
FULL = b"-ERR 'maximum subscriptions exceeded'\r\n"
EXPIRED = "-ERR 'User Authentication Expired'\r\n"


class OperatorCase(WireCase):
    """One node for all tests of the class, with accounts A and B."""

    @classmethod
    def config_text(cls):
        return None

    @classmethod
    def setUpClass(cls):
        cls.op = Operator()
        cls.a, cls.b, cls.user = Key(ACCOUNT), Key(ACCOUNT), Key(USER)
        cls.config = cls.config_text()
        super().setUpClass()

    def login(self, jwt, user=None, server=None, sig=None, **more):
        """A raw client after CONNECT, with the nonce signed."""
        c = self.raw(server)
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=jwt, sig=sig or (user or self.user).sign_text(nonce), **more))
        return c

    def let_in(self, jwt, **more):
        c = self.login(jwt, **more)
        c.send("PING\r\n").expect("PONG\r\n")
        return c

    def kept_out(self, jwt, **more):
        self.login(jwt, **more).send_quietly("PING\r\n").expect_closed(VIOLATION)


class Logins(OperatorCase):
    @classmethod
    def config_text(cls):
        cls.signing, cls.scoped = Key(ACCOUNT), Key(ACCOUNT)
        a = cls.op.account(cls.a, signing_keys=[cls.signing.public, {
            "kind": "user_scope", "key": cls.scoped.public, "role": "r",
            "template": {**{"subs": -1, "data": -1, "payload": -1}, "pub": {"allow": ["own.{{name()}}"]}}}],
            revocations={"*": 1000})
        b = cls.op.account(cls.b, limits={"disallow_bearer": True, "conn": 2})
        return cls.op.config((cls.a, a), (cls.b, b))

    def test_info_asks_for_a_signed_nonce(self):
        info = self.raw().read_info()
        self.assertIs(info["auth_required"], True)
        self.assertRegex(info["nonce"], r"^[\w-]{15}$")

    def test_user_of_an_account(self):
        c = self.let_in(user_jwt(self.a, self.user))
        c.send("SUB foo 1\r\nPUB foo 2\r\nhi\r\n").expect("MSG foo 1 2\r\nhi\r\n")

    def test_nkey_beside_the_token(self):
        """As some clients send it. A reload must not take them for users of the file."""
        with Server(config=self.config) as server:
            c = self.let_in(user_jwt(self.a, self.user), server=server, nkey=self.user.public)
            for more in ("", "ping_max: 5\n"):
                server.reload(self.config + more)
                c.send("PING\r\n").expect("PONG\r\n")

    def test_accounts_are_apart(self):
        a = self.let_in(user_jwt(self.a, self.user))
        other = Key(USER)
        b = self.let_in(user_jwt(self.b, other), user=other)
        a.send("SUB > 1\r\nPING\r\n").expect("PONG\r\n")
        b.send("SUB > 1\r\nPUB x 1\r\nb\r\nPING\r\n").expect("MSG x 1 1\r\nb\r\nPONG\r\n")
        a.send("PUB y 1\r\na\r\n").expect("MSG y 1 1\r\na\r\n")

    def test_signing_key_and_scoped_key(self):
        self.let_in(user_jwt(self.a, self.user, signer=self.signing))
        c = self.let_in(user_jwt(self.a, self.user, signer=self.scoped, scoped=True, name="bob"))
        c.send("PUB own.bob 0\r\n\r\nPUB own.eve 0\r\n\r\n").expect(
            "-ERR 'Permissions Violation for Publish to \"own.eve\"'\r\n")
        self.kept_out(user_jwt(self.a, self.user, signer=self.scoped))  # asks for limits of its own
        self.kept_out(user_jwt(self.b, self.user, signer=self.signing))  # a key of another account

    def test_connz_tells_issuer_and_tags(self):
        with Server(config=self.config, monitor=True) as server:
            plain = self.login(user_jwt(self.a, self.user), server=server)
            tagged = self.login(user_jwt(self.a, self.user, signer=self.signing, tags=["x", "y"]), server=server)
            for c in (plain, tagged):
                c.send("PING\r\n").expect("PONG\r\n")
            one, two = server.json("/connz?auth=1")["connections"]
            self.assertEqual((one["issuer_key"], one["account"], one.get("tags")), (self.a.public, self.a.public, None))
            self.assertEqual((two["issuer_key"], two["tags"]), (self.signing.public, ["x", "y"]))
            self.assertEqual((one["name_tag"], two["name_tag"]), ("A", "A"))  # the account's

    def test_accountz_tells_what_the_token_says(self):
        soon = int(time.time()) + 3
        a = self.op.account(self.a, name="Acme", expires=soon, tags=["t1"], revocations={self.user.public: 1000})
        with Server(config=self.op.config((self.a, a)), monitor=True) as server:
            c = self.login(user_jwt(self.a, Key(USER)), server=server)  # makes the server look the account up
            c.send_quietly("PING\r\n")
            page = "/accountz?acc=" + self.a.public
            detail = wait_until(lambda: server.http(page)[0] == 200 and server.json(page), "the account")["account_detail"]
            self.assertEqual((detail["name_tag"], detail["issuer_key"], detail["tags"], detail["expired"]),
                             ("Acme", self.op.key.public, ["t1"], False))
            self.assertEqual({k: v for k, v in detail["revoked_user"].items()}.keys(), {self.user.public})
            wait_until(lambda: server.json(page)["account_detail"]["expired"], "the end of the account's token")

    def test_pages_know_accounts_by_name_and_users_by_key(self):
        other = Key(USER)
        with Server(config=self.config, monitor=True) as server:
            self.let_in(user_jwt(self.a, self.user), server=server).send("SUB foo 1\r\n").fence()
            others = [self.let_in(user_jwt(self.a, other), user=other, server=server) for _ in range(2)]
            listed = server.json("/subsz?subs=1&limit=1000&acc=" + self.a.public)["subscriptions_list"]
            self.assertIn((self.a.public, "A", "foo"), {(s["account"], s["account_tag"], s["subject"]) for s in listed})
            counted = {x["acc"]: (x["name"], x["conns"]) for x in server.json("/accstatz?unused=1")["account_statz"]}
            self.assertEqual((counted[self.a.public], counted[self.op.system.public]), (("A", 3), ("SYS", 0)))

            def of_other(state):
                page = server.json(f"/connz?auth=1&user={other.public}&state={state}")["connections"]
                return [x["authorized_user"] for x in page]

            self.assertEqual(of_other("open"), [other.public] * 2)
            for c in others:
                c.close()
            wait_until(lambda: of_other("closed") == [other.public] * 2, "both among the closed ones")

    def test_who_is_kept_out(self):
        good = user_jwt(self.a, self.user)
        self.kept_out(good, sig=Key(USER).sign_text("x"))
        self.kept_out(good, sig="!")
        self.kept_out(good[:-4] + "AAAA")
        self.kept_out("")
        self.kept_out(user_jwt(Key(ACCOUNT), self.user))  # nobody knows the account
        self.kept_out(user_jwt(self.a, self.user, expires=int(time.time()) - 10))
        self.kept_out(self.a.jwt(self.user.public, {"type": "user", "subs": -1, "payload": -1}, nbf=int(time.time()) + 100))
        self.kept_out(self.a.jwt(self.user.public, {"type": "user", "subs": -1, "payload": -1}, iat=900))  # revoked
        self.kept_out(user_jwt(self.a, self.user, src=["10.0.0.0/8"]))
        self.kept_out(user_jwt(self.a, self.user, allowed_connection_types=["MQTT"]))
        self.kept_out(user_jwt(self.a, self.user, proxy_required=True))
        self.kept_out(self.op.key.jwt(self.user.public, {"type": "user"}))

    def test_bearer(self):
        token = {"bearer_token": True}
        self.let_in(user_jwt(self.a, self.user, **token), sig="none")
        self.kept_out(user_jwt(self.b, self.user, **token), sig="none")

    def test_limits_of_user_and_account(self):
        c = self.let_in(self.a.jwt(self.user.public, {"type": "user", "subs": 1, "data": -1, "payload": 4}))
        c.send("SUB a 1\r\nSUB b 2\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n")
        c.send("PUB a 5\r\nhello\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")
        first, second = (self.let_in(user_jwt(self.b, self.user)) for _ in range(2))
        self.login(user_jwt(self.b, self.user)).expect_closed("-ERR 'maximum account active connections exceeded'\r\n")
        first.close()
        second.close()

    def test_permissions_of_a_user(self):
        c = self.let_in(user_jwt(self.a, self.user, pub={"allow": ["p"]}, sub={"deny": ["s.no"]}))
        c.send("PUB q 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"q\"'\r\n")
        c.send("SUB s.no 1\r\n").expect("-ERR 'Permissions Violation for Subscription to \"s.no\"'\r\n")

    def test_session_ends_with_its_token(self):
        began = time.time()
        c = self.let_in(user_jwt(self.a, self.user, expires=int(began) + 2))
        c.expect_closed(EXPIRED)
        self.assertGreaterEqual(time.time(), int(began) + 1)


class NoSubscriptions(OperatorCase):
    """Whoever may have none at all is told so, and closed."""

    monitor = True

    @classmethod
    def config_text(cls):
        cls.scoped = Key(ACCOUNT)
        none = {"subs": 0, "data": -1, "payload": -1}
        a = cls.op.account(cls.a, signing_keys=[
            {"kind": "user_scope", "key": cls.scoped.public, "role": "r", "template": none}])
        return cls.op.config((cls.a, a), (cls.b, cls.op.account(cls.b, limits={"subs": 0})))

    def test_none(self):
        for jwt in (user_jwt(self.a, self.user, subs=0), user_jwt(self.b, self.user),
                    user_jwt(self.a, self.user, signer=self.scoped, scoped=True)):
            c = self.login(jwt)
            # The Go server waits a while, and goes on meanwhile.
            self.assertEqual(c.send_quietly("PING\r\n").wait_closed().replace(b"PONG\r\n", b""), FULL)
            cid = c.info["client_id"]
            closed = wait_until(lambda: self.server.json(f"/connz?state=closed&cid={cid}")["connections"], "its end")
            self.assertEqual(closed[0]["reason"], "Maximum Subscriptions Exceeded")

    def test_one(self):
        c = self.let_in(user_jwt(self.a, self.user, subs=1))
        c.send("SUB a 1\r\nPING\r\n").expect("PONG\r\n")


class Operators(WireCase):
    """Whom the node trusts."""

    serve = False

    def test_account_of_another_operator(self):
        op, stranger, account, user = Operator(), Operator(), Key(ACCOUNT), Key(USER)
        with Server(config=op.config((account, stranger.account(account)))) as server:
            c = self.raw(server)
            nonce = c.read_info()["nonce"]
            c.send(connect_line(jwt=user_jwt(account, user), sig=user.sign_text(nonce))).expect_closed(VIOLATION)

    def test_another_signing_key_by_a_reload(self):
        keys, account, user = [Key(OPERATOR), Key(OPERATOR)], Key(ACCOUNT), Key(USER)
        op = Operator(signing_keys=[k.public for k in keys])
        configs = [op.config((account, op.account(account, signer=k))) for k in keys]
        with Server(config=configs[0], monitor=True) as server:
            c = self.raw(server)
            c.send(connect_line(jwt=user_jwt(account, user), sig=user.sign_text(c.read_info()["nonce"]))).fence()

            def issuer():
                return server.json("/accountz?acc=" + account.public)["account_detail"]["issuer_key"]

            self.assertEqual(issuer(), keys[0].public)
            server.reload(configs[1])
            wait_until(lambda: issuer() == keys[1].public, "the other key on the page")
            c.fence()

    def test_strict_operator_wants_signing_keys(self):
        signing, account_signing, account, user = Key(OPERATOR), Key(ACCOUNT), Key(ACCOUNT), Key(USER)
        op = Operator(signing_keys=[signing.public], strict_signing_key_usage=True)
        op.system_jwt = op.account(op.system, signer=signing)
        jwt = op.account(account, signer=signing, signing_keys=[account_signing.public])
        with Server(config=op.config((account, jwt))) as server:
            for token, good in ((user_jwt(account, user), False), (user_jwt(account, user, signer=account_signing), True)):
                c = self.raw(server)
                nonce = c.read_info()["nonce"]
                c.send(connect_line(jwt=token, sig=user.sign_text(nonce)) + b"PING\r\n")
                if good:
                    c.expect("PONG\r\n")
                else:
                    c.expect_closed(VIOLATION)

    def test_pinned_accounts(self):
        op, account, other, user = Operator(), Key(ACCOUNT), Key(ACCOUNT), Key(USER)
        config = op.config((account, op.account(account)), (other, op.account(other)))
        with Server(config=config + f"resolver_pinned_accounts: [{account.public}]\n") as server:
            for key, good in ((account, True), (op.system, True), (other, False)):
                c = self.raw(server)
                nonce = c.read_info()["nonce"]
                c.send(connect_line(jwt=user_jwt(key, user), sig=user.sign_text(nonce)) + b"PING\r\n")
                if good:
                    c.expect("PONG\r\n")
                else:
                    c.expect_closed(VIOLATION)

    def test_default_sentinel(self):
        op, account, user = Operator(), Key(ACCOUNT), Key(USER)
        sentinel = user_jwt(account, user, bearer_token=True, pub={"deny": [">"]})
        with Server(config=op.config((account, op.account(account))) + f"default_sentinel: {sentinel}\n") as server:
            c = self.raw(server)
            c.read_info()
            c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")
            c.send("PUB a 0\r\n\r\n").expect("-ERR 'Permissions Violation for Publish to \"a\"'\r\n")

    def test_full_directory(self):
        op, account, other, user = Operator(), Key(ACCOUNT), Key(ACCOUNT), Key(USER)
        with tempfile.TemporaryDirectory(prefix="resolver-") as folder:
            with open(os.path.join(folder, account.public + ".jwt"), "w", encoding="ascii") as f:
                f.write(op.account(account))
            with open(os.path.join(folder, other.public + ".jwt"), "w", encoding="ascii") as f:
                f.write("not a token")
            with Server(config=op.config(resolver=f'{{ type: full, dir: "{folder}" }}')) as server:
                for key, good in ((account, True), (other, False), (Key(ACCOUNT), False), (op.system, True)):
                    c = self.raw(server)
                    nonce = c.read_info()["nonce"]
                    c.send(connect_line(jwt=user_jwt(key, user), sig=user.sign_text(nonce)) + b"PING\r\n")
                    if good:
                        c.expect("PONG\r\n")
                    else:
                        c.expect_closed(VIOLATION)
            self.assertIn(op.system.public + ".jwt", os.listdir(folder))


if __name__ == "__main__":
    unittest.main()
