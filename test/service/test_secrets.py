"""What must not be seen: secrets of every kind in logs, pages, errors and the process list."""

import os
import re
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

from harness import Server, WireCase, connect_line, run_binary  # noqa: E402


class Secrets(WireCase):
    """No password, token, JWT or signature in a log, a page or the process list."""

    serve = False

    def test_every_kind(self):
        users = 'authorization { users: [{user: a, password: s3cr3t-config}] }\n'
        server = Server("-DVV", config=users, monitor=True)
        self.addCleanup(server.kill)
        secrets = {k: f"s3cr3t-{k}" for k in ("pass", "auth_token", "jwt", "sig", "proxy_sig")}
        c = self.raw(server)
        c.read_info()
        c.send(connect_line(user="a", **{**secrets, "pass": "s3cr3t-config"}))
        for name in secrets:
            c = self.raw(server)
            c.read_info()
            c.send_quietly(connect_line(**{"user": "a", name: secrets[name]}))
            c.wait_closed()
        for text in ('CONNECT {"pass":"s3cr3t-open', 'CONNECT {"user":"a,"pass":"s3cr3t-quote"}', 'CONNECT {"PASS":"s3cr3t-case"}',
                     r'CONNECT {"p\u0061ss":"s3cr3t-escape"}', 'CONNECT {"pass":{"x":"s3cr3t-object"}}', "CONNECT s3cr3t-bare"):
            c = self.raw(server)
            c.read_info()
            c.send_quietly(text + "\r\n")
            c.wait_closed()
        seen = server.log()
        for page in ("/varz", "/connz?auth=1&subs=1&state=all", "/accountz?acc=$G", "/accstatz?unused=1", "/healthz?details=1",
                     "/subsz?subs=1", "/debug/vars", "/leafz", "/routez", "/gatewayz", "/jsz", "/actorz", "/"):
            seen += server.http(page)[2].decode()
        server.signal(signal.SIGTERM)
        server.wait_exit()
        seen += server.log()
        self.assertIn("<<- [CONNECT ", seen)
        self.assertEqual(re.findall(r"s3cr3t-\w*", seen), [])

    def test_arguments(self):
        server = self.start("--user", "app-user", "--pass=s3cr3t-pass", "-D")
        with open(f"/proc/{server.pid}/cmdline", encoding="utf-8") as f:
            shown = f.read()
        self.assertNotIn("s3cr3t", shown)
        self.assertNotIn("app-user", shown)
        self.assertIn("[REDACTED]", shown)
        self.assertTrue(shown.startswith(server.argv[0] + "\0"))
        self.client(server, user="app-user", **{"pass": "s3cr3t-pass"}).fence()
        self.assertNotIn("s3cr3t-pass", server.log())

    def test_errors_of_configurations(self):
        path = f"/tmp/wire-secrets-{os.getpid()}.conf"
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        for text in ('cluster { routes: ["nats://u:s3cr3t-x@h:bad"] }', "authorization { user: a, password: [s3cr3t-x] }",
                     "authorization { token: {a: s3cr3t-x} }", 'leafnodes { remotes: [{url: "nats://u:s3cr3t-x@h:bad"}] }',
                     "authorization { users: [{user: a, password: s3cr3t-x, nonsense: 1}] }",
                     "authorization { users: [{user: a, pass: s3cr3t-x, pass: 1}], token: s3cr3t-x }"):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text + "\n")
            done = run_binary("-t", "-c", path)
            self.assertNotIn(b"s3cr3t", done.stderr + done.stdout, text)


if __name__ == "__main__":
    unittest.main()
