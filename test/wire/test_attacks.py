"""Cases from the public advisories of NATS servers, by their number in the list that this project keeps. Each must fail
to do what it once did; the server goes on. Cases of features have their tests there: docs/parity.md lists all."""

import json
import os
import ssl
import tempfile
import time
import unittest
import zlib

from harness import Server, WireCase, connect_line, hpub, msg, not_yet, pub
from harness.certificates import client_context
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt
from harness.tls_case import CA, SERVER, TlsCase
from harness.websocket import CONTINUATION, TEXT, WebSocketCase, deflate, frame

VIOLATION = "-ERR 'Authorization Violation'\r\n"


class Base(WireCase):
    def login(self, server=None, user=None, password="p", **more):
        c = self.raw(server)
        c.read_info()
        if user:
            more.update(user=user, **{"pass": password})
        c.send(connect_line(verbose=False, headers=True, **more) + b"PING\r\n")
        return c

    def user(self, user, server=None, **more):
        return self.login(server, user, **more).expect("PONG\r\n")

    def kept_out(self, **more):
        self.login(**more).expect(VIOLATION).expect_closed()


class Logins(Base):
    def test_10_11_shortcut_of_no_auth_user_obeys_its_rules(self):
        users = "authorization { users: [{user: u, password: p, allowed_connection_types: [WEBSOCKET]}] }\nno_auth_user: u\n"
        server = self.start(config=users)
        for first in (b"PING\r\n", b"SUB x 1\r\n", b"PUB x 1\r\n1\r\n"):
            c = self.raw(server)
            c.read_info()
            c.send(first).expect(VIOLATION).expect_closed()
        self.kept_out(server=server)

    def test_10_no_operation_of_a_server_is_taken_from_a_client(self):
        for op in ("RS+ $G foo\r\n", "LS+ foo\r\n", "RMSG $G foo 1\r\n1\r\n", "LMSG foo 1\r\n1\r\n", "A+ $G\r\n"):
            c = self.user(None)
            c.send(op).expect("-ERR 'Unknown Protocol Operation'\r\n").expect_closed()

    def test_13_naming_only_the_system_account_leaves_the_global_one_as_it_was(self):
        server = self.start(config='accounts { "$SYS" { users: [{user: s, password: p}] } }\n')
        self.assertIs(self.raw(server).read_info()["auth_required"], True)
        admin, nobody = self.user("s", server), self.user(None, server)
        nobody.send("SUB > 1\r\n").fence()
        admin.send(pub("secret", "1")).fence()
        nobody.fence()
        self.kept_out(server=server, user="s", password="wrong")

    def test_14_no_client_chooses_its_account(self):
        server = self.start(config="accounts { A { users: [{user: a, password: p}] }, B {} }\n")
        self.kept_out(server=server, user="a", account="B")
        self.kept_out(server=server, user="a", account="B", new_account=True)


