"""sd_notify: READY=1 when it listens, WATCHDOG=1 while it answers, STOPPING=1 when it ends."""

import os
import signal
import socket
import sys
import tempfile
import time
import unittest
from contextlib import contextmanager

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

from harness import RawClient, Server, wait_until  # noqa: E402


@contextmanager
def environment(**variables):
    """Server inherits ours, so the variables are set while one starts."""
    before = {k: os.environ.get(k) for k in variables}
    os.environ.update({k: v for k, v in variables.items() if v is not None})
    try:
        yield
    finally:
        for k, v in before.items():
            os.environ.pop(k, None)
            if v is not None:
                os.environ[k] = v


class Manager:
    """The service manager's end: a datagram socket by path, or abstract with a leading @."""

    def __init__(self, case, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        case.addCleanup(self.socket.close)
        if abstract:
            self.name = f"@troupe-notify-{os.getpid()}-{id(self)}"
            self.socket.bind("\0" + self.name[1:])
        else:
            folder = tempfile.TemporaryDirectory(prefix="notify-")
            case.addCleanup(folder.cleanup)
            self.name = os.path.join(folder.name, "notify")
            self.socket.bind(self.name)

    def receive(self, deadline=10.0):
        self.socket.settimeout(deadline)
        return self.socket.recv(4096).decode().splitlines()

    def silent(self, span=0.3):
        self.socket.settimeout(span)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return None


class Notify(unittest.TestCase):
    def server(self, manager, *args, config=None, **more):
        with environment(NOTIFY_SOCKET=manager.name, **more):
            server = Server(*args, config=config)
        self.addCleanup(server.kill)
        return server

    def test_ready_then_stopping(self):
        for abstract in (False, True):
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(abstract=abstract, signal=number):
                    manager = Manager(self, abstract)
                    server = self.server(manager)
                    first = manager.receive()
                    self.assertIn("READY=1", first)
                    self.assertIn(f"MAINPID={server.pid}", first)
                    with RawClient(server.port) as c:
                        c.connect()
                    self.assertIsNone(manager.silent())  # no watchdog was asked for
                    server.signal(number)
                    self.assertIn("STOPPING=1", manager.receive())
                    self.assertEqual(server.wait_exit(), 0)
                    self.assertIsNone(manager.silent(0.1))

    def test_watchdog(self):
        manager = Manager(self)
        self.server(manager, WATCHDOG_USEC="400000")
        self.assertIn("READY=1", manager.receive())
        begin = time.monotonic()
        for _ in range(5):
            self.assertEqual(manager.receive(2), ["WATCHDOG=1"])
        span = time.monotonic() - begin
        self.assertGreater(span, 0.5)  # four pauses of 200 ms
        self.assertLess(span, 5)

    def test_watchdog_goes_silent_when_the_node_hangs(self):
        manager = Manager(self)
        server = self.server(manager, WATCHDOG_USEC="200000")
        self.assertIn("READY=1", manager.receive())
        self.assertEqual(manager.receive(), ["WATCHDOG=1"])
        server.signal(signal.SIGSTOP)
        while manager.silent(1.0):
            pass
        server.signal(signal.SIGCONT)
        self.assertEqual(manager.receive(), ["WATCHDOG=1"])

    def test_watchdog_of_another_process(self):
        manager = Manager(self)
        self.server(manager, WATCHDOG_USEC="100000", WATCHDOG_PID="1")
        self.assertIn("READY=1", manager.receive())
        self.assertIsNone(manager.silent(0.5))

    def test_lame_duck_says_stopping_while_clients_leave(self):
        manager = Manager(self)
        server = self.server(manager, config='lame_duck_duration: "30s"\nlame_duck_grace_period: "10s"\n',
                             WATCHDOG_USEC="200000")
        c = RawClient(server.port)
        self.addCleanup(c.close)
        c.connect()
        self.assertIn("READY=1", manager.receive())
        server.signal(signal.SIGUSR2)
        wait_until(lambda: "STOPPING=1" in manager.receive(), "STOPPING=1")
        self.assertTrue(server.alive())
        self.assertEqual(manager.receive(), ["WATCHDOG=1"])  # goes on: it is alive
        c.fence()

    def test_reload_is_announced(self):
        manager = Manager(self)
        server = self.server(manager, config="debug: false\n")
        self.assertIn("READY=1", manager.receive())
        for text, result in (("debug: true\n", "Reloaded server configuration"), ("nonsense: 1\n", "Failed to reload")):
            server.write("server.conf", text)
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            server.signal(signal.SIGHUP)
            begin = manager.receive()
            self.assertEqual(begin[0], "RELOADING=1")
            stamp = int(next(x for x in begin if x.startswith("MONOTONIC_USEC=")).split("=")[1])
            self.assertTrue(before <= stamp <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
            self.assertIn("READY=1", manager.receive())
            server.wait_log(result)
        server.signal(signal.SIGTERM)
        self.assertIn("STOPPING=1", manager.receive())

    def test_nobody_listens(self):
        gone = Manager(self)
        gone.socket.close()
        server = self.server(gone)
        server.wait_log("Could not tell the service manager")
        with RawClient(server.port) as c:
            c.connect()
        for name in ("", "relative", "/" + "x" * 200):
            with environment(NOTIFY_SOCKET=name):
                with Server() as other:
                    with RawClient(other.port) as c:
                        c.connect()

    def test_not_ready_when_it_cannot_start(self):
        manager = Manager(self)
        with environment(NOTIFY_SOCKET=manager.name):
            with self.assertRaises(AssertionError):
                Server("-P", "/nonexistent/pid")
        self.assertNotIn("READY=1", manager.silent() or "")


if __name__ == "__main__":
    unittest.main()
