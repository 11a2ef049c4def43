"""Tools that read the monitoring pages: prometheus-nats-exporter and nats-top, with the Go server beside it where that is at hand."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

from harness import RawClient, Server, connect_line, pub, wait_until
from harness.server import free_port, server_binary

EXPORTER = os.environ.get("NATS_EXPORTER") or shutil.which("prometheus-nats-exporter")
TOP = os.environ.get("NATS_TOP") or shutil.which("nats-top")
PEER = os.environ.get("NATS_PEER_BIN") or shutil.which("nats-server")
CONFIG = """
server_name: S1
accounts: { $SYS: {users: [{user: sys, password: p}]}, A: {users: [{user: a, password: p}]} }
"""
FLAGS = ["-varz", "-connz", "-connz_detailed", "-subz", "-routez", "-gatewayz", "-leafz", "-healthz", "-accstatz", "-accountz",
         "-jsz=all"]
# Of the Go runtime of the exporter itself, not of the server.
OWN = re.compile(r"^(go_|process_|promhttp_)")
# What a load determines, summed over the labels.
DETERMINED = {"gnatsd_varz_in_msgs", "gnatsd_varz_in_bytes", "gnatsd_varz_out_msgs", "gnatsd_varz_out_bytes",
              "gnatsd_varz_total_connections", "gnatsd_varz_connections", "gnatsd_varz_slow_consumers", "gnatsd_varz_routes",
              "gnatsd_varz_max_payload", "gnatsd_varz_max_connections", "gnatsd_connz_total", "gnatsd_connz_num_connections",
              "gnatsd_connz_in_msgs", "gnatsd_connz_in_bytes", "gnatsd_connz_out_msgs", "gnatsd_connz_out_bytes",
              "gnatsd_connz_subscriptions", "gnatsd_connz_pending_bytes", "gnatsd_healthz_status"}


def load(case, server):
    """Two clients, of whom one hears what the other says."""
    clients = []
    for name in ("one", "two"):
        c = RawClient(server.port)
        case.addCleanup(c.close)
        c.read_info()
        c.send(connect_line(user="a", name=name, lang="py", version="1", **{"pass": "p"}) + b"PING\r\n").expect("PONG\r\n")
        clients.append(c)
    one, two = clients
    one.send("SUB foo 1\r\nSUB foo.* q 2\r\nPING\r\n").expect("PONG\r\n")
    two.send(pub("foo", "12345") * 10).send("PING\r\n").expect("PONG\r\n")
    one.send("PING\r\n").expect("MSG foo 1 5\r\n12345\r\n" * 10 + "PONG\r\n")
    return clients


@unittest.skipUnless(EXPORTER, "no prometheus-nats-exporter: set NATS_EXPORTER or put it in PATH")
class Exporter(unittest.TestCase):
    def scrape(self, binary):
        """{name: {"type": .., "labels": set of label names, "sum": ..}} of one server under load."""
        with Server(config=CONFIG, monitor=True, binary=binary) as server:
            clients = load(self, server)
            port = free_port()
            tool = subprocess.Popen([EXPORTER, "-addr", "127.0.0.1", "-port", str(port), *FLAGS,
                                     f"http://127.0.0.1:{server.monitor_port}"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            try:
                wait_until(lambda: self.metrics(tool, port), "the exporter's metrics")
                text = self.metrics(tool, port)  # by now the server has counted a request of each page
            finally:
                tool.kill()
                complaints = tool.communicate()[1]
            for c in clients:
                c.close()
        self.assertNotRegex(complaints, r"\[ERR\]|\[FTL\]|panic")
        return self.parse(text)

    def metrics(self, tool, port):
        self.assertIsNone(tool.poll(), "the exporter ended")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as r:
                text = r.read().decode()
        except OSError:
            return None
        return text if "gnatsd_varz" in text and "gnatsd_connz" in text else None

    def parse(self, text):
        found = {}
        for line in text.splitlines():
            kind = re.match(r"# TYPE (\S+) (\S+)", line)
            if kind and not OWN.match(kind[1]):
                found[kind[1]] = {"type": kind[2], "labels": set(), "sum": 0.0}
            sample = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if sample and sample[1] in found:
                found[sample[1]]["labels"].add(frozenset(re.findall(r'(\w+)="', sample[2] or "")))
                found[sample[1]]["sum"] += float(sample[3])
        return found

    @unittest.skipUnless(PEER, "no nats-server to compare with: set NATS_PEER_BIN or put it in PATH")
    def test_the_same_metrics_as_of_the_go_server(self):
        mine, want = self.scrape(server_binary()), self.scrape(os.path.abspath(PEER))
        self.assertEqual(sorted(set(want) - set(mine)), [], "missing")
        self.assertEqual(sorted(set(mine) - set(want)), [], "more than there should be")
        self.assertGreater(len(want), 80)
        for name, metric in want.items():
            with self.subTest(metric=name):
                self.assertEqual((mine[name]["type"], mine[name]["labels"]), (metric["type"], metric["labels"]))
                if name in DETERMINED:
                    self.assertEqual(mine[name]["sum"], metric["sum"])
        self.assertTrue(DETERMINED & set(want))

    def test_values(self):
        got = self.scrape(server_binary())
        self.assertEqual(got["gnatsd_varz_in_msgs"]["sum"], 10)
        self.assertEqual(got["gnatsd_varz_out_bytes"]["sum"], 50)
        self.assertEqual(got["gnatsd_connz_num_connections"]["sum"], 2)


@unittest.skipUnless(TOP, "no nats-top: set NATS_TOP or put it in PATH")
class Top(unittest.TestCase):
    def top(self, server, *args):
        with tempfile.TemporaryDirectory(prefix="clients-top-") as place:
            out = os.path.join(place, "out")
            done = subprocess.run([TOP, "-s", "127.0.0.1", "-m", str(server.monitor_port), "-o", out, *args],
                                  capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, cwd=place)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(out, encoding="utf-8") as f:
                return f.read()

    def test_connections(self):
        with Server(config=CONFIG, monitor=True) as server:
            clients = load(self, server)
            text = self.top(server, "-u")
            self.assertIn("S1", text)
            rows = {line.split()[2]: line.split() for line in text.splitlines() if "127.0.0.1:" in line and len(line.split()) > 8}
            self.assertEqual(set(rows), {"one", "two"}, text)
            for c in clients:
                c.close()

    def test_every_order(self):
        with Server(config=CONFIG, monitor=True) as server:
            clients = load(self, server)
            for order in ("cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime",
                          "rtt"):
                with self.subTest(order=order):
                    self.assertIn("two", self.top(server, "-sort", order))
            for c in clients:
                c.close()


if __name__ == "__main__":
    unittest.main()
