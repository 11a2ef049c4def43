"""What the log says, line for line: start, connections, refusals, slow consumers, protocol traces."""

import re
import signal
import unittest

from harness import Server, WireCase, connect_line, pub, server_binary, wait_until
from harness.server import is_troupe

HEAD = re.compile(r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} ")
USERS = "authorization { users: [{user: a, password: s3cr3t-a}] }\n"


def lines(server, cid=None):
    """The log's lines without pid and time; with `cid` those of one connection, without its address."""
    found = [HEAD.sub("", x) for x in server.log().splitlines()]
    if cid is None:
        return found
    mine = re.compile(rf"^(\[\w+\]) 127\.0\.0\.1:\d+ - cid:{cid} - ")
    return [mine.sub(r"\1 ", x) for x in found if mine.match(x)]


class Lines(WireCase):
    args = ("-DV",)
    config = USERS

    def login(self, **options):
        """A connection, its number."""
        c = self.raw()
        cid = c.read_info()["client_id"]
        c.send(connect_line(**{"user": "a", "pass": "s3cr3t-a", "verbose": False, **options}) if options is not None else "")
        return c, cid

    def closed(self, cid, reason):
        return wait_until(lambda: any(x.endswith(f"Client connection closed: {reason}") for x in lines(self.server, cid))
                          and lines(self.server, cid), f"the end of {cid}")

    def test_start(self):
        self.server.wait_log("Server is ready")
        got = lines(self.server)
        self.assertEqual(got[0], "[INF] Starting nats-server")
        self.assertRegex(got[1], r"^\[INF\]   Version:  \d+\.\d+\.\d+$")
        self.assertRegex(got[2], r"^\[INF\]   Git:      \[(not set|[0-9a-f]{7,})\]$")
        self.assertIn("[WRN] Plaintext passwords detected, use nkeys or bcrypt", got)
        self.assertIn('[DBG] Created system account: "$SYS"', got)
        self.assertIn(f"[INF] Listening for client connections on 127.0.0.1:{self.server.port}", got)

    def test_conversation(self):
        c = self.raw()
        cid = c.read_info()["client_id"]
        c.send('CONNECT {"verbose":true,"user":"a","pass":"s3cr3t-a","auth_token":"s3cr3t-t","sig":"s3cr3t-s",'
               '"name":"nm","lang":"py","version":"1.0","headers":true,"protocol":0}\r\nPING\r\n')
        c.expect("+OK\r\nPONG\r\n")
        c.send(b"SUB foo 1\r\nPUB foo 7\r\na\x00\xffb\nc\"\r\nHPUB foo rep 19 24\r\nNATS/1.0\r\nA: bc\r\n\r\nhello\r\n"
               b"UNSUB 1\r\nPUB none 0\r\n\r\nPONG\r\nSUB foo..bar 7\r\n")
        c.expect(b"+OK\r\n+OK\r\nMSG foo 1 7\r\na\x00\xffb\nc\"\r\n+OK\r\nHMSG foo 1 rep 19 24\r\nNATS/1.0\r\nA: bc\r\n\r\nhello\r\n"
                 b"+OK\r\n+OK\r\n-ERR 'Invalid Subject'\r\n")
        c.close()
        me = '"v1.0:py:nm" - "$G/user:a" - '
        binary = r'MSG_PAYLOAD: ["a\x00\xffb\nc\""]'
        headers = r'MSG_PAYLOAD: ["NATS/1.0\r\nA: bc\r\n\r\nhello"]'
        self.assertEqual(self.closed(cid, "Client Closed"), [
            "[DBG] Client connection created",
            '[TRC] <<- [CONNECT {"verbose":true,"user":"a","pass":"[REDACTED]","auth_token":"[REDACTED]","sig":"[REDACTED]",'
            '"name":"nm","lang":"py","version":"1.0","headers":true,"protocol":0}]',
            f"[TRC] {me}->> [OK]",
            f"[TRC] {me}<<- [PING]", f"[TRC] {me}->> [PONG]",
            f"[TRC] {me}<<- [SUB foo 1]", f"[TRC] {me}->> [OK]",
            f"[TRC] {me}<<- [PUB foo 7]", f"[TRC] {me}<<- {binary}", f"[TRC] {me}->> [OK]",
            f"[TRC] {me}->> [MSG foo 1 7]", f"[TRC] {me}->> {binary}",
            f"[TRC] {me}<<- [HPUB foo rep 19 24]", f"[TRC] {me}<<- {headers}", f"[TRC] {me}->> [OK]",
            f"[TRC] {me}->> [HMSG foo 1 rep 19 24]", f"[TRC] {me}->> {headers}",
            f"[TRC] {me}<<- [UNSUB 1]", f"[TRC] {me}->> [OK]", f"[TRC] {me}<-> [DELSUB 1]",
            f"[TRC] {me}<<- [PUB none 0]", f"[TRC] {me}->> [OK]",
            f"[TRC] {me}<<- [PONG]",
            f"[TRC] {me}<<- [SUB foo..bar 7]", f"[TRC] {me}->> [-ERR Invalid Subject]",
            f"[DBG] {me}Client connection closed: Client Closed"])

    def test_refused(self):
        c, cid = self.login(**{"pass": "s3cr3t-wrong", "lang": "go", "version": "1.2"})
        c.expect_closed("-ERR 'Authorization Violation'\r\n")
        # The true cause at debug level is ours alone.
        got = [x for x in self.closed(cid, "Authentication Failure") if not x.startswith("[DBG] Login refused: ")]
        self.assertEqual(got[2:], ['[ERR] authentication error - User "a"', "[TRC] ->> [-ERR Authorization Violation]",
                                   "[DBG] Client connection closed: Authentication Failure"])

    def test_refused_without_a_name(self):
        c, cid = self.login(**{"user": "", "pass": "s3cr3t-wrong"})
        c.expect_closed("-ERR 'Authorization Violation'\r\n")
        self.assertIn("[ERR] authentication error", self.closed(cid, "Authentication Failure"))

    def test_refused_token(self):
        c, cid = self.login(**{"user": "", "pass": "", "auth_token": "s3cr3t-wrong"})
        c.expect_closed("-ERR 'Authorization Violation'\r\n")
        self.assertIn('[ERR] authentication error - Token "[REDACTED]"', self.closed(cid, "Authentication Failure"))

    def test_too_large(self):
        c, cid = self.login()
        c.send("PUB foo 99999999\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")
        me = '"$G/user:a" - '
        got = self.closed(cid, "Maximum Message Payload Exceeded")
        self.assertIn(f"[ERR] {me}maximum payload exceeded: 99999999 vs 1048576", got)
        self.assertIn(f"[TRC] {me}->> [-ERR Maximum Payload Violation]", got)

    def test_signals_and_end(self):
        server = Server()
        self.addCleanup(server.kill)
        server.wait_log("Server is ready")
        server.signal(signal.SIGUSR1)
        server.wait_log("re-open")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait_exit(), 0)
        got = lines(server)
        self.assertEqual(got[got.index("[INF] Server is ready"):],
                         ["[INF] Server is ready", '[INF] Trapped "user defined signal 1" signal',
                          "[INF] File log re-open ignored, not a file logger", '[INF] Trapped "terminated" signal',
                          "[INF] Initiating Shutdown...", "[INF] Server Exiting.."])


