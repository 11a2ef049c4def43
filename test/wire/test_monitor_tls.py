"""Monitoring over HTTPS: the certificate of the clients' port, none asked of a browser, renewed by a reload."""

import http.client
import json
import socket
import ssl
import unittest

from harness import WireCase, run_binary, wait_until
from harness.certificates import client_context
from harness.tls_case import CA, SERVER, tls


class Https(WireCase):
    config = "https: '127.0.0.1:-1'\n" + tls("verify: true", f'ca_file: "{CA.file}"')

    def port(self):
        return self.server.monitor_port

    def get(self, path, context=None):
        c = http.client.HTTPSConnection("127.0.0.1", self.port(), timeout=10, context=context or client_context(CA))
        self.addCleanup(c.close)
        c.request("GET", path)
        r = c.getresponse()
        return r.status, r.read(), c.sock and c.sock.getpeercert()

    def test_pages(self):
        status, body, _ = self.get("/varz")
        varz = json.loads(body)
        self.assertEqual((status, varz["http_port"], varz["tls_required"], varz["tls_verify"]), (200, 0, True, True))
        self.assertNotEqual(varz["https_port"], 0)
        self.assertEqual(self.get("/healthz")[1], b'{"status":"ok"}')
        url, = self.server.ports["monitoring"]
        self.assertEqual(url, f"https://127.0.0.1:{self.port()}")

    def test_many_requests_on_one_connection(self):
        c = http.client.HTTPSConnection("127.0.0.1", self.port(), timeout=10, context=client_context(CA))
        self.addCleanup(c.close)
        for _ in range(50):
            c.request("GET", "/connz?limit=1")
            self.assertEqual(json.loads(c.getresponse().read())["limit"], 1)

    def test_whoever_does_not_speak_tls(self):
        s = socket.create_connection(("127.0.0.1", self.port()), timeout=10)
        self.addCleanup(s.close)
        s.sendall(b"GET /varz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            answer = s.recv(4096)
        except ConnectionResetError:
            answer = b""
        self.assertNotIn(b"server_id", answer)
        self.assertEqual(self.get("/healthz")[0], 200)

    def test_old_versions(self):
        old = client_context(CA)
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(OSError):
            self.get("/varz", old)

    def test_a_reload_brings_the_new_certificate(self):
        def serial():
            with socket.create_connection(("127.0.0.1", self.port()), timeout=10) as raw:
                with client_context(CA).wrap_socket(raw, server_hostname="localhost") as s:
                    return int(s.getpeercert()["serialNumber"], 16)

        before = serial()
        renewed = CA.issue("renewed")
        self.server.reload(self.config.replace(SERVER.config, renewed.config))
        wait_until(lambda: serial() != before, "the new certificate")
        self.server.reload(self.config)
        wait_until(lambda: serial() == before, "the old certificate")


class Refusals(unittest.TestCase):
    def test_texts(self):
        both = run_binary("-a", "127.0.0.1", "-p", "-1", "-m", "-1", "-ms", "-1", "--tls", "--tlscert", SERVER.cert, "--tlskey",
                          SERVER.key)
        self.assertEqual(both.returncode, 1)
        self.assertIn(b"can't specify both HTTP (-1) and HTTPs (-1) ports", both.stdout + both.stderr)
        none = run_binary("-a", "127.0.0.1", "-p", "-1", "-ms", "-1")
        self.assertEqual(none.returncode, 1)
        self.assertIn(b"TLS cert and key required for HTTPS", none.stdout + none.stderr)


if __name__ == "__main__":
    unittest.main()
