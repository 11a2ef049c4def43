"""What the system refuses (threads, memory, descriptors): the rest is served, what failed comes back, and the end is in time."""

import json
import os
import re
import resource
import signal
import subprocess
import time
import unittest

from harness import Server, WireCase, connect_line, msg, pub, server_binary, wait_until
from harness.client import Closed
from harness.server import is_troupe
from harness.tls_case import TlsCase, tls

SANITIZED = bool(os.environ.get("WIRE_SANITIZED"))
# bcrypt of "p", cost 4.
HASH = "$2a$04$abcdefghijklmnopqrstuudMegMbPN37MbpdEfAtP66w1z0RBCtLG"
CONFIG = """
reactors: 2
accounts { $SYS { users: [{user: sys, password: p}] }
           A { users: [{user: hashed, password: "%s"}, {user: plain, password: p}] } }
no_auth_user: plain
""" % HASH


def limit_memory(server, room):
    """The address space may grow by so many bytes; less than a thread's stack: no thread can be had."""
    with open(f"/proc/{server.pid}/status", encoding="ascii") as f:
        size = int(re.search(r"VmSize:\s+(\d+)", f.read())[1]) * 1024
    resource.prlimit(server.pid, resource.RLIMIT_AS, (size + room, resource.RLIM_INFINITY))


