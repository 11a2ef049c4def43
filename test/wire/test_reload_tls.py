"""Each option of the blocks tls, certs, ocsp, proxies and resolver is changed by SIGHUP while messages flow, and no option of
any block is without its case. The traffic itself goes in clear."""

import contextlib
import os
import ssl
import sys
import unittest

import test_reload_accounts
import test_reload_blocks
import test_reload_logging
import test_reload_ocsp
import test_reload_options
import test_reload_websocket
from harness import connect_line, pub
from harness.certificates import Authority, client_context
from harness.client import Closed
from harness.nkeys import ACCOUNT, USER, Key
from harness.ocsp import Responder, stapled
from harness.reload_case import IS_TROUPE, ReloadOptionCase, cases_of, option_rows, troupe_only
from harness.tls_case import CA, CLIENT, SERVER, STRANGER, tls

PLAIN_TOO = "allow_non_tls: true\n"
WITH_CA = f'ca_file: "{CA.file}"'
LIKE_ABOVE = {"route_auth"}  # of blocks that are not built
# Not options of a running node: what they do is over once it has started, or they are refused where they stand.
ELSEWHERE = {("tls", "verify_cert_and_check_known_urls"): "refused for clients: test_tls_config.py",
             ("ocsp_cache", "preserve_revoked"): "test_ocsp_peer.py: test_a_revocation_outlives_its_answer"}


class Complete(unittest.TestCase):
    @troupe_only
    def test_every_option_that_is_built_has_its_case(self):
        rows = option_rows()
        self.assertGreater(len(rows), 300)
        built = {key for key, (_, state) in rows.items() if state == "works" and key[0] not in LIKE_ABOVE} - set(ELSEWHERE)
        cases = cases_of(sys.modules[__name__], test_reload_options, test_reload_logging, test_reload_blocks,
                         test_reload_accounts, test_reload_websocket, test_reload_ocsp)
        cases -= {("websocket", "port_in_use")}
        self.assertEqual(sorted(built - cases), [], "options without a case in a test_reload_*.py")
        self.assertEqual(sorted(cases - built), [], "cases of options that are not built")


