"""Every page and message of the system account, decoded with the Go server's own types: nothing unknown, nothing lost."""

import json
import os
import subprocess
import unittest

from harness import RawClient, Server, connect_line, pub, wait_until
from harness.fields import FIELDS_FILE
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt

DECODER = os.environ.get("CLIENTS_GO_TYPES")
WHY_NOT = os.environ.get("CLIENTS_GO_TYPES_MISSING") or "no decoder: run through test/clients/run"
CONFIG = """
server_name: S1
server_tags: ["az:1"]
server_metadata: {k: v}
accounts: { $SYS: {users: [{user: sys, password: p}]}
            A: {users: [{user: a, password: p, permissions: {publish: ">", subscribe: {deny: z}}}], mappings: {"m.a": "m.b"},
                exports: [{service: q}, {stream: "s.>", accounts: [B]}]}
            B: {users: [{user: b, password: b}], imports: [{service: {account: A, subject: q}, to: "local.q"},
                {stream: {account: A, subject: "s.>"}, prefix: pre}]} }
"""
SORTS = ["cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime", "rtt"]
PAGES = {
    "Varz": ["/varz"],
    "Connz": ["/connz", "/connz?subs=1", "/connz?subs=detail&auth=1", "/connz?state=closed&auth=1&subs=detail", "/connz?state=any",
              "/connz?limit=1&offset=1", "/connz?acc=A&filter_subject=foo", "/connz?user=a&auth=1", "/connz?cid=5&subs=detail",
              "/connz?mqtt_client=x", "/connz?state=closed&sort=stop", "/connz?state=closed&sort=reason"]
    + [f"/connz?sort={s}" for s in SORTS],
    "Subsz": ["/subsz", "/subsz?subs=1", "/subsz?subs=1&test=foo&acc=A", "/subsz?subs=1&limit=2&offset=1"],
    "Routez": ["/routez", "/routez?subs=detail"],
    "Gatewayz": ["/gatewayz", "/gatewayz?accs=1&subs=detail"],
    "Leafz": ["/leafz", "/leafz?subs=1"],
    "Accountz": ["/accountz", "/accountz?acc=A", "/accountz?acc=B", "/accountz?acc=$SYS", "/accountz?acc=$G"],
    "AccountStatz": ["/accstatz", "/accstatz?unused=1"],
    "JSInfo": ["/jsz", "/jsz?accounts=1&streams=1&consumers=1&config=1&raft=1"],
    "HealthStatus": ["/healthz", "/healthz?details=1", "/healthz?js-server-only=1"],
    "IpqueueszStatus": ["/ipqueuesz", "/ipqueuesz?all=1"],
}
REQUESTS = {
    "PING.IDZ": "ServerID", "PING": "ServerStatsMsg", "PING.STATSZ": "ServerStatsMsg", "PING.VARZ": "Varz", "PING.CONNZ": "Connz",
    "PING.SUBSZ": "Subsz", "PING.ROUTEZ": "Routez", "PING.GATEWAYZ": "Gatewayz", "PING.LEAFZ": "Leafz", "PING.ACCOUNTZ": "Accountz",
    "PING.JSZ": "JSInfo", "PING.HEALTHZ": "HealthStatus", "PING.IPQUEUESZ": "IpqueueszStatus", "PING.RAFTZ": "RaftzStatus",
    "PING.EXPVARZ": "ExpvarzStatus", "PING.PROFILEZ": "ProfilezStatus",
}
WHOLE = {"ServerID", "ServerStatsMsg", "AccountNumConns"}
EVENTS = {"$SYS.ACCOUNT.A.CONNECT": "ConnectEvent", "$SYS.ACCOUNT.A.DISCONNECT": "DisconnectEvent",
          "$SYS.ACCOUNT.A.SERVER.CONNS": "AccountNumConns", "$SYS.SERVER.*.CLIENT.AUTH.ERR": "DisconnectEvent"}


