"""Starts and ends one server under test; ports, files and logs live in a private temporary folder."""

import contextlib
import ctypes
import functools
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from . import secrets

DEADLINE = float(os.environ.get("WIRE_DEADLINE", "10"))

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


@functools.lru_cache(maxsize=None)
def is_troupe(binary):
    done = subprocess.run([binary, "-v"], capture_output=True, timeout=DEADLINE, check=False)
    return b"troupe" in (done.stdout + done.stderr).lower()


class Timeout(AssertionError):
    """An awaited event did not come within its deadline."""


def server_binary():
    path = os.environ.get("NATS_SERVER_BIN", "")
    if not path:
        raise RuntimeError("no server: pass --server PATH or set NATS_SERVER_BIN")
    return os.path.abspath(path)


_patience = DEADLINE


def default_deadline():
    return _patience


@contextlib.contextmanager
def patience(seconds):
    """Another default deadline for what the tests await (not for the end of a server)."""
    global _patience
    before, _patience = _patience, seconds
    try:
        yield
    finally:
        _patience = before


def wait_until(condition, what, deadline=None):
    """Calls condition until it returns something true; returns that. Fails loudly after the deadline."""
    deadline = default_deadline() if deadline is None else deadline
    end = time.monotonic() + deadline
    pause = threading.Event()
    step = 0.002
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise Timeout(f"gave up after {deadline}s waiting for {what}")
        pause.wait(step)
        step = min(step * 1.5, 0.05)


