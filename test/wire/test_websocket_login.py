"""Who WebSocket clients are (cookies, their own authorization) and what the websocket block says."""

import os
import socket
import tempfile
import unittest

from harness import connect_line, run_binary
from harness.websocket import WebSocketCase


class Cookies(WebSocketCase):
    more = """authorization { users: [ { user: ann, password: apples }, { user: tcp, password: pears, allowed_connection_types: [STANDARD] },
              { user: web, password: plums, allowed_connection_types: [WEBSOCKET] } ] }"""
    block = "user_cookie: u, pass_cookie: p"

    def test_they_stand_in_for_what_connect_lacks(self):
        self.connected(Cookie="x=1; u=ann; p=apples").fence()
        self.connected(Cookie='u="ann"', connect={"pass": "apples"}).fence()
        self.connected(Cookie="u=nobody; p=apples", connect={"user": "ann"}).fence()

    def test_connect_wins(self):
        self.connected(Cookie="u=ann; p=quinces", connect={"user": "ann", "pass": "apples"}).fence()
        c = self.ws(Cookie="u=ann; p=apples")
        c.read_info()
        c.send(connect_line(user="ann", **{"pass": "quinces"}))
        c.expect_close_frame(1008, "Authentication Failure", "-ERR 'Authorization Violation'\r\n")

    def test_connection_types(self):
        self.connected(connect={"user": "web", "pass": "plums"}).fence()
        c = self.ws()
        c.read_info()
        c.send(connect_line(user="tcp", **{"pass": "pears"}))
        c.expect_close_frame(1008, "Authentication Failure", "-ERR 'Authorization Violation'\r\n")
        self.client(user="tcp", **{"pass": "pears"}).fence()
        t = self.raw()
        t.read_info()
        t.send(connect_line(user="web", **{"pass": "plums"})).expect_closed("-ERR 'Authorization Violation'\r\n")

    def test_shown_by_name(self):
        c = self.connected(Cookie="u=ann; p=apples")
        rows = self.server.json("/connz?auth=1")["connections"]
        self.assertEqual([r["authorized_user"] for r in rows if r["cid"] == c.info["client_id"]], ["ann"])


class TokenCookie(WebSocketCase):
    more = "authorization { token: keepitdark }"
    block = "token_cookie: t"

    def test_it(self):
        self.connected(Cookie="t=keepitdark").fence()
        c = self.ws(Cookie="t=quinces")
        self.assertIs(c.read_info()["auth_required"], True)
        c.send(connect_line()).expect_close_frame(1008, "Authentication Failure", "-ERR 'Authorization Violation'\r\n")


class OwnAuthorization(WebSocketCase):
    block = "authorization { user: web, password: plums, timeout: 0.3 }"

    def test_only_here(self):
        self.client().fence()
        self.assertNotIn("auth_required", self.raw().read_info())
        c = self.ws()
        self.assertIs(c.read_info()["auth_required"], True)
        c.send(connect_line()).expect_close_frame(1008, "Authentication Failure", "-ERR 'Authorization Violation'\r\n")
        self.connected(connect={"user": "web", "pass": "plums"}).fence()

    def test_timeout(self):
        c = self.ws()
        c.read_info()
        c.expect_close_frame(1008, "Authentication Timeout", "-ERR 'Authentication Timeout'\r\n")

    def test_varz(self):
        self.assertEqual(self.server.json("/varz")["websocket"]["auth_timeout"], 0.3)


class OtherAuthorization(WebSocketCase):
    more = "authorization { user: tcp, password: pears }"
    block = "authorization { token: keepitdark }"

    def test_each_its_own(self):
        self.client(user="tcp", **{"pass": "pears"}).fence()
        self.connected(connect={"auth_token": "keepitdark"}).fence()
        c = self.ws()
        c.read_info()
        c.send(connect_line(user="tcp", **{"pass": "pears"}))
        c.expect_close_frame(1008, "Authentication Failure", "-ERR 'Authorization Violation'\r\n")


