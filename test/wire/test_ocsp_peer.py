"""OCSP of clients: whose certificate is asked about, who gets in, who hears of it, and what is kept."""

import json
import os
import ssl
import threading
import time
import unittest

from harness import Closed, Server, not_yet, run_binary, server_binary, wait_until
from harness.certificates import Authority, Certificate, client_context
from harness.ocsp import GOOD, REVOKED, UNKNOWN, Responder, serial_of
from harness.tls_case import TlsCase, tls
from harness.websocket import WebSocketClient

IS_TROUPE = not_yet.is_troupe(server_binary())
CA = Authority("Peer CA")
SERVER = CA.issue("server")
ACCOUNTS = """
accounts { SYS: { users: [ { user: sys, password: s3cr3t } ] }, A: { users: [ { user: a, password: s3cr3t } ] } }
system_account: SYS
no_auth_user: a
"""


class PeerCase(TlsCase):
    serve = False

    def responder(self, **options):
        one = Responder(CA, **options)
        self.addCleanup(one.close)
        return one

    def node(self, peer="true", more="", **options):
        """A node that asks for certificates and asks about them; `peer` is the value of ocsp_peer."""
        config = tls(f'ca_file: "{CA.file}"', "verify: true", f"timeout: 5, ocsp_peer: {peer}", certificate=SERVER)
        return self.start(config=config + ACCOUNTS + more, monitor=True, **options)

    def certificate(self, responder, name="client"):
        return CA.issue(name, subject=f"/O=Troupe/CN={name}", usage="clientAuth", extensions=responder.extension)

    def lets_in(self, server, certificate, version=None, **options):
        return self.secure(server, context=client_context(CA, certificate, version=version), **options)

    def refuses(self, server, certificate, version=None):
        """The client is refused by an alert; its text."""
        c = self.raw(server)
        c.read_info()
        try:
            c.start_tls(client_context(CA, certificate, version=version))
            c.sock.recv(1)
        except ssl.SSLError as e:
            return str(e).lower()
        except OSError as e:
            return f"no alert: {e}"
        finally:
            c.close()
        self.fail("the client was let in")

    def logged(self, server, text):
        wait_until(lambda: text in server.log(), f"{text!r} in the log")


class Verdicts(PeerCase):
    """What a responder says decides, under the options."""

    def test_good_revoked_unknown(self):
        responder = self.responder()
        server = self.node()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            good, revoked, unknown = (self.certificate(responder, n) for n in ("good", "revoked", "unknown"))
            responder.status.update({serial_of(revoked): REVOKED, serial_of(unknown): UNKNOWN})
            with self.subTest(version=version):
                self.lets_in(server, good, version).fence()
                self.assertIn("bad certificate", self.refuses(server, revoked, version))
                self.assertIn("bad certificate", self.refuses(server, unknown, version))
        self.logged(server, "client not OCSP valid")
        self.logged(server, "OCSP verify fail for [CN=revoked,O=Troupe] with CA status [revoked]")
        page = server.json("/varz")
        self.assertIs(page["tls_ocsp_peer_verify"], True)
        self.assertEqual(responder.count("POST"), 0)

    def test_intermediate_authorities_are_asked_about_too(self):
        above = self.responder()
        server = self.node()
        for status in (GOOD, REVOKED, UNKNOWN):
            with self.subTest(status):
                between = Authority("Between", issuer=CA, extensions=above.extension)
                below = Responder(between)
                self.addCleanup(below.close)
                above.status[serial_of(Certificate(between.file, between.key))] = status
                client = between.issue("client", usage="clientAuth", extensions=below.extension).behind(between)
                if status == GOOD:
                    self.lets_in(server, client).fence()
                    self.assertTrue(below.asked)
                else:
                    self.assertIn("bad certificate", self.refuses(server, client))
        self.assertEqual(len(above.asked), 3)

    def test_whoever_names_no_responder_is_let_in(self):
        server = self.node()
        self.assertRegex(server.ports["nats"][0], r"^tls://127\.0\.0\.1:\d+$")
        self.lets_in(server, CA.issue("client", usage="clientAuth")).fence()

    def test_options(self):
        for status, option, wanted in (
                (UNKNOWN, "unknown_is_good: true", True), (REVOKED, "unknown_is_good: true", False),
                (REVOKED, "warn_only: true", True), (None, "warn_only: true", True), (None, "ca_timeout: 1", False),
                (None, "allow_when_ca_unreachable: true", True), (REVOKED, "allow_when_ca_unreachable: true", False)):
            with self.subTest(status=status, option=option):
                responder = self.responder()
                certificate = self.certificate(responder)
                if status is None:
                    responder.fail = 500
                else:
                    responder.status[serial_of(certificate)] = status
                server = self.node(f"{{ verify: true, {option} }}")
                if wanted:
                    self.lets_in(server, certificate).fence()
                else:
                    self.refuses(server, certificate)

    def test_bad_answers(self):
        responder = self.responder()
        server = self.node()
        for name, change in (("rubbish", {"body": b"rubbish"}), ("empty", {"body": b""}), ("too old", {"lifetime": -60}),
                             ("too new", {"begins": 3600}), ("too large", {"body": b"\x30" * 1_000_000})):
            with self.subTest(answer=name):
                before = {f: getattr(responder, f) for f in change}
                for field, value in change.items():
                    setattr(responder, field, value)
                self.refuses(server, self.certificate(responder))
                for field, value in before.items():
                    setattr(responder, field, value)
        self.lets_in(server, self.certificate(responder)).fence()

    def test_clocks_may_differ(self):
        responder = self.responder(lifetime=-10)
        self.lets_in(self.node(), self.certificate(responder)).fence()
        self.refuses(self.node("{ verify: true, allowed_clockskew: 0 }"), self.certificate(responder))
        responder.lifetime = None
        self.lets_in(self.node(), self.certificate(responder)).fence()
        responder.begins = -100
        self.refuses(self.node("{ verify: true, cache_ttl_when_next_update_unset: 10s }"), self.certificate(responder))

    def test_a_resumed_session_is_asked_about_too(self):
        responder = self.responder()
        certificate = self.certificate(responder)
        server = self.node(more="ocsp_cache: false\n")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(CA, certificate, version=version)
            responder.status[serial_of(certificate)] = GOOD
            session = self.secure(server, context=context).fence().sock.session
            responder.status[serial_of(certificate)] = REVOKED
            c = self.raw(server)
            c.read_info()
            with self.assertRaises((OSError, Closed)):
                c.start_tls(context, session=session)
                c.send("PING\r\n").expect("PONG\r\n")


    def test_websocket_clients_too(self):
        responder = self.responder()
        block = tls(f'ca_file: "{CA.file}"', "verify: true", "ocsp_peer: true", certificate=SERVER)
        server = self.start(config=f"websocket {{ host: 127.0.0.1, port: -1, {block} }}\n")
        port = int(server.ports["websocket"][0].rsplit(":", 1)[1])

        def upgraded(certificate):
            c = WebSocketClient(port, upgrade=False)
            self.addCleanup(c.close)
            c.start_tls(client_context(CA, certificate))
            c.upgrade()
            return c

        good, revoked = self.certificate(responder), self.certificate(responder, "revoked")
        responder.status[serial_of(revoked)] = REVOKED
        upgraded(good).connect().fence()
        with self.assertRaises((OSError, Closed)):
            upgraded(revoked)
        self.logged(server, "client not OCSP valid")


