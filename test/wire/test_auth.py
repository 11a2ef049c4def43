"""User, password, token and nkey: by flags and by a small authorization block; the timeout."""

import base64
import json
import time
import unittest

from harness import WireCase, connect_line, msg, not_yet, pub, server_binary, wait_until
from harness.nkeys import USER, Key

VIOLATION = "-ERR 'Authorization Violation'\r\n"
TIMEOUT = "-ERR 'Authentication Timeout'\r\n"


def login(user=None, password=None, token=None, **more):
    fields = dict(more)
    if user is not None:
        fields["user"] = user
    if password is not None:
        fields["pass"] = password
    if token is not None:
        fields["auth_token"] = token
    return connect_line(**fields)


class AuthCase(WireCase):
    """What every way to configure credentials has in common; `good` and `bad` are CONNECT lines."""

    good = ()
    bad = ()

    def greeted(self):
        c = self.raw()
        self.assertIs(c.read_info()["auth_required"], True)
        return c

    def test_good(self):
        for line in self.good:
            with self.subTest(line=line):
                c = self.greeted()
                c.send(line + b"PING\r\n").expect("PONG\r\n")
                c.send("SUB foo 1\r\n" + "PUB foo 0\r\n\r\n").expect("MSG foo 1 0\r\n\r\n")
                c.close()

    def test_bad(self):
        for line in (*self.bad, connect_line(), b"CONNECT {}\r\n"):
            with self.subTest(line=line):
                self.greeted().send(line + b"PING\r\n").expect_closed(VIOLATION)

    def test_other_op_first(self):
        for data in ("PING\r\n", "SUB foo 1\r\n", "PUB foo 0\r\n\r\n", "UNSUB 1\r\n", "+OK\r\n", "INFO {}\r\n", "x",
                     "GET / HTTP/1.1\r\n\r\n", "\r\n"):
            with self.subTest(data=data):
                self.greeted().send(data).expect_closed(VIOLATION)

    def test_verbose_ok_only_after_success(self):
        self.greeted().send(self.good[0].replace(b'"verbose":false', b'"verbose":true')).expect("+OK\r\n")
        self.greeted().send(self.bad[0].replace(b'"verbose":false', b'"verbose":true')).expect_closed(VIOLATION)

    def test_second_connect_is_checked_again(self):
        c = self.greeted()
        c.send(self.good[0] + b"PING\r\n").expect("PONG\r\n")
        c.send(self.bad[0]).expect_closed(VIOLATION)

    def test_nothing_of_a_refused_client_counts(self):
        watcher = self.greeted()
        watcher.send(self.good[0] + b"SUB sneak 1\r\nPING\r\n").expect("PONG\r\n")
        self.greeted().send(self.bad[0] + b"PUB sneak 0\r\n\r\n").expect_closed(VIOLATION)
        watcher.fence()


class UserPassFlags(AuthCase):
    args = ("--user", "ivan", "--pass", "s3cret")
    good = (login("ivan", "s3cret"), login("ivan", "s3cret", token="ignored"))
    bad = (login("ivan", "wrong"), login("ivan"), login("Ivan", "s3cret"), login("", "s3cret"), login("ivan", ""),
           login(None, "s3cret"), login(token="s3cret"), login("ivan", "s3cret "), login("ivan", "s3cre"))


class TokenFlag(AuthCase):
    args = ("--auth", "T0ken")
    good = (login(token="T0ken"), login("x", "y", token="T0ken"))
    bad = (login(token="t0ken"), login(token=""), login("T0ken"), login("x", "T0ken"), login(token="T0ken2"))


class UserPassConfig(AuthCase):
    config = "authorization { user: ivan, password: s3cret, timeout: 1 }\n"
    good = (login("ivan", "s3cret"),)
    bad = (login("ivan", "wrong"), login("ivan"), login(token="s3cret"))


class TokenConfig(AuthCase):
    config = 'authorization { token: "T0ken" }\n'
    good = (login(token="T0ken"),)
    bad = (login(token="t0ken"), login("T0ken", "T0ken"))


