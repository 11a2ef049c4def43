"""The log as an operator has it: JSON, levels, files that fill up, syslog servers that come and go, terminals."""

import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

from harness import RawClient, Server, free_port, run_binary, server_binary, wait_until  # noqa: E402


class LogCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="log-")
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, name="n.log"):
        return os.path.join(self.dir, name)

    def read(self, name="n.log"):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_in(self, text, name="n.log"):
        return wait_until(lambda: os.path.exists(self.path(name)) and text in self.read(name), f"{text!r} in {name}")

    def start(self, *args, **more):
        server = Server(*args, **more)
        self.addCleanup(server.kill)
        return server

    def spawn(self, *argv, **more):
        """A process whose standard error the test holds itself."""
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **more)

        def end():
            process.kill()
            process.wait()
            if process.stderr:
                process.stderr.close()

        self.addCleanup(end)
        return process

    def client(self, server):
        c = RawClient(server.port)
        self.addCleanup(c.close)
        return c.connect()

    def chat(self, server, times=1):
        """Lines in the debug log."""
        for _ in range(times):
            self.client(server).close()


class Format(LogCase):
    def test_json(self):
        server = self.start("--log_format", "json", "--logtime_utc", "-D", "-l", self.path())
        self.chat(server)
        self.wait_in("Client connection closed")
        for line in self.read().splitlines():
            entry = json.loads(line)
            self.assertEqual(list(entry), ["time", "level", "pid", "subsystem", "message"])
            self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertEqual(entry["pid"], server.pid)
        last = json.loads(self.read().splitlines()[-1])
        self.assertEqual((last["level"], last["subsystem"]), ("debug", "session"))
        self.assertEqual(json.loads(self.read().splitlines()[0])["message"], "Starting nats-server")

    def test_json_from_config_without_time(self):
        server = self.start(config="log_format: json\nlogtime: false\n")
        server.wait_log("Server is ready")
        self.assertEqual(list(json.loads(server.log().splitlines()[-1])), ["level", "pid", "subsystem", "message"])

    def test_bad_values_are_named(self):
        for args, text in ((("--log_format", "xml"), "log_format must be 'text' or 'json', not 'xml'"),
                           (("--log_level_override", "node=loud"), 'unknown level "loud" of node'),
                           (("--log_level_override", "nobody=info"), 'unknown subsystem "nobody", known are auth, ')):
            done = run_binary("-p", "-1", *args)
            self.assertEqual(done.returncode, 1)
            self.assertIn(text, done.stderr.decode())

    def test_logtime(self):
        server = self.start("-T=false")
        server.wait_log("Server is ready")
        self.assertTrue(all(re.match(rf"^\[{server.pid}\] \[INF\] +\S", x) for x in server.log().splitlines()))
        before = os.environ.get("TZ")
        os.environ["TZ"] = "XYZ-5"
        try:
            stamps = []
            for utc in ("true", "false"):
                server = self.start(f"--logtime_utc={utc}")
                server.wait_log("Server is ready")
                stamps.append(int(server.log().split()[2][:2]))
        finally:
            os.environ.pop("TZ")
            if before is not None:
                os.environ["TZ"] = before
        self.assertIn((stamps[1] - stamps[0]) % 24, (5, 6))

    def test_colours_on_a_terminal_only(self):
        parent, child = pty.openpty()
        self.addCleanup(os.close, parent)
        process = self.spawn(server_binary(), "-a", "127.0.0.1", "-p", "-1", stderr=child)
        os.close(child)
        seen = b""
        while b"Server is ready" not in seen:
            self.assertTrue(select.select([parent], [], [], 10)[0], seen)
            seen += os.read(parent, 65536)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 0)
        self.assertIn(b"[\x1b[32mINF\x1b[0m] Server is ready", seen)
        server = self.start()
        server.wait_log("[INF] Server is ready")
        self.assertNotIn("\x1b", server.log())


class Levels(LogCase):
    def test_one_subsystem_at_debug(self):
        server = self.start("--log_level_override", "session=debug,node=error")
        self.chat(server)
        server.wait_log("[DBG] 127.0.0.1")
        server.signal(signal.SIGUSR1)
        server.wait_log("File log re-open ignored")
        self.assertNotIn("Trapped", server.log())  # the node says that at info level

    def test_from_config(self):
        server = self.start(config='debug: true\nlog_level_override: "session=warn"\n')
        self.chat(server)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)
        self.assertNotIn("Client connection", server.log())
        self.assertIn("[INF] Server Exiting..", server.log())