class Identity(WireCase):
    """Whom the lines of a session name."""

    serve = False
    KEY = "UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX"

    def label(self, config, **options):
        server = self.start("-D", config=config)
        self.client(server, **options).close()
        server.wait_log("Client connection closed")
        line = next(x for x in lines(server) if "Client connection closed" in x)
        return re.sub(r"^\[DBG\] 127\.0\.0\.1:\d+ - cid:\d+ - (.*?)(?: - )?Client connection closed: Client Closed$", r"\1", line)

    def test_who_connect_says(self):
        client = {"name": "nm", "lang": "py", "version": "1.0"}
        for config, options, label in (
                ("", {}, ""), ("", {"name": "nm"}, '"nm"'), ("", {"version": "1.0"}, '"v1.0"'),
                ("", {"lang": "py", "name": "nm"}, '"py:nm"'), ("", client, '"v1.0:py:nm"'),
                ("", {"user": "x", "pass": "s3cr3t-x"}, '"$G/user:x"'), ("", {"auth_token": "s3cr3t-x"}, '"$G/token"'),
                (USERS, {"user": "a", "pass": "s3cr3t-a", **client}, '"v1.0:py:nm" - "$G/user:a"'),
                ("authorization { token: s3cr3t-t }\n", {"auth_token": "s3cr3t-t"}, '"$G/token"')):
            with self.subTest(config=config, options=options):
                self.assertEqual(self.label(config, **options), label)

    def test_who_the_configuration_takes_it_for(self):
        accounts = "accounts { A { users: [{user: ua, password: s3cr3t-a}, {nkey: %s}] } }\nno_auth_user: %s\n"
        self.assertEqual(self.label(accounts % (self.KEY, "ua")), '"A/user:ua"')
        self.assertEqual(self.label(accounts % (self.KEY, self.KEY)), f'"A/nkey:{self.KEY}"')

    @unittest.skipUnless(is_troupe(server_binary()), "the Go server stays with the first name")
    def test_a_further_login_is_named(self):
        server = self.start("-D", config="accounts { A { users: [{user: a, password: p}] }, B { users: [{user: b, password: p}] } }\n")
        c = self.client(server, user="a", name="100%s", **{"pass": "p"})
        c.send(connect_line(user="b", **{"pass": "p"})).fence().close()
        server.wait_log('"100%s" - "B/user:b" - Client connection closed')

    def test_further_connects_do_not_make_it_longer(self):
        server = self.start("-D")
        c = self.client(server, name="nm", user="x")
        for _ in range(3):
            c.send(connect_line(name="nm", user="x")).fence()
        c.close()
        server.wait_log('"nm" - "$G/user:x" - Client connection closed')


