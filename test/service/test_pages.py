"""Monitoring of a node with users in its configuration, and of one with many connections."""

import json
import os
import resource
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

from harness import RawClient, Server, connect_line  # noqa: E402

MANY = 10000


class Users(unittest.TestCase):
    def setUp(self):
        config = "authorization { users: [{user: u, password: p}] }\nno_auth_user: u\nfeature_flags { js_ack_fc_v2: true }\n"
        self.server = Server(config=config, monitor=True)
        self.addCleanup(self.server.kill)

    def test_tags_and_flags(self):
        c = RawClient(self.server.port)
        self.addCleanup(c.close)
        c.read_info()
        c.send(connect_line(user="u", **{"pass": "p"})).send("SUB foo 1\r\nPING\r\n").expect("PONG\r\n")
        entry, = self.server.json("/connz?auth=1")["connections"]
        self.assertEqual((entry["authorized_user"], entry["name_tag"]), ("u", "$G"))
        self.assertNotIn("account", entry)  # the global account is not named
        self.assertNotIn("name_tag", self.server.json("/connz")["connections"][0])
        sub, = self.server.json("/subsz?subs=1&acc=$G")["subscriptions_list"]
        self.assertEqual((sub["account"], sub["account_tag"]), ("$G", "$G"))
        varz = self.server.json("/varz")
        self.assertIs(varz["auth_required"], True)
        self.assertEqual(varz["feature_flags"], {"js_ack_fc_v2": True, "js_api_reply_v2": False,
                                                 "js_raft_delete_range": True, "js_snapshot_sources": False})
        stat, = self.server.json("/accstatz")["account_statz"]
        self.assertEqual((stat["conns"], stat["total_conns"]), (1, 1))


class Advertised(unittest.TestCase):
    def test_varz_shows_what_clients_are_told(self):
        server = Server(config='client_advertise: "1.2.3.4:5555"\n', monitor=True)
        self.addCleanup(server.kill)
        varz = server.json("/varz")
        self.assertEqual((varz["host"], varz["port"]), ("1.2.3.4", 5555))

    def test_deprecated_health_check_is_logged(self):
        server = Server(monitor=True)
        self.addCleanup(server.kill)
        self.assertEqual(server.http("/healthz?js-enabled=1")[0], 200)
        server.wait_log("[WRN] Healthcheck: js-enabled deprecated, use js-enabled-only instead")


class Many(unittest.TestCase):
    """Pages of a node with 10,000 connections come soon enough for a dashboard."""

    def test_10000_connections(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < MANY + 500:
            self.skipTest(f"only {hard} descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (MANY + 500, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = Server(monitor=True)
        self.addCleanup(server.kill)
        clients = []
        self.addCleanup(lambda: [c.close() for c in clients])
        for i in range(MANY):
            c = socket.create_connection((server.host, server.port), timeout=30)
            clients.append(c)
            c.sendall(b'CONNECT {"verbose":false,"name":"c%d"}\r\nSUB a.%d 1\r\nSUB b.* 2\r\nPING\r\n' % (i, i))
        for c in clients:
            seen = b""
            while b"PONG\r\n" not in seen:  # the node may have sent its own first PING behind it
                seen += c.recv(65536)
        # The best of five: neighbours on the machine are not the node's fault.
        for page, count, most in (("/connz", 1024, 0.1), (f"/connz?limit={MANY}&subs=1", MANY, 0.2)):
            spans = []
            for _ in range(5):
                begin = time.monotonic()
                status, _, body = server.http(page, 30)
                spans.append(time.monotonic() - begin)
                self.assertEqual(status, 200)
            self.assertEqual(len(json.loads(body)["connections"]), count)
            print(f"{page}: {min(spans) * 1000:.0f} to {max(spans) * 1000:.0f} ms, {len(body)} bytes", file=sys.stderr)
            self.assertLess(min(spans), most * float(os.environ.get("TROUPE_TEST_SLACK", "1")))


if __name__ == "__main__":
    unittest.main()
