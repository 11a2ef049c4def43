"""Hostile HTTP: whatever comes, the answer is 4xx or an end, others are served meanwhile, and nothing grows."""

import http.client
import os
import socket
import time
import unittest

from harness import WireCase, wait_until
from harness.kernel import open_files
from harness.server import is_troupe


class Hostile(WireCase):
    monitor = True

    def dial(self):
        s = socket.create_connection(("127.0.0.1", self.server.monitor_port), timeout=10)
        self.addCleanup(s.close)
        return s

    def send(self, data, reads=True):
        """The status code of the answer, 0 when the connection ended without one."""
        s = self.dial()
        try:
            s.sendall(data)
            if not reads:
                return 0
            answer = s.recv(64)
        except (ConnectionResetError, BrokenPipeError):
            return 0
        return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.") else 0

    def test_broken_requests(self):
        for data in [b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET /varz HTTP/9.9\r\n\r\n",
                     b"GET /varz\x00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /varz HTTP/1.1\r\nHost x\r\n\r\n",
                     b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET varz HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"POST /varz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                     b"POST /varz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                     b"POST /varz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"POST /varz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]:
            with self.subTest(data=data):
                self.assertTrue(400 <= self.send(data) < 500, data)
        self.assertEqual(self.server.http("/healthz")[0], 200)

    def test_lines_without_end(self):
        head = b"GET /varz HTTP/1.1\r\nHost: x\r\n"
        for data in [b"GET /" + b"a" * 3000000, head + b"X: " + b"y" * 3000000, head + b"X: y\r\n" * 400000,
                     b"G" * 3000000, b"POST /varz HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"z" * 3000000]:
            with self.subTest(data=data[:60]):
                code = self.send(data)
                self.assertTrue(code == 0 or 400 <= code < 500 or code == 200 and data.startswith(b"POST"), code)
        self.assertEqual(self.server.http("/healthz")[0], 200)

    def test_escapes_and_numbers(self):
        for target, code in [("/%63onnz", 200), ("/connz%", 400), ("/connz%4", 400), ("/connz?limit=%zz", 200),
                             ("/connz?limit=%31", 200), ("/connz?limit=%00", 400), ("/connz?offset=1e3", 400),
                             ("/connz?offset=-9223372036854775809", 400), ("/connz?limit=9223372036854775808", 400),
                             ("/connz?limit=0x10", 400), ("/connz?cid=18446744073709551616", 400),
                             ("/subsz?limit=99999999999999999999", 400), ("/jsz?offset=99999999999999999999", 400),
                             ("/connz?" + "a=b&" * 2000, 200), ("/connz?;;;;&&&&====", 200), ("/../connz", 307),
                             ("/connz/../varz", 307), ("//connz", 307), ("/%0d%0aX:y", 404), ("//%0d%0aX:y", 307)]:
            with self.subTest(target=target[:60]):
                self.assertEqual(self.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()), code)

    def test_slow_headers(self):
        slow = [self.dial() for _ in range(20)]
        for s in slow:
            s.sendall(b"GET /varz HTTP/1.1\r\nHost: ")
        began = time.monotonic()
        self.assertEqual(self.server.http("/varz")[0], 200)
        for s in slow:  # a byte now and then does not buy time
            answer = b""
            while True:
                try:
                    s.settimeout(0.2)
                    got = s.recv(100)
                    answer += got
                    if not got:
                        break
                    continue
                except TimeoutError:
                    self.assertLess(time.monotonic() - began, 10)
                except OSError:
                    break
                try:
                    s.sendall(b"x")
                except OSError:
                    pass
            self.assertTrue(answer.startswith(b"HTTP/1.1 408 "), answer)

    def test_thousands_of_idle_connections(self):
        def descriptors():
            return len(os.listdir(f"/proc/{self.server.pid}/fd"))

        self.server.http("/varz")
        before = descriptors()
        memory = self.server.rss_kib()
        idle = [self.dial() for _ in range(3000 if open_files(3500) else 800)]
        keep = http.client.HTTPConnection("127.0.0.1", self.server.monitor_port, timeout=10)
        self.addCleanup(keep.close)
        for _ in range(3):
            keep.request("GET", "/healthz")
            self.assertEqual(keep.getresponse().read(), b'{"status":"ok"}')
        self.client().fence()
        wait_until(lambda: descriptors() <= before + 300, "the idle ones to make room")
        self.assertLess(self.server.rss_kib() - memory, 20000)
        for s in idle:
            s.close()

    def test_a_reader_that_does_not_read(self):
        for _ in range(50):
            s = self.dial()
            s.sendall(b"GET /debug/vars HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        self.assertEqual(self.server.http("/healthz")[0], 200)
        # A sanitizer keeps what was freed.
        self.assertLess(self.server.rss_kib(), 400000 if os.environ.get("WIRE_SANITIZED") else 60000)

    def test_methods_and_versions(self):
        for head, code in [(b"HEAD /varz HTTP/1.1\r\nHost: x\r\n\r\n", 200), (b"GET /varz HTTP/1.0\r\n\r\n", 200),
                           (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 200)]:
            with self.subTest(head=head):
                self.assertEqual(self.send(head), code)


def load_tests(loader, standard, _):
    """The Go server's bounds are others: this is about ours."""
    return standard if is_troupe(os.environ["NATS_SERVER_BIN"]) else loader.suiteClass()


if __name__ == "__main__":
    unittest.main()
