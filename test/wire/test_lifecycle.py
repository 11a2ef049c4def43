"""Start and stop: ports and pid files, signals and exit codes, lame duck, restart on the same port."""

import json
import os
import re
import resource
import shutil
import signal
import socket
import tempfile
import unittest

from harness import RawClient, Server, WireCase, connect_line, free_port, msg, pub, run_binary, server_binary, wait_until


def is_stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        return f.read().rsplit(") ", 1)[1][0] == "T"


class Start(WireCase):
    serve = False

    def test_random_port_and_ports_file(self):
        server = self.start(monitor=True)
        self.assertEqual(set(server.ports), {"nats", "monitoring"})
        self.assertRegex(server.ports["nats"][0], r"^nats://127\.0\.0\.1:\d+$")
        self.assertRegex(server.ports["monitoring"][0], r"^http://127\.0\.0\.1:\d+$")
        exe = os.path.basename(server.binary)
        self.assertEqual(os.path.basename(server.ports_path()), f"{exe}_{server.pid}.ports")
        with open(server.ports_path(), "rb") as f:
            self.assertEqual(f.read(), json.dumps(server.ports, separators=(",", ":")).encode())
        self.client(server).fence()

    def test_by_a_link_called_nats_server(self):
        """Tools that start one look for files of that name, and read the first line of its version."""
        folder = tempfile.mkdtemp(prefix="wire-link-")
        self.addCleanup(shutil.rmtree, folder)
        link = os.path.join(folder, "nats-server")
        os.symlink(server_binary(), link)
        self.assertRegex(run_binary("-v", binary=link).stdout, rb"^nats-server: v2\.\d+\.\d+\n")
        server = self.start(binary=link)
        self.assertEqual(os.path.basename(server.ports_path()), f"nats-server_{server.pid}.ports")

    def test_ports_file_from_config_and_all_interfaces(self):
        server = self.start(host="0.0.0.0")
        port = server.port
        self.assertTrue(all(u.endswith(f":{port}") for u in server.ports["nats"]), server.ports)
        self.client(server).fence()

    def test_ports_file_goes_pid_file_stays(self):
        server = Server("-P", "{dir}/pid")
        try:
            ports = server.ports_path()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(), 0)
            self.assertFalse(os.path.exists(ports))
            self.assertTrue(os.path.exists(os.path.join(server.dir, "pid")))
        finally:
            server.kill()

    def test_pid_file(self):
        for how in ("-P", "--pid"):
            server = self.start(how, "{dir}/the.pid")
            with open(os.path.join(server.dir, "the.pid"), encoding="ascii") as f:
                self.assertEqual(f.read(), str(server.pid))

    def test_pid_file_from_config(self):
        path = f"/tmp/wire-pid-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        server = self.start(config=f'pid_file: "{path}"\n')
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), str(server.pid))

    def test_fixed_port_and_no_ports_file(self):
        port = free_port()
        server = self.start(port=port, ports_file=False)
        c = RawClient(port)
        self.addCleanup(c.close)
        self.assertEqual(c.read_info()["port"], port)
        self.assertEqual([n for n in os.listdir(server.dir) if n.endswith(".ports")], [])

    def test_port_in_use(self):
        server = self.start()
        done = run_binary("-a", "127.0.0.1", "-p", str(server.port))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(),
                         rf"Error listening on port: 127\.0\.0\.1:{server.port}, .*address already in use")
        self.client(server).fence()

    def test_ports_that_are_none(self):
        for flags, what in ((("-p", "70000"), r'Error listening on port: 127\.0\.0\.1:70000, "listen tcp: address 70000: invalid port"'),
                            (("-p", "-2"), r'Error listening on port: 127\.0\.0\.1:-2, "listen tcp: address -2: invalid port"'),
                            (("-p", "-1", "--profile", "70000"), "error starting profiler: listen tcp: address 70000: invalid port"),
                            (("-p", "-1", "-m", "70000"), "Can't start monitoring: can't listen to the monitor port: "
                                                          "listen tcp: address 70000: invalid port")):
            with self.subTest(flags=flags):
                done = run_binary("-a", "127.0.0.1", *flags)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr.decode(), what)

    def test_host_that_is_none(self):
        done = run_binary("-a", "300.1.1.1", "-p", "-1")
        self.assertEqual(done.returncode, 1)
        why = r"listen tcp: lookup 300\.1\.1\.1: no such host"
        self.assertRegex(done.stderr.decode(), rf'Error listening on port: 300\.1\.1\.1:0, "{why}"\n')
        folder = tempfile.mkdtemp(prefix="wire-host-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "a.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write('listen: "127.0.0.1:-1"\nhttp: "300.1.1.1:8222"\n')
        done = run_binary("-c", path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), f"Can't start monitoring: can't listen to the monitor port: {why}\n")

    def test_listen_from_config(self):
        port = free_port()
        server = self.start(config=f'listen: "127.0.0.1:{port}"\n', port=None, host=None)
        self.assertEqual(server.port, port)

    def test_log_lines(self):
        server = self.start()
        server.wait_log("Server is ready")
        head = rf"\[{server.pid}\] \d{{4}}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{{6}} \[INF\] "
        for line in server.log().splitlines():
            self.assertRegex(line, head)
        self.assertRegex(server.log(), head + rf"Listening for client connections on 127\.0\.0\.1:{server.port}\n")

    def test_log_file(self):
        server = self.start("-l", "{dir}/my.log")
        path = os.path.join(server.dir, "my.log")

        def ready():
            with open(path, encoding="utf-8") as f:
                return "Server is ready" in f.read()

        wait_until(ready, "the log file")
        self.assertEqual(server.log(), "")