class UsersConfig(AuthCase):
    config = """authorization {
      users = [
        {user: alice, password: foo}
        {user: bob, password: "bar baz"}
      ]
    }
    """
    good = (login("alice", "foo"), login("bob", "bar baz"))
    bad = (login("alice", "bar baz"), login("bob", "foo"), login("carol", "foo"), login("alice"), login(token="foo"))


class BcryptConfig(AuthCase):
    # The hash of "s3cret" as `nats server passwd` would write it, at the lowest cost.
    config = "authorization { user: ivan, password: $2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG }\n"
    good = (login("ivan", "s3cret"),)
    bad = (login("ivan", "wrong"), login("ivan", "$2a$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG"))


@unittest.skipUnless(not_yet.is_troupe(server_binary()), "/actorz is Troupe's")
class FailuresAlike(WireCase):
    """A failed login takes the same way through the node whether or not the user exists."""

    serve = False
    dear = "$2b$06$abcdefghijklmnopqrstuuNOnw6EGKc3988bZtxlqHMps74iVdpdC"
    plain, hashed = "{user: plain, password: s3cret}", f"{{user: hashed, password: {dear}}}"

    def attempt(self, users, make_login):
        """What a client is sent after its CONNECT, and whether the login worker had to do with it."""
        server = self.start(config=f"authorization {{ users: [{', '.join(users)}] }}\n", monitor=True)
        c = self.raw(server)
        c.send(make_login(c.read_info().get("nonce", "")) + b"PING\r\n")
        said = c.wait_closed()
        names = list(self.names_below(server.json("/actorz")["root"]))
        return said, any(name.startswith("login worker") for name in names)

    def names_below(self, actor):
        yield actor["name"]
        for child in actor.get("children", ()):
            yield from self.names_below(child)

    def test_passwords(self):
        for users, at_worker in (([self.plain], False), ([self.plain, self.hashed], True), ([self.hashed], True)):
            for name, password in (("plain", "wrong"), ("hashed", "wrong"), ("nobody", "wrong"), ("plain", ""), ("", "x")):
                with self.subTest(users=len(users), name=name):
                    got = self.attempt(users, lambda _: login(name, password))
                    self.assertEqual(got, (VIOLATION.encode(), at_worker))

    def test_nkeys(self):
        known, stranger = Key(USER), Key(USER)
        users = [f"{{nkey: {known.public}}}", self.hashed]
        for claimed in (known, stranger):
            got = self.attempt(users, lambda nonce: connect_line(nkey=claimed.public, sig=stranger.sign_text(nonce + "x")))
            self.assertEqual(got, (VIOLATION.encode(), False))


class Nkeys(WireCase):
    """A user that is known by its public key signs the nonce of INFO."""

    @classmethod
    def setUpClass(cls):
        cls.key = Key(USER)
        cls.config = f"authorization {{ users: [{{nkey: {cls.key.public}}}, {{user: u, password: p}}] }}\n"
        super().setUpClass()

    def greeted(self):
        c = self.raw()
        c.read_info()
        return c

    def signed(self, c, key, **more):
        return connect_line(nkey=key.public, **{"sig": key.sign_text(c.info["nonce"]), **more}) + b"PING\r\n"

    def test_signed(self):
        c = self.greeted()
        c.send(self.signed(c, self.key)).expect("PONG\r\n").send(b"SUB a 1\r\n" + pub("a")).expect(msg("a", 1))
        c = self.greeted()
        standard = base64.b64encode(self.key.sign(c.info["nonce"])).decode()
        c.send(self.signed(c, self.key, sig=standard)).expect("PONG\r\n")

    def test_every_connection_has_its_nonce(self):
        self.assertEqual(len({self.greeted().info["nonce"] for _ in range(20)}), 20)

    def test_refused(self):
        stranger, old = Key(USER), self.greeted()
        for what, line in {
            "of another connection": lambda c: self.signed(c, self.key, sig=self.key.sign_text(old.info["nonce"])),
            "by another key": lambda c: self.signed(c, self.key, sig=stranger.sign_text(c.info["nonce"])),
            "unknown key": lambda c: self.signed(c, stranger),
            "no signature": lambda c: connect_line(nkey=self.key.public) + b"PING\r\n",
            "no base64": lambda c: self.signed(c, self.key, sig="*" * 86),
            "cut": lambda c: self.signed(c, self.key, sig=self.key.sign_text(c.info["nonce"])[:80]),
            "signature alone": lambda c: connect_line(sig=self.key.sign_text(c.info["nonce"])) + b"PING\r\n",
            "no key": lambda c: connect_line(nkey="U" * 56, sig=self.key.sign_text(c.info["nonce"])) + b"PING\r\n",
        }.items():
            with self.subTest(what=what):
                c = self.greeted()
                c.send(line(c)).expect_closed(VIOLATION)

    def test_beside_users_with_passwords(self):
        self.greeted().send(login("u", "p") + b"PING\r\n").expect("PONG\r\n")
        self.greeted().send(login(self.key.public, "p") + b"PING\r\n").expect_closed(VIOLATION)