class Tokens(Base):
    def setUp(self):
        super().setUp()
        self.operator = Operator()
        self.account, self.bearer = Key(ACCOUNT), Key(USER)

    def enter(self, server, jwt, key):
        c = self.raw(server)
        nonce = c.read_info()["nonce"]
        return c.send(connect_line(verbose=False, jwt=jwt, sig=key.sign_text(nonce)) + b"PING\r\n")

    def test_9_truncated_keys_in_a_token(self):
        server = self.start(config=self.operator.config((self.account, self.operator.account(self.account))))
        good = user_jwt(self.account, self.bearer)
        for cut in (1, 20, 55):
            account = Key(ACCOUNT)
            account.public = self.account.public[:-cut]
            self.enter(server, user_jwt(account, self.bearer), self.bearer).expect(VIOLATION).expect_closed()
        for bad in ("", "a.b.c", good[:-1], good.split(".")[0], good + ".x", "e30.e30.", good.replace(".", "..", 1)):
            self.enter(server, bad, self.bearer).expect(VIOLATION).expect_closed()
        self.enter(server, good, self.bearer).expect("PONG\r\n")

    def test_15_expired_and_revoked_tokens(self):
        revoked = self.operator.account(self.account, revocations={self.bearer.public: int(time.time()) + 10})
        server = self.start(config=self.operator.config((self.account, revoked)))
        self.enter(server, user_jwt(self.account, self.bearer), self.bearer).expect(VIOLATION).expect_closed()
        other = Key(USER)
        late = user_jwt(self.account, other, expires=int(time.time()) - 5)
        self.enter(server, late, other).expect(VIOLATION).expect_closed()
        everybody = self.operator.account(self.account, revocations={"*": int(time.time()) + 10})
        server = self.start(config=self.operator.config((self.account, everybody)))
        self.enter(server, user_jwt(self.account, other), other).expect(VIOLATION).expect_closed()

    def test_16_an_activation_serves_the_account_that_it_names(self):
        giver, named, thief = self.account, Key(ACCOUNT), Key(ACCOUNT)
        token = giver.jwt(named.public, {"type": "activation", "subject": "s", "kind": "stream"})
        exported = self.operator.account(giver, exports=[{"name": "s", "subject": "s", "type": "stream", "token_req": True}])
        imports = [{"name": "s", "subject": "s", "account": giver.public, "token": token, "type": "stream"}]
        accounts = [(giver, exported)] + [(k, self.operator.account(k, imports=imports)) for k in (named, thief)]
        server = self.start(config=self.operator.config(*accounts))
        sessions = {}
        for key in (giver, named):
            user = Key(USER)
            sessions[key] = self.enter(server, user_jwt(key, user), user).expect("PONG\r\n")
        sessions[named].send("SUB s 1\r\n").fence()
        sessions[giver].send(pub("s", "1")).fence()
        sessions[named].expect(msg("s", 1, "1")).fence()
        # An account with another's token is not valid at all.
        user = Key(USER)
        self.enter(server, user_jwt(thief, user), user).expect(VIOLATION).expect_closed()

    def test_35_absent_parts_of_a_token(self):
        server = self.start(config=self.operator.config((self.account, self.operator.account(self.account))))
        for nats in ({}, {"type": "user"}, {"type": "user", "pub": None, "sub": None, "resp": None, "src": None, "times": None}):
            jwt = self.account.jwt(self.bearer.public, nats)
            c = self.enter(server, jwt, self.bearer)
            # Without a number of subscriptions it may have none, and goes.
            self.assertIn(c.read_line(), (b"PONG\r\n", VIOLATION.encode(), b"-ERR 'maximum subscriptions exceeded'\r\n"))
        self.enter(server, user_jwt(self.account, self.bearer), self.bearer).expect("PONG\r\n")


class WebSockets(WebSocketCase):
    """All before a login."""

    block = "compression: true"
    more = "authorization { user: u, password: p, timeout: 60 }\n"
    MOST_KIB = 32 * 1024  # Troupe's own promise: what the Go server holds is up to its collector

    def assert_small(self, before):
        if not_yet.is_troupe(self.server.binary):
            self.assertLess(self.server.own_memory_kib() - before, self.MOST_KIB)

    @staticmethod
    def push(c, data):
        """False: the server has closed."""
        try:
            c.send_bytes(data)
        except OSError:
            return False
        return True

    def goes_on(self):
        self.ws(compress=True).connect(user="u", **{"pass": "p"}).fence()

    def test_1_a_message_is_measured_while_it_is_inflated(self):
        self.goes_on()
        before = self.server.own_memory_kib()
        bomb = deflate(b"CONNECT " + b" " * 256_000_000)
        for data in (frame(bomb, rsv=4),
                     frame(bomb[:1000], TEXT, fin=False, rsv=4) + frame(bomb[1000:], CONTINUATION)):
            self.ws(compress=True).send_bytes(data).wait_closed()
        self.assert_small(before)
        self.goes_on()

    def test_2_frames_that_are_none(self):
        for head in (bytes([a, b]) for a in range(0, 256, 5) for b in (0, 1, 125, 126, 127, 128, 129, 253, 254, 255)):
            c = self.ws(compress=True)
            self.push(c, head + b"\xff" * 16)
            c.close()
        for length in (1 << 63, (1 << 64) - 1, (1 << 63) + 2):
            self.ws().send_bytes(frame("x", length=length)).wait_closed()
        self.goes_on()

    def test_3_nothing_is_kept_of_a_message_without_an_end(self):
        self.goes_on()
        before = self.server.own_memory_kib()
        z = zlib.compressobj(wbits=-15)
        start = z.compress(b"CONNECT {") + z.flush(zlib.Z_SYNC_FLUSH)
        words = z.compress(os.urandom(65536)) + z.flush(zlib.Z_SYNC_FLUSH)
        nothing = b"\x00\x00\x00\xff\xff" * 13000  # blocks that inflate to nothing
        for first, rest, rsv in ((b"CONNECT {", b" " * 65536, 0), (start, words, 4), (start, nothing, 4)):
            c = self.ws(compress=True)
            self.push(c, frame(first, TEXT, fin=False, rsv=rsv))
            more = frame(rest, CONTINUATION, fin=False)
            for _ in range(1600):  # 100 MB
                if not self.push(c, more):
                    break
            self.assert_small(before)
            c.close()
        self.goes_on()