class Stop(WireCase):
    serve = False

    def stopped_by(self, number):
        server = Server()
        try:
            c, silent = self.client(server, protocol=1), self.raw(server)
            silent.read_info()
            server.signal(number)
            c.expect_closed()
            silent.expect_closed()
            code = server.wait_exit()
            return code, server.log()
        finally:
            server.kill()

    def test_sigterm(self):
        code, log = self.stopped_by(signal.SIGTERM)
        self.assertEqual(code, 0)
        self.assertRegex(log, r'Trapped "terminated" signal\n.*Initiating Shutdown\.\.\.\n.*Server Exiting\.\.\n')

    def test_sigint(self):
        code, log = self.stopped_by(signal.SIGINT)
        self.assertEqual(code, 0)
        self.assertRegex(log, r'Trapped "interrupt" signal\n.*Initiating Shutdown\.\.\.\n.*Server Exiting\.\.\n')

    def test_what_was_published_is_flushed(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = Server()
            try:
                subscribers = [self.client(server) for _ in range(4)]
                for c in subscribers:
                    c.send("SUB last 1\r\n").fence()
                p = self.client(server)
                p.send(b"".join(pub("last", str(i)) for i in range(10000))).fence()
                server.signal(number)
                for c in subscribers:
                    self.assertEqual(c.wait_closed(), b"".join(msg("last", 1, str(i)) for i in range(10000)))
                self.assertEqual(server.wait_exit(), 0)
            finally:
                server.kill()

    def test_port_is_free_at_once(self):
        port = free_port()
        for _ in range(5):
            with Server(port=port, ports_file=False) as server:
                with RawClient(server.port) as c:
                    c.connect()

    def test_many_clients(self):
        server = Server()
        try:
            clients = [self.client(server) for _ in range(200)]
            server.signal(signal.SIGTERM)
            for c in clients:
                c.expect_closed()
            self.assertEqual(server.wait_exit(), 0)
        finally:
            server.kill()

    def test_client_that_never_reads_does_not_hold_it_up(self):
        server = Server(config='write_deadline: "2s"\n')
        try:
            c = self.client(server, rcvbuf=4096)
            c.send("SUB stuck 1\r\n").fence()
            p = self.client(server)
            p.send(pub("stuck", b"x" * 500000) * 20).fence()
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait_exit(8), 0)
        finally:
            server.kill()

    def test_signal_flag(self):
        for command, code in (("quit", 0), ("term", 0), ("stop", -signal.SIGKILL)):
            with self.subTest(command=command):
                server = Server()
                try:
                    done = run_binary("--signal", f"{command}={server.pid}")
                    self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
                    self.assertEqual(server.wait_exit(), code)
                finally:
                    server.kill()

    def test_signal_flag_to_nobody(self):
        done = run_binary("--signal", "ldm=999999")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb'signal "ldm" 999999: no such process\n$')
        done = run_binary("-sl", "stop=nonsense")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, rb"invalid pid: nonsense\n$")


class Signals(WireCase):
    serve = False

    def test_sigusr1_reopens_the_log(self):
        server = self.start("-l", "{dir}/my.log")
        path = os.path.join(server.dir, "my.log")
        wait_until(lambda: os.path.exists(path), "the log file")
        os.rename(path, path + ".1")
        server.signal(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path), "the new log file")
        with open(path, encoding="utf-8") as f:
            self.assertIn("File log re-opened", f.read())
        self.client(server).fence()

    def test_sighup_with_a_bad_file_keeps_serving(self):
        server = self.start(config="max_payload: 1000\n")
        c = self.client(server)
        server.write("server.conf", "max_payload: 1000\nnonsense: 1\n")
        server.signal(signal.SIGHUP)
        server.wait_log("Failed to reload server configuration")
        c.fence()
        self.assertEqual(self.raw(server).read_info()["max_payload"], 1000)

    def test_sighup_without_a_file(self):
        server = self.start()
        server.signal(signal.SIGHUP)
        server.wait_log("Failed to reload server configuration: can only reload config when a file is provided using -c or --config")
        self.client(server).fence()

    def test_sighup_keeps_clients_and_their_subscriptions(self):
        server = self.start(config="debug: false\n")
        c = self.client(server)
        c.send("SUB foo 1\r\n").fence()
        server.reload("debug: true\n")
        self.client(server).send(pub("foo", "x")).fence()
        c.expect(msg("foo", 1, "x")).fence()


