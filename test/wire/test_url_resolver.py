"""A resolver of type URL: accounts come from a web server, by name, when somebody needs them."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import Server, WireCase, connect_line, not_yet, run_binary, server_binary, wait_until
from harness.account_server import AccountServer
from harness.certificates import Authority
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt

VIOLATION = "-ERR 'Authorization Violation'\r\n"
IS_TROUPE = not_yet.is_troupe(server_binary())


class ResolverCase(WireCase):
    serve = False

    @classmethod
    def setUpClass(cls):
        cls.op = Operator()
        cls.a, cls.b, cls.user = Key(ACCOUNT), Key(ACCOUNT), Key(USER)
        super().setUpClass()

    def web(self, *accounts, **options):
        """An account server that knows the system account and these pairs of key and JWT."""
        known = {self.op.system.public: self.op.system_jwt}
        known.update({key.public: jwt for key, jwt in accounts})
        one = AccountServer(known, **options)
        self.addCleanup(one.close)
        return one

    def config(self, web, more=""):
        return f'operator: {self.op.jwt}\nresolver: URL("{web.url}")\n{more}\n'

    def node(self, web, more="", **options):
        return self.start(config=self.config(web, more), **options)

    def login(self, server, account, user=None, **more):
        user = user or self.user
        c = self.raw(server)
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=user_jwt(account, user, **more), sig=user.sign_text(nonce)))
        return c

    def let_in(self, server, account, **more):
        return self.login(server, account, **more).send("PING\r\n").expect("PONG\r\n")

    def kept_out(self, server, account, **more):
        self.login(server, account, **more).send_quietly("PING\r\n").expect_closed(VIOLATION)

    def complaint(self, config):
        """What a node says that does not start with it."""
        with tempfile.TemporaryDirectory(prefix="wire-") as folder:
            path = os.path.join(folder, "a.conf")
            with open(path, "w", encoding="utf-8") as f:
                f.write(config)
            done = run_binary("-a", "127.0.0.1", "-p", "-1", "-c", path, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        return (done.stdout + done.stderr).decode()


class Fetching(ResolverCase):
    """What is asked for, and when."""

    def test_by_name_and_once(self):
        web = self.web((self.a, self.op.account(self.a)), (self.b, self.op.account(self.b) + "\n"))
        server = self.node(web)
        self.assertEqual(web.asked[0], "/jwt/v1/accounts/")
        self.assertEqual(web.count(self.a.public), 0)
        for _ in range(3):
            self.let_in(server, self.a)
        self.let_in(server, self.b)
        self.assertEqual((web.count(self.a.public), web.count(self.b.public)), (1, 1))
        self.kept_out(server, Key(ACCOUNT))

    def test_accounts_are_apart(self):
        web = self.web((self.a, self.op.account(self.a)), (self.b, self.op.account(self.b)))
        server = self.node(web)
        a, b = self.let_in(server, self.a), self.let_in(server, self.b)
        a.send("SUB > 1\r\n").fence()
        b.send("PUB x 1\r\nb\r\n").fence()
        a.send("PUB y 1\r\na\r\n").expect("MSG y 1 1\r\na\r\n")

    def test_imports_are_fetched_too(self):
        exporter = self.op.account(self.b, exports=[{"name": "e", "subject": "news", "type": "stream"}])
        importer = self.op.account(self.a, imports=[{"name": "i", "subject": "news", "account": self.b.public, "type": "stream"}])
        web = self.web((self.a, importer), (self.b, exporter))
        server = self.node(web)
        a = self.let_in(server, self.a)
        a.send("SUB news 1\r\n").fence()
        self.let_in(server, self.b).send("PUB news 2\r\nhi\r\n").fence()
        a.expect("MSG news 1 2\r\nhi\r\n")

    def test_an_import_comes_when_its_exporter_does(self):
        news = {"name": "e", "subject": "news", "type": "stream"}
        ask = {"name": "s", "subject": "ask", "type": "service"}
        imports = [{**one, "account": self.b.public} for one in (news, ask)]
        web = self.web((self.a, self.op.account(self.a, imports=imports)))
        server = self.node(web)
        a = self.let_in(server, self.a)
        a.send("SUB news 1\r\nSUB back 2\r\n").fence()
        self.kept_out(server, self.b)
        web.accounts[self.b.public] = self.op.account(self.b, exports=[news, ask])
        b = self.let_in(server, self.b)
        b.send("SUB ask 1\r\n").fence()
        b.send("PUB news 2\r\nhi\r\n").fence()
        a.expect("MSG news 1 2\r\nhi\r\n")
        a.send("PUB ask back 1\r\n?\r\n").fence()
        self.assertIn(b"MSG ask 1 ", b.read_op())
        # Whoever comes later has it from the beginning.
        late = self.let_in(server, self.a)
        late.send("SUB news 1\r\n").fence()
        b.send("PUB news 2\r\nho\r\n").fence()
        late.expect("MSG news 1 2\r\nho\r\n")

    def test_an_expired_account_is_asked_for_again(self):
        soon = int(time.time()) + 3
        web = self.web((self.a, self.op.account(self.a, expires=soon)))
        server = self.node(web)
        self.let_in(server, self.a).expect_closed("-ERR 'Account Authentication Expired'\r\n")
        web.accounts[self.a.public] = self.op.account(self.a)
        wait_until(lambda: time.time() > soon + 1, "the end of the account")
        self.let_in(server, self.a)
        self.assertGreaterEqual(web.count(self.a.public), 2)

    def test_system_account(self):
        server = self.node(self.web())
        c = self.let_in(server, self.op.system)
        c.send("SUB r 1\r\nPUB $SYS.REQ.SERVER.PING r 0\r\n\r\n")
        self.assertIn(b'"server":', c.read_op())

    def test_what_is_no_account(self):
        stranger = Operator()
        other = Key(ACCOUNT)
        for name, jwt in (("another's", self.op.account(other)), ("rubbish", "rubbish"), ("empty", ""),
                          ("of a strange operator", stranger.account(self.a)), ("too large", "x" * 2_000_000),
                          ("expired", self.op.account(self.a, expires=int(time.time()) - 10))):
            with self.subTest(answer=name):
                web = self.web((self.a, jwt), (self.b, self.op.account(self.b)))
                server = self.node(web)
                self.kept_out(server, self.a)
                self.kept_out(server, other)
                self.let_in(server, self.b)

    def test_faults_pass(self):
        web = self.web((self.a, self.op.account(self.a)))
        server = self.node(web)
        web.fail = 500
        self.kept_out(server, self.a)
        wait_until(lambda: "500 Internal Server Error" in server.log(), "the cause in the log")
        web.fail = None
        self.let_in(server, self.a)

    def test_pushed_updates_hold(self):
        web = self.web((self.a, self.op.account(self.a)))
        server = self.node(web)
        c = self.let_in(server, self.a)
        s = self.let_in(server, self.op.system)
        s.send("SUB r 1\r\n").fence()
        jwt = self.op.account(self.a, revocations={"*": int(time.time()) + 1})
        s.send(f"PUB $SYS.REQ.ACCOUNT.{self.a.public}.CLAIMS.UPDATE r {len(jwt)}\r\n{jwt}\r\n")
        self.assertIn(b'"code":200', s.read_op())
        c.expect_closed("-ERR 'User Authentication Revoked'\r\n")


class Slow(ResolverCase):
    """A resolver that does not answer keeps nobody waiting who does not need it."""

    def test_others_are_let_in(self):
        web = self.web((self.a, self.op.account(self.a)), (self.b, self.op.account(self.b)))
        web.held.add(self.a.public)
        server = self.node(web, "authorization { timeout: 10 }")
        waiting = [self.login(server, self.a).send("PING\r\n") for _ in range(20)]
        wait_until(lambda: web.count(self.a.public) >= 1, "the question")
        began = time.monotonic()
        for _ in range(5):
            self.let_in(server, self.b)
        self.assertLess(time.monotonic() - began, 1.5)
        for c in waiting:
            c.expect_closed(VIOLATION)  # after 1.9 s, as long as the NATS server waits
        if IS_TROUPE:
            self.assertLess(web.count(self.a.public), 3)
        web.hold.set()
        self.let_in(server, self.a)

    def test_late_but_in_time(self):
        web = self.web((self.a, self.op.account(self.a)))
        web.held.add(self.a.public)
        server = self.node(web)
        waiting = [self.login(server, self.a).send("PING\r\n") for _ in range(3)]
        wait_until(lambda: web.count(self.a.public) >= 1, "the question")
        web.hold.set()
        for c in waiting:
            c.expect("PONG\r\n")

    def test_stops_while_it_waits(self):
        web = self.web((self.a, self.op.account(self.a)))
        web.held.add(self.a.public)
        with Server(config=self.config(web)) as server:
            c = self.login(server, self.a)
            wait_until(lambda: web.count(self.a.public) >= 1, "the question")
            began = time.monotonic()
        self.assertLess(time.monotonic() - began, 5)
        c.wait_closed()


class Starting(ResolverCase):
    """Somebody has to be there at the start."""

    def test_nobody(self):
        web = self.web()
        web.close()
        self.assertRegex(self.complaint(self.config(web)),
                         rf'could not fetch <"{web.url}">: Get "{web.url}": dial tcp 127\.0\.0\.1:{web.port}: connect: connection refused')

    def test_somebody_else(self):
        web = self.web()
        web.fail = 404
        self.assertIn(f'could not fetch <"{web.url}">: 404 Not Found', self.complaint(self.config(web)))

    def test_no_system_account_yet(self):
        web = self.web((self.a, self.op.account(self.a)))
        del web.accounts[self.op.system.public]
        server = self.node(web)
        self.let_in(server, self.a)
        web.accounts[self.op.system.public] = self.op.system_jwt
        wait_until(lambda: self.system_answers(server), "the system account")

    def system_answers(self, server):
        c = self.login(server, self.op.system)
        c.send_quietly("SUB r 1\r\nPUB $SYS.REQ.SERVER.PING r 0\r\n\r\n")
        try:
            return b'"server":' in c.read_op()
        except (OSError, AssertionError):
            return False

    def test_the_password_is_not_shown(self):
        web = self.web(login="admin:s3cr3t-x")
        web.login = "admin:another"
        said = self.complaint(self.config(web))
        self.assertIn("401 Unauthorized", said)
        self.assertNotIn("s3cr3t-x", said)
        self.assertIn("admin:xxxxx@", said)

    def test_name_and_password(self):
        web = self.web((self.a, self.op.account(self.a)), login="admin:s3cr3t-x")
        self.let_in(self.node(web), self.a)

    def test_no_preload(self):
        web = self.web()
        text = self.config(web, f"resolver_preload {{ {self.a.public}: {self.op.account(self.a)} }}")
        self.assertIn("resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR", self.complaint(text))


class Tls(ResolverCase):
    """resolver_tls says whom to trust and who we are."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ca = Authority("Account CA")
        cls.certificate = cls.ca.issue("accounts")

    def test_trusted_by_the_block_alone(self):
        web = self.web((self.a, self.op.account(self.a)), certificate=self.certificate)
        self.assertIn("could not fetch", self.complaint(self.config(web)))
        self.let_in(self.node(web, f'resolver_tls {{ ca_file: "{self.ca.file}" }}'), self.a)
        other = Authority("Other CA")
        self.assertIn("could not fetch", self.complaint(self.config(web, f'resolver_tls {{ ca_file: "{other.file}" }}')))

    def test_insecure(self):
        web = self.web((self.a, self.op.account(self.a)), certificate=self.certificate)
        self.let_in(self.node(web, "resolver_tls { insecure: true }"), self.a)

    def test_own_certificate(self):
        own = self.ca.issue("node", usage="clientAuth")
        web = self.web((self.a, self.op.account(self.a)), certificate=self.certificate, authority=self.ca)
        self.assertIn("could not fetch", self.complaint(self.config(web, f'resolver_tls {{ ca_file: "{self.ca.file}" }}')))
        server = self.node(web, f'resolver_tls {{ {own.config}, ca_file: "{self.ca.file}" }}')
        self.let_in(server, self.a)
        self.assertEqual(web.shown[-1]["subject"], ((("commonName", "node"),),))

    def test_a_name_that_is_not_its(self):
        stranger = self.ca.issue("elsewhere", alternatives="DNS:elsewhere.example")
        web = self.web(certificate=stranger)
        self.assertIn("could not fetch", self.complaint(self.config(web, f'resolver_tls {{ ca_file: "{self.ca.file}" }}')))

    def test_bad_blocks(self):
        web = self.web(certificate=self.certificate)
        for block in ('ca_file: "/nowhere/ca.pem"', 'cert_file: "/nowhere/a", key_file: "/nowhere/b"', "color: red"):
            with self.subTest(block=block):
                self.assertTrue(self.complaint(self.config(web, f"resolver_tls {{ {block} }}")))


