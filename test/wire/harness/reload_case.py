"""Reloads under traffic: a server, numbered messages through it, and what a change of its file does to both."""

import contextlib
import re
import signal
import threading
import unittest

from . import not_yet
from .case import WireCase
from .client import RawClient, connect_line, msg, pub
from .server import run_binary, server_binary, wait_until

IS_TROUPE = not_yet.is_troupe(server_binary())
troupe_only = unittest.skipUnless(IS_TROUPE, "an option of Troupe")
# What is said of a page that changes by itself.
VOLATILE = {"now", "uptime", "mem", "cpu", "connections", "total_connections", "subscriptions", "http_req_stats",
            "stalled_clients", *(f"{way}_{kind}{what}" for way in ("in", "out") for kind in ("", "client_") for what in ("msgs", "bytes"))}


class Traffic:
    """One client writes numbered messages, another reads them, until the end is asked for."""

    def __init__(self, connect):
        self.writer, self.reader = connect(), connect()
        self.reader.send("SUB traffic 1\r\n").fence()
        self.sent, self.seen, self.cut = 0, [], []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._write, self._read)]
        for t in self._threads:
            t.start()

    def _write(self):
        try:
            while not self._stop.is_set():
                self.writer.send(pub("traffic", str(self.sent)))
                self.sent += 1
                self.writer.fence()
                self._stop.wait(0.001)  # the processors are for the server
            self.writer.send(pub("traffic", "end")).fence()
        except (AssertionError, OSError) as e:
            self.cut.append(f"writer: {e}")

    def _read(self):
        try:
            while True:
                op = self.reader.read_op()
                payload = op.split(b"\r\n")[1]
                if op != msg("traffic", 1, payload):
                    raise AssertionError(f"got {op[:200]!r}")
                if payload == b"end":
                    return
                self.seen.append(int(payload))
        except (AssertionError, OSError) as e:
            self.cut.append(f"reader: {e}")

    def flows(self, more=20):
        """Waits until so many messages have come from here on."""
        want = len(self.seen) + more
        wait_until(lambda: self.cut or len(self.seen) >= want, "messages to flow")

    def stop(self):
        self._stop.set()
        for t in self._threads:
            t.join(30)
        for c in (self.writer, self.reader):
            c.close()


class Trial:
    """One server under traffic."""

    def __init__(self, case, server, traffic):
        self.case, self.server, self.traffic = case, server, traffic

    def raw(self, **more):
        return self.case.raw(self.server, **more)

    def client(self, **connect):
        return self.case.client(self.server, **connect)

    def info(self):
        with RawClient(self.server.port) as c:
            return c.read_info()

    def varz(self):
        return {k: v for k, v in self.server.json("/varz").items() if k not in VOLATILE}

    def log(self):
        """What was logged since the last reload."""
        return self.server.log().rsplit("Reloaded server configuration", 1)[-1]

    def let_in(self, **connect):
        c = self.raw()
        c.read_info()
        c.send(connect_line(**connect) + b"PING\r\n").expect("PONG\r\n")
        return c

    def kept_out(self, **connect):
        c = self.raw()
        c.read_info()
        c.send_quietly(connect_line(**connect) + b"PING\r\n").expect_closed("-ERR 'Authorization Violation'\r\n")

    def reload(self, config, go_refuses=None):
        """A change that takes effect. The Go server refuses some of them in these words, and the test ends."""
        self.traffic.flows()
        if go_refuses and not IS_TROUPE:
            self.refused(config, go_refuses)
            raise unittest.SkipTest(f"the Go server refuses: {go_refuses}")
        self.server.reload(config)

    def refused(self, config, why):
        """A reload that fails for this reason (a pattern at its beginning) and changes nothing that can be seen."""
        self.traffic.flows()
        before = self.varz(), {k: v for k, v in self.info().items() if k not in ("client_id", "nonce")}
        failed = self.server.log().count("Failed to reload")
        self.server.write("server.conf", config)
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: self.server.log().count("Failed to reload") > failed, "the refusal")
        line = self.server.log().rsplit("Failed to reload server configuration: ", 1)[1]
        self.case.assertRegex(line, "^" + why)
        after = self.varz(), {k: v for k, v in self.info().items() if k not in ("client_id", "nonce")}
        self.case.assertEqual(before, after)


class ReloadOptionCase(WireCase):
    """Its tests are named test_<option>, each about the option of `block`."""

    serve = False
    block = ""

    @contextlib.contextmanager
    def running(self, config, *flags, login=None, cut=False, connect=None, **start):
        """A server with this file. Nothing of its traffic may be lost; `cut`: its clients are closed, and then nothing
        of what came before; None: they may be."""
        server = self.start(*flags, config=config, monitor=start.pop("monitor", True), **start)
        make = connect or (lambda: self.client(server, **(login or {})))
        traffic = Traffic(lambda: make() if not connect else make(server))
        try:
            yield Trial(self, server, traffic)
            if cut is False:
                traffic.flows()
        finally:
            traffic.stop()
        self.assertEqual(traffic.seen, list(range(len(traffic.seen))))
        if cut:
            self.assertTrue(traffic.cut, "the traffic's clients stayed")
        elif cut is not None:
            self.assertEqual(traffic.cut, [])
            self.assertEqual(len(traffic.seen), traffic.sent)
        self.assertGreater(traffic.sent, 0)


def option_rows():
    """Of `--help_config`: {(block, option): (reload, state)}, "" is the top."""
    page = run_binary("--help_config").stdout.decode()
    rows, block = {}, None
    for line in page.splitlines():
        if line.startswith("## "):
            block = "" if line == "## Top level" else line[3:].strip()
        elif line.startswith("| `") and block is not None:
            cells = [x.strip() for x in re.split(r"(?<!\\)\|", line)[1:-1]]
            rows[block, cells[0].split("`")[1]] = tuple(cells[4:6])
    return rows


def cases_of(*modules):
    """{(block, option)} that have a test in these modules."""
    found = set()
    for module in modules:
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, ReloadOptionCase) and thing.block is not None:
                found |= {(thing.block, name[len("test_"):]) for name in dir(thing)
                          if name.startswith("test_") and callable(getattr(thing, name))}
    return found