def _ports_never_given_away():
    """Those that the system picks for nobody who asks for any port."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        low, high = map(int, f.read().split())
    return range(10000, low) if low > 15000 else range(high + 1, 65536)


_held_ports = []


def free_port():
    """A port for tests that must know it before the server has it, or start a server on it again. Nobody who lets the
    system choose gets it, so no connection of a test before still waits on it (TIME_WAIT), and no other test process
    as long as this one runs: it holds an abstract socket of that name."""
    choice = _ports_never_given_away()
    for port in random.sample(choice, len(choice)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0troupe-test-port-{port}")
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("0.0.0.0", port))
        except OSError:
            claim.close()
            continue
        _held_ports.append(claim)
        return port
    raise AssertionError(f"no port of {choice} is free")


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_binary(*args, binary=None, timeout=DEADLINE, cwd=None, env=None):
    """Runs the binary to its end (flag tests); returns a CompletedProcess with bytes."""
    return subprocess.run([binary or server_binary(), *args], capture_output=True, timeout=timeout, cwd=cwd, env=env,
                          stdin=subprocess.DEVNULL)


class Server:
    """One running server. `config` is the text of its config file; `args` are further flags."""

    def __init__(self, *args, config=None, port=-1, monitor=False, binary=None, ports_file=True, host="127.0.0.1",
                 cwd=None):
        self.dir = tempfile.mkdtemp(prefix="wire-")
        self.binary = binary or server_binary()
        self.log_path = os.path.join(self.dir, "server.log")
        self.monitor_port = None
        argv = [self.binary]
        if config is not None:
            self.config_path = self.write("server.conf", config)
            argv += ["-c", self.config_path]
        if host is not None:
            argv += ["-a", host]
        if port is not None:
            argv += ["-p", str(port)]
        if monitor:
            argv += ["-m", "-1"]
        if ports_file:
            argv += ["--ports_file_dir", self.dir]
        argv += [a.replace("{dir}", self.dir) for a in args]
        secrets.learn_config(config)
        secrets.learn_arguments(argv)
        self.argv = argv
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                            cwd=cwd or self.dir, preexec_fn=_die_with_parent)
        self.pid = self.process.pid
        self.host = "127.0.0.1"
        self.port = port
        try:
            if ports_file:
                self.ports = self._read_ports()
                self.port = _port_of(self.ports["nats"][0])
                if self.ports.get("monitoring"):
                    self.monitor_port = _port_of(self.ports["monitoring"][0])
            else:
                self.wait_listening()
        except BaseException:
            self.kill()
            raise

    def write(self, name, text):
        if name.endswith(".conf"):
            secrets.learn_config(text)
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def log(self):
        with open(self.log_path, "r", encoding="utf-8", errors="replace") as f:
            return f.read()

    def ports_path(self):
        ending = f"_{self.pid}.ports"
        names = [n for n in os.listdir(self.dir) if n.endswith(ending)]
        return os.path.join(self.dir, names[0]) if names else None

    def _read_ports(self):
        def read():
            if self.process.poll() is not None:
                raise AssertionError(f"server ended with {self.process.returncode} before it was ready\n{self.log()}")
            path = self.ports_path()
            if path is None:
                return None
            with open(path, "rb") as f:
                text = f.read()
            try:
                return json.loads(text)
            except ValueError:
                return None  # being written

        return wait_until(read, "the ports file")

    def wait_listening(self):
        def reachable():
            if self.process.poll() is not None:
                raise AssertionError(f"server ended with {self.process.returncode} before it was ready\n{self.log()}")
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return True
            except OSError:
                return False

        wait_until(reachable, f"port {self.port} to accept")

    def wait_log(self, text, deadline=None):
        return wait_until(lambda: text in self.log(), f"{text!r} in the log of the server", deadline)

    def cpu_seconds(self):
        """What the process has used of processors since its start."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as f:
            user, system = f.read().rsplit(") ", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, deadline=DEADLINE):
        try:
            return self.process.wait(timeout=deadline)
        except subprocess.TimeoutExpired:
            raise Timeout(f"server still runs {deadline}s after it should have ended\n{self.log()[-2000:]}") from None

    def reload(self, config):
        """Rewrites the config file and asks for a reload; returns when the server says that it is done."""
        done, failed = "Reloaded server configuration", "Failed to reload server configuration"
        before = self.log()
        self.write("server.conf", config)
        self.signal(signal.SIGHUP)

        def over():
            log = self.log()
            if log.count(failed) > before.count(failed):
                raise AssertionError(f"the reload failed: {log[len(before):]}")
            return log.count(done) > before.count(done)

        try:
            wait_until(over, "the reload")
        except Timeout as e:
            raise Timeout(f"{e}; since it was asked for the server said: {self.log()[len(before):]}") from None

    def http(self, path, deadline=DEADLINE):
        """GET from the monitoring port: (status, headers, body)."""
        c = http.client.HTTPConnection(self.host, self.monitor_port, timeout=deadline)
        try:
            c.request("GET", path)
            r = c.getresponse()
            body = r.read()
            self._check_secrets(f"page {path}", body.decode(errors="replace"))
            return r.status, dict(r.getheaders()), body
        finally:
            c.close()

    def json(self, path):
        status, _, body = self.http(path)
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {body[:200]!r}")
        return json.loads(body)

    def rss_kib(self):
        return self._status_kib("VmRSS:")

    def own_memory_kib(self):
        """Without the pages of its files: code that is met for the first time is no memory that somebody holds."""
        return self._status_kib("RssAnon:")

    def _status_kib(self, name):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith(name):
                    return int(line.split()[1])
        raise AssertionError(f"no {name}")

    def _check_secrets(self, where, text):
        """The Go server shows some of what ours must not."""
        text = text.replace(self.dir, "")  # its random name may look like the password of one of 10,000 users
        found = secrets.found_in(text) if is_troupe(self.binary) else []
        if found:
            lines = [x for x in text.splitlines() if any(s in x for s in found)]
            raise AssertionError(f"secrets {found} are shown in the {where}: {lines[:3]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=DEADLINE)
        log = self.log() if os.path.exists(self.log_path) else ""
        shutil.rmtree(self.dir, ignore_errors=True)
        self._check_secrets("log", log)

    def stop(self):
        """Ends the server and checks that it lived until then and ended well."""
        try:
            if self.process.poll() is not None:
                raise AssertionError(f"server died with {self.process.returncode}\n{self.log()[-4000:]}")
            self.signal(signal.SIGINT)
            code = self.wait_exit()
            if code != 0:
                raise AssertionError(f"server ended with {code} on SIGINT\n{self.log()[-4000:]}")
        finally:
            self.kill()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()


def _port_of(url):
    return int(url.rsplit(":", 1)[1])
