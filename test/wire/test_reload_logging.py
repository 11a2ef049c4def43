"""Each option of the log at the top of the file is changed by SIGHUP while messages flow."""

import os
import re
import signal
import socket
import unittest

from harness import msg, pub, wait_until
from harness.reload_case import IS_TROUPE, ReloadOptionCase, troupe_only


class Logging(ReloadOptionCase):
    def chat(self, t, payload="hello"):
        c = t.client(name="chatter")
        c.send("SUB chat 1\r\n" + pub("chat", payload).decode()).expect(msg("chat", 1, payload)).fence()
        c.close()

    def in_log(self, t, text):
        wait_until(lambda: text in t.log(), f"{text!r} in the log")

    def test_debug(self):
        with self.running("") as t:
            t.reload("debug: true\n")
            self.chat(t)
            self.in_log(t, "[DBG]")

    def test_trace(self):
        with self.running("") as t:
            t.reload("trace: true\n")
            self.chat(t)
            self.in_log(t, "<<- [SUB chat 1]")

    def test_trace_verbose(self):
        system = "accounts { $SYS { users: [{user: s, password: p}] }, A { users: [{user: a, password: p}] } }\n"
        with self.running(system + "trace: true\n", login={"user": "a", "pass": "p"}) as t:
            ears = t.let_in(user="s", **{"pass": "p"})
            ears.send("SUB $SYS.ACCOUNT.*.CONNECT 1\r\n").fence()
            t.let_in(user="a", **{"pass": "p"})
            ears.read_op()
            self.assertNotIn("SYSTEM - ", t.server.log())
            t.reload(system + "trace: true\ntrace_verbose: true\n")
            t.let_in(user="a", **{"pass": "p"})
            self.in_log(t, "SYSTEM - <<- [PUB $SYS.ACCOUNT.A.CONNECT ")

    def test_trace_headers(self):
        with self.running("trace: true\n") as t:
            t.reload("trace: true\ntrace_headers: true\n")
            c = t.client(headers=True)
            c.send("HPUB a 18 22\r\nNATS/1.0\r\nA: b\r\n\r\nbody\r\n").fence()
            self.in_log(t, "A: b")
            self.assertNotIn("body", t.log())

    def test_logtime(self):
        with self.running("debug: true\n") as t:
            t.reload("debug: true\nlogtime: false\n")
            self.chat(t)
            wait_until(lambda: re.search(r"^\[\d+\] \[DBG\] ", t.log(), re.M), "lines without the time")

    def test_logtime_utc(self):
        os.environ["TZ"] = "AAA-5" if IS_TROUPE else "Etc/GMT-5"
        try:
            with self.running("debug: true\n") as t:
                stamp = re.compile(r"^\[\d+\] \d{4}/\d\d/\d\d (\d\d):", re.M)
                local = int(stamp.findall(t.server.log())[-1])
                t.reload("debug: true\nlogtime_utc: true\n")
                self.chat(t)
                utc = int(wait_until(lambda: stamp.findall(t.log()), "a line")[-1])
                self.assertIn((local - utc) % 24, (4, 5))  # four when the hour changed in between
        finally:
            del os.environ["TZ"]

    def files(self, t):
        return sorted(n for n in os.listdir(t.server.dir) if n.startswith("new.log"))

    def read(self, t, name="new.log"):
        path = os.path.join(t.server.dir, name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as f:
            return f.read()

    def to_file(self, t, more="", go_refuses=None):
        """A reload whose line comes to new.log."""
        if go_refuses and not IS_TROUPE:
            t.server.write("server.conf", f'log_file: "{t.server.dir}/new.log"\n' + more)
            t.server.signal(signal.SIGHUP)
            wait_until(lambda: re.search(go_refuses, self.read(t)), "the refusal")
            raise unittest.SkipTest(f"the Go server refuses: {go_refuses}")
        done = self.read(t).count("Reloaded server configuration")
        t.server.write("server.conf", f'log_file: "{t.server.dir}/new.log"\n' + more)
        t.server.signal(signal.SIGHUP)
        wait_until(lambda: self.read(t).count("Reloaded server configuration") > done or len(self.files(t)) > 1, "the reload")

    def test_log_file(self):
        with self.running("") as t:
            t.traffic.flows()
            self.to_file(t, "debug: true\n")
            self.chat(t)
            wait_until(lambda: "[DBG]" in self.read(t), "lines in the new file")

    def test_logfile_size_limit(self):
        with self.running("") as t:
            self.to_file(t)
            self.to_file(t, "logfile_size_limit: 2000\ndebug: true\n", "config reload not supported for LogSizeLimit: old=0, new=2000")
            for _ in range(40):
                self.chat(t)
            wait_until(lambda: len(self.files(t)) > 2, "rotated files")

    def test_logfile_max_num(self):
        with self.running("") as t:
            self.to_file(t)
            self.to_file(t, "logfile_size_limit: 2000\nlogfile_max_num: 2\ndebug: true\n",
                         "config reload not supported for LogMaxFiles: old=0, new=2")
            for _ in range(60):
                self.chat(t)
            wait_until(lambda: len(self.files(t)) == 2, "the old ones to go")

    def test_syslog(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
            collector.bind(("127.0.0.1", 0))
            collector.settimeout(10)
            remote = f'remote_syslog: "udp://127.0.0.1:{collector.getsockname()[1]}"\n'
            with self.running("") as t:
                t.traffic.flows()
                t.server.write("server.conf", "syslog: true\ndebug: true\n" + remote)
                t.server.signal(signal.SIGHUP)
                self.assertRegex(collector.recv(4096), rb"^<\d+>")

    def test_remote_syslog(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
            collector.bind(("127.0.0.1", 0))
            collector.settimeout(10)
            with self.running("") as t:
                t.traffic.flows()
                t.server.write("server.conf", f'remote_syslog: "udp://127.0.0.1:{collector.getsockname()[1]}"\n')
                t.server.signal(signal.SIGHUP)
                self.assertIn(b"Reloaded", collector.recv(4096))

    def test_max_traced_msg_len(self):
        with self.running("trace: true\n") as t:
            t.reload("trace: true\nmax_traced_msg_len: 5\n")
            self.chat(t, "0123456789")
            self.in_log(t, 'MSG_PAYLOAD: ["01234..."]')

    @troupe_only
    def test_log_format(self):
        with self.running("debug: true\n") as t:
            t.reload("debug: true\nlog_format: json\n")
            self.chat(t)
            self.in_log(t, '"subsystem":"session"')
            t.refused("log_format: xml\n", 'log_format must be .*xml')

    @troupe_only
    def test_log_level_override(self):
        with self.running("") as t:
            t.reload('log_level_override: "session=debug"\n')
            self.chat(t)
            self.in_log(t, "[DBG]")

    @troupe_only
    def test_trace_connections(self):
        with self.running("") as t:
            t.reload('trace_connections: "name:chatter"\n')
            self.chat(t)
            self.in_log(t, "<<- [SUB chat 1]")
            self.assertNotIn("PUB traffic", t.log())


if __name__ == "__main__":
    unittest.main()
