"""Trusted proxies: who signs the nonce for its clients, who has to come through one, and what a reload ends."""

import unittest

from harness import WireCase, connect_line, wait_until
from harness.nkeys import ACCOUNT, SERVER, USER, Key, Operator, user_jwt

VIOLATION = "-ERR 'Authorization Violation'\r\n"
NOT_TRUSTED, REQUIRED = "Proxy Not Trusted", "Proxy Required"


class ProxyCase(WireCase):
    monitor = True
    rest = ""

    @classmethod
    def setUpClass(cls):
        cls.one, cls.two, cls.stranger, cls.nkey = Key(SERVER), Key(USER), Key(SERVER), Key(USER)
        cls.config = cls.config_text()
        super().setUpClass()

    @classmethod
    def proxies(cls, *keys):
        return "proxies { trusted: [%s] }\n" % ", ".join("{key: %s}" % k.public for k in keys)

    @classmethod
    def config_text(cls):
        return cls.proxies(cls.one, cls.two) + cls.rest

    def through(self, proxy, signed=None, **who):
        c = self.raw()
        nonce = c.read_info()["nonce"]
        more = {"proxy_sig": signed if signed is not None else proxy.sign_text(nonce)} if proxy else {}
        if "nkey" in who:
            who["sig"] = self.nkey.sign_text(nonce)
        c.send(connect_line(**more, **who) + b"PING\r\n")
        return c

    def let_in(self, proxy, **who):
        return self.through(proxy, **who).expect("PONG\r\n")

    def kept_out(self, proxy, reason, **who):
        c = self.through(proxy, **who)
        c.expect_closed(VIOLATION)
        self.closed_with(c, reason)

    def closed_with(self, c, reason):
        def closed():
            return [x["reason"] for x in self.server.json("/connz?state=closed&limit=1000")["connections"]
                    if x["cid"] == c.info["client_id"]]
        self.assertEqual(wait_until(closed, "the connection among the closed ones"), [reason])

    def shown_proxy(self, c):
        list_ = self.server.json("/connz?limit=1000")["connections"]
        return [x.get("proxy") for x in list_ if x["cid"] == c.info["client_id"]][0]


class Open(ProxyCase):
    """Nobody has to log in; a proxy that shows a signature is checked all the same."""

    def test_signatures(self):
        for key in (self.one, self.two):
            self.assertEqual(self.shown_proxy(self.let_in(key)), {"key": key.public})
        self.assertIsNone(self.shown_proxy(self.let_in(None)))
        self.kept_out(self.stranger, NOT_TRUSTED)
        for signed in ("!", "AAAA", "A" * 86, "x" * 4000, self.one.sign_text("another nonce")):
            self.kept_out(self.one, NOT_TRUSTED, signed=signed)
        self.let_in(self.one, signed="")


class Users(ProxyCase):
    @classmethod
    def config_text(cls):
        cls.rest = f"""authorization {{ users: [
            {{user: a, password: p, proxy_required: true}}, {{user: b, password: p}}
            {{nkey: {cls.nkey.public}, proxy_required: true}} ] }}"""
        return super().config_text()

    def test_who_has_to_come_through_one(self):
        a, b = ({"user": name, "pass": "p"} for name in "ab")
        self.let_in(self.one, **a)
        self.let_in(self.one, **b)
        self.let_in(None, **b)
        self.let_in(self.two, nkey=self.nkey.public)
        self.kept_out(None, REQUIRED, **a)
        self.kept_out(None, REQUIRED, nkey=self.nkey.public)
        self.kept_out(self.stranger, NOT_TRUSTED, **a)
        self.kept_out(self.stranger, NOT_TRUSTED, **b)
        self.kept_out(self.one, "Authentication Failure", **{**a, "pass": "wrong"})


class Single(ProxyCase):
    rest = "authorization { user: a, password: p, proxy_required: true }"

    def test_required(self):
        who = {"user": "a", "pass": "p"}
        self.let_in(self.one, **who)
        self.kept_out(None, REQUIRED, **who)


class Token(ProxyCase):
    rest = "authorization { token: topsecret, proxy_required: true }"

    def test_required(self):
        self.let_in(self.one, auth_token="topsecret")
        self.kept_out(None, REQUIRED, auth_token="topsecret")


class Reload(ProxyCase):
    rest = "authorization { users: [{user: a, password: p}] }\n"

    def test_removed_key(self):
        who = {"user": "a", "pass": "p"}
        one, two, none = self.let_in(self.one, **who), self.let_in(self.two, **who), self.let_in(None, **who)
        self.server.reload(self.proxies(self.two) + self.rest)
        one.expect_closed(VIOLATION)
        self.closed_with(one, NOT_TRUSTED)
        two.fence()
        none.fence()
        self.kept_out(self.one, NOT_TRUSTED, **who)
        self.server.reload(self.proxies(self.two) + self.rest.replace("password: p", "password: p, proxy_required: true"))
        none.expect_closed(VIOLATION)
        two.fence()


class Jwt(ProxyCase):
    @classmethod
    def config_text(cls):
        cls.op, cls.account = Operator(), Key(ACCOUNT)
        cls.rest = cls.op.config((cls.account, cls.op.account(cls.account)))
        return super().config_text()

    def test_required(self):
        bearer = {"jwt": user_jwt(self.account, self.nkey, proxy_required=True, bearer_token=True)}
        self.let_in(self.one, **bearer)
        self.kept_out(None, REQUIRED, **bearer)


del ProxyCase

if __name__ == "__main__":
    unittest.main()