def lift_limit(server):
    resource.prlimit(server.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def actors(server):
    """The actors of /actorz as one list."""
    out = []

    def walk(one):
        out.append(one)
        for child in one.get("children", []):
            walk(child)

    walk(server.json("/actorz")["root"])
    return out


@unittest.skipIf(SANITIZED, "a sanitizer's own memory does not keep to the limits")
class WithoutThreads(WireCase):
    serve = False

    def setUp(self):
        self.server = self.start(config=CONFIG, monitor=True)
        self.served = self.client()
        self.served.send("SUB still 1\r\n").fence()

    def check_served(self):
        self.served.send(pub("still", "here")).expect(msg("still", 1, "here")).fence()
        self.client().fence()

    def login(self, user):
        c = self.raw(self.server)
        c.read_info()
        return c.send(connect_line(user=user, **{"pass": "p"}) + b"PING\r\n")

    def helper(self, name):
        return [a for a in actors(self.server) if a["kind"] == "helper" and a["name"].startswith(name)]

    def test_logins(self):
        """Those that are checked on a thread of their own are refused, the others go on."""
        limit_memory(self.server, 1 << 20)
        for _ in range(4):
            self.login("hashed").expect("-ERR 'Authorization Violation'\r\n").wait_closed()
        self.check_served()
        self.server.wait_log("login worker has no thread: ")
        self.assertRegex(self.helper("login worker")[0]["last_error"], "^no thread: ")
        lift_limit(self.server)
        for _ in range(4):
            self.login("hashed").expect("PONG\r\n")
        self.assertEqual({a["state"] for a in self.helper("login worker")}, {"running"})

    def test_reload(self):
        c = self.client(user="sys", **{"pass": "p"})
        c.send("SUB inbox 1\r\n").fence()
        ask = pub(f"$SYS.REQ.SERVER.{c.info['server_id']}.RELOAD", b"", "inbox")
        limit_memory(self.server, 1 << 20)
        self.server.signal(signal.SIGHUP)
        self.server.wait_log("Failed to reload server configuration: no thread for the reload: ")
        c.send(ask)
        answer = json.loads(c.read_op().split(b"\r\n", 1)[1])
        self.assertEqual(answer["error"]["code"], 503)
        self.check_served()
        lift_limit(self.server)
        c.send(ask)
        self.assertEqual(sorted(json.loads(c.read_op().split(b"\r\n", 1)[1])), ["server"])
        self.server.reload(CONFIG)
        self.assertEqual([a["state"] for a in actors(self.server) if a["kind"] == "reload"], ["running"])

    def test_requests_of_the_system_account(self):
        limit_memory(self.server, 1 << 20)
        c = self.client(user="sys", **{"pass": "p"})
        c.send("SUB inbox 1\r\nSUB $SYS.SERVER.*.STATSZ 2\r\n").fence()
        c.send(pub("$SYS.REQ.SERVER.PING.VARZ", b"", "inbox"))
        self.assertEqual(json.loads(c.read_op().split(b"\r\n", 1)[1])["error"]["code"], 503)
        wait_until(lambda: self.server.log().count("no thread for requests") >= 2, "statistics to fall due")
        self.check_served()
        lift_limit(self.server)
        c.send(pub("$SYS.REQ.SERVER.PING.VARZ", b"", "inbox"))
        while not (op := c.read_op()).startswith(b"MSG inbox "):
            self.assertIn(b"statsz", op)
        self.assertIn("data", json.loads(op.split(b"\r\n", 1)[1]))

    def test_the_end_comes(self):
        limit_memory(self.server, 1 << 20)
        self.login("hashed").expect("-ERR 'Authorization Violation'\r\n").wait_closed()
        self.server.signal(signal.SIGHUP)
        self.server.wait_log("no thread for the reload")
        self.check_served()


@unittest.skipIf(SANITIZED, "a sanitizer's own memory does not keep to the limits")
class HandshakesWithoutThreads(TlsCase):
    serve = False

    def test_are_worked_out_on_the_reactor(self):
        server = self.start(config=tls())
        limit_memory(server, 1 << 20)
        for _ in range(3):
            self.secure(server).fence()
        server.wait_log("handshake worker has no thread: ")
        lift_limit(server)
        self.secure(server).fence()


@unittest.skipIf(SANITIZED, "a sanitizer's own memory does not keep to the limits")
class WithoutMemory(WireCase):
    serve = False

    def test_interest_that_has_no_room_ends_the_node_by_name(self):
        """What a subscription needs on other reactors is not left out in silence: the process ends, so that it is started anew."""
        server = Server(config="reactors: 2\n")
        self.addCleanup(server.kill)
        self.client(server).fence()
        limit_memory(server, 8 << 20)
        try:
            for i in range(40):
                c = self.client(server)
                c.send("".join(f"SUB subject.{i}.{j} {j}\r\n" for j in range(20000))).fence()
        except (OSError, AssertionError, Closed):
            pass  # closed by the node, in any of its words
        self.assertEqual(server.wait_exit(30), 1)
        self.assertRegex(server.log(), r"\[FTL\] (Reactor \d failed|Essential actor ended): .*std::bad_alloc.*, stopping")
        self.assertIn("[INF] Server Exiting..", server.log())


class Start(unittest.TestCase):
    """What a server that cannot start says, whatever it lacks."""

    @unittest.skipIf(SANITIZED, "a sanitizer needs memory and descriptors of its own")
    def test_limits(self):
        good = 0
        cases = [(resource.RLIMIT_NOFILE, n) for n in range(5, 40)]
        cases += [(resource.RLIMIT_AS, n << 20) for n in (30, 40, 50, 60, 80, 100, 150, 200, 250, 300)]
        for what, limit in cases:
            with self.subTest(what=what, limit=limit):
                got = self.start_with(what, limit)
                good += got
        self.assertGreater(good, 0)

    def start_with(self, what, limit):
        def lower():
            resource.setrlimit(what, (limit, limit))

        process = subprocess.Popen([server_binary(), "-a", "127.0.0.1", "-p", "-1", "-m", "-1"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, preexec_fn=lower)
        said = b""
        try:
            for line in process.stderr:
                said += line
                if b"Server is ready" in line:
                    process.send_signal(signal.SIGINT)
            code = process.wait(timeout=20)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
        if code == 0:
            self.assertIn(b"Server is ready", said)
            return True
        if b"error while loading shared libraries" not in said:
            self.assertEqual(code, 1, said)
            # Without a descriptor of its own the receiver of signals is made anew until its budget is spent.
            self.assertRegex(said, rb"(?i)\[FTL\]|nats-server: ")
            self.assertRegex(said, rb"(?i)(resource temporarily unavailable|too many open files|allocate memory|bad_alloc)")
        return False


class EndOfAProfile(WireCase):
    serve = False

    def test_over_the_system_account(self):
        """The end does not wait for the rest of a profile's 15 seconds."""
        server = Server(config=CONFIG)
        self.addCleanup(server.kill)
        c = self.client(server, user="sys", **{"pass": "p"})
        c.send("SUB inbox 1\r\n").fence()
        options = json.dumps({"name": "cpu", "duration": 15 * 10**9})
        c.send(pub("$SYS.REQ.SERVER.PING.PROFILEZ", options, "inbox")).fence()
        c.send(pub("$SYS.REQ.SERVER.PING.PROFILEZ", options, "inbox"))  # the second is refused: one is under way
        self.assertIn(b"already in use", c.read_op())
        began = time.monotonic()
        server.signal(signal.SIGINT)
        self.assertEqual(server.wait_exit(), 0)
        self.assertLess(time.monotonic() - began, 8)


def load_tests(loader, standard, _):
    """About Troupe's supervision: the Go server has other bounds, and ends where it gets no thread."""
    return standard if is_troupe(os.environ["NATS_SERVER_BIN"]) else loader.suiteClass()


if __name__ == "__main__":
    unittest.main()
