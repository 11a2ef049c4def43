"""/metrics: OpenMetrics text, its figures as the clients made them, every family documented."""

import os
import re
import unittest

from harness import WireCase, msg, pub
from harness.openmetrics import Malformed, parse
from harness.server import is_troupe

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "monitoring.md")


class Metrics(WireCase):
    monitor = True
    config = """accounts { 'A"x': { users: [{user: u, password: p}] } }\n"""

    def setUp(self):
        super().setUp()
        if not is_troupe(self.server.binary):
            self.skipTest("the Go server has no /metrics")

    def families(self):
        status, headers, body = self.server.http("/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        return parse(body.decode())

    def total(self, name, **labels):
        wanted = set(labels.items())
        return sum(v for k, v in self.families()[name]["samples"].items() if wanted <= set(k))

    def test_the_server(self):
        f = self.families()
        labels, = f["troupe"]["samples"]
        varz = self.server.json("/varz")
        self.assertEqual(dict(labels)["server_id"], varz["server_id"])
        self.assertEqual(dict(labels)["compatible_version"], varz["version"])
        self.assertEqual(f["troupe_healthy"]["samples"], {(): 1})
        self.assertEqual(f["troupe_connections_max"]["samples"], {(): varz["max_connections"]})
        self.assertGreater(f["troupe_memory_resident_bytes"]["samples"][()], 1000000)

    def test_traffic(self):
        names = ("troupe_connections", "troupe_connections_accepted", "troupe_received_messages", "troupe_received_bytes",
                 "troupe_sent_messages", "troupe_sent_bytes", "troupe_subscriptions")
        account = {"account": 'A"x'}
        before = {n: self.total(n) for n in names}
        mine = self.total("troupe_account_received_messages", **account)
        a, b = (self.client(user="u", **{"pass": "p"}) for _ in range(2))
        a.send("SUB m 1\r\n").fence()
        b.send(pub("m", "12345") * 10).send(pub("nobody", "123")).fence()
        a.expect(msg("m", 1, "12345") * 10).fence()
        grown = {n: self.total(n) - before[n] for n in names}
        self.assertEqual(grown, {"troupe_connections": 2, "troupe_connections_accepted": 2, "troupe_received_messages": 11,
                                 "troupe_received_bytes": 53, "troupe_sent_messages": 10, "troupe_sent_bytes": 50,
                                 "troupe_subscriptions": 1})
        self.assertEqual(self.total("troupe_account_received_messages", **account) - mine, 11)
        self.assertEqual(self.total("troupe_account_connections", **account), 2)

    def test_documented(self):
        with open(DOCS, encoding="utf-8") as f:
            described = set(re.findall(r"^\| `(troupe\w*)` \|", f.read(), re.M))
        ending = {"counter": "_total", "info": "_info", "gauge": ""}
        shown = {name + ending[f["type"]] for name, f in self.families().items()}
        self.assertEqual(described, shown)


class Reader(unittest.TestCase):
    """The reader refuses what is wrong, so that its silence says something."""

    def test_refusals(self):
        head = "# TYPE a counter\n# HELP a x\n"
        good = head + 'a_total{b="c\\\\\\"\\n"} 1\n# EOF\n'
        self.assertEqual(parse(good)["a"]["samples"], {(("b", 'c\\"\n'),): 1})
        for bad in [good[:-1], head + "a 1\n# EOF\n", head + "a_total -1\n# EOF\n", head + "a_total{b=c} 1\n# EOF\n",
                    head + "a_total 1\na_total 2\n# EOF\n", head + 'a_total{b="\\x"} 1\n# EOF\n',
                    head + "a_total 1\n" + head + "# EOF\n", "a_total 1\n# EOF\n", head + "a_total 1\n\n# EOF\n",
                    head + 'a_total{b="1",} 1\n# EOF\n', head + "a_total 0x1\n# EOF\n", "# TYPE a foo\n# EOF\n",
                    head + "# UNIT a bytes\na_total 1\n# EOF\n", head + 'a_total 1\na_total{b="1"} 2\n# EOF\n']:
            with self.subTest(text=bad), self.assertRaises(Malformed):
                parse(bad)


if __name__ == "__main__":
    unittest.main()
