"""Monitoring over HTTPS: the certificate of the clients' port and its staple, renewed by a reload; none asked of a browser,
unless clients' are checked by OCSP."""

import http.client
import json
import socket
import ssl
import threading
import unittest

from harness import WireCase, connect_line, run_binary, wait_until
from harness.certificates import client_context
from harness.ocsp import REVOKED, Responder, serial_of, stapled
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

    def test_nobody_is_asked_who_he_is(self):
        """Although the clients' port turns certificates into users."""
        users = 'authorization { users: [{user: "O=Troupe,CN=client"}] }\n'
        self.server = self.start(config="https: '127.0.0.1:-1'\n" + tls("verify_and_map: true", f'ca_file: "{CA.file}"') + users)
        self.assertEqual(self.get("/healthz")[0], 200)

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


class Ocsp(WireCase):
    serve = False
    HTTPS = "https: '127.0.0.1:-1'\n"

    def responder(self):
        one = Responder(CA)
        self.addCleanup(one.close)
        return one

    def test_it_is_stapled(self):
        responder = self.responder()
        certificate = CA.issue("stapled", extensions=responder.extension)
        config = self.HTTPS + tls(f'ca_file: "{CA.file}"', "handshake_first: true", certificate=certificate)
        server = self.start(config=config + "ocsp { mode: always }\n")
        for port in (server.port, server.monitor_port):
            self.assertIn("Cert Status: good", stapled(port, CA))
        server = self.start(config=config)
        self.assertEqual(stapled(server.monitor_port, CA), "")

    def asking(self, more=""):
        return self.start(config=more + self.HTTPS + tls(f'ca_file: "{CA.file}"', "verify: true, timeout: 5",
                                                  "ocsp_peer: { verify: true, ca_timeout: 3 }"))

    def client(self, responder, name):
        return CA.issue(name, usage="clientAuth", extensions=responder.extension)

    def get(self, server, certificate=None, **options):
        c = http.client.HTTPSConnection("127.0.0.1", server.monitor_port, timeout=10,
                                        context=client_context(CA, certificate, **options))
        self.addCleanup(c.close)
        c.request("GET", "/varz")
        r = c.getresponse()
        r.read()
        return r.status

    def test_certificates_are_asked_for_where_clients_are_checked(self):
        responder, server = self.responder(), self.asking()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version=version):
                good, revoked = self.client(responder, "good"), self.client(responder, "revoked")
                responder.status[serial_of(revoked)] = REVOKED
                self.assertEqual(self.get(server, good, version=version), 200)
                for certificate in (None, revoked):
                    with self.assertRaises(OSError):
                        self.get(server, certificate, version=version)

    def test_the_system_account_hears_of_it(self):
        responder = self.responder()
        server = self.asking("""accounts { SYS { users: [{user: sys, password: s3cr3t}] }, A { users: [{user: a, password: b}] } }
            system_account: SYS\n""")
        listener = self.raw(server)
        listener.read_info()
        listener.start_tls(client_context(CA, self.client(responder, "listener")))
        listener.send(connect_line(user="sys", **{"pass": "s3cr3t"}) + b"SUB $SYS.SERVER.*.OCSP.PEER.> 1\r\n").fence()
        self.assertEqual(self.get(server, self.client(responder, "good")), 200)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            revoked = self.client(responder, f"revoked{version.value}")
            responder.status[serial_of(revoked)] = REVOKED
            with self.assertRaises(OSError):
                self.get(server, revoked, version=version)
            got = {}
            while len(got) < 2:
                event = json.loads(listener.read_op().partition(b"\r\n")[2])
                got[event["type"].rpartition(".")[2]] = event
            for event in got.values():
                self.assertIn(f"revoked{version.value}", event["peer"]["subject"])
            self.assertEqual(got["ocsp_peer_link_invalid"]["reason"], "Invalid OCSP response status: revoked")
            self.assertEqual(got["ocsp_peer_reject"]["kind"], "Client")
            self.assertEqual(got["ocsp_peer_reject"]["reason"], "client not OCSP valid")
        listener.fence()

    def test_a_slow_responder_holds_up_nobody_else(self):
        slow, quick, server = self.responder(), self.responder(), self.asking()
        slow.hold = threading.Event()
        waits = client_context(CA, self.client(slow, "waits"), version=ssl.TLSVersion.TLSv1_3)
        raw = socket.create_connection(("127.0.0.1", server.monitor_port), timeout=10)
        self.addCleanup(raw.close)
        with waits.wrap_socket(raw, server_hostname="localhost") as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_until(lambda: slow.count() == 1, "the question")
            for _ in range(3):
                self.assertEqual(self.get(server, self.client(quick, "quick")), 200)
            slow.hold.set()
            self.assertIn(b"200 OK", s.recv(4096))

    def test_whoever_leaves_in_the_middle(self):
        responder, server = self.responder(), self.asking()
        hello = bytes.fromhex("1603010005") + b"\x01\x00\x00\x01\x00"
        for data in (b"", b"\x16", b"\x16\x03\x01\xff\xff", b"GET / HTTP/1.1\r\n\r\n", hello, hello[:7], hello * 3):
            with socket.create_connection(("127.0.0.1", server.monitor_port), timeout=10) as s:
                s.sendall(data)
        self.assertEqual(self.get(server, self.client(responder, "later")), 200)


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