class NoAuthUser(WireCase):
    config = "authorization { users: [{user: a, password: b}, {user: c, password: d}] }\nno_auth_user: a\n"

    def test_without_credentials(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")

    def test_any_first_op(self):
        for data in ("PING\r\n", "SUB foo 1\r\nPING\r\n"):
            c = self.raw()
            c.read_info()
            c.send(data).expect("PONG\r\n" if data.startswith("PING") else "+OK\r\nPONG\r\n")

    def test_wrong_credentials_are_still_wrong(self):
        for more in ({}, {"nkey": "UABC"}):
            c = self.raw()
            c.read_info()
            c.send(login("c", "wrong", **more)).expect_closed(VIOLATION)

    def test_what_nobody_asks_for_is_no_credential(self):
        """Clients with keys and tokens of another server come in as everybody does."""
        for more in ({"nkey": "UABC"}, {"nkey": "UABC", "sig": "x"}, {"jwt": "x"}, {"sig": "x"}):
            with self.subTest(more=more):
                c = self.raw()
                c.read_info()
                c.send(connect_line(**more) + b"PING\r\n").expect("PONG\r\n")


class NoAuthNkey(WireCase):
    @classmethod
    def setUpClass(cls):
        cls.key = Key(USER)
        cls.config = f"""accounts {{ FOO {{ users: [{{user: foo, password: p}}] }}
                                    BAR {{ users: [{{nkey: {cls.key.public}}}] }} }}
                         no_auth_user: {cls.key.public}"""
        super().setUpClass()

    def test_the_key_of_those_without_credentials(self):
        c = self.client()
        c.send("SUB _INBOX.i i\r\nPUB $SYS.REQ.USER.INFO _INBOX.i 0\r\n\r\n")
        told = json.loads(c.read_op().split(b"\r\n", 1)[1])["data"]
        self.assertEqual((told["user"], told["account"]), (self.key.public, "BAR"))


class Timeout(WireCase):
    config = "authorization { user: u, password: p, timeout: 0.4 }\n"
    monitor = True

    def test_silent(self):
        started = time.monotonic()
        c = self.raw()
        c.read_info()
        c.expect_closed(TIMEOUT)
        self.assertGreaterEqual(time.monotonic() - started, 0.39)
        self.assertNotIn("Authentication Timeout", self.server.log())  # for --debug, or any scanner fills the log

    def test_unfinished_connect(self):
        for data in ("C", "CONN", "CONNECT ", 'CONNECT {"user":"u"'):
            with self.subTest(data=data):
                c = self.raw()
                c.read_info()
                c.send(data).expect_closed(TIMEOUT)

    def test_not_after_success(self):
        c = self.raw()
        c.read_info()
        c.send(login("u", "p") + b"PING\r\n").expect("PONG\r\n")
        late = self.raw()  # its end shows that the time is over for the first one too
        late.read_info()
        late.expect_closed(TIMEOUT)
        c.fence()

    def test_reasons(self):
        ids = {}
        for reason, data in (("Authentication Timeout", ""), ("Authentication Failure", "PING\r\n")):
            c = self.raw()
            ids[c.read_info()["client_id"]] = reason
            c.send(data).wait_closed()
        for cid, reason in ids.items():
            got = wait_until(lambda: self.server.json(f"/connz?state=closed&cid={cid}")["connections"], "closed entry")
            self.assertEqual(got[0]["reason"], reason)

    def test_many_silent_ones_do_not_keep_others_out(self):
        silent = [self.raw() for _ in range(200)]
        c = self.raw()
        c.read_info()
        c.send(login("u", "p") + b"PING\r\n").expect("PONG\r\n")
        for s in silent:
            s.read_info()
            s.expect_closed(TIMEOUT)
        c.fence()


class DefaultTimeout(WireCase):
    args = ("--auth", "t")

    def test_two_seconds(self):
        started = time.monotonic()
        c = self.raw()
        c.read_info()
        c.expect_closed(TIMEOUT)
        waited = time.monotonic() - started
        self.assertGreater(waited, 1.9)
        self.assertLess(waited, 4.5)


class Reloaded(WireCase):
    serve = False

    def test_changed_password_closes_old_clients(self):
        server = self.start(config="authorization { user: u, password: one }\n")
        c = self.raw(server)
        c.read_info()
        c.send(login("u", "one") + b"PING\r\n").expect("PONG\r\n")
        server.reload("authorization { user: u, password: two }\n")
        c.expect_closed()  # a changed single user closes without a word: the client is meant to come again
        c = self.raw(server)
        c.read_info()
        c.send(login("u", "one")).expect_closed(VIOLATION)
        c = self.raw(server)
        c.read_info()
        c.send(login("u", "two") + b"PING\r\n").expect("PONG\r\n")

    def test_auth_switched_off(self):
        """Whoever had a name is meant to come again, as nobody; a token was no name."""
        rules = "{user: u, password: p, permissions: {publish: only}}"
        for config, options, stays in (("authorization { user: u, password: p }", {"user": "u", "pass": "p"}, False),
                                       (f"authorization {{ users: [{rules}] }}", {"user": "u", "pass": "p"}, False),
                                       (f"accounts {{ A {{ users: [{rules}] }} }}", {"user": "u", "pass": "p"}, False),
                                       (f"authorization {{ users: [{rules}] }}\nno_auth_user: u", {}, False),
                                       ("authorization { token: t }", {"auth_token": "t"}, True)):
            with self.subTest(config=config):
                server = self.start(config=config + "\n", monitor=True)
                c = self.client(server, **options)
                server.reload("max_traced_msg_len: 5\n")
                if stays:
                    c.fence()
                    continue
                c.expect_closed()
                closed, = wait_until(lambda s=server: s.json("/connz?state=closed")["connections"], "the closed entry")
                self.assertEqual(closed["reason"], "Client Closed")

    @unittest.skipUnless(not_yet.is_troupe(server_binary()), "the Go server closes who gave a name")
    def test_names_that_nobody_asked_for(self):
        server = self.start(config="ping_max: 3\n")
        c = self.client(server, user="any", **{"pass": "thing"})
        server.reload("max_traced_msg_len: 5\nping_max: 3\n")
        c.fence()
        server.reload("authorization { users: [{user: any, password: thing}] }\n")
        c.expect_closed(VIOLATION)

    def test_auth_switched_on(self):
        server = self.start(config="\n")
        c = self.client(server)
        server.reload("authorization { token: t }\n")
        c.expect_closed(VIOLATION)
        self.assertIs(self.raw(server).read_info()["auth_required"], True)


def load_tests(loader, tests, pattern):
    """AuthCase itself is only a base."""
    suite = unittest.TestSuite()
    for case in (UserPassFlags, TokenFlag, UserPassConfig, TokenConfig, UsersConfig, BcryptConfig, FailuresAlike, Nkeys,
                 NoAuthUser, Timeout,
                 DefaultTimeout, Reloaded):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