class Waiting(PeerCase):
    """A slow responder holds up nobody but its client."""

    def test_others_go_on_and_the_timeout_ends_it(self):
        slow, quick = self.responder(), self.responder()
        slow.hold = threading.Event()
        server = self.node("{ verify: true, ca_timeout: 30 }")
        waits = self.certificate(slow, "waits")
        began = time.monotonic()
        c = self.raw(server)
        c.read_info()
        c.start_tls(client_context(CA, waits, version=ssl.TLSVersion.TLSv1_3))
        wait_until(lambda: slow.count() == 1, "the question")
        for _ in range(5):
            self.lets_in(server, self.certificate(quick)).fence()
        self.assertLess(time.monotonic() - began, 4.5)
        try:
            c.wait_closed()  # after the handshake's own time
        except ssl.SSLError:
            pass  # the NATS server says why

    def test_late_but_in_time(self):
        slow = self.responder()
        slow.hold = threading.Event()
        server = self.node("{ verify: true, ca_timeout: 30 }")
        c = self.raw(server)
        c.read_info()
        c.start_tls(client_context(CA, self.certificate(slow), version=ssl.TLSVersion.TLSv1_3))
        c.send('CONNECT {"verbose":false}\r\nPING\r\n')
        wait_until(lambda: slow.count() == 1, "the question")
        slow.hold.set()
        c.expect("PONG\r\n")

    def test_who_leaves_meanwhile(self):
        slow = self.responder()
        slow.hold = threading.Event()
        server = self.node("{ verify: true, ca_timeout: 30 }")
        for _ in range(3):
            c = self.raw(server)
            c.read_info()
            c.start_tls(client_context(CA, self.certificate(slow), version=ssl.TLSVersion.TLSv1_3))
            c.close()
        wait_until(lambda: slow.count() == 3, "the questions")
        slow.hold.set()
        self.lets_in(server, self.certificate(self.responder())).fence()


