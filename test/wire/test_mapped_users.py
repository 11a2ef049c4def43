"""Users without a password: where a listener maps certificates to users, no other one lets them in by their name alone."""

import unittest

from harness import connect_line
from harness.certificates import client_context
from harness.tls_case import CA, CLIENT, SERVER, TlsCase
from harness.websocket import WebSocketClient

MAPPED = f'tls {{ {SERVER.config}, ca_file: "{CA.file}", verify_and_map: true }}'
NAME = "CN=client,O=Troupe"
VIOLATION, PONG = b"-ERR 'Authorization Violation'\r\n", b"PONG\r\n"
PLAIN_WEBSOCKET = "websocket { host: 127.0.0.1, port: -1, no_tls: true }"


def users(*lines):
    return "authorization { users: [\n" + "\n".join(lines) + "\n] }\n"


class MappedUsers(TlsCase):
    serve = False

    def by_websocket(self, server, **connect):
        c = WebSocketClient(int(server.ports["websocket"][0].rsplit(":", 1)[1]))
        self.addCleanup(c.close)
        return self.answer(c, connect)

    def by_client_port(self, server, **connect):
        return self.answer(self.raw(server), connect)

    def answer(self, c, connect):
        c.read_info()
        c.send(connect_line(**connect) + b"PING\r\n")
        return c.read_op()

    def by_certificate(self, server, **connect):
        c = self.raw(server)
        c.read_info()
        c.start_tls(client_context(CA, CLIENT)).send(connect_line(**connect) + b"PING\r\n")
        return c.read_op()

    def test_a_name_is_no_certificate(self):
        server = self.start(config=MAPPED + "\n" + PLAIN_WEBSOCKET + "\n" + users(
            '{ user: "CN=other" }', f'{{ user: "{NAME}" }}'))
        for user, password in ((NAME, ""), (NAME, "wrong"), ("CN=stranger", ""), ("", "")):
            with self.subTest(user=user, password=password):
                self.assertEqual(self.by_websocket(server, user=user, **{"pass": password}), VIOLATION)
        self.assertEqual(self.by_certificate(server), PONG)

    def test_whoever_has_a_password_shows_it(self):
        server = self.start(config=MAPPED + "\n" + PLAIN_WEBSOCKET + "\n" + users(
            '{ user: "CN=other" }', f'{{ user: "{NAME}", password: "s3cr3t-mapped" }}'))
        self.assertEqual(self.by_certificate(server), VIOLATION)
        self.assertEqual(self.by_certificate(server, **{"pass": "s3cr3t-mapped"}), PONG)
        self.assertEqual(self.by_websocket(server, user=NAME, **{"pass": "s3cr3t-mapped"}), PONG)
        self.assertEqual(self.by_websocket(server, user=NAME, **{"pass": ""}), VIOLATION)

    def test_the_user_of_those_without_credentials_may_be_named(self):
        server = self.start(config=MAPPED + "\n" + PLAIN_WEBSOCKET + "\nno_auth_user: guest\n" + users(
            f'{{ user: "{NAME}" }}', "{ user: guest }"))
        self.assertEqual(self.by_websocket(server), PONG)
        self.assertEqual(self.by_websocket(server, user="guest"), PONG)
        self.assertEqual(self.by_websocket(server, user=NAME), VIOLATION)

    def test_users_that_the_mapping_listener_would_not_take(self):
        """Only the clients' port maps; who may not come there has nothing to do with certificates."""
        for types, want in (('', VIOLATION), ('"STANDARD", "WEBSOCKET"', VIOLATION), ('"WEBSOCKET"', PONG),
                            ('"MQTT", "WEBSOCKET"', PONG)):
            with self.subTest(types):
                scope = f", allowed_connection_types: [{types}]" if types else ""
                server = self.start(config=MAPPED + "\n" + PLAIN_WEBSOCKET + "\n" + users(
                    f'{{ user: "{NAME}" }}', f"{{ user: scoped{scope} }}"))
                self.assertEqual(self.by_websocket(server, user="scoped"), want)

    def test_the_websocket_listener_maps(self):
        listener = f"websocket {{ host: 127.0.0.1, port: -1, {MAPPED} }}"
        for block, types, want in ((listener, '', VIOLATION), (listener, '"STANDARD"', PONG),
                                   # Without a port nobody listens, so nobody is mapped.
                                   (f"websocket {{ {MAPPED} }}", '', PONG)):
            with self.subTest(block=block.replace(MAPPED, "..."), types=types):
                scope = f", allowed_connection_types: [{types}]" if types else ""
                server = self.start(config=block + "\n" + users(f'{{ user: "{NAME}" }}', f"{{ user: scoped{scope} }}"))
                self.assertEqual(self.by_client_port(server, user="scoped"), want)

    def test_only_passwords_that_could_be_read_are_warned_of(self):
        hashed = "$2a$11$W2zko751KUvVy59mUTWmpOdWjpEm5qhcCZRd05GjI/sSOT.xtiHyG"
        system = f'accounts {{ SYS {{ users: [{{user: s, password: "{hashed}"}}] }} }}\nsystem_account: SYS\n'
        for config, warned in ((users("{ user: a }"), True), (MAPPED + "\n" + users("{ user: a }"), False),
                               (MAPPED + "\n" + users("{ user: a, allowed_connection_types: [WEBSOCKET] }"), True),
                               (f"websocket {{ host: 127.0.0.1, port: -1, {MAPPED} }}\n" + users("{ user: a }"), False),
                               (MAPPED + "\n" + users("{ user: a }", '{ user: b, password: "s3cr3t" }'), True),
                               (users(f'{{ user: a, password: "{hashed}" }}'), False), (system, False)):
            with self.subTest(config.replace(MAPPED, "tls { ... }")):
                server = self.start(config=config)
                server.wait_log("Server is ready")  # behind all warnings
                self.assertEqual("Plaintext passwords detected, use nkeys or bcrypt" in server.log(), warned)


if __name__ == "__main__":
    unittest.main()