class Certificates(TlsCase):
    serve = False

    def test_12_a_certificate_is_the_user_it_names_in_any_order_and_no_other(self):
        victim = "CN=admin,OU=ops,O=Troupe"
        server = self.start(config=f"""tls {{ {SERVER.config}, ca_file: "{CA.file}", verify_and_map: true }}
            authorization {{ users: [ {{user: "{victim}"}} ] }}\n""")
        for i, (subject, multivalue, let_in) in enumerate((
                ("/O=Troupe/OU=ops/CN=admin", False, True), ("/CN=admin/O=Troupe/OU=ops", False, True),
                ("/O=Troupe/OU=ops+CN=admin", True, True),
                ("/O=Troupe/OU=ops/CN=admin+OU=guest", True, False), ("/O=Troupe/OU=ops+OU=guest/CN=admin", True, False),
                ("/O=Troupe/OU=guest/CN=admin,OU=ops", False, False), ("/CN=admin,OU=ops,O=Troupe", False, False),
                ("/O=Troupe/OU=ops/CN=admin/CN=guest", False, False), ("/O=Troupe/CN=admin", False, False),
                ("/O=Troupe/OU=ops/OU=ops/CN=admin", False, False))):
            with self.subTest(subject):
                c = self.raw(server)
                c.read_info()
                made = CA.issue(f"attack12-{i}", subject=subject, usage="clientAuth", alternatives="", multivalue=multivalue)
                c.start_tls(client_context(CA, made)).send(connect_line() + b"PING\r\n")
                if let_in:
                    c.expect("PONG\r\n")
                else:
                    c.expect(VIOLATION).expect_closed()

    def test_36_flags_allow_no_weak_suite_and_no_old_version(self):
        flags = ("--tls", "--tlscert", SERVER.cert, "--tlskey", SERVER.key)
        for more in (flags, flags + ("--tlscacert", CA.file)):
            server = self.start(*more)
            weak = client_context(CA)
            weak.maximum_version = ssl.TLSVersion.TLSv1_2
            weak.set_ciphers("ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0")
            c = self.raw(server)
            c.read_info()
            self.refused_handshake(c, weak)
            old = client_context(CA)
            old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            c = self.raw(server)
            c.read_info()
            self.refused_handshake(c, old)
            self.secure(server)


class Files(Base):
    def test_29_no_account_is_written_outside_the_resolvers_folder(self):
        operator, user = Operator(), Key(USER)
        with tempfile.TemporaryDirectory() as above:
            folder = os.path.join(above, "in", "jwt")
            server = self.start(config=operator.config(resolver=f"{{type: full, dir: '{folder}', allow_delete: true}}")
                                + f"system_account: {operator.system.public}\n")
            c = self.raw(server)
            nonce = c.read_info()["nonce"]
            c.send(connect_line(verbose=False, jwt=user_jwt(operator.system, user), sig=user.sign_text(nonce)) + b"PING\r\n")
            c.expect("PONG\r\n").send("SUB inbox 1\r\n").fence()
            here = sorted(os.listdir(folder))
            for name in ("../evil", "/tmp/evil", "..", "evil", Key(ACCOUNT).public + "/../../evil"):
                class Crooked:
                    public = name
                for subject in ("$SYS.REQ.CLAIMS.UPDATE", f"$SYS.REQ.ACCOUNT.{name.replace('.', '_')}.CLAIMS.UPDATE"):
                    c.send(pub(subject, operator.account(Crooked), "inbox"))
                    self.assertIn(b'"error"', c.read_op())
                token = operator.key.jwt(operator.key.public, {"type": "generic", "accounts": [name]})
                c.send(pub("$SYS.REQ.CLAIMS.DELETE", token, "inbox"))
                self.assertIn(b'"error"', c.read_op())
            self.assertEqual(sorted(os.listdir(folder)), here)
            self.assertEqual((os.listdir(above), os.listdir(os.path.join(above, "in"))), (["in"], ["jwt"]))


