"""verify_and_map: the client's certificate says which user it is."""

import ssl
import unittest

from harness import connect_line, msg, not_yet, pub, server_binary
from harness.certificates import client_context
from harness.tls_case import CA, CLIENT, TlsCase, tls

IS_TROUPE = not_yet.is_troupe(server_binary())
VIOLATION = b"-ERR 'Authorization Violation'\r\n"
NO_NAMES = ""


def mapping(*users, more=""):
    listed = "\n".join(f"    {{ user: {u} }}" if not u.startswith("{") else f"    {u}" for u in users)
    return tls(f'ca_file: "{CA.file}"', "verify_and_map: true") + \
        f"authorization {{\n  users = [\n{listed}\n  ]\n}}\n{more}"


def certificate(name, **options):
    options.setdefault("alternatives", NO_NAMES)
    return CA.issue(name, usage="clientAuth", **options)


class Mapped(TlsCase):
    serve = False

    def user_of(self, server, certificate, **options):
        """The user that this certificate is let in as; None: not at all."""
        c = self.raw(server)
        c.read_info()
        c.start_tls(client_context(CA, certificate)).send(connect_line(**options) + b"PING\r\n")
        got = c.read_op()
        if got == VIOLATION:
            return None
        self.assertEqual(got, b"PONG\r\n")
        return server.json(f"/connz?auth=1&cid={c.info['client_id']}")["connections"][0]["authorized_user"]

    def test_alternative_names(self):
        server = self.start(config=mapping('"a@troupe.test"', '"host.troupe.test"', '"spiffe://troupe.test/one"',
                                           '"CN=by subject"'), monitor=True)
        email, dns, uri = "email:a@troupe.test", "DNS:host.troupe.test", "URI:spiffe://troupe.test/one"
        cases = ((email, "a@troupe.test"), (dns, "host.troupe.test"), (uri, "spiffe://troupe.test/one"),
                 # Addresses before hosts before URIs, whatever their order in the certificate.
                 (f"{uri},{dns},{email}", "a@troupe.test"), (f"{uri},{dns}", "host.troupe.test"),
                 # What is no user is passed over.
                 (f"email:other@troupe.test,{uri}", "spiffe://troupe.test/one"),
                 ("DNS:elsewhere.test", "CN=by subject"))
        for i, (names, user) in enumerate(cases):
            with self.subTest(names):
                made = certificate(f"alternative{i}", subject="/CN=by subject", alternatives=names)
                self.assertEqual(self.user_of(server, made), user)

    def test_subjects(self):
        cases = (("/O=Troupe/OU=one/CN=a", "CN=a,OU=one,O=Troupe"),
                 ("/DC=test/DC=troupe/O=Troupe/OU=one/CN=b", "CN=b,OU=one,O=Troupe,DC=troupe,DC=test"),
                 # In another order, as RFC 1779 and others write it.
                 ("/O=Troupe/OU=one/CN=c", "O=Troupe,OU=one,CN=c"),
                 ("/O=Troupe/OU=two+OU=one/CN=d", "CN=d,OU=one+OU=two,O=Troupe"),
                 ("/O=Troupe, Inc./CN=e", "CN=e,O=Troupe\\\\, Inc."),
                 # As Go prints it: joined by kind; the components as they come.
                 ("/OU=x/O=Troupe/OU=y/CN=f", "CN=f,OU=x+OU=y,O=Troupe"),
                 ("/DC=test/DC=troupe/CN=g/O=Troupe", "CN=g,O=Troupe,DC=test,DC=troupe"),
                 ("/CN=h/emailAddress=h@troupe.test", "CN=h"),
                 ("/OU=one+CN=i", "CN=i,OU=one"))
        server = self.start(config=mapping(*(f'"{user}"' for _, user in cases)), monitor=True)
        for i, (subject, user) in enumerate(cases):
            with self.subTest(subject):
                made = certificate(f"subject{i}", subject=subject, multivalue="+" in subject)
                self.assertEqual(self.user_of(server, made), user.replace("\\\\", "\\"))

    def test_nobody(self):
        server = self.start(config=mapping('"CN=a,OU=one"', '"CN=b+"', '"x@troupe.test"'), monitor=True)
        for i, (subject, names) in enumerate((("/CN=a", NO_NAMES), ("/OU=one/CN=A", NO_NAMES),
                                              ("/OU=one/OU=one/CN=a", NO_NAMES),
                                              ("/CN=x", "email:X@troupe.test"))):
            with self.subTest(subject):
                made = certificate(f"nobody{i}", subject=subject, alternatives=names, multivalue="+" in subject)
                self.assertIsNone(self.user_of(server, made))

    @unittest.skipUnless(IS_TROUPE, "the Go server lets any certificate without a subject be the user 'CN=b+'")
    def test_no_subject_is_no_user(self):
        server = self.start(config=mapping('"CN=b+"', '"CN=a"'), monitor=True)
        made = certificate("bare", subject="/", alternatives="critical,DNS:elsewhere.test")
        self.assertIsNone(self.user_of(server, made))

    def test_what_connect_says_counts_for_nothing(self):
        server = self.start(config=mapping('"CN=client,O=Troupe"', '{ user: other, password: "s3cr3t-other" }'),
                            monitor=True)
        self.assertEqual(self.user_of(server, CLIENT, user="other"), "CN=client,O=Troupe")
        server.wait_log('User "other" found in connect proto, but user required from cert')
        # A password counts all the same: this user has none.
        self.assertIsNone(self.user_of(server, CLIENT, **{"pass": "s3cr3t-other"}))
        stranger = certificate("unknown", subject="/CN=unknown")
        self.assertIsNone(self.user_of(server, stranger, user="other", **{"pass": "s3cr3t-other"}))

    def test_certificate_and_password(self):
        server = self.start(config=mapping('{ user: "CN=client,O=Troupe", password: "s3cr3t-mine" }'), monitor=True)
        self.assertIsNone(self.user_of(server, CLIENT))
        self.assertIsNone(self.user_of(server, CLIENT, **{"pass": "s3cr3t-wrong"}))
        self.assertEqual(self.user_of(server, CLIENT, **{"pass": "s3cr3t-mine"}), "CN=client,O=Troupe")

    def test_nobody_becomes_the_user_of_those_without(self):
        server = self.start(config=mapping('"CN=client,O=Troupe"', "guest", more="no_auth_user: guest\n"), monitor=True)
        self.assertIsNone(self.user_of(server, certificate("unknown", subject="/CN=unknown")))

    def test_permissions_and_types(self):
        server = self.start(config=mapping(
            '{ user: "CN=client,O=Troupe", permissions { publish: "ok.>" } }',
            '{ user: "CN=web", allowed_connection_types: ["WEBSOCKET"] }'), monitor=True)
        c = self.secure(server, context=client_context(CA, CLIENT))
        c.send("SUB > 1\r\n" + pub("ok.1", "x").decode() + pub("no.1", "x").decode())
        c.expect(msg("ok.1", "1", "x") + b"-ERR 'Permissions Violation for Publish to \"no.1\"'\r\n")
        self.assertIsNone(self.user_of(server, certificate("web", subject="/CN=web")))

    def test_resumed_sessions_are_the_same_user(self):
        server = self.start(config=mapping('"CN=client,O=Troupe"'), monitor=True)
        context = client_context(CA, CLIENT, version=ssl.TLSVersion.TLSv1_3)
        first = self.secure(server, context=context)
        again = self.secure(server, context=context, session=first.sock.session)
        self.assertTrue(again.sock.session_reused or not IS_TROUPE)
        page = server.json(f"/connz?auth=1&cid={again.info['client_id']}")["connections"][0]
        self.assertEqual(page["authorized_user"], "CN=client,O=Troupe")

    def test_a_reload_that_takes_the_user_away(self):
        config = mapping('"CN=client,O=Troupe"', "other")
        server = self.start(config=config, monitor=True)
        c = self.secure(server, context=client_context(CA, CLIENT))
        server.reload(mapping('"CN=client,O=Troupe"', "another"))
        c.fence()
        server.reload(mapping("other"))
        c.wait_closed()


if __name__ == "__main__":
    unittest.main()