class OneConnection(LogCase):
    """trace_connections: the protocol of some clients in the log, of the others not."""

    def say(self, c, word):
        c.send(f"PUB {word} 0\r\n\r\n").fence()

    def test_one_connection(self):
        server = self.start(config="debug: true\n")
        one, other = self.client(server), self.client(server)
        self.say(one, "before")
        server.reload(f'debug: true\ntrace_connections: "cid:{one.info["client_id"]}"\n')
        self.say(one, "during")
        self.say(other, "other")
        server.reload("debug: true\n")
        self.say(one, "after")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)
        traced = [x for x in server.log().splitlines() if "[TRC]" in x]
        self.assertIn("<<- [PUB during 0]", traced[0])
        self.assertTrue(all(f"cid:{one.info['client_id']} " in x for x in traced), traced)
        self.assertNotIn("before", "".join(traced))
        self.assertNotIn("after", "".join(traced))

    def test_by_account_user_name(self):
        config = "authorization { users: [{user: app, password: s3cr3t-app}, {user: ops, password: s3cr3t-ops}] }\n"
        for selectors in ("user:ops", "name:svc", "user:nobody, account:$G"):
            server = self.start("--trace_connections", selectors, config=config)
            c = RawClient(server.port)
            self.addCleanup(c.close)
            c.connect(user="ops", name="svc", **{"pass": "s3cr3t-ops"})
            self.say(c, "one")
            d = RawClient(server.port)
            self.addCleanup(d.close)
            d.connect(user="app", name="web", **{"pass": "s3cr3t-app"})
            self.say(d, "two")
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(), 0)
            self.assertIn("<<- [PUB one 0]", server.log())
            (self.assertIn if "account" in selectors else self.assertNotIn)("<<- [PUB two 0]", server.log())

    def test_bad_selector(self):
        done = run_binary("-p", "-1", "--trace_connections", "client:7")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'trace_connections: "client:7" is none of cid:, ip:, account:, user:, name:', done.stderr)


