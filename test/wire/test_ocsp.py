"""OCSP stapling: which certificates are shown with an answer, where it comes from, and what a bad one ends."""

import os
import signal

from harness import Server, not_yet, run_binary, server_binary, wait_until
from harness.certificates import Authority, client_context
from harness.ocsp import GOOD, REVOKED, UNKNOWN, OpensslResponder, Responder, serial_of, stapled
from harness.tls_case import TlsCase, tls

IS_TROUPE = not_yet.is_troupe(server_binary())
CA = Authority("OCSP CA")
FIRST = "handshake_first: true"
MUST = "tlsfeature=status_request"


class StapleCase(TlsCase):
    serve = False
    context = client_context(CA)

    def responder(self, **options):
        one = Responder(CA, **options)
        self.addCleanup(one.close)
        return one

    def config(self, certificate, *lines, more=""):
        return tls(FIRST, f'ca_file: "{CA.file}"', *lines, certificate=certificate) + more

    def refused_start(self, config):
        """The node does not start; what it says."""
        folder = CA.path("refused")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "a.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(config)
        done = run_binary("-a", "127.0.0.1", "-p", "-1", "-c", path, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        return (done.stdout + done.stderr).decode()

    def logged(self, server, text, deadline=None):
        wait_until(lambda: text in server.log(), f"{text!r} in the log", deadline)

    def connects(self, server):
        c = self.raw(server)
        c.start_tls(client_context(CA))
        return c.connect()


class Modes(StapleCase):
    """What the mode and the certificate's own wish make of it."""

    def test_who_is_stapled(self):
        responder = self.responder()
        plain = CA.issue("plain", extensions=responder.extension)
        must = CA.issue("must", extensions=responder.extension + "\n" + MUST)
        for certificate, option, wanted in (
                (plain, "", False), (must, "", True), (plain, "ocsp: true", False), (must, "ocsp: true", True),
                (plain, "ocsp: false", False), (must, "ocsp: false", False), (plain, "ocsp { mode: always }", True),
                (must, "ocsp { mode: never }", False), (plain, "ocsp { mode: MUST }", False),
                (must, "ocsp { mode: must }", True), (plain, "ocsp { mode: auto }", False)):
            with self.subTest(option=option, must=certificate is must):
                server = self.start(config=self.config(certificate, more=option))
                text = stapled(server.port, CA)
                self.assertEqual("Cert Status: good" in text, wanted, text)
                if wanted:
                    self.logged(server, "OCSP Stapling enabled for Client connections")
                    self.assertRegex(server.log(), r"Found OCSP status for Client certificate at '.*': good, next update \d{4}-")
                if IS_TROUPE and certificate is must and ("false" in option or "never" in option):
                    self.logged(server, "has MustStaple but OCSP is disabled")
                self.connects(server)

    def test_bad_options(self):
        certificate = CA.issue("plain")
        for option in ("ocsp { mode: sometimes }", "ocsp { color: red }", "ocsp: 3"):
            with self.subTest(option=option):
                self.assertIn("error parsing ocsp config", self.refused_start(self.config(certificate, more=option)))


class Responders(StapleCase):
    """Where answers come from."""

    def test_openssl_answers(self):
        certificate = CA.issue("server")
        responder = OpensslResponder(CA, [(certificate, GOOD)])
        self.addCleanup(responder.close)
        server = self.start(config=self.config(certificate, more=f'ocsp {{ mode: always, url: "{responder.url}" }}'))
        self.assertIn("Cert Status: good", stapled(server.port, CA))

    def test_post_first_then_get(self):
        for post, methods in ((True, ["POST"]), (False, ["POST", "GET"])):
            responder = self.responder(post=post)
            certificate = CA.issue("server", extensions=responder.extension)
            self.start(config=self.config(certificate, more="ocsp { mode: always }"))
            self.assertEqual([m for m, _ in responder.asked][:2], methods)

    def test_the_configured_one_goes_first_and_the_next_is_tried(self):
        dead, named, own = self.responder(), self.responder(), self.responder()
        dead.fail = 500
        certificate = CA.issue("server", extensions=f"authorityInfoAccess=OCSP;URI:{dead.url},OCSP;URI:{own.url}")
        server = self.start(config=self.config(certificate, more="ocsp { mode: always }"))
        self.assertIn("good", stapled(server.port, CA))
        self.assertEqual((dead.count(), own.count()), (2, 1))
        self.start(config=self.config(certificate, more=f'ocsp {{ mode: always, url: "{named.url}/" }}'))
        self.assertEqual((dead.count(), own.count(), named.count()), (2, 1, 1))

    def test_a_delegate_signs(self):
        entitled = CA.issue("delegate", usage="OCSPSigning", alternatives="")
        responder = self.responder(signer=entitled)
        certificate = CA.issue("server", extensions=responder.extension)
        server = self.start(config=self.config(certificate, more="ocsp { mode: always }"))
        self.assertIn("good", stapled(server.port, CA))
        responder = self.responder(signer=CA.issue("nobody", usage="clientAuth", alternatives=""))
        certificate = CA.issue("server", extensions=responder.extension)
        self.assertIn("OCSP response signer missing authorization by CA to act as OCSP signer",
                      self.refused_start(self.config(certificate, more="ocsp { mode: always }")))


class Refused(StapleCase):
    """Without a good answer where one is needed nothing is served."""

    def test_bad_answers(self):
        responder = self.responder()
        certificate = CA.issue("server", extensions=responder.extension + "\n" + MUST)
        config = self.config(certificate, more="ocsp { mode: must }")
        said = f"bad OCSP status update for certificate at '{certificate.cert}': exhausted ocsp servers: "
        for name, change in (("not there", {"fail": 404}), ("rubbish", {"body": b"rubbish"}), ("empty", {"body": b""}),
                             ("refusal", {"body": bytes.fromhex("30030a0106")}), ("too large", {"body": b"\x30" * 1_000_000}),
                             ("too old", {"lifetime": -2}), ("too new", {"begins": 3600})):
            with self.subTest(answer=name):
                before = (responder.fail, responder.body, responder.lifetime, responder.begins)
                for field, value in change.items():
                    setattr(responder, field, value)
                self.assertIn(said, self.refused_start(config))
                responder.fail, responder.body, responder.lifetime, responder.begins = before

    def test_another_authority_signs(self):
        stranger = Responder(Authority("Stranger"))
        self.addCleanup(stranger.close)
        certificate = CA.issue("server")
        self.assertIn("bad OCSP status update", self.refused_start(
            self.config(certificate, more=f'ocsp {{ mode: always, url: "{stranger.url}" }}')))

    def test_revoked(self):
        responder = self.responder()
        must = CA.issue("must", extensions=responder.extension + "\n" + MUST)
        for status in (REVOKED, UNKNOWN):
            responder.status[serial_of(must)] = status
            for mode in ("always", "must"):
                with self.subTest(mode=mode, status=status):
                    self.assertIn(f"found existing OCSP status for certificate at '{must.cert}': {status}",
                                  self.refused_start(self.config(must, more=f"ocsp {{ mode: {mode} }}")))
        responder.status[serial_of(must)] = REVOKED
        server = self.start(config=self.config(must, more="ocsp { mode: auto }"))
        self.assertIn("Cert Status: revoked", stapled(server.port, CA))

    def test_no_responder_and_no_issuer(self):
        self.assertIn("no available ocsp servers",
                      self.refused_start(self.config(CA.issue("server"), more="ocsp { mode: always }")))
        certificate = CA.issue("server", extensions=self.responder().extension)
        self.assertIn("no issuers found", self.refused_start(
            tls(FIRST, f'ca_file: "{Authority("Other").file}"', certificate=certificate) + "ocsp { mode: always }"))


class Time(StapleCase):
    """Answers get old."""

    def test_a_fresh_one_is_fetched_in_time(self):
        responder = self.responder(lifetime=4)
        certificate = CA.issue("server", extensions=responder.extension)
        server = self.start(config=self.config(certificate, more="ocsp { mode: always }"))
        wait_until(lambda: responder.count() >= 3, "three questions", 20)
        self.assertIn("good", stapled(server.port, CA))
        self.logged(server, "Received OCSP status for Client certificate")

    def test_revoked_later_ends_the_node(self):
        responder = self.responder(lifetime=4)
        certificate = CA.issue("server", extensions=responder.extension)
        server = Server(config=self.config(certificate, more="ocsp { mode: always }"))
        self.addCleanup(server.kill)
        client = self.connects(server)
        responder.status[serial_of(certificate)] = REVOKED
        client.wait_closed()
        wait_until(lambda: not server.alive(), "the end", 20)
        self.assertIn(f"Received OCSP status for Client certificate '{certificate.cert}': revoked", server.log())

    def test_without_an_answer_nobody_gets_in_until_there_is_one(self):
        responder = self.responder(lifetime=3)
        certificate = CA.issue("server", extensions=responder.extension)
        server = self.start(config=self.config(certificate, more="ocsp { mode: always }"))
        self.connects(server)
        responder.fail = 500
        self.logged(server, "Bad OCSP status update for certificate", 20)

        def refused():
            c = self.raw(server)
            try:
                c.start_tls(client_context(CA))
            except OSError:
                return True
            finally:
                c.close()
            return False

        wait_until(refused, "handshakes that are refused", 20)
        responder.fail = None
        # Usually within a second. If the question that falls behind the answer's end came before this, the next is two minutes away.
        wait_until(lambda: not refused(), "handshakes that succeed", 150)


class Store(StapleCase):
    """With a store_dir answers outlive the node."""

    ASKS_AT_START = 0 if IS_TROUPE else 2  # the NATS server asks again at once, and waits for it or not

    def test_kept_and_used_again(self):
        responder = self.responder()
        certificate = CA.issue("server", extensions=responder.extension)
        folder = CA.path("store")
        config = self.config(certificate, more=f'ocsp {{ mode: always }}\nstore_dir: "{folder}"\n')
        path = os.path.join(folder, "ocsp", certificate.sha256())
        with Server(config=config):
            self.assertTrue(os.path.isfile(path))
        asked = responder.count()
        with Server(config=config) as server:
            self.assertIn("good", stapled(server.port, CA))
        responder.fail = 500
        self.assertLessEqual(responder.count(), asked + self.ASKS_AT_START)
        for rubbish in (b"", b"rubbish", b"\x30" * 200_000):
            with open(path, "wb") as f:
                f.write(rubbish)
            self.assertIn("bad OCSP status update", self.refused_start(config))


class Reload(StapleCase):
    """SIGHUP begins, changes and ends stapling."""

    def reload(self, server, config):
        before = server.log().count("Reloaded server configuration")
        server.write("server.conf", config)
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: server.log().count("Reloaded server configuration") > before, "the reload")

    def test_on_another_certificate_and_off(self):
        responder = self.responder()
        plain = CA.issue("plain", extensions=responder.extension)
        must = CA.issue("must", extensions=responder.extension + "\n" + MUST)
        server = self.start(config=self.config(plain))
        self.assertEqual(stapled(server.port, CA), "")
        self.reload(server, self.config(must))
        self.assertIn("good", stapled(server.port, CA))
        self.reload(server, self.config(plain, more="ocsp { mode: always }"))
        self.assertIn("good", stapled(server.port, CA))
        self.logged(server, "Reloaded: OCSP")
        self.reload(server, self.config(must, more="ocsp: false"))
        self.assertEqual(stapled(server.port, CA), "")

    def test_without_an_answer_it_is_refused(self):
        """The NATS server obeys it and serves without the answers it was told to show."""
        if not IS_TROUPE:
            self.skipTest("the NATS server differs")
        responder = self.responder()
        plain = CA.issue("plain", extensions=responder.extension)
        server = self.start(config=self.config(plain))
        responder.fail = 500
        server.write("server.conf", self.config(plain, more="ocsp { mode: always }"))
        os.kill(server.pid, signal.SIGHUP)
        self.logged(server, "Failed to reload server configuration: bad OCSP status update")
        self.connects(server)