class TlsReload(ReloadOptionCase):
    block = "tls"

    def config(self, *lines, certificate=SERVER, more=PLAIN_TOO):
        return tls(*lines, certificate=certificate) + more

    def over_tls(self, t, context=None):
        c = t.raw()
        c.read_info()
        c.start_tls(context or client_context(CA))
        return c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")

    def fails(self, t, context):
        c = t.raw()
        c.read_info()
        with self.assertRaises((OSError, Closed, AssertionError)):
            c.start_tls(context)
            c.send_quietly(connect_line() + b"PING\r\n")
            c.expect("PONG\r\n")

    def changes(self, before, after, who_before, who_after):
        """Contexts that get in before and not after, and the other way round; None: nobody is tried."""
        with self.running(before) as t:
            if who_before:
                self.over_tls(t, who_before)
            if who_after:
                self.fails(t, who_after)
            t.reload(after)
            if who_after:
                self.over_tls(t, who_after)
            if who_before:
                self.fails(t, who_before)

    def shows(self, t, certificate):
        self.assertEqual(self.over_tls(t).sock.getpeercert(binary_form=True), certificate.der())

    def another(self, option):
        other = CA.issue("other")
        with self.running(self.config()) as t:
            self.shows(t, SERVER)
            t.reload(self.config(certificate=other))
            self.shows(t, other)
            broken = self.config(certificate=other).replace(getattr(other, option), "/nowhere")
            t.refused(broken, ".*/nowhere")
            self.shows(t, other)

    def test_cert_file(self):
        self.another("cert")

    def test_key_file(self):
        self.another("key")

    def test_ca_file(self):
        other = Authority("Reload CA")
        self.changes(self.config(WITH_CA, "verify: true"), self.config(f'ca_file: "{other.file}"', "verify: true"),
                     client_context(CA, CLIENT), client_context(CA, other.issue("client", usage="clientAuth")))

    def test_insecure(self):
        """Of those who dial; nobody who comes is looked at less closely."""
        with self.running(self.config(WITH_CA, "verify: true")) as t:
            t.reload(self.config(WITH_CA, "verify: true", "insecure: true"))
            self.over_tls(t, client_context(CA, CLIENT))

    def test_verify(self):
        with self.running(self.config(WITH_CA)) as t:
            self.over_tls(t)
            t.reload(self.config(WITH_CA, "verify: true"))
            self.assertIs(t.info().get("tls_verify"), True)
            self.fails(t, client_context(CA))
            self.over_tls(t, client_context(CA, CLIENT))
            t.reload(self.config(WITH_CA, "verify: optional"))
            self.over_tls(t)
            self.fails(t, client_context(CA, STRANGER))

    def test_verify_and_map(self):
        users = 'authorization { users: [{user: t, password: p}, {user: "CN=client,O=Troupe"}] }\n'
        with self.running(self.config(WITH_CA) + users, login={"user": "t", "pass": "p"}, cut=None) as t:
            self.fails(t, client_context(CA, CLIENT))
            t.reload(self.config(WITH_CA, "verify_and_map: true") + users)
            self.over_tls(t, client_context(CA, CLIENT))

    def test_cipher_suites(self):
        def offering(suite):
            context = client_context(CA, version=ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(suite)
            return context
        self.changes(self.config('cipher_suites: ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]'),
                     self.config('cipher_suites: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]'),
                     offering("ECDHE-ECDSA-AES256-GCM-SHA384"), offering("ECDHE-ECDSA-AES128-GCM-SHA256"))

    def test_allow_insecure_cipher_suites(self):
        weak = 'cipher_suites: ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]'
        with self.running(self.config()) as t:
            t.refused(self.config(weak), ".*insecure cipher suites configured without 'allow_insecure_cipher_suites' option set")
            t.reload(self.config(weak, "allow_insecure_cipher_suites: true"))
            self.over_tls(t, client_context(CA, version=ssl.TLSVersion.TLSv1_2))

    def test_curve_preferences(self):
        def on(curve):
            context = client_context(CA)
            context.set_ecdh_curve(curve)
            return context
        self.changes(self.config('curve_preferences: ["CurveP384"]'), self.config('curve_preferences: ["CurveP256"]'),
                     on("secp384r1"), on("prime256v1"))

    def test_min_version(self):
        with self.running(self.config()) as t:
            self.over_tls(t, client_context(CA, version=ssl.TLSVersion.TLSv1_2))
            t.reload(self.config('min_version: "1.3"'))
            self.fails(t, client_context(CA, version=ssl.TLSVersion.TLSv1_2))
            self.over_tls(t)

    def test_timeout(self):
        with self.running(self.config("timeout: 60")) as t:
            t.reload(self.config('timeout: "300ms"'))
            self.assertEqual(t.varz()["tls_timeout"], 0.3)
            c = t.raw()
            c.read_info()
            c.send(b"\x16\x03\x01")  # the beginning of a handshake
            c.wait_closed()

    def test_connection_rate_limit(self):
        with self.running(self.config()) as t:
            t.reload(self.config("connection_rate_limit: 1"))
            outcomes = set()
            for _ in range(20):
                c = t.raw()
                c.read_info()
                try:
                    c.start_tls(client_context(CA))
                    outcomes.add("in")
                except (OSError, Closed, AssertionError):
                    outcomes.add("out")
            self.assertEqual(outcomes, {"in", "out"})

    def test_pinned_certs(self):
        other = CA.issue("pinned", usage="clientAuth")

        def pins(certificate):
            return self.config(WITH_CA, "verify: true", f'pinned_certs: ["{certificate.key_sha256()}"]')
        self.changes(pins(CLIENT), pins(other), client_context(CA, CLIENT), client_context(CA, other))

    def test_handshake_first(self):
        with self.running(self.config()) as t:
            self.over_tls(t)
            t.reload(self.config("handshake_first: true"))
            c = t.raw().start_tls(client_context(CA))
            c.read_info()
            c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")

    def test_certs(self):
        with self.running(self.config()) as t:
            self.shows(t, SERVER)
            other = CA.issue("in-a-list")
            t.reload(f"tls {{ certs: [ {{ {other.config} }} ] }}\n{PLAIN_TOO}")
            self.shows(t, other)


class CertPair(TlsReload):
    block = "cert_pair"
    for name in [n for n in dir(TlsReload) if n.startswith("test_")]:
        locals()[name] = None
    del name

    def config(self, *lines, certificate=SERVER, more=PLAIN_TOO):
        return f"tls {{ certs: [ {{ {certificate.config} }} ] }}\n{more}"

    test_cert_file = TlsReload.test_cert_file
    test_key_file = TlsReload.test_key_file


class Ocsp(ReloadOptionCase):
    """From no answer to one, and to that of another responder."""

    block = "ocsp"

    def stapling(self, before, after, first, second):
        """Options with the responders' addresses in them; which of two responders is asked before and after."""
        ca = Authority("Reload OCSP CA")
        responders = [Responder(ca), Responder(ca)]
        for r in responders:
            self.addCleanup(r.close)
        certificate = ca.issue("stapled", extensions=responders[0].extension)
        config = tls("handshake_first: auto", f'ca_file: "{ca.file}"', certificate=certificate) + PLAIN_TOO
        urls = [r.url for r in responders]
        with self.running(config + before.format(*urls)) as t:
            self.assertEqual("good" in stapled(t.server.port, ca), first is not None)
            seen = [len(r.asked) for r in responders]
            t.reload(config + after.format(*urls))
            self.assertEqual("good" in stapled(t.server.port, ca), second is not None)
            if second is not None:
                self.assertGreater(len(responders[second].asked), seen[second])

    def test_mode(self):
        self.stapling("ocsp {{ mode: never }}\n", "ocsp {{ mode: always }}\n", None, 0)

    def test_url(self):
        self.stapling("ocsp {{ mode: always }}\n", 'ocsp {{ mode: always, url: "{1}" }}\n', 0, 1)

    @troupe_only
    def test_urls(self):
        self.stapling("ocsp {{ mode: always }}\n", 'ocsp {{ mode: always, urls: ["{1}"] }}\n', 0, 1)


class Proxies(ReloadOptionCase):
    block = "proxies"
    USERS = "authorization { users: [{user: t, password: p}, {user: far, password: p, proxy_required: true}] }\n"

    def config(self, *keys, name="key"):
        return self.USERS + f"proxies {{ trusted: [{', '.join(f'{{{name}: {k.public}}}' for k in keys)}] }}\n"

    def signed(self, t, key):
        c = t.raw()
        nonce = c.read_info()["nonce"]
        return c.send_quietly(connect_line(user="far", proxy_sig=key.sign_text(nonce), **{"pass": "p"}) + b"PING\r\n")

    def replaced(self, name):
        one, two = Key(USER), Key(USER)
        with self.running(self.config(one, name=name), login={"user": "t", "pass": "p"}) as t:
            there = self.signed(t, one).expect("PONG\r\n")
            t.reload(self.config(two, name=name))
            there.wait_closed()
            self.signed(t, two).expect("PONG\r\n")
            self.assertIn(b"-ERR '", self.signed(t, one).wait_closed())

    def test_trusted(self):
        self.replaced("key")


class Proxy(Proxies):
    block = "proxy"
    test_trusted = None

    def test_key(self):
        self.replaced("public_key")


class Resolver(test_reload_options.OperatorMode):
    """The Go server takes another one too, but goes on keeping what is pushed where the first one did."""

    block = "resolver"
    for name in [n for n in dir(test_reload_options.OperatorMode) if n.startswith("test_")]:
        locals()[name] = None
    del name

    @contextlib.contextmanager
    def changed(self, *change, resolver="type: full, dir: '{dir}', limit: 10, interval: '1m', timeout: '2s'"):
        """`change`: what it becomes instead of what. The new one's directory knows another account."""
        places = {"{dir}": self.folder(self.a), "{other}": self.folder(self.b)}
        before, after = resolver, resolver
        for old, new in change:
            self.assertIn(old, after)
            after = after.replace(old, new)
        for key, folder in places.items():
            before, after = before.replace(key, folder), after.replace(key, folder)
        with self.running(self.with_resolver(f"{{ {before} }}"), connect=self.connect) as t:
            if "{other}" in "".join(new for _, new in change):
                self.login_to(t.server, self.b).expect_closed("-ERR 'Authorization Violation'\r\n")
            t.reload(self.with_resolver(f"{{ {after} }}"))
            yield t, places["{other}"]

    def takes(self, *change, **more):
        with self.changed(*change, **more) as (t, _):
            self.connect(t.server)

    def test_type(self):
        self.takes(("type: full", "type: cache"), (", interval: '1m'", ""))

    def test_dir(self):
        with self.changed(("{dir}", "{other}")) as (t, folder):
            self.login_to(t.server, self.b).expect("PONG\r\n")
            if IS_TROUPE:
                pushed = Key(ACCOUNT)
                c = self.login_to(t.server, self.op.system).expect("PONG\r\n").send("SUB inbox 1\r\n").fence()
                c.send(pub("$SYS.REQ.CLAIMS.UPDATE", self.op.account(pushed), "inbox"))
                self.assertIn(b'"message":"jwt updated"', c.read_op())
                self.assertIn(pushed.public + ".jwt", os.listdir(folder))

    @troupe_only
    def test_allow_delete(self):
        with self.changed(("limit: 10", "limit: 10, allow_delete: true")) as (t, _):
            token = self.op.key.jwt(self.op.key.public, {"type": "generic", "accounts": [self.b.public]})
            c = self.login_to(t.server, self.op.system).expect("PONG\r\n").send("SUB inbox 1\r\n").fence()
            c.send(pub("$SYS.REQ.CLAIMS.DELETE", token, "inbox"))
            self.assertIn(b'"message":"deleted 1 accounts"', c.read_op())

    def test_hard_delete(self):
        self.takes(("limit: 10", "limit: 10, allow_delete: true, hard_delete: true"))

    def test_limit(self):
        self.takes(("limit: 10", "limit: 20"))

    def test_interval(self):
        self.takes(("interval: '1m'", "interval: '2m'"))

    def test_timeout(self):
        self.takes(("timeout: '2s'", "timeout: '3s'"))

    def test_ttl(self):
        self.takes(("ttl: '1h'", "ttl: '2h'"), resolver="type: cache, dir: '{dir}', ttl: '1h'")


if __name__ == "__main__":
    unittest.main()
