"""Files and ports that cannot be had: each start ends with exit code 1 and a message that names the thing, each reload is
refused and changes nothing."""

import contextlib
import os
import signal
import socket
import tempfile
import unittest

from harness import WireCase, run_binary, wait_until
from harness.reload_case import IS_TROUPE, ReloadOptionCase


@contextlib.contextmanager
def taken_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield s.getsockname()[1]


class Start(WireCase):
    serve = False

    def fails(self, *args, config=None, said):
        with tempfile.TemporaryDirectory(prefix="bad-") as folder:
            if config is not None:
                path = os.path.join(folder, "a.conf")
                with open(path, "w", encoding="utf-8") as f:
                    f.write(config)
                args += ("-c", path)
            done = run_binary("-a", "127.0.0.1", "-p", "-1", *args)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex((done.stdout + done.stderr).decode(), said)

    def test_log_file(self):
        self.fails("-l", "/nowhere/a.log", said="error opening file: open /nowhere/a.log: no such file or directory")
        self.fails("-l", "/tmp", said="error opening file: open /tmp: is a directory")
        self.fails(config='log_file: "/nowhere/a.log"\n', said="error opening file: open /nowhere/a.log: no such file or directory")

    def test_pid_file(self):
        self.fails("-P", "/nowhere/a.pid", said="Could not write pidfile: open /nowhere/a.pid: no such file or directory")
        self.fails(config='pid_file: "/tmp"\n', said="Could not write pidfile: open /tmp: is a directory")

    def test_config_file(self):
        self.fails("-c", "/nowhere/a.conf", said="open /nowhere/a.conf: no such file or directory")
        self.fails("-c", "/tmp", said="read /tmp: is a directory")

    def test_include(self):
        self.fails(config="debug: true\ninclude nope.conf\n",
                   said=r"error parsing include file 'nope.conf', open \S+/nope.conf: no such file or directory")

    def test_ports(self):
        with taken_port() as port:
            in_use = f"listen tcp 127.0.0.1:{port}: bind: address already in use"
            self.fails("-p", str(port), said=in_use)
            self.fails("-m", str(port), said=in_use)
            self.fails("--profile", str(port), said=in_use)
            self.fails(config=f'websocket {{ listen: "127.0.0.1:{port}", no_tls: true }}\n', said=in_use)

    def test_host(self):
        self.fails("-a", "192.0.2.1", said="listen tcp 192.0.2.1:-?[01]: bind: cannot assign requested address")

    def test_ports_file_dir(self):
        """Both servers only tell of it."""
        server = self.start("--ports_file_dir", "/nowhere", ports_file=False, port=self.free())
        server.wait_log("Error writing ports file (/nowhere/")

    @staticmethod
    def free():
        with taken_port() as port:
            return port


class Reload(ReloadOptionCase):
    block = None

    def test_files_and_ports(self):
        """The Go server tells of the file and goes on without it."""
        if not IS_TROUPE:
            self.skipTest("the Go server differs")
        with self.running("ping_max: 2\n") as t:
            t.refused('log_file: "/nowhere/a.log"\n', "error opening file: open /nowhere/a.log: no such file or directory")
            t.refused('pid_file: "/nowhere/a.pid"\n', "Could not write pidfile: open /nowhere/a.pid: no such file or directory")
            t.refused("include nope.conf\n", r"error parsing include file 'nope.conf', open \S+/nope.conf: no such file or directory")
            path = t.server.config_path
            os.rename(path, path + ".away")
            failed = t.server.log().count("Failed to reload")
            t.server.signal(signal.SIGHUP)
            wait_until(lambda: t.server.log().count("Failed to reload") > failed, "the refusal")
            self.assertIn(f"Failed to reload server configuration: open {path}: no such file or directory", t.server.log())
            os.rename(path + ".away", path)
            t.reload("ping_max: 3\n")


if __name__ == "__main__":
    unittest.main()
