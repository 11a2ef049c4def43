"""Each option of the websocket block is changed by SIGHUP while messages flow. The Go server takes TLS alone."""

import socket
import unittest

from harness import connect_line, free_port, wait_until
from harness.certificates import client_context
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt
from harness.reload_case import IS_TROUPE, ReloadOptionCase
from harness.tls_case import CA, tls
from harness.websocket import WebSocketCase, WebSocketClient, request

GO_REFUSES = "config reload not supported for Websocket: old="
AUTH = "authorization { users: [{user: t, password: p}, {user: u, password: p}] }\n"
LOGIN = {"user": "t", "pass": "p"}


class WebSocketReload(ReloadOptionCase):
    """Its traffic goes over the clients' port, and one client stays over WebSocket."""

    block = "websocket"

    def config(self, block="", listen="host: 127.0.0.1, port: -1", security="no_tls: true", more=""):
        return f"{more}\nwebsocket {{ {listen}\n{security}\n{block} }}\n"

    def ws(self, t, **options):
        c = WebSocketClient(WebSocketCase.port_of(t.server), **options)
        self.addCleanup(c.close)
        return c

    def answer(self, t, **headers):
        """The first line of the answer to an upgrade, and the answer."""
        c = self.ws(t, upgrade=False)
        c.send_bytes(request(**headers))
        answer = c.read_answer()
        return answer.split(" ")[1], answer

    def changes(self, before, after, check, **running):
        """`check(t, later)` before and after a reload; who was there stays, and goes on."""
        with self.running(before, **running) as t:
            check(t, False)
            there = self.ws(t).connect(**(running.get("login") or {}))
            t.reload(after, go_refuses=GO_REFUSES)
            check(t, True)
            there.fence()

    def test_tls(self):
        other = CA.issue("other", subject="/CN=other")
        with self.running(self.config(security=tls())) as t:
            t.reload(self.config(security=tls(certificate=other)))
            c = self.ws(t, upgrade=False)
            c.start_tls(client_context(CA))
            c.upgrade()
            self.assertIn((("commonName", "other"),), c.sock.getpeercert()["subject"])
            t.refused(self.config(security='tls { cert_file: "/nowhere", key_file: "/nowhere" }'), ".*/nowhere")

    def test_no_tls(self):
        """From plain to TLS."""
        with self.running(self.config()) as t:
            there = self.ws(t).connect()
            t.reload(self.config(security=tls()), go_refuses=GO_REFUSES)
            c = self.ws(t, upgrade=False)
            c.start_tls(client_context(CA))
            c.upgrade()
            c.connect()
            wait_until(lambda: open(t.server.ports_path(), encoding="utf-8").read().count("wss://"), "the ports file to say so")
            there.fence()

    def test_port(self):
        self.moves("host: 127.0.0.1, port: {}", "127.0.0.1")

    def test_host(self):
        self.moves("host: 127.0.0.2, port: {}", "127.0.0.2")

    def test_listen(self):
        self.moves('listen: "127.0.0.1:{}"', "127.0.0.1")

    def moves(self, listen, host):
        port = free_port()
        with self.running(self.config(listen=f"host: 127.0.0.1, port: {free_port()}")) as t:
            old = WebSocketCase.port_of(t.server)
            there = self.ws(t).connect()
            t.reload(self.config(listen=listen.format(port)), go_refuses=GO_REFUSES)
            s = socket.create_connection((host, port), timeout=10)
            self.addCleanup(s.close)
            s.sendall(request())
            self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 101 "))
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", old), timeout=5)
            self.assertEqual((t.varz()["websocket"]["host"], t.varz()["websocket"]["port"]), (host, port))
            wait_until(lambda: f"{host}:{port}" in open(t.server.ports_path(), encoding="utf-8").read(), "the ports file to say so")
            there.fence()

    def test_port_in_use(self):
        """Not an option: an address that cannot be had leaves everything as it was."""
        with socket.socket() as s, self.running(self.config()) as t:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            t.refused(self.config(listen=f"host: 127.0.0.1, port: {port}"),
                      f"Unable to listen for websocket connections: listen tcp 127.0.0.1:{port}: bind: address already in use"
                      if IS_TROUPE else GO_REFUSES)
            self.ws(t).connect().fence()

    def test_advertise(self):
        self.changes(self.config(), self.config('advertise: "me.example:7"'),
                     lambda t, later: self.assertEqual(t.varz()["websocket"].get("advertise"), "me.example:7" if later else None))

    def test_same_origin(self):
        def check(t, later):
            code, _ = self.answer(t, Origin="http://elsewhere.example", Host="here.example")
            self.assertEqual(code, "403" if later else "101")
        self.changes(self.config(), self.config("same_origin: true"), check)

    def test_allowed_origins(self):
        def check(t, later):
            for host, good in (("a", not later), ("b", later)):
                self.assertEqual(self.answer(t, Origin=f"http://{host}.example")[0], "101" if good else "403")
        self.changes(self.config('allowed_origins: ["http://a.example"]'), self.config('allowed_origins: ["http://b.example"]'), check)

    def test_handshake_timeout(self):
        def check(t, later):
            s = socket.create_connection(("127.0.0.1", WebSocketCase.port_of(t.server)), timeout=10)
            self.addCleanup(s.close)
            if later:
                self.assertEqual(s.recv(100), b"")
        self.changes(self.config('handshake_timeout: "60s"'), self.config('handshake_timeout: "200ms"'), check)

    def test_compression(self):
        def check(t, later):
            c = self.ws(t, compress=True).connect()
            self.assertEqual("permessage-deflate" in c.answer, later)
        self.changes(self.config(), self.config("compression: true"), lambda t, later: check(t, later) if later else None)

    def test_authorization(self):
        def check(t, later):
            if later:
                self.ws(t).connect(user="web", **{"pass": "plums"})
        with self.running(self.config()) as t:
            there = self.ws(t).connect()
            t.reload(self.config("authorization { user: web, password: plums }"), go_refuses=GO_REFUSES)
            check(t, True)
            there.wait_closed()
            self.assertEqual(there.close_frame[0], 1008)
            t.client().fence()

    def by_cookie(self, option, **cookie):
        def check(t, later):
            c = self.ws(t, Cookie="a=t; b=p")
            c.read_info()
            c.send(connect_line(**cookie) + b"PING\r\n")
            if later:
                c.expect("PONG\r\n")
            else:
                c.wait_closed()
        self.changes(self.config(more=AUTH), self.config(option, more=AUTH), check, login=LOGIN)

    def test_user_cookie(self):
        self.by_cookie("user_cookie: a", **{"pass": "p"})

    def test_pass_cookie(self):
        self.by_cookie("pass_cookie: b", user="t")

    def test_token_cookie(self):
        more = "authorization { token: p }"
        with self.running(self.config(more=more), login={"auth_token": "p"}) as t:
            t.reload(self.config("token_cookie: b", more=more), go_refuses=GO_REFUSES)
            self.ws(t, Cookie="b=p").connect().fence()

    def test_jwt_cookie(self):
        op, account, user = Operator(), Key(ACCOUNT), Key(USER)
        more = op.config((account, op.account(account)))
        jwt = user_jwt(account, user, bearer_token=True)

        def connect(server):
            c = self.raw(server)
            nonce = c.read_info()["nonce"]
            return c.send(connect_line(jwt=user_jwt(account, user), sig=user.sign_text(nonce)) + b"PING\r\n").expect("PONG\r\n")
        with self.running(self.config(more=more), connect=connect) as t:
            t.reload(self.config("jwt_cookie: j", more=more), go_refuses=GO_REFUSES)
            self.ws(t, Cookie=f"j={jwt}").connect().fence()

    def test_no_auth_user(self):
        with self.running(self.config(more=AUTH), login=LOGIN) as t:
            t.reload(self.config("no_auth_user: u", more=AUTH), go_refuses=GO_REFUSES)
            self.ws(t).connect().fence()
            t.kept_out()

    def test_headers(self):
        self.changes(self.config(), self.config("headers { X-One: two }"),
                     lambda t, later: self.assertEqual("X-One: two\r\n" in self.answer(t)[1], later))

    def test_ping_interval(self):
        with self.running(self.config('ping_interval: "60s"')) as t:
            t.reload(self.config('ping_interval: "100ms"'), go_refuses=GO_REFUSES)
            c = self.ws(t, auto_pong=False).connect()
            c.expect("PING\r\n").send("PONG\r\n").expect("PING\r\n")


