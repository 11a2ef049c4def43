"""The profiling port: a CPU profile that names where time went, and bounds on what may be asked."""

import base64
import http.client
import json
import math
import os
import re
import shutil
import struct
import subprocess
import threading
import unittest

from harness import Server, WireCase, pub, wait_until
from harness.server import _port_of, is_troupe, server_binary

# A sanitizer's allocator and locks leave nothing to note: the node says so instead.
SANITIZED = bool(os.environ.get("WIRE_SANITIZED"))
not_sanitized = unittest.skipIf(SANITIZED, "heap and locks are not noted under a sanitizer")


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


def whole(count, size, rate=524288):
    """What the samples of a stack stand for, as pprof reckons."""
    return size / (1 - math.exp(-size / count / rate)) if count else 0


class Profile(WireCase):
    args = ("--profile", "-1")
    monitor = True
    config = "prof_block_rate: 1\naccounts { $SYS { users: [{user: sys, password: p}] }, A { users: [{user: a}] } }\nno_auth_user: a\n"

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
        """Work for the server that costs its client nothing, or on a busy machine the client gets the time of both."""
        c = self.client(echo=False)
        c.send("".join(f"SUB load {i}\r\n" for i in range(1000))).fence()
        stop = threading.Event()

        def load():
            while not stop.is_set():
                c.send(pub("load", "x") * 500).fence()

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

    def pprof(self, data, *options):
        go = shutil.which("go")
        if not go:
            self.skipTest("no go command on this machine")
        path = os.path.join(self.server.dir, "some.prof")
        with open(path, "wb") as f:
            f.write(data)
        done = subprocess.run([go, "tool", "pprof", *options, server_binary(), path], capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def memory(self, path="/debug/pprof/heap"):
        status, data = self.get(path)
        self.assertEqual(status, 200)
        self.assertRegex(data, rb"^heap profile: +\d+: +\d+ \[ *\d+: +\d+\] @ heap_v2/524288\n")
        live, ever = 0.0, 0.0
        for n, size, all_n, all_size in re.findall(rb"^(\d+): (\d+) \[(\d+): (\d+)\] @", data, re.M):
            live += whole(int(n), int(size))
            ever += whole(int(all_n), int(all_size))
        return live, ever, data

    @not_sanitized
    def test_heap(self):
        before, ever_before, _ = self.memory()
        many = [self.client() for _ in range(10)]
        for c in many:  # each subscription costs its own memory
            c.send("".join(f"SUB {'x' * 200}.{c.info['client_id']}.{i} {i}\r\n" for i in range(2000))).fence()
        held, _, data = self.memory()
        self.assertGreater(held - before, 2000000)
        for c in many:
            c.close()
        wait_until(lambda: self.memory()[0] < held - 1000000, "the memory to be given back")
        self.assertGreater(self.memory("/debug/pprof/allocs")[1], ever_before + 2000000)
        text = self.pprof(data, "-raw", "-symbolize=none")
        self.assertIn("PeriodType: space bytes", text)
        self.assertRegex(text, r"Samples:\n.*inuse_space.*\n +\d")
        self.assertRegex(self.pprof(data, "-top", "-cum", "-nodecount=200"), r"% +(wait_and_turn|\S*driver_pool\S*|\[troupe\])\n")

    @not_sanitized
    def test_locks(self):
        self.profile_under_load()
        for name in ("mutex", "block"):
            status, data = self.get("/debug/pprof/" + name)
            self.assertEqual(status, 200)
            self.assertTrue(data.startswith(b"--- contentionz 1 ---\ncycles/second = 1000000000\nsampling period = 1\n"), data[:100])
            self.assertIn("contentions/count delay/nanoseconds", self.pprof(data, "-raw", "-symbolize=none"))

    def test_over_the_system_account(self):
        c = self.client(user="sys", **{"pass": "p"})
        c.send("SUB inbox.> 1\r\n").fence()
        for name, prefix in [("heap", b"heap profile: "), ("allocs", b"heap profile: "), ("mutex", b"--- contentionz"),
                             ("block", b"--- contentionz"), ("goroutine", b"thread "), ("threadcreate", b"thread ")]:
            if SANITIZED and prefix != b"thread ":
                continue
            with self.subTest(name=name):
                got = self.ask(c, {"name": name})
                self.assertEqual(got["error"], "")
                self.assertTrue(base64.b64decode(got["profile"]).startswith(prefix))
        got = self.ask(c, {"name": "cpu", "duration": 200000000})
        self.assertEqual(read_profile(base64.b64decode(got["profile"]))[2], 10000)
        for options, text in [({}, "Profile name not specified"), ({"name": "nope"}, 'Profile "nope" not found'),
                              ({"name": "cpu"}, "Duration 0s should be between 0s and 15s"),
                              ({"name": "cpu", "duration": 16000000000}, "Duration 16s should be between 0s and 15s")]:
            with self.subTest(options=options):
                self.assertEqual(self.ask(c, options), {"profile": None, "error": text})

    def ask(self, c, options):
        c.send(pub("$SYS.REQ.SERVER.PING.PROFILEZ", json.dumps(options), "inbox.x"))
        return json.loads(c.read_op().split(b"\r\n", 1)[1])["data"]

    def test_a_profile_holds_up_no_other_request(self):
        c = self.client(user="sys", **{"pass": "p"})
        c.send("SUB inbox.> 1\r\n").fence()
        c.send(pub("$SYS.REQ.SERVER.PING.PROFILEZ", '{"name":"cpu","duration":1000000000}', "inbox.slow"))
        c.send(pub("$SYS.REQ.SERVER.PING.VARZ", b"", "inbox.fast"))
        self.assertTrue(c.read_op().startswith(b"MSG inbox.fast "))
        self.assertTrue(c.read_op().startswith(b"MSG inbox.slow "))

    def test_other_pages(self):
        self.assertEqual(self.get("/debug/pprof/")[0], 200)
        self.assertIn(b"thread ", self.get("/debug/pprof/goroutine?debug=2")[1])
        self.assertIn(b"--profile", self.get("/debug/pprof/cmdline")[1].split(b"\0"))
        self.assertIn("memstats", json.loads(self.get("/debug/vars")[1]))
        self.assertEqual(self.get("/debug/pprof/nothing")[0], 404)
        self.assertEqual(self.get("/debug/pprof/cpu")[0], 404)
        self.assertEqual(self.get("/debug/pprof/heap?seconds=3")[0], 400)
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
