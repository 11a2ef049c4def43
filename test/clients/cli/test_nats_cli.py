"""The `nats` command line tool against a server under test (NATS_CLI, or `nats` in PATH)."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import Server, free_port, wait_until

CLI = os.environ.get("NATS_CLI") or shutil.which("nats")
LIMIT = 20


@unittest.skipUnless(CLI, "no nats command line tool: set NATS_CLI or put `nats` in PATH")
class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="clients-cli-")  # keeps the user's contexts out of it
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.server = Server(monitor=True)
        cls.addClassCleanup(cls.server.stop)

    def command(self, server, *args):
        return [CLI, "--no-context", "-s", f"nats://127.0.0.1:{(server or self.server).port}", *args]

    def env(self):
        return {**os.environ, "HOME": self.home, "XDG_CONFIG_HOME": self.home, "NO_COLOR": "1"}

    def nats(self, *args, server=None, code=0):
        done = subprocess.run(self.command(server, *args), capture_output=True, text=True, timeout=LIMIT, env=self.env(),
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def background(self, *args, server=None, subscriptions=1):
        """A command that goes on; returns once its subscriptions are on the server."""
        server = server or self.server
        before = {c["cid"] for c in server.json("/connz")["connections"]}
        process = subprocess.Popen(self.command(server, *args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=self.env(), stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, process)
        wait_until(lambda: any(c["cid"] not in before and c["subscriptions"] >= subscriptions
                               for c in server.json("/connz")["connections"]), "the subscription", LIMIT)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=LIMIT)

    def output(self, process):
        out, _ = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 0, out)
        return out

    def test_pub_sub(self):
        sub = self.background("sub", "greet.>", "--count", "3", "--raw")
        self.nats("pub", "greet.a", "one")
        self.nats("pub", "greet.a.b", "two")
        self.nats("pub", "other", "no")
        self.nats("pub", "greet.c", "three")
        self.assertEqual(self.output(sub).split(), ["one", "two", "three"])

    def test_headers(self):
        sub = self.background("sub", "headers", "--count", "1")
        self.nats("pub", "headers", "body", "-H", "Key:value", "--reply", "back")
        out = self.output(sub)
        self.assertIn("Key: value", out)
        self.assertIn("body", out)
        self.assertIn("with reply \"back\"", out)

    def test_count(self):
        sub = self.background("sub", "many", "--count", "100", "--raw")
        self.nats("pub", "many", "{{Count}}", "--count", "100")
        self.assertEqual(self.output(sub).split(), [str(i) for i in range(1, 101)])

    def test_request_reply(self):
        self.background("reply", "echo.service", "--echo")
        self.assertIn("ping", self.nats("request", "echo.service", "ping"))
        self.assertEqual(self.nats("request", "echo.service", "raw", "--raw").strip(), "raw")

    def test_request_many(self):
        for n in range(2):
            self.background("reply", "both", "here", "--queue", f"q{n}")
        out = self.nats("request", "both", "x", "--replies", "2", "--raw")
        self.assertEqual(out.split(), ["here", "here"])

    def test_queue(self):
        members = [self.background("sub", "shared", "--queue", "g", "--raw") for _ in range(2)]
        self.nats("pub", "shared", "{{Count}}", "--count", "200")
        wait_until(lambda: self.delivered("shared") == 200, "all deliveries")
        lines = []
        for m in members:
            m.send_signal(signal.SIGINT)
            out, _ = m.communicate(timeout=LIMIT)
            mine = [x for x in out.split() if x.isdigit()]
            self.assertGreater(len(mine), 50)
            lines += mine
        self.assertEqual(sorted(lines, key=int), [str(i) for i in range(1, 201)])

    def delivered(self, subject):
        subs = self.server.json(f"/subsz?subs=1&test={subject}")["subscriptions_list"]
        return sum(s["msgs"] for s in subs)

    def test_no_responders(self):
        out = self.nats("request", "nobody.there", "x")
        self.assertIn("No responders are available", out)

    def test_rtt(self):
        self.assertRegex(self.nats("rtt"), rf"nats://127\.0\.0\.1:{self.server.port}:?\s")

    def test_connection_check(self):
        self.assertRegex(self.nats("server", "check", "connection"), r"^OK")

    def test_account_info(self):
        out = self.nats("account", "info")
        self.assertIn("127.0.0.1", out)
        self.assertIn("Maximum Payload: 1.0 MiB", out)

    def test_bench(self):
        out = self.nats("bench", "pub", "bench.x", "--msgs", "20000", "--size", "16", "--clients", "2", "--no-progress")
        self.assertRegex(out, r"msgs/sec")

    def test_authorization(self):
        server = Server(config="authorization { user: u, password: p }\n")
        self.addCleanup(server.stop)
        self.nats("--user", "u", "--password", "p", "pub", "x", "y", server=server)
        for wrong in (("--user", "u", "--password", "x"), ()):
            out = self.nats(*wrong, "pub", "x", "y", server=server, code=1)
            self.assertIn("nats: Authorization Violation", out)

    def test_payload_over_the_maximum(self):
        server = Server(config="max_payload: 10\n")
        self.addCleanup(server.stop)
        self.assertIn("nats: maximum payload exceeded", self.nats("pub", "x", "12345678901", server=server, code=1))
        self.nats("pub", "x", "1234567890", server=server)

    def test_reconnects(self):
        port = free_port()
        first = Server(port=port, monitor=True)
        self.addCleanup(first.kill)
        sub = self.background("sub", "again", "--count", "1", "--raw", server=first)
        first.stop()
        second = Server(port=port, monitor=True)
        self.addCleanup(second.stop)
        base = second.json("/subsz?subs=1&test=again")["total"]
        wait_until(lambda: second.json("/subsz?subs=1&test=again")["total"] > base, "the subscriber to be back", LIMIT)
        self.nats("pub", "again", "after", server=second)
        self.assertIn("after", self.output(sub))


if __name__ == "__main__":
    unittest.main()
