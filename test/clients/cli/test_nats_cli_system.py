"""The `nats` tool's server commands, as a user of the system account."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import RawClient, Server, connect_line

CLI = os.environ.get("NATS_CLI") or shutil.which("nats")
LIMIT = 20
CONFIG = """
server_name: S1
accounts: { $SYS: {users: [{user: sys, password: p}]}, A: {users: [{user: a, password: p}]} }
"""


@unittest.skipUnless(CLI, "no nats command line tool: set NATS_CLI or put `nats` in PATH")
class SystemCommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="clients-cli-")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.server = Server("--profile", "-1", config=CONFIG)
        cls.addClassCleanup(cls.server.stop)

    def nats(self, *args, user="sys", code=0):
        done = subprocess.run(
            [CLI, "--no-context", "-s", f"nats://127.0.0.1:{self.server.port}", "--user", user, "--password", "p", *args],
            capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL,
            env={**os.environ, "HOME": self.home, "XDG_CONFIG_HOME": self.home, "NO_COLOR": "1"})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def client(self):
        c = RawClient(self.server.port)
        self.addCleanup(c.close)
        c.read_info()
        c.send(connect_line(user="a", name="of-a", **{"pass": "p"}) + b"SUB foo 1\r\nPING\r\n").expect("PONG\r\n")
        return c

    def test_list_and_ping(self):
        self.assertIn("S1", self.nats("server", "list"))
        self.assertIn("S1", self.nats("server", "ping", "1"))
        got = json.loads(self.nats("server", "list", "--json"))
        self.assertEqual([s["server"]["name"] for s in got], ["S1"])

    def test_info(self):
        for args in ((), ("S1",)):
            out = self.nats("server", "info", *args)
            self.assertIn("Server information for S1", out)
            self.assertIn("Configuration Digest: sha256:", out)

    def test_reports(self):
        self.client()
        out = self.nats("server", "report", "connections")
        self.assertIn("of-a", out)
        out = self.nats("server", "report", "accounts")
        self.assertRegex(out, r"A\s+│ 1 ")
        self.assertIn("ok (200)", self.nats("server", "report", "health"))
        for report in ("jetstream", "cpu", "mem", "gateways", "routes", "leafnodes"):
            with self.subTest(report=report):
                self.nats("server", "report", report)

    def test_requests(self):
        for page in ("variables", "connections", "subscriptions", "routes", "gateways", "leafnodes", "accounts", "jetstream",
                     "jetstream-health", "ipqueue", "raft"):
            with self.subTest(page=page):
                answer = json.loads(self.nats("server", "request", page).splitlines()[0])
                self.assertEqual(answer["server"]["name"], "S1")
                self.assertIn("data", answer)

    def test_request_profiles(self):
        for name in ("heap", "allocs", "mutex", "block", "goroutine"):
            with self.subTest(name=name):
                said = self.nats("server", "request", "profile", name, self.home)
                written, = re.findall(r'Server "S1" profile written: (\S+)', said)
                self.assertGreater(os.path.getsize(written), 0)

    def test_forms_of_reports(self):
        self.client()
        for args, code in [(("connections", "--json"), 0), (("connections", "--sort", "subs"), 0),
                           (("connections", "--account", "A"), 0), (("connections", "--account", "A", "--subject", "foo"), 0),
                           (("connections", "--subject", "foo"), 1), (("accounts", "--json"), 0), (("accounts", "A"), 0)]:
            with self.subTest(args=args):
                self.nats("server", "report", *args, code=code)

    def test_forms_of_checks(self):
        for form in ("json", "prometheus", "nagios", "text"):
            with self.subTest(form=form):
                self.nats("server", "check", "connection", "--format", form)
        self.assertRegex(self.nats("server", "check", "server", "--name", "S1", "--auth-required"), "^OK S1")
        self.assertRegex(self.nats("server", "check", "jetstream", code=2), "^CRITICAL.*not enabled")

    def test_kick(self):
        c = self.client()
        answer = self.nats("server", "request", "kick", str(c.info["client_id"]), c.info["server_id"])
        self.assertNotIn("error", json.loads(answer))
        c.expect_closed()

    def test_checks(self):
        self.assertRegex(self.nats("server", "check", "connection"), "^OK")
        self.assertRegex(self.nats("server", "check", "server", "--name", "S1"), "^OK S1")
        self.assertRegex(self.nats("server", "check", "request", "--subject", "$SYS.REQ.SERVER.PING.IDZ"), "^OK")

    def test_accounts(self):
        self.client()
        self.assertIn("Account information for account A", self.nats("server", "account", "info", "A"))
        out = self.nats("account", "info", user="a")
        self.assertRegex(out, r"User: a\n")
        self.assertRegex(out, r"Account: A")

    def test_reload(self):
        c = self.client()
        self.assertIn("Server information for S1", self.nats("server", "config", "reload", c.info["server_id"], "-f"))


if __name__ == "__main__":
    unittest.main()