class LameDuck(WireCase):
    serve = False
    settings = 'lame_duck_duration: "30s"\nlame_duck_grace_period: "500ms"\n'

    def enter(self, how):
        server = Server(config=self.settings, port=free_port())  # its own: it is looked for after it closed
        self.addCleanup(server.kill)
        new, old, quiet = self.client(server, protocol=1), self.client(server, protocol=0), self.raw(server)
        quiet.read_info()
        quiet.send(connect_line(protocol=1))
        wait_until(lambda: "[INF] Server is ready" in server.log(), "the log")
        how(server)
        info = new.read_info()
        self.assertIs(info["ldm"], True)
        return server, new, old, quiet

    def test_by_signal(self):
        server, new, old, _ = self.enter(lambda s: s.signal(signal.SIGUSR2))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), timeout=5)
        new.send("SUB foo 1\r\n").fence()  # still served
        old.send(pub("foo", "x")).fence()
        new.expect(msg("foo", 1, "x"))
        server.signal(signal.SIGTERM)  # ignored meanwhile
        new.expect_closed()
        old.expect_closed()
        self.assertEqual(server.wait_exit(), 0)
        log = re.sub(r"^\S+ \S+ \S+ ", "", server.log(), flags=re.M)
        self.assertIn('Trapped "user defined signal 2" signal\n', log)
        self.assertIn("[INF] Entering lame duck mode, stop accepting new clients\n", log)
        self.assertIn("[INF] Closing existing clients\n", log)
        self.assertIn("[INF] Initiating Shutdown...\n", log)

    def test_term_in_the_same_moment_changes_nothing(self):
        def both(server):
            server.signal(signal.SIGSTOP)
            wait_until(lambda: is_stopped(server.pid), "the process to stand still")
            server.signal(signal.SIGTERM)
            server.signal(signal.SIGUSR2)
            server.signal(signal.SIGCONT)

        server, new, *_ = self.enter(both)
        new.fence()
        self.assertEqual(server.wait_exit(), 0)
        self.assertIn("Closing existing clients", server.log())

    def test_interrupt_ends_it_at_once(self):
        server, *clients = self.enter(lambda s: s.signal(signal.SIGUSR2))
        server.signal(signal.SIGINT)
        for c in clients:
            c.wait_closed()
        self.assertEqual(server.wait_exit(), 0)
        self.assertNotIn("Closing existing clients", server.log())

    def test_by_flag(self):
        def by_flag(server):
            done = run_binary("--signal", f"ldm={server.pid}")
            self.assertEqual(done.returncode, 0, done.stderr)

        server, *_ = self.enter(by_flag)
        self.assertEqual(server.wait_exit(), 0)

    def test_only_told_to_those_who_understand(self):
        server, _, old, quiet = self.enter(lambda s: s.signal(signal.SIGUSR2))
        old.fence()  # protocol 0: no INFO
        quiet.send("PING\r\n").expect("PONG\r\n")  # no INFO before its first PONG
        self.assertNotIn("ldm", quiet.read_info())
        self.assertEqual(server.wait_exit(), 0)

    def test_without_clients_it_just_ends(self):
        server = Server(config=self.settings)
        self.addCleanup(server.kill)
        server.wait_log("Server is ready")
        server.signal(signal.SIGUSR2)
        self.assertEqual(server.wait_exit(), 0)

    def test_grace_must_be_shorter(self):
        with open(f"/tmp/wire-ldm-{os.getpid()}.conf", "w", encoding="ascii") as f:
            f.write('lame_duck_duration: "30s"\nlame_duck_grace_period: "30s"\n')
        self.addCleanup(os.unlink, f.name)
        done = run_binary("-p", "-1", "-c", f.name)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"lame duck grace period (30s) should be strictly lower than lame duck duration (30s)", done.stderr)


@unittest.skipIf(os.environ.get("WIRE_SANITIZED"), "the sanitizer needs descriptors of its own for its checks")
class OutOfDescriptors(WireCase):
    monitor = True

    def test_accepts_wait_and_go_on(self):
        """Without free descriptors the listener backs off; who waited is served when there are some again."""
        old = self.client()
        old.send("SUB a 1\r\n").fence()
        self.server.json("/varz")
        before = resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE)
        # The limit is on the number of a new descriptor: nothing above 3 is free at 4 or below.
        resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (4, before[1]))
        waiting = [socket.create_connection((self.server.host, self.server.port), timeout=20) for _ in range(3)]
        self.addCleanup(lambda: [s.close() for s in waiting])
        self.server.wait_log("accept4: too many open files), sleeping 10ms")
        self.server.wait_log("accept4: too many open files), sleeping 80ms")
        old.send(pub("a", "served meanwhile")).expect(msg("a", 1, "served meanwhile"))
        self.assertEqual(self.server.log().count("sleeping 10ms"), 1)
        resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, before)
        for s in waiting:
            self.assertTrue(s.recv(4).startswith(b"INFO"))
        self.client().fence()
        self.assertEqual(self.server.json("/varz")["connections"], 5)


if __name__ == "__main__":
    unittest.main()