NSC = os.environ.get("NSC") or shutil.which("nsc")


@unittest.skipUnless(NSC, "nsc is not installed: set NSC to its path")
class Nsc(WireCase):
    """JWTs that nsc made, from a server that an operator names in its own JWT."""

    serve = False

    def nsc(self, *args):
        env = {**os.environ, "HOME": self.dir, "NSC_HOME": self.dir, "NKEYS_PATH": os.path.join(self.dir, "keys"),
               "XDG_DATA_HOME": self.dir, "XDG_CONFIG_HOME": self.dir, "NSC_NO_GIT_IGNORE": "true"}
        done = subprocess.run([NSC, "--all-dirs", os.path.join(self.dir, "nsc"), *args], env=env, capture_output=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, (args, done.stdout.decode() + done.stderr.decode()))
        return (done.stdout + done.stderr).decode()

    def test_operator_names_its_account_server(self):
        self.dir = tempfile.mkdtemp(prefix="wire-nsc-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        web = AccountServer({})
        self.addCleanup(web.close)
        self.nsc("add", "operator", "--name", "OP", "--sys")
        self.nsc("edit", "operator", "--account-jwt-server-url", web.url.rsplit("/accounts/", 1)[0])
        self.nsc("add", "account", "--name", "ACME")
        self.nsc("add", "user", "--account", "ACME", "--name", "bob")
        for account in ("SYS", "ACME"):
            jwt = self.nsc("describe", "account", "--raw", account).strip().split("\n")[-1]
            key = self.nsc("describe", "account", account, "--field", "sub").strip().strip('"')
            web.accounts[key] = jwt
        operator = self.nsc("describe", "operator", "--raw").strip().split("\n")[-1]
        creds = os.path.join(self.dir, "bob.creds")
        self.nsc("generate", "creds", "--account", "ACME", "--name", "bob", "--output-file", creds)
        with Server(config=f"operator: {operator}\n") as server:
            done = subprocess.run(["nats", "-s", f"nats://127.0.0.1:{server.port}", "--creds", creds, "pub", "a", "hello"],
                                  capture_output=True, timeout=60, check=False, env={**os.environ, "HOME": self.dir})
            self.assertEqual(done.returncode, 0, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