class SimpleAuth(WebSocketReload):
    """The block's own credentials: who came with the old ones is closed, clients of the other port are not."""

    block = "simple_auth"
    for name in [n for n in dir(WebSocketReload) if n.startswith("test_")]:
        locals()[name] = None
    del name

    def replaced(self, before, after, old, new):
        with self.running(self.config(f"authorization {{ {before} }}")) as t:
            there = self.ws(t).connect(**old)
            t.reload(self.config(f"authorization {{ {after} }}"), go_refuses=GO_REFUSES)
            there.wait_closed()
            self.ws(t).connect(**new).fence()
            c = self.ws(t)
            c.read_info()
            c.send(connect_line(**old)).expect_close_frame(1008, "Authentication Failure", "-ERR 'Authorization Violation'\r\n")

    def test_user(self):
        self.replaced("user: a, password: p", "user: b, password: p", {"user": "a", "pass": "p"}, {"user": "b", "pass": "p"})

    def test_pass(self):
        self.replaced("user: a, password: p", "user: a, password: q", {"user": "a", "pass": "p"}, {"user": "a", "pass": "q"})

    def test_token(self):
        self.replaced("token: one", "token: two", {"auth_token": "one"}, {"auth_token": "two"})

    def test_timeout(self):
        block = "authorization {{ user: a, password: p, timeout: {} }}"
        with self.running(self.config(block.format(60))) as t:
            t.reload(self.config(block.format(0.2)), go_refuses=GO_REFUSES)
            c = self.ws(t)
            c.read_info()
            c.expect_close_frame(1008, "Authentication Timeout", "-ERR 'Authentication Timeout'\r\n")


if __name__ == "__main__":
    unittest.main()
