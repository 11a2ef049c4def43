"""The options of ocsp_peer and ocsp_cache are changed by SIGHUP while messages flow in clear."""

import os
import threading
import time
import unittest

from harness import connect_line, wait_until
from harness.certificates import Authority, client_context
from harness.client import Closed
from harness.ocsp import REVOKED, UNKNOWN, Responder, serial_of
from harness.reload_case import ReloadOptionCase, troupe_only
from harness.tls_case import tls

CA = Authority("Peer CA")
SERVER = CA.issue("server")


class PeerCase(ReloadOptionCase):
    block = None

    def setUp(self):
        self.responder = Responder(CA)
        self.addCleanup(self.responder.close)

    def config(self, peer="{ verify: true }", cache="none", more=""):
        block = tls(f'ca_file: "{CA.file}"', "verify: true", f"timeout: 20, ocsp_peer: {peer}", certificate=SERVER)
        return block + f"allow_non_tls: true\nocsp_cache {{ type: {cache} {more} }}\n"

    def certificate(self, status=None):
        one = CA.issue("client", usage="clientAuth", extensions=self.responder.extension)
        if status is not None:
            self.responder.status[serial_of(one)] = status
        return one

    def comes(self, t, certificate):
        """Whether the client of this certificate gets in."""
        c = t.raw()
        c.read_info()
        try:
            c.start_tls(client_context(CA, certificate))
            c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")
        except (OSError, Closed, AssertionError):
            return False
        return True

    def changes(self, before, after, status=None):
        """In one of the two states a client gets in, and not in the other."""
        certificate = self.certificate(status)
        with self.running(self.config(before)) as t:
            first = self.comes(t, certificate)
            t.reload(self.config(after))
            self.assertEqual(self.comes(t, certificate), not first)
        return first


class Peer(PeerCase):
    block = "ocsp_peer"

    def test_verify(self):
        self.assertTrue(self.changes("{ verify: false }", "{ verify: true }", REVOKED))

    def test_warn_only(self):
        self.assertFalse(self.changes("{ verify: true }", "{ verify: true, warn_only: true }", REVOKED))

    def test_unknown_is_good(self):
        self.assertFalse(self.changes("{ verify: true }", "{ verify: true, unknown_is_good: true }", UNKNOWN))

    def test_allow_when_ca_unreachable(self):
        self.responder.fail = 500
        self.assertFalse(self.changes("{ verify: true }", "{ verify: true, allow_when_ca_unreachable: true }"))

    def test_allowed_clockskew(self):
        self.responder.lifetime = -5
        self.assertTrue(self.changes("{ verify: true }", "{ verify: true, allowed_clockskew: 0 }"))

    def test_cache_ttl_when_next_update_unset(self):
        self.responder.lifetime, self.responder.begins = None, -100
        self.assertTrue(self.changes("{ verify: true }", "{ verify: true, cache_ttl_when_next_update_unset: 10s }"))

    def test_ca_timeout(self):
        self.responder.hold = threading.Event()
        with self.running(self.config("{ verify: true, ca_timeout: 0.3 }")) as t:
            self.assertFalse(self.comes(t, self.certificate()))
            t.reload(self.config("{ verify: true, ca_timeout: 20 }"))
            # A slow node may have given the first question up before it left.
            began, before = time.monotonic(), self.responder.count()
            c = t.raw()
            c.read_info()
            c.start_tls(client_context(CA, self.certificate()))
            wait_until(lambda: self.responder.count() > before and time.monotonic() > began + 0.6, "longer than before")
            self.responder.hold.set()
            c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")


class InTls(PeerCase):
    block = "tls"

    def test_ocsp_peer(self):
        self.assertTrue(self.changes("false", "true", REVOKED))


@troupe_only
class Cache(PeerCase):
    block = "ocsp_cache"

    def asked(self, t, certificate):
        """How often the responder is asked about it, who comes twice."""
        before = self.responder.count()
        for _ in range(2):
            self.assertTrue(self.comes(t, certificate))
        return self.responder.count() - before

    def test_type(self):
        certificate = self.certificate()
        with self.running(self.config()) as t:
            self.assertEqual(self.asked(t, certificate), 2)
            t.reload(self.config(cache="local"))
            self.assertEqual(self.asked(t, certificate), 1)

    def saved(self, before, after, folder):
        with self.running(self.config(cache="local", more=before)) as t:
            self.assertTrue(self.comes(t, self.certificate()))
            t.reload(self.config(cache="local", more=after))
            self.assertTrue(self.comes(t, self.certificate()))
            wait_until(lambda: os.path.isfile(os.path.join(folder, "cache.json")), "the file")

    def test_local_store(self):
        one, two = CA.path("store-one"), CA.path("store-two")
        self.saved(f', local_store: "{one}", save_interval: 1', f', local_store: "{two}", save_interval: 1', two)

    def test_save_interval(self):
        folder = CA.path("store-three")
        self.saved(f', local_store: "{folder}", save_interval: 1h', f', local_store: "{folder}", save_interval: 1', folder)


if __name__ == "__main__":
    unittest.main()
