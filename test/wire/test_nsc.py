"""nsc as a peer: what it makes is served, what it pushes takes effect, and what it pulls is what was pushed.

Needs nsc and the `nats` command line tool (NSC, NATS_CLI, or in PATH). They see a home of their own.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import Server, WireCase, wait_until

NSC = os.environ.get("NSC") or shutil.which("nsc")
CLI = os.environ.get("NATS_CLI") or shutil.which("nats")
LIMIT = 30
REVOKED = "User Authentication Revoked"


@unittest.skipUnless(NSC and CLI, "needs nsc and nats: set NSC and NATS_CLI or put them in PATH")
class NscCase(WireCase):
    """An operator OP with its system account, A that exports, B that imports, and users of each kind."""

    serve = False
    monitor = True

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="wire-nsc-")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        nsc = cls.nsc
        nsc("env", "-s", os.path.join(cls.home, "stores"))
        nsc("add", "operator", "--generate-signing-key", "--sys", "--name", "OP")
        nsc("edit", "operator", "--require-signing-keys")
        for account in ("A", "B"):
            nsc("add", "account", account)
            nsc("edit", "account", account, "--sk", "generate")
        nsc("edit", "signing-key", "--account", "A", "--sk", "generate", "--role", "service", "--allow-pub",
            "own.{{name()}}.>", "--allow-sub", "own.{{name()}}.>,_INBOX.>", "--allow-pub-response")
        keys = json.loads(nsc("describe", "account", "A", "--json"))["nats"]["signing_keys"]
        cls.signing = next(k for k in keys if isinstance(k, str))  # nsc would take any
        nsc("add", "user", "--account", "A", "bob", "--private-key", cls.signing)
        nsc("add", "user", "--account", "A", "alice", "--private-key", "service")
        nsc("add", "user", "--account", "B", "carol")
        nsc("add", "export", "--account", "A", "--name", "news", "--subject", "news.>")
        nsc("add", "export", "--account", "A", "--name", "time", "--subject", "time", "--service")
        cls.account = json.loads(nsc("describe", "account", "A", "--field", "sub"))
        for subject, kind in (("news.>", ()), ("time", ("--service",))):
            nsc("add", "import", "--account", "B", "--src-account", cls.account, "--name", subject.strip(".>"),
                "--remote-subject", subject, "--local-subject", "a." + subject, *kind)
        super().setUpClass()

    @classmethod
    def environment(cls):
        inside = {name: os.path.join(cls.home, name.lower()) for name in
                  ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "NKEYS_PATH", "NSC_HOME")}
        return {**os.environ, "HOME": cls.home, "NO_COLOR": "1", "NSC_NO_GITHUB_UPDATES": "true", **inside}

    @classmethod
    def tool(cls, *argv, code=0):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT, env=cls.environment(), cwd=cls.home,
                              stdin=subprocess.DEVNULL)
        if done.returncode != code:
            raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    @classmethod
    def nsc(cls, *args, code=0):
        return cls.tool(NSC, *args, code=code)

    def node(self, resolver):
        path = os.path.join(self.home, resolver + ".conf")
        self.nsc("generate", "config", "--" + resolver, "--force", "--config-file", path)
        with open(path, encoding="utf-8") as f:
            config = f.read()
        return self.start(config=config, monitor=True)

    def command(self, server, user, *args):
        account = {"bob": "A", "alice": "A", "carol": "B"}.get(user, "A")
        creds = os.path.join(self.home, "nkeys_path", "creds", "OP", account, user + ".creds")
        return [CLI, "--no-context", "-s", f"nats://127.0.0.1:{server.port}", "--creds", creds, *args]

    def nats(self, server, user, *args, code=0):
        return self.tool(*self.command(server, user, *args), code=code)

    def background(self, server, user, *args):
        """A command that goes on; returns once its subscription is on the server."""
        before = server.json("/subsz")["num_subscriptions"]
        process = subprocess.Popen(self.command(server, user, *args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, env=self.environment(), cwd=self.home, stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        wait_until(lambda: server.json("/subsz")["num_subscriptions"] > before, "the subscription", LIMIT)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=LIMIT)

    def push(self, server, *args):
        return self.nsc("push", *args, "-u", f"nats://127.0.0.1:{server.port}", "--timeout", "2")

    def pull(self, server):
        self.nsc("edit", "operator", "--account-jwt-server-url", f"nats://127.0.0.1:{server.port}")
        return self.nsc("pull", "-A", "--overwrite-newer")

    def check_service(self, server):
        """What the accounts allow: messages, a stream and a service over accounts, a template."""
        sub = self.background(server, "bob", "sub", "x", "--count", "1", "--raw")
        self.nats(server, "bob", "pub", "x", "hello")
        self.assertIn("hello", sub.communicate(timeout=LIMIT)[0])

        sub = self.background(server, "carol", "sub", "a.news.>", "--count", "1", "--raw")
        self.nats(server, "bob", "pub", "news.today", "rain")
        self.assertIn("rain", sub.communicate(timeout=LIMIT)[0])

        self.background(server, "bob", "reply", "time", "noon", "--count", "1")
        self.assertIn("noon", self.nats(server, "carol", "request", "a.time", "?", "--raw"))

        sub = self.background(server, "alice", "sub", "own.alice.>", "--count", "1", "--raw")
        self.nats(server, "alice", "pub", "own.alice.x", "mine")
        self.assertIn("mine", sub.communicate(timeout=LIMIT)[0])
        self.assertRegex(self.tool(*self.command(server, "alice", "sub", "own.bob.x"), code=1), "(?i)permissions violation")


class MemoryResolver(NscCase):
    def test_what_it_generates_is_served(self):
        self.check_service(self.node("mem-resolver"))

    def test_listed_accounts(self):
        server = self.node("mem-resolver")
        self.nats(server, "bob", "pub", "x", "")
        self.assertIn(self.account, server.json("/accountz")["accounts"])


class NatsResolver(NscCase):
    def test_push_pull_and_use(self):
        server = self.node("nats-resolver")
        self.nats(server, "bob", "pub", "x", "", code=1)  # nobody knows the account yet
        self.push(server, "-A")
        self.check_service(server)
        before = self.nsc("describe", "account", "A", "--raw")
        self.nsc("edit", "account", "A", "--tag", "here-only")
        self.assertNotEqual(self.nsc("describe", "account", "A", "--raw"), before)
        self.pull(server)
        self.assertEqual(self.nsc("describe", "account", "A", "--raw"), before)

    def test_a_revoked_user_is_cut(self):
        server = self.node("nats-resolver")
        self.push(server, "-A")
        self.nsc("add", "user", "--account", "A", "dave", "--private-key", self.signing)
        sub = self.background(server, "dave", "sub", "x")
        other = self.background(server, "bob", "sub", "x", "--count", "1", "--raw")
        try:
            self.nsc("revocations", "add-user", "--account", "A", "--name", "dave")
            self.push(server, "-a", "A")

            def reason():
                page = server.json("/connz?state=closed&auth=1")["connections"]
                return [x["reason"] for x in page if x["reason"] == "Credentials Revoked"]
            wait_until(reason, "the end of dave", LIMIT)
            self.assertIn("Authorization Violation", self.nats(server, "dave", "pub", "x", "", code=1))
            self.nats(server, "bob", "pub", "x", "still here")
            self.assertIn("still here", other.communicate(timeout=LIMIT)[0])
            sub.kill()
        finally:
            self.nsc("revocations", "delete-user", "--account", "A", "--name", "dave")
        self.push(server, "-a", "A")
        self.nats(server, "dave", "pub", "x", "")

    def test_new_accounts_and_changes_come_with_a_push(self):
        server = self.node("nats-resolver")
        self.push(server, "-A")
        sub = self.background(server, "carol", "sub", "a.more.>", "--count", "1", "--raw")
        self.nsc("add", "export", "--account", "A", "--name", "more", "--subject", "more.>")
        self.nsc("add", "import", "--account", "B", "--src-account", self.account, "--name", "more",
                 "--remote-subject", "more.>", "--local-subject", "a.more.>")
        self.push(server, "-A")
        self.nats(server, "bob", "pub", "more.x", "news")
        self.assertIn("news", sub.communicate(timeout=LIMIT)[0])

    def test_diff_and_prune(self):
        server = self.node("nats-resolver")
        self.push(server, "-A")
        shown = self.push(server, "--diff")
        self.assertIn(self.account, shown)


del NscCase

if __name__ == "__main__":
    unittest.main()