class NoAuthUser(WebSocketCase):
    more = """accounts { A { users: [ { user: guest, password: apples } ] }, B { users: [ { user: other, password: pears } ] } }"""
    block = "no_auth_user: guest"

    def test_only_here(self):
        t = self.raw()
        t.read_info()
        t.send(connect_line()).expect_closed("-ERR 'Authorization Violation'\r\n")
        c = self.connected()
        rows = self.server.json("/connz?auth=1")["connections"]
        self.assertEqual([r["account"] for r in rows if r["cid"] == c.info["client_id"]], ["A"])
        self.connected(connect={"user": "other", "pass": "pears"}).fence()

    def test_without_connect(self):
        c = self.ws()
        c.read_info()
        c.send("PING\r\n").expect("PONG\r\n")


class PingInterval(WebSocketCase):
    block = 'ping_interval: "300ms"'

    def test_it(self):
        c = self.connected(auto_pong=False)
        c.expect("PING\r\n")


class Config(WebSocketCase):
    serve = False

    def fails(self, block, text, more="", no_tls="no_tls: true"):
        with tempfile.TemporaryDirectory(prefix="ws-") as folder:
            path = os.path.join(folder, "a.conf")
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"{more}\nwebsocket {{ port: -1\n{no_tls}\n{block} }}\n")
            done = run_binary("-a", "127.0.0.1", "-p", "-1", "-c", path)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(text, (done.stdout + done.stderr).decode())

    def test_texts(self):
        self.fails("", "websocket requires TLS configuration", no_tls="")
        self.fails('allowed_origins: "x"', 'unable to parse allowed origin: parse "x": invalid URI for request')
        self.fails('allowed_origins: "ftp://x"', 'unable to parse allowed origin "ftp://x": allowed origins must be absolute URLs')
        self.fails('allowed_origins: "http:///x"', 'unable to parse allowed origin "http:///x": host is required')
        self.fails("allowed_origins: [true]", "error parsing allowed origins: unsupported type in array bool")
        self.fails("no_auth_user: x", 'no_auth_user: "x" present, but users/nkeys are not defined')
        self.fails("authorization { user: x }", "websocket authentication username not compatible with presence of users/nkeys",
                   "authorization { users: [ { user: a, password: b } ] }")
        self.fails("authorization { token: x }", "websocket authentication token not compatible with presence of users/nkeys",
                   "authorization { users: [ { user: a, password: b } ] }")
        self.fails("jwt_cookie: x", "trusted operators or trusted keys configuration is required for JWT authentication via "
                                    'cookie "x"')
        self.fails("headers { Host: x }", 'websocket: invalid header "Host" not allowed')
        self.fails("headers { Sec-WebSocket-Key: x }", 'websocket: invalid header "Sec-WebSocket-Key", "Sec-WebSocket-" prefix')
        self.fails("headers: x", "error parsing headers: unsupported type string")
        self.fails("headers { a: 1 }", "error parsing header key a: unsupported type int64")
        self.fails("handshake_timeout: x", 'time: invalid duration "x"')
        self.fails("handshake_timeout: true", "error parsing handshake timeout: unsupported type bool")
        self.fails("nonsense: 1", 'unknown field "nonsense"')
        self.fails("authorization { users: [] }", 'unknown field "users"')
        self.fails('advertise: "me:x"', "Unable to get websocket connect URLs: ")

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            self.fails(f"host: 127.0.0.1, port: {port}", f"Unable to listen for websocket connections: listen tcp 127.0.0.1:{port}: "
                                                         "bind: address already in use")

    def test_other_names(self):
        s = self.start(config="ws { listen: '127.0.0.1:-1', no_tls: true, compress: true, origin: 'http://a' }", monitor=True)
        self.assertRegex(s.ports["websocket"][0], r"ws://127\.0\.0\.1:\d+")
        got = s.json("/varz")["websocket"]
        self.assertEqual((got["compression"], got["allowed_origins"]), (True, ["http://a"]))

    def test_a_reload_leaves_it_alone(self):
        config = "websocket { host: 127.0.0.1, port: -1, no_tls: true }"
        s = self.start(config=config + "\ndebug: false")
        c = self.connected(s)
        s.reload(config + "\ndebug: true")
        c.fence()
        self.connected(s).fence()


if __name__ == "__main__":
    unittest.main()
