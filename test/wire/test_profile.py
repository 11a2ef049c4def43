"""The profiling port: a CPU profile that names where time went, and bounds on what may be asked."""

import http.client
import json
import os
import re
import shutil
import struct
import subprocess
import threading
import unittest

from harness import Server, WireCase, pub
from harness.server import _port_of, is_troupe, server_binary


def read_profile(data):
    """Samples of a gperftools CPU profile: [(count, [addresses])], and the text after them. Strict."""
    words = struct.unpack(f"={len(data) // 8}Q", data[:len(data) // 8 * 8])
    if words[:3] != (0, 3, 0) or words[4] != 0:
        raise AssertionError(f"header {words[:5]}")
    samples, at = [], 5
    while words[at:at + 3] != (0, 1, 0):
        count, depth = words[at:at + 2]
        if not count or not 0 < depth <= 64:
            raise AssertionError(f"sample at word {at}: {words[at:at + 2]}")
        samples.append((count, words[at + 2:at + 2 + depth]))
        at += 2 + depth
    return samples, data[(at + 3) * 8:].decode(), words[3]


class Profile(WireCase):
    args = ("--profile", "-1")
    monitor = True

    @classmethod
    def setUpClass(cls):
        if not is_troupe(server_binary()):
            raise unittest.SkipTest("the Go server writes profiles of another format")
        super().setUpClass()

    def get(self, path, deadline=20):
        c = http.client.HTTPConnection("127.0.0.1", _port_of(self.server.ports["profile"][0]), timeout=deadline)
        try:
            c.request("GET", path)
            r = c.getresponse()
            return r.status, r.read()
        finally:
            c.close()

    def profile_under_load(self):
        a, b = self.client(), self.client()
        a.send("SUB load 1\r\n").fence()
        stop = threading.Event()

        def load():
            while not stop.is_set():
                b.send(pub("load", "x" * 16) * 500).fence()
                a.read_to_fence()

        worker = threading.Thread(target=load)
        worker.start()
        try:
            before = self.server.cpu_seconds()
            status, data = self.get("/debug/pprof/profile?seconds=1")
            self.busy = self.server.cpu_seconds() - before
        finally:
            stop.set()
            worker.join()
        self.assertEqual(status, 200)
        return data

    def test_cpu_profile(self):
        data = self.profile_under_load()
        samples, maps, period = read_profile(data)
        self.assertEqual(period, 10000)
        # One sample for each 10 ms of processor time; a machine that is busy otherwise gives little of it.
        self.assertGreaterEqual(sum(n for n, _ in samples), max(1, int(self.busy * 100 / 4)))
        executable = [tuple(int(x, 16) for x in m) for m in
                      re.findall(rf"^(\w+)-(\w+) r-xp .*{re.escape(os.path.basename(server_binary()))}$", maps, re.M)]
        self.assertTrue(executable)
        inside = sum(n for n, stack in samples if any(lo <= pc < hi for pc in stack for lo, hi in executable))
        self.assertGreater(inside, 0)

    def test_go_reads_it(self):
        go = shutil.which("go")
        if not go:
            self.skipTest("no go command on this machine")
        path = os.path.join(self.server.dir, "cpu.prof")
        with open(path, "wb") as f:
            f.write(self.profile_under_load())
        done = subprocess.run([go, "tool", "pprof", "-raw", "-symbolize=none", server_binary(), path], capture_output=True,
                              timeout=60, check=False)
        text = done.stdout.decode()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("PeriodType: cpu nanoseconds", text)
        self.assertRegex(text, r"Samples:\n.*\n +[1-9]")

    def test_other_pages(self):
        self.assertEqual(self.get("/debug/pprof/")[0], 200)
        self.assertIn(b"thread ", self.get("/debug/pprof/goroutine?debug=2")[1])
        self.assertIn(b"--profile", self.get("/debug/pprof/cmdline")[1].split(b"\0"))
        self.assertIn("memstats", json.loads(self.get("/debug/vars")[1]))
        self.assertEqual(self.get("/debug/pprof/heap")[0], 404)
        self.assertEqual(self.get("/varz")[0], 404)

    def test_bounds(self):
        for seconds in ("-1", "301", "99999999999999999999", "x"):
            self.assertEqual(self.get("/debug/pprof/profile?seconds=" + seconds)[0], 400, seconds)

    def test_the_end_does_not_wait_for_a_profile(self):
        with Server("--profile", "-1") as server:
            c = http.client.HTTPConnection("127.0.0.1", _port_of(server.ports["profile"][0]), timeout=20)
            self.addCleanup(c.close)
            c.request("GET", "/debug/pprof/profile?seconds=200")
            server.wait_log("Server is ready")


if __name__ == "__main__":
    unittest.main()
