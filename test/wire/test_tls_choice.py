"""Several certificates in one tls block: which one a client is shown."""

import re
import subprocess

from harness.certificates import Authority
from harness.tls_case import TlsCase

CA = Authority("Choice CA")
ONE = CA.issue("one", alternatives="DNS:one.example,DNS:localhost")
TWO = CA.issue("two", alternatives="DNS:two.example,DNS:*.two.example")
RSA = CA.issue("rsa", alternatives="DNS:one.example", key="rsa")
FIRST = CA.issue("first", alternatives="")


def block(*certificates):
    entries = ", ".join("{ " + c.config + " }" for c in certificates)
    return f"tls {{ handshake_first: true, certs: [ {entries} ] }}\n"


class Choice(TlsCase):
    """The first that speaks for the name and that the client can check; else the first of all."""

    config = block(FIRST, ONE, TWO, RSA)

    def shown(self, *args):
        """The common name of the certificate that `openssl s_client` is shown."""
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port}", *args], input=b"",
                              capture_output=True, timeout=20, check=False)
        found = re.search(rb"^subject=.*CN ?= ?(\w+)", done.stdout, re.M)
        self.assertTrue(found, done.stdout + done.stderr)
        return found.group(1).decode()

    def test_by_name(self):
        for name, wanted in (("one.example", "one"), ("two.example", "two"), ("a.two.example", "two"),
                             ("ONE.example", "one"), ("a.b.two.example", "first"), ("three.example", "first")):
            for version in ("-tls1_2", "-tls1_3"):
                with self.subTest(name=name, version=version):
                    self.assertEqual(self.shown("-servername", name, version), wanted)

    def test_without_a_name(self):
        self.assertEqual(self.shown("-noservername"), "first")

    def test_by_what_the_client_can_check(self):
        for version, args in (("-tls1_3", ("-sigalgs", "rsa_pss_rsae_sha256")),
                              ("-tls1_2", ("-cipher", "ECDHE-RSA-AES128-GCM-SHA256"))):
            with self.subTest(version=version):
                self.assertEqual(self.shown("-servername", "one.example", version, *args), "rsa")
                self.assertEqual(self.shown("-noservername", version, *args), "rsa")