@unittest.skipUnless(DECODER, WHY_NOT)
class GoTypes(unittest.TestCase):
    def setUp(self):
        self.server = Server(config=CONFIG, monitor=True)
        self.addCleanup(self.server.stop)
        self.messages = []

    def client(self, user, **more):
        c = RawClient(self.server.port)
        self.addCleanup(c.close)
        c.read_info()
        c.send(connect_line(user=user, headers=True, **{"pass": "p", **more}) + b"PING\r\n")
        return c

    def note(self, kind, where, document):
        self.messages.append(json.dumps({"type": kind, "from": where, "json": document}))

    def decode(self):
        done = subprocess.run([DECODER], input="\n".join(self.messages), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, f"decoded {len(self.messages)}\n"), done.stderr)

    def load(self):
        a = self.client("a", name="n", lang="py", version="1")
        a.expect("PONG\r\n").send("SUB foo 1\r\nSUB foo.* q 2\r\nUNSUB 1 10\r\n" + pub("foo", "x").decode()).expect("MSG foo 1 1\r\nx\r\n")
        gone = self.client("a", name="gone")
        gone.expect("PONG\r\n").send("SUB foo 1\r\nBAD\r\n").wait_closed()
        wait_until(lambda: self.server.json("/connz?state=closed")["num_connections"] == 1, "the closed connection")
        return a

    def test_fields_that_the_wire_tests_know(self):
        done = subprocess.run([DECODER, "fields"], capture_output=True, text=True, timeout=60, check=True)
        with open(FIELDS_FILE, encoding="utf-8") as f:
            self.assertEqual(done.stdout.splitlines(), f.read().splitlines())

    def test_pages(self):
        self.load()
        for kind, paths in PAGES.items():
            for path in paths:
                self.note(kind, path, self.server.json(path))
        self.decode()

    def test_accounts_of_an_operator(self):
        op, account, user = Operator(), Key(ACCOUNT), Key(USER)
        token = op.account(account, tags=["t"], signing_keys=[{"kind": "user_scope", "key": Key(ACCOUNT).public, "role": "r",
                                                               "template": {"pub": {"allow": ["x"]}}}],
                           exports=[{"subject": "e", "type": "service", "service_latency": {"sampling": "headers", "results": "r"}}],
                           mappings={"a": [{"subject": "b", "weight": 50}]}, revocations={"*": 5}, trace={"dest": "t"})
        with Server(config=op.config((account, token)), monitor=True) as server:
            c = RawClient(server.port)
            self.addCleanup(c.close)
            nonce = c.read_info()["nonce"]
            c.send(connect_line(jwt=user_jwt(account, user), sig=user.sign_text(nonce)) + b"PING\r\n").expect("PONG\r\n")
            for kind, page in (("Accountz", "/accountz?acc=" + account.public), ("Varz", "/varz")):
                self.note(kind, page, server.json(page))
        self.decode()

    def test_requests(self):
        self.load()
        c = self.client("sys")
        c.expect("PONG\r\n").send("SUB inbox.> 1\r\n")
        asked = {"$SYS.REQ.SERVER." + subject: kind for subject, kind in REQUESTS.items()}
        asked.update({"$SYS.REQ.ACCOUNT.A.CONNZ": "Connz", "$SYS.REQ.ACCOUNT.A.SUBSZ": "Subsz", "$SYS.REQ.ACCOUNT.A.LEAFZ": "Leafz",
                      "$SYS.REQ.ACCOUNT.A.INFO": "AccountInfo", "$SYS.REQ.ACCOUNT.A.STATZ": "AccountStatz",
                      "$SYS.REQ.ACCOUNT.A.CONNS": "AccountNumConns", "$SYS.REQ.ACCOUNT.PING.STATZ": "AccountStatz",
                      "$SYS.REQ.USER.INFO": "UserInfo"})
        for subject, kind in asked.items():
            got = self.ask(c, subject)
            if kind in WHOLE:
                self.note(kind, subject, got)
                continue
            self.note("Response", subject, got)
            self.assertIn("data", got, subject)
            self.note(kind, subject, got["data"])
        self.note("Response", "bad options", self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", b'{"limit":"x"}'))
        self.decode()

    def ask(self, c, subject, body=b""):
        c.send(pub(subject, body, "inbox.x"))
        return json.loads(c.read_op().split(b"\r\n", 1)[1])

    def test_events(self):
        c = self.client("sys")
        c.expect("PONG\r\n").send("".join(f"SUB {s} {i}\r\n" for i, s in enumerate(EVENTS)) + "PING\r\n").expect("PONG\r\n")
        kinds = list(EVENTS.values())
        self.load()
        self.client("a", **{"pass": "wrong"}).wait_closed()
        seen = set()
        while seen != set(kinds):
            line, body = c.read_op().split(b"\r\n", 1)
            words = line.decode().split()
            seen.add(kinds[int(words[2])])
            self.note(kinds[int(words[2])], words[1], json.loads(body))
        self.decode()


if __name__ == "__main__":
    unittest.main()