class Authorization(Base):
    config = """accounts {
      A { users: [
            {user: w, password: p, permissions: {subscribe: {allow: ">", deny: ["x.secret.*", "q.no"]}}}
            {user: t, password: p, permissions: {publish: [foo, "q.>"], subscribe: ">"}}
            {user: all, password: p}]
          exports: [{service: svc}] }
      B { users: [{user: b, password: p}], imports: [{service: {account: A, subject: svc}}] }
    }
    """

    def test_17_wildcards_that_overlap_a_deny(self):
        w, sender = self.user("w"), self.user("all")
        w.send("SUB x.*.* 1\r\nSUB x.> 2\r\nSUB *.secret.y 3\r\n").fence()
        sender.send(pub("x.secret.y", "1") + pub("x.open.y", "2")).fence()
        got = w.read_to_fence()
        self.assertEqual(sorted(got), [msg("x.open.y", 1, "2"), msg("x.open.y", 2, "2")])

    def test_18_19_queues_on_wildcards_that_overlap_a_deny(self):
        w, sender = self.user("w"), self.user("all")
        w.send("SUB q.* grp 1\r\nSUB > grp2 2\r\nSUB q.no grp 3\r\n").read_op()
        sender.send(pub("q.no", "1")).fence()
        w.fence()

    def test_26_a_trace_goes_only_where_its_publisher_may_publish(self):
        t, watcher = self.user("t"), self.user("all")
        watcher.send("SUB > 1\r\n").fence()
        t.send(hpub("foo", "NATS/1.0\r\nNats-Trace-Dest: forbidden\r\n\r\n", "x"))
        t.expect("-ERR 'Permissions Violation for Publish to \"forbidden\"'\r\n").fence()
        watcher.fence()

    def test_27_no_client_says_who_asks(self):
        a, b = self.user("all"), self.user("b")
        a.send("SUB svc 1\r\n").fence()
        b.send(hpub("svc", 'NATS/1.0\r\nNats-Request-Info: {"acc":"$SYS","user":"admin"}\r\n\r\n', "x", "back"))
        op = a.read_op()
        self.assertEqual(op.count(b"Nats-Request-Info"), 1)
        self.assertIn(b'"acc":"B"', op)
        self.assertNotIn(b"admin", op)


class Monitoring(unittest.TestCase):
    def test_30_no_password_of_the_command_line_on_any_page(self):
        secret = "argv5ecret"
        with Server("--user", "u", "--pass", secret, monitor=True) as server:
            for page in ("/", "/varz", "/connz?auth=1", "/debug/vars", "/expvarz", "/stacksz", "/actorz", "/metrics", "/healthz"):
                _, _, body = server.http(page)
                self.assertNotIn(secret, body.decode() if isinstance(body, bytes) else body, page)
            self.assertNotIn(secret, server.log())

    def test_32_numbers_that_overflow(self):
        with Server(monitor=True) as server:
            for field in ("offset", "limit"):
                for n in (2**63 - 1, 2**63, -(2**63), 2**64, 10**40):
                    status, _, body = server.http(f"/connz?{field}={n}")
                    self.assertIn(status, (200, 400), body)
            status, _, body = server.http("/connz")
            self.assertEqual((status, json.loads(body)["num_connections"]), (200, 0))


class Cycles(Base):
    def test_34_circles_of_imports_end(self):
        """The shortest circle is refused at the start; what is accepted ends without an answer."""
        server = self.start(config="""accounts {
          A { users: [{user: a, password: p}], exports: [{service: a}], imports: [{service: {account: C, subject: c}, to: a}] }
          B { exports: [{service: b}], imports: [{service: {account: A, subject: a}, to: b}] }
          C { exports: [{service: c}], imports: [{service: {account: B, subject: b}, to: c}] }
        }""")
        c = self.user("a", server, no_responders=True)
        c.send("SUB back 1\r\n" + pub("a", "x", "back").decode())
        for op in c.read_to_fence():
            self.assertIn(b" 503", op)

    def test_34_circles_of_tokens_end(self):
        operator, keys = Operator(), [Key(ACCOUNT) for _ in range(3)]
        accounts = []
        for i, key in enumerate(keys):
            before = keys[i - 1]
            accounts.append((key, operator.account(
                key, exports=[{"name": "s", "subject": f"s{i}", "type": "service"}],
                imports=[{"name": "s", "subject": f"s{(i - 1) % 3}", "local_subject": f"s{i}", "account": before.public,
                          "type": "service"}])))
        server = self.start(config=operator.config(*accounts))
        for key in keys:
            user = Key(USER)
            c = self.raw(server)
            nonce = c.read_info()["nonce"]
            c.send(connect_line(verbose=False, jwt=user_jwt(key, user), sig=user.sign_text(nonce)) + b"PING\r\n")
            c.expect("PONG\r\n")
            c.send("SUB back 1\r\n" + "".join(pub(f"s{i}", "x", "back").decode() for i in range(3))).fence()


if __name__ == "__main__":
    unittest.main()