class Trace(WireCase):
    serve = False

    def traced(self, server, data):
        c = self.client(server, headers=True)
        c.send(data).fence()
        wait_until(lambda: sum("->> [PONG]" in x for x in lines(server)) == 2, "the trace of both PINGs")
        return [x for x in lines(server) if "[TRC]" in x]

    def test_length_is_bounded(self):
        server = self.start("-V", "--max_traced_msg_len", "4")
        got = self.traced(server, pub("foo", "hello") + pub("foo", "hell"))
        self.assertEqual([x.partition("<<- ")[2] for x in got if "MSG_PAYLOAD" in x],
                         ['MSG_PAYLOAD: ["hell..."]', 'MSG_PAYLOAD: ["hell"]'])

    def test_headers_alone(self):
        server = self.start(config="trace_headers: true\n")
        got = self.traced(server, b"HPUB foo 18 22\r\nNATS/1.0\r\nA: b\r\n\r\nbody\r\n" + pub("foo", "hello"))
        self.assertEqual([x.partition("<<- ")[2] for x in got if "MSG_PAYLOAD" in x], [r'MSG_PAYLOAD: ["NATS/1.0\r\nA: b"]'])


class Slow(WireCase):
    config = "max_pending: 100000\nmax_payload: 50000\n"

    def test_slow_consumer(self):
        c = self.client(rcvbuf=4096)
        c.send("SUB slow 1\r\n").fence()
        p = self.client()
        for _ in range(400):
            p.send(pub("slow", b"x" * 50000))
            p.fence()
            if "Slow Consumer" in self.server.log():
                break
        line = next(x for x in lines(self.server) if "Slow Consumer" in x)
        self.assertRegex(line, r"^\[INF\] 127\.0\.0\.1:\d+ - cid:\d+ - Slow Consumer Detected: MaxPending of 100000 Exceeded$")