class Files(LogCase):
    def test_size_limit_and_count(self):
        server = self.start("-D", "-l", self.path(), "--log_size_limit", "2000", config="logfile_max_num: 3\n")
        self.wait_in("Server is ready")
        self.chat(server, 60)
        wait_until(lambda: "Purged log file" in self.read(), "old files to go")
        names = sorted(os.listdir(self.dir))
        self.assertLessEqual(len(names), 3)
        self.assertEqual(names[0], "n.log")
        for name in names[1:]:
            self.assertRegex(name, r"^n\.log(\.\d+){7}$")
            self.assertLess(os.path.getsize(self.path(name)), 3000)
        self.assertRegex(self.read(), rf'Rotated log, backup saved as "{re.escape(self.path())}\.')
        self.assertEqual(os.stat(self.path()).st_mode & 0o777 & ~0o640, 0)

    def test_reopened_when_the_folder_is_gone(self):
        os.mkdir(self.path("sub"))
        server = self.start("-l", self.path("sub/n.log"))
        self.wait_in("Server is ready", "sub/n.log")
        os.rename(self.path("sub"), self.path("moved"))
        server.signal(signal.SIGUSR1)
        server.wait_log("could not be opened again (no such file or directory), going on with the one that is open")
        self.wait_in("File log re-opened", "moved/n.log")
        self.client(server).fence()

    def test_cannot_be_opened(self):
        done = run_binary("-p", "-1", "-l", "/nonexistent/n.log")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"error opening file: open /nonexistent/n.log: no such file or directory", done.stderr)

    def test_full_disk_is_said_once(self):
        server = self.start("-D", "-l", "/dev/full")
        self.chat(server, 20)
        self.client(server).fence()
        server.wait_log("[ERR] Log file \"/dev/full\" cannot be written (no space left on device), lines are lost until it can")
        self.assertEqual(server.log().count("\n"), 1)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)

    def test_goes_on_when_there_is_room_again(self):
        server = self.start("-D", "-l", self.path())
        self.wait_in("Server is ready")
        size = os.path.getsize(self.path())
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size + 30, resource.RLIM_INFINITY))
        self.chat(server, 5)
        server.wait_log("cannot be written (file too large)")
        self.client(server).fence()
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self.chat(server)
        self.wait_in("[ERR] Log file could not be written (file too large), ")
        for line in self.read().splitlines():  # the torn one ends before the next begins
            self.assertTrue(line.startswith(f"[{server.pid}] "[:len(line)]), line)

    def test_tmpfs_that_is_full(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        # In a mount namespace of its own, so that nothing outlives the node.
        script = (f"mount -t tmpfs -o size=4k tmpfs {self.dir} && dd if=/dev/zero of={self.dir}/x bs=4096 count=1 status=none"
                  f" && exec {server_binary()} -a 127.0.0.1 -p -1 -D -l {self.path()} --ports_file_dir {self.dir}")
        done = subprocess.run(["unshare", "-m", "sh", "-c", "true"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("no mount namespaces here")
        process = self.spawn("unshare", "-m", "sh", "-c", script, stderr=subprocess.PIPE)
        self.assertTrue(select.select([process.stderr], [], [], 10)[0])
        self.assertIn(b"cannot be written (no space left on device)", process.stderr.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)


class Blocked(LogCase):
    """Whoever reads our standard error stops doing so."""

    def read_pipe(self, reader, end):
        tail = b""
        while end not in tail:
            self.assertTrue(select.select([reader], [], [], 10)[0], tail[-500:])
            tail = tail[-1000:] + os.read(reader, 1 << 20)
        return tail[:tail.index(end) + len(end)]

    def test_node_serves_and_ends(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = self.spawn(server_binary(), "-a", "127.0.0.1", "-p", "-1", "-DV", "--ports_file_dir", self.dir,
                             stderr=writer)
        os.close(writer)
        name = f"{os.path.basename(server_binary())}_{process.pid}.ports"
        wait_until(lambda: os.path.exists(self.path(name)) and self.read(name), "the ports file")
        port = int(json.loads(self.read(name))["nats"][0].rsplit(":", 1)[1])
        burst = (b"PUB foo 1000\r\n" + b"x" * 1000 + b"\r\n") * 1000
        with RawClient(port) as c:
            c.connect()
            for _ in range(20):  # more than the queue takes
                c.send(burst).fence()
            # The reader reads again: the gap is counted.
            self.assertRegex(self.read_pipe(reader, b"dropped\n"), rb"\[WRN\] Log queue was full, \d+ lines were dropped\n$")
            c.send(burst).fence()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(10), 0)


class Syslog(LogCase):
    def test_udp(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            s.settimeout(10)
            server = self.start("-D", "-r", f"udp://127.0.0.1:{s.getsockname()[1]}")
            first = s.recv(65536).decode()
            tag = os.path.basename(server_binary())
            self.assertRegex(first, rf"^<5>\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d) {re.escape(socket.gethostname())}"
                                    rf" {tag}\[{server.pid}\]: Starting nats-server\n$")
            self.chat(server)
            levels = set()
            while "closed" not in first:
                first = s.recv(65536).decode()
                levels.add(first[:3])
            self.assertEqual(levels, {"<5>", "<7>"})  # notice and debug
            port = s.getsockname()[1]
        # Nobody listens any more: the node does not mind, and whoever comes back hears it again.
        self.chat(server, 3)
        self.client(server).fence()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", port))
            s.settimeout(10)
            self.chat(server)
            self.assertIn("Client connection", s.recv(65536).decode())

    def test_tcp_comes_back(self):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(10)
        port = listener.getsockname()[1]
        server = self.start("-D", "-r", f"tcp://127.0.0.1:{port}")
        connection, _ = listener.accept()
        self.read_until(connection, b"Server is ready\n")
        listener.close()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not finished
        connection.close()
        self.chat(server, 3)
        server.wait_log("Syslog server cannot be reached")
        self.chat(server, 2)
        listener = socket.create_server(("127.0.0.1", port))
        self.addCleanup(listener.close)
        listener.settimeout(10)
        connection, _ = listener.accept()
        self.addCleanup(connection.close)
        kept = self.read_until(connection, b"cid:5 - Client connection closed: Client Closed\n")
        for line in kept.splitlines():
            self.assertRegex(line, rb"^<\d>\d{4}-")
        self.client(server).fence()

    def test_unix_socket(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(self.path("log"))
            s.settimeout(10)
            server = self.start("-r", "unix://" + self.path("log"), config="log_format: json\n")
            line = s.recv(65536).decode()
            head = rf"^<5>[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d {os.path.basename(server_binary())}\[{server.pid}\]: "
            self.assertRegex(line, head)
            self.assertEqual(json.loads(re.sub(head, "", line))["message"], "Starting nats-server")

    def test_nobody_there(self):
        port = free_port()
        for address, text in ((f"tcp://127.0.0.1:{port}", "connection refused"), ("unix:///nonexistent/log", "no such file"),
                              ("ftp://x", 'error invalid network type: "ftp"'), ("udp://127.0.0.1", "missing port in address")):
            done = run_binary("-p", "-1", "-r", address)
            self.assertEqual(done.returncode, 1)
            self.assertIn(text, done.stderr.decode())

    def read_until(self, connection, end):
        connection.settimeout(10)
        seen = b""
        while end not in seen:
            got = connection.recv(65536)
            self.assertTrue(got, seen)
            seen += got
        return seen


if __name__ == "__main__":
    unittest.main()