class Cache(PeerCase):
    """What was answered is not asked again."""

    def cache(self, server):
        return server.json("/varz").get("ocsp_peer_cache")

    def test_kept_in_memory_and_shown(self):
        responder = self.responder()
        server = self.node()
        self.assertEqual(self.cache(server), {"cache_type": "local"})
        good, revoked = self.certificate(responder), self.certificate(responder, "revoked")
        responder.status[serial_of(revoked)] = REVOKED
        for _ in range(3):
            self.lets_in(server, good).fence()
            self.refuses(server, revoked)
        self.assertEqual(responder.count(), 2)
        self.assertEqual(self.cache(server), {
            "cache_type": "local", "cache_hits": 4, "cache_misses": 2, "cached_responses": 2,
            "cached_revoked_responses": 1, "cached_good_responses": 1})

    def test_none(self):
        responder = self.responder()
        server = self.node(more="ocsp_cache { type: none }\n")
        certificate = self.certificate(responder)
        for _ in range(2):
            self.lets_in(server, certificate).fence()
        self.assertEqual(responder.count(), 2)
        self.assertIsNone(self.cache(server))

    def test_saved_and_loaded(self):
        responder = self.responder()
        certificate = self.certificate(responder)
        folder = CA.path("peers")
        config = tls(f'ca_file: "{CA.file}"', "verify: true", "ocsp_peer: true", certificate=SERVER) \
            + f'ocsp_cache {{ local_store: "{folder}", save_interval: 1 }}\n'
        path = os.path.join(folder, "cache.json")
        with Server(config=config, monitor=True) as server:
            self.lets_in(server, certificate).fence()
            wait_until(lambda: os.path.isfile(path), "the file")
        with open(path, encoding="utf-8") as f:
            (kept,) = json.load(f).values()
        self.assertEqual((kept["subject"], kept["resp_status"]), ("CN=client,O=Troupe", "good"))
        responder.fail = 500
        with Server(config=config, monitor=True) as server:
            self.lets_in(server, certificate).fence()
            self.assertEqual(self.cache(server)["cached_good_responses"], 1)
        for rubbish in ("", "[]", "{", '{"a":1,"b":{"resp":"x"}}', '{"a":{"resp":"/wYAAHNOYVBwWQ=="}}'):
            with open(path, "w", encoding="utf-8") as f:
                f.write(rubbish)
            with Server(config=config, monitor=True) as server:
                self.refuses(server, certificate)

    def test_a_revocation_outlives_its_answer(self):
        responder = self.responder(lifetime=-25)
        certificate = self.certificate(responder)
        responder.status[serial_of(certificate)] = REVOKED
        server = self.node("{ verify: true, allow_when_ca_unreachable: true }", more="ocsp_cache { preserve_revoked: true }\n")
        self.refuses(server, certificate)
        given = time.time()
        responder.fail = 500
        # Its own time ended 25 s before it was given; the skew allows 30.
        wait_until(lambda: time.time() > given + 6, "the answer's end", 20)
        self.refuses(server, certificate)
        self.assertGreaterEqual(responder.count(), 2)


class Events(PeerCase):
    """The system account hears of it."""

    def test_advisories(self):
        responder = self.responder()
        server = self.node()
        listener = self.lets_in(server, CA.issue("sys", usage="clientAuth"), user="sys", **{"pass": "s3cr3t"})
        listener.send("SUB $SYS.SERVER.*.OCSP.PEER.> 1\r\n").fence()
        certificate = self.certificate(responder, "revoked")
        responder.status[serial_of(certificate)] = REVOKED
        self.refuses(server, certificate)
        events = [json.loads(_payload(listener.read_op())) for _ in range(2)]
        link, reject = (next(e for e in events if e["type"].endswith(t)) for t in ("link_invalid", "reject"))
        for event in (link, reject):
            self.assertEqual(event["peer"]["subject"], "CN=revoked,O=Troupe")
            self.assertEqual(event["peer"]["issuer"], "CN=Peer CA")
            self.assertTrue(event["peer"]["fingerprint"] and event["peer"]["raw"])
            self.assertIn("seq", event["server"])
        self.assertEqual(link["reason"], "Invalid OCSP response status: revoked")
        self.assertEqual(link["link"], link["peer"])
        self.assertEqual((reject["kind"], reject["reason"]), ("Client", "client not OCSP valid"))


class Options(PeerCase):
    """What may stand in the blocks."""

    def test_bad_ones(self):
        good = f'{SERVER.config}, ca_file: "{CA.file}"'
        for text, said in (
                (f"tls {{ {good}, ocsp_peer: true }}", "OCSP peer verification for client connections requires TLS verify"),
                (f"tls {{ {good}, verify: true, ocsp_peer {{ color: red }} }}", "unknown field"),
                (f"tls {{ {good}, verify: true, ocsp_peer {{ ca_timeout: soon }} }}", "conversion error"),
                (f"tls {{ {good}, verify: true, ocsp_peer: 3 }}", "error parsing ocsp peer config"),
                ("ocsp_cache { type: remote }", "error parsing OCSP peer cache config, unknown type [remote]"),
                ("ocsp_cache { save_interval: [] }", "conversion error")):
            with self.subTest(text=text):
                path = CA.path("bad.conf")
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
                done = run_binary("-a", "127.0.0.1", "-p", "-1", "-c", path, timeout=20)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(said, (done.stdout + done.stderr).decode())


def _payload(op):
    """What a MSG carries."""
    head, _, rest = op.partition(b"\r\n")
    return rest[:int(head.split()[-1])]
