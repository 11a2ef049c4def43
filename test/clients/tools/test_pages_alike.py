"""Every page with every option, of ours and of the Go server under the same load: status, headers, shape, counts and error texts."""

import json
import os
import shutil
import unittest

from harness import RawClient, Server, connect_line, wait_until
from harness.server import is_troupe, server_binary
from harness.shape import differences, shape

PEER = os.environ.get("NATS_PEER_BIN") or shutil.which("nats-server")
CONFIG = """
accounts { $SYS { users: [{user: sys, password: p}] }
  A { users: [{user: u, password: p}], exports: [{service: q}], mappings: {"m.a": "m.b"} }
  B { users: [{user: v, password: p}], imports: [{service: {account: A, subject: q}, to: "local.q"}] } }
no_auth_user: u
"""
SORTS = ["cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime", "stop",
         "reason", "rtt", "bogus", "CID", ""]
STATES = ["", "open", "closed", "any", "all", "ALL", "0", "1", "2"]
FLAGS = ["0", "1", "true", "false", "t", "F", "TRUE", "yes", "detail", "2", ""]
NUMBERS = ["0", "1", "-1", "5", "1000000", "+1", "01", "1.0", "0x1", "", "%20", "1%2B", "9223372036854775807", "9223372036854775808",
           "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1_000", "%201"]
OPTIONS = {
    "/varz": ["", "callback=f", "x=y"],
    "/connz": ["acc=A", "acc=B", "acc=$G", "acc=nope", "user=u", "user=u&auth=1", "user=x&auth=1", "filter_subject=foo",
               "filter_subject=foo&acc=A", "filter_subject=bar&acc=A", "filter_subject=foo&acc=A&subs=1",
               "filter_subject=foo..x&acc=A", "filter_subject=foo.*&acc=A&subs=detail&state=any", "mqtt_client=x&auth=1",
               "mqtt_client=x&state=closed", "cid=5&state=closed", "cid=6&subs=detail", "cid=6&subs=detail&auth=1",
               "state=closed&subs=detail&auth=1", "state=any&subs=1&limit=2", "limit=2&offset=1&sort=subs", "callback=f",
               "callback=f&limit=x", "sort=cid&sort=bogus", "LIMIT=1", "a&b&=c"],
    "/subsz": ["", "acc=A&subs=1", "acc=nope", "test=foo", "test=foo&subs=1", "test=foo.*", "test=a..b", "test=",
               "subs=1&limit=1&offset=1", "subs=1&acc=A&test=foo"],
    "/routez": ["", "subs=1", "subs=detail", "subs=x"],
    "/gatewayz": ["", "accs=1", "acc_name=A", "gw_name=x&acc_name=A&subs=detail", "subs=x&accs=1", "accs=x"],
    "/leafz": ["", "subs=1", "acc=A", "subs=x"],
    "/accountz": ["", "acc=A", "acc=B", "acc=$SYS", "acc=$G", "acc=nope"],
    "/accstatz": ["", "unused=1", "unused=x"],
    "/jsz": ["", "acc=A", "accounts=1", "leader-only=1", "leader-only=1&accounts=1", "accounts=x", "streams=x", "consumers=x",
             "config=x", "raft=x", "direct-consumers=x", "stream-leader-only=x", "stream-leader-only=1",
             "accounts=1&streams=1&consumers=1&config=1&raft=1"],
    "/healthz": ["", "js-enabled-only=x", "js-enabled=true", "js-enabled-only=true", "js-server-only=true", "js-meta-only=1",
                 "details=1", "details=x", "account=A", "account=A&stream=s", "account=A&stream=s&consumer=c", "stream=s",
                 "consumer=c", "account=nope&details=1", "leaf-remotes-connected=1"],
    "/ipqueuesz": ["", "all=x", "queues=x"],
    "/raftz": ["", "acc=A", "group=g", "acc=nope"],
}
OTHERS = ["/nope", "/varz/", "/varz/x", "/VARZ", "/", "/debug/vars", "/connz/", "//varz", "/./varz", "/connz/../varz?a=b", "/%76arz",
          "/subscriptionsz?subs=1"]
HEADERS = ("Content-Type", "X-Content-Type-Options", "Access-Control-Allow-Origin", "Location")
# Of what neither has (routes, gateways, leaf nodes, groups, streams) every value is the same.
NOTHING = ("/routez", "/gatewayz", "/leafz", "/jsz", "/ipqueuesz", "/raftz", "/healthz")
OWN = {"server_id", "server_name", "now"}
# Subscriptions of the server's own count too, and are others.
COUNTS = ("num_connections", "offset", "limit")


def paths():
    yield from (f"/connz?sort={s}&state={t}" for s in SORTS for t in STATES)
    yield from (f"/connz?{name}={v}" for name in ("auth", "subs") for v in FLAGS)
    yield from (f"{page}?subs=1&{name}={v}" for page, name in [
        ("/connz", "offset"), ("/connz", "limit"), ("/connz", "cid"), ("/subsz", "offset"), ("/subsz", "limit"), ("/jsz", "offset"),
        ("/jsz", "limit")] for v in NUMBERS)
    yield from (page + ("?" + o if o else "") for page, options in OPTIONS.items() for o in options)
    yield from OTHERS


@unittest.skipUnless(PEER and not is_troupe(os.path.abspath(PEER)),
                     "no nats-server to compare with: set NATS_PEER_BIN or put it in PATH")
class PagesAlike(unittest.TestCase):
    def server(self, binary):
        server = Server(config=CONFIG, monitor=True, binary=binary)
        self.addCleanup(server.stop)

        def client(**options):
            c = RawClient(server.port)
            self.addCleanup(c.close)
            c.read_info()
            return c.send(connect_line(**options) + b"PING\r\n").expect("PONG\r\n")

        client(name="n", lang="py", version="1.2", user="u", **{"pass": "p"}).send(
            "SUB foo 1\r\nSUB foo.* q 2\r\nUNSUB 1 10\r\nPING\r\n").expect("PONG\r\n")
        client(user="v", **{"pass": "p"}).send("SUB bar 1\r\nPING\r\n").expect("PONG\r\n")
        client(name="gone", user="u", **{"pass": "p"}).send("SUB foo 1\r\nBAD\r\n").wait_closed()
        wait_until(lambda: server.json("/connz?state=closed")["num_connections"] == 1, "the closed connection")
        return server

    def document(self, body):
        try:
            return json.loads(body)
        except ValueError:
            return None

    def test_every_page_with_every_option(self):
        mine, theirs = self.server(server_binary()), self.server(os.path.abspath(PEER))
        for path in paths():
            with self.subTest(path=path):
                got, want = mine.http(path), theirs.http(path)
                self.assertEqual(got[0], want[0], want[2][:200])
                self.assertEqual({h: got[1].get(h) for h in HEADERS}, {h: want[1].get(h) for h in HEADERS})
                a, b = self.document(got[2]), self.document(want[2])
                if b is None:
                    if path != "/" and "callback=" not in path:
                        self.assertEqual(got[2], want[2])
                    self.assertIsNone(a)
                    continue
                self.assertEqual(differences(shape(b), shape(a)), [])
                if path.startswith(NOTHING):
                    self.assertEqual(*({k: v for k, v in x.items() if k not in OWN} for x in (a, b)))
                if isinstance(b, dict) and "server_id" in b:
                    self.assertEqual({k: a.get(k) for k in COUNTS}, {k: b.get(k) for k in COUNTS})


if __name__ == "__main__":
    unittest.main()
