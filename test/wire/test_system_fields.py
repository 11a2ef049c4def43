"""Every request and event of the system account against the fields of the Go server's types: all that must be there, nothing else."""

import json
import signal
import unittest

from harness import Server, WireCase, connect_line, hpub, pub, wait_until
from harness.fields import problems
from harness.nkeys import ACCOUNT, OPERATOR, Key
from harness.ocsp import REVOKED, serial_of
from harness.server import is_troupe
from test_claims import FULL, ClaimsCase
from test_ocsp_peer import CA, PeerCase

CONFIG = """
server_name: S1
server_tags: ["az:1"]
server_metadata: {k: v}
accounts: {
  $SYS: {users: [{user: sys, password: p}]}
  A: {users: [{user: a, password: p, permissions: {publish: {allow: ">", deny: "no"}, subscribe: {deny: z}, allow_responses: true}}],
      mappings: {"m.a": "m.b"}, exports: [{service: q, latency: lat.q}, {stream: "s.>", accounts: [B]}]}
  B: {users: [{user: b, password: p}], imports: [{service: {account: A, subject: q}, share: true}, {stream: {account: A, subject: "s.>"}}]}
}
"""
ALL_OPTIONS = {"subscriptions": True, "subscriptions_detail": True, "auth": True}
# What is asked of one server and of all; the options; the type of "data" (of the whole, with a star).
PAGES = [
    ("IDZ", {}, "*ServerID"), ("STATSZ", {}, "*ServerStatsMsg"), ("VARZ", {}, "Varz"), ("SUBSZ", {}, "Subsz"),
    ("SUBSZ", {"subscriptions": True}, "Subsz"), ("SUBSZ", {"subscriptions": True, "test": "foo", "account": "A", "limit": 1}, "Subsz"),
    ("CONNZ", {}, "Connz"), ("CONNZ", ALL_OPTIONS, "Connz"), ("CONNZ", {"state": 1, **ALL_OPTIONS}, "Connz"),
    ("CONNZ", {"state": 2, "sort": "subs", "limit": 1, "offset": 1}, "Connz"), ("CONNZ", {"acc": "A", "filter_subject": "foo"}, "Connz"),
    ("ROUTEZ", {}, "Routez"), ("ROUTEZ", {"subscriptions": True}, "Routez"), ("GATEWAYZ", {}, "Gatewayz"),
    ("GATEWAYZ", {"accounts": True}, "Gatewayz"), ("LEAFZ", {}, "Leafz"), ("LEAFZ", {"subscriptions": True}, "Leafz"),
    ("ACCOUNTZ", {}, "Accountz"), ("ACCOUNTZ", {"account": "A"}, "Accountz"), ("ACCOUNTZ", {"account": "B"}, "Accountz"),
    ("ACCOUNTZ", {"account": "$SYS"}, "Accountz"), ("JSZ", {}, "JSInfo"), ("JSZ", {"accounts": True, "config": True}, "JSInfo"),
    ("HEALTHZ", {}, "HealthStatus"), ("HEALTHZ", {"js-enabled-only": True, "details": True}, "HealthStatus"),
    ("PROFILEZ", {"name": "goroutine"}, "ProfilezStatus"), ("PROFILEZ", {}, "ProfilezStatus"), ("EXPVARZ", {}, "ExpvarzStatus"),
    ("IPQUEUESZ", {}, "IpqueueszStatus"), ("IPQUEUESZ", {"all": True}, "IpqueueszStatus"), ("RAFTZ", {}, "RaftzStatus"),
]
# The same of an account, and what is neither.
OTHERS = [
    ("ACCOUNT.A.SUBSZ", {}, "Subsz"), ("ACCOUNT.A.SUBSZ", {"subscriptions": True}, "Subsz"), ("ACCOUNT.A.CONNZ", ALL_OPTIONS, "Connz"),
    ("ACCOUNT.A.LEAFZ", {}, "Leafz"), ("ACCOUNT.A.INFO", {}, "AccountInfo"), ("ACCOUNT.B.INFO", {}, "AccountInfo"),
    ("ACCOUNT.A.STATZ", {}, "AccountStatz"), ("ACCOUNT.PING.STATZ", {}, "AccountStatz"),
    ("ACCOUNT.PING.STATZ", {"accounts": ["A", "B"], "include_unused": True}, "AccountStatz"), ("ACCOUNT.PING.CONNZ", {}, "Connz"),
    ("ACCOUNT.A.CONNS", {}, "*AccountNumConns"), ("USER.INFO", {}, "UserInfo"), ("SERVER.PING", {}, "*ServerStatsMsg"),
]
# Refused: the description.
REFUSED = [
    ("SERVER.PING.CONNZ", {"sort": "nope"}, 500), ("SERVER.PING.CONNZ", {"limit": "x"}, 400), ("SERVER.PING.SUBSZ", {"test": "a..b"}, 500),
    ("SERVER.PING.ACCOUNTZ", {"account": 3}, 400), ("ACCOUNT.nope.INFO", {}, 500), ("ACCOUNT.A.JSZ", {}, 500),
    ("SERVER.{id}.KICK", {"cid": 99999}, 500), ("SERVER.{id}.LDM", {"cid": 99999}, 500),
]
TYPES = {"ConnectEvent": "io.nats.server.advisory.v1.client_connect", "DisconnectEvent": "io.nats.server.advisory.v1.client_disconnect",
         "OCSPPeerReject": "io.nats.server.advisory.v1.ocsp_peer_reject",
         "OCSPPeerInvalid": "io.nats.server.advisory.v1.ocsp_peer_link_invalid",
         "AccountNumConns": "io.nats.server.advisory.v1.account_connections", "ServiceLatency": "io.nats.server.metric.v1.service_latency"}


class FieldCase(WireCase):
    config = CONFIG
    monitor = True

    def login(self, user, server=None, **more):
        return self.client(server, user=user, headers=True, no_responders=True, name="n", lang="l", version="v", **{"pass": "p", **more})

    def sys(self, *filters, server=None):
        c = self.login("sys", server)
        return c.send("SUB inbox 1\r\n" + "".join(f"SUB {f} {9 + i}\r\n" for i, f in enumerate(filters))).fence()

    def check(self, kind, document):
        self.assertEqual(problems(kind, document), [], json.dumps(document)[:2000])

    def next_event(self, c):
        head, body = c.read_op().split(b"\r\n", 1)
        return head.split()[1].decode(), json.loads(body)

    def check_event(self, kind, event):
        self.check(kind, event)
        if kind in TYPES:
            self.assertEqual(event["type"], TYPES[kind])


class Requests(FieldCase):
    def setUp(self):
        a, gone = self.login("a", protocol=1), self.login("a")
        a.send("SUB foo 1\r\nSUB foo.* q 2\r\nUNSUB 1 10\r\n").fence()
        self.cid = a.info["client_id"]
        gone.send("SUB foo 1\r\nBAD\r\n").wait_closed()
        wait_until(lambda: self.server.json("/connz?state=closed")["num_connections"] > 0, "the closed connection")
        self.a, self.c = a, self.sys()

    def ask(self, subject, options=None):
        body = json.dumps(options).encode() if options else b""
        self.c.send(pub("$SYS.REQ." + subject.replace("{id}", self.c.info["server_id"]), body, "inbox"))
        subject, answer = self.next_event(self.c)
        self.assertEqual(subject, "inbox")
        return answer

    def check_answer(self, kind, answer):
        if kind.startswith("*"):
            return self.check(kind[1:], answer)
        self.assertEqual(sorted(answer), ["data", "server"])
        self.check("Response", answer)
        self.check(kind, answer["data"])

    def test_pages_of_a_server(self):
        for page, options, kind in PAGES:
            for whom in ("PING", "{id}"):
                if (page, whom) == ("IDZ", "{id}"):
                    continue
                with self.subTest(page=page, options=options, whom=whom):
                    self.check_answer(kind, self.ask(f"SERVER.{whom}.{page}", options))

    def test_accounts_and_users(self):
        for subject, options, kind in OTHERS:
            with self.subTest(subject=subject, options=options):
                self.check_answer(kind, self.ask(subject, options))
        self.assertIsInstance(self.ask("ACCOUNT.NSUBS", {"acc": "A", "subject": "foo"}), int)

    def test_user_of_another_account(self):
        for user in ("a", "b"):
            c = self.login(user)
            c.send("SUB inbox 1\r\n").fence().send(pub("$SYS.REQ.USER.INFO", b"", "inbox"))
            self.check_answer("UserInfo", self.next_event(c)[1])

    def test_orders(self):
        done = [("SERVER.{id}.RELOAD", {})]
        if not is_troupe(self.server.binary):
            done = []  # its reload waits for a second
        for subject, options in done + [("SERVER.{id}.LDM", {"cid": self.cid}), ("SERVER.{id}.KICK", {"cid": self.cid})]:
            with self.subTest(subject=subject):
                answer = self.ask(subject, options)
                self.assertEqual(sorted(answer), ["server"])
                self.check("Response", answer)

    def test_refusals(self):
        for subject, options, code in REFUSED:
            with self.subTest(subject=subject, options=options):
                answer = self.ask(subject, options)
                self.assertEqual(sorted(set(answer) - {"data"}), ["error", "server"])
                self.assertIsNone(answer.get("data"))
                self.check("Response", answer)
                self.assertEqual(answer["error"]["code"], code)
                self.assertTrue(answer["error"]["description"])


class Events(FieldCase):
    def test_of_a_session(self):
        c = self.sys("$SYS.ACCOUNT.A.>", "$SYS.SERVER.ACCOUNT.A.>")
        a = self.login("a")
        a.send("SUB y 1\r\n" + pub("y", "12345").decode()).read_to_fence()
        a.close()
        kinds = {"$SYS.ACCOUNT.A.CONNECT": "ConnectEvent", "$SYS.ACCOUNT.A.DISCONNECT": "DisconnectEvent",
                 "$SYS.ACCOUNT.A.SERVER.CONNS": "AccountNumConns", "$SYS.SERVER.ACCOUNT.A.CONNS": "AccountNumConns"}
        seen = []
        for _ in range(6):
            subject, event = self.next_event(c)
            seen.append(subject)
            self.check_event(kinds[subject], event)
        self.assertEqual({s: seen.count(s) for s in seen}, {s: 1 if s.endswith("CONNECT") else 2 for s in kinds})

    def test_refused_login(self):
        c = self.sys("$SYS.SERVER.*.CLIENT.AUTH.ERR")
        bad = self.raw()
        bad.read_info()
        bad.send(connect_line(user="a", **{"pass": "wrong"})).wait_closed()
        self.check_event("DisconnectEvent", self.next_event(c)[1])

    def test_refused_login_in_the_account(self):
        server = self.start(config="authorization: {users: [{user: u, password: p}]}\n")
        c = self.client(server, user="u", **{"pass": "p"})
        c.send("SUB $SYS.ACCOUNT.CLIENT.AUTH.ERR 1\r\n").fence()
        bad = self.raw(server)
        bad.read_info()
        bad.send(connect_line(user="x", **{"pass": "wrong"})).wait_closed()
        self.check_event("DisconnectEvent", self.next_event(c)[1])

    def test_statistics(self):
        c = self.sys("$SYS.SERVER.*.STATSZ")
        self.check("ServerStatsMsg", self.next_event(c)[1])

    def test_the_end(self):
        for number, name in [(signal.SIGUSR2, "LAMEDUCK"), (signal.SIGINT, "SHUTDOWN")]:
            server = Server(config=CONFIG)
            self.addCleanup(server.kill)
            c = self.sys(f"$SYS.SERVER.*.{name}", server=server)
            # The Go server closes its own clients before it tells the others of the cluster.
            if name == "SHUTDOWN" and not is_troupe(server.binary):
                continue
            server.signal(number)
            subject, event = self.next_event(c)
            self.assertEqual(subject, f"$SYS.SERVER.{c.info['server_id']}.{name}")
            self.check("ServerInfo", event)

    def test_latency(self):
        watcher, service, asker = self.login("a"), self.login("a"), self.login("b")
        watcher.send("SUB lat.q 1\r\n").fence()
        service.send("SUB q 1\r\n").fence()
        asker.send("SUB back 1\r\n").fence()
        asker.send(hpub("q", "NATS/1.0\r\nA: b\r\n\r\n", "x", "back"))
        reply = service.read_op().split(b" ")[3].decode()
        service.send(pub(reply, "y")).fence()
        self.check_event("ServiceLatency", self.next_event(watcher)[1])


class PeerEvents(PeerCase, FieldCase):
    """What is told of clients whose certificates do not hold."""

    def test_refused_certificate(self):
        responder = self.responder()
        server = self.node()
        c = self.lets_in(server, CA.issue("sys", usage="clientAuth"), user="sys", **{"pass": "s3cr3t"})
        c.send("SUB $SYS.SERVER.*.OCSP.PEER.> 1\r\n").fence()
        certificate = self.certificate(responder, "revoked")
        responder.status[serial_of(certificate)] = REVOKED
        self.refuses(server, certificate)
        prefix = f"$SYS.SERVER.{c.info['server_id']}.OCSP.PEER."
        kinds = {prefix + "CONN.REJECT": "OCSPPeerReject", prefix + "LINK.INVALID": "OCSPPeerInvalid"}
        seen = set()
        for _ in kinds:
            subject, event = self.next_event(c)
            seen.add(subject)
            self.check_event(kinds[subject], event)
        self.assertEqual(seen, set(kinds))


class Claims(ClaimsCase, FieldCase):
    """What a resolver answers over the system account."""

    def asked(self, kind, c, subject, body=""):
        answer = json.loads(self.ask(c, "$SYS.REQ." + subject, body))
        self.check(kind, answer)
        return answer

    def updates(self, resolver):
        server = self.node(resolver)
        c, a = self.sys(server), Key(ACCOUNT)
        for subject, jwt, good in [("CLAIMS.UPDATE", self.op.account(a), True), ("CLAIMS.UPDATE", "nonsense", False),
                                   (f"ACCOUNT.{a.public}.CLAIMS.UPDATE", self.op.account(a), True),
                                   (f"ACCOUNT.{a.public}.CLAIMS.UPDATE", self.op.account(Key(ACCOUNT)), False)]:
            answer = self.asked("ClaimUpdate", c, subject, jwt)
            self.assertEqual(sorted(answer), sorted(["data" if good else "error", "server"]))
        return c, a

    def test_full(self):
        c, a = self.updates(FULL)
        self.assertIn(a.public, self.asked("ClaimsList", c, "CLAIMS.LIST")["data"])
        for signer, part in [(self.op.key, "data"), (Key(OPERATOR), "error")]:
            token = signer.jwt(signer.public, {"type": "generic", "accounts": [a.public]})
            self.assertEqual(sorted(self.asked("ClaimUpdate", c, "CLAIMS.DELETE", token)), [part, "server"])

    def test_cache(self):
        c, _ = self.updates("{type: cache, dir: 'DIR'}")
        self.asked("ClaimsList", c, "CLAIMS.LIST")

    def test_memory(self):
        """Which is asked about one account only."""
        c, a = self.sys(self.node("MEM")), Key(ACCOUNT)
        for jwt, part in [(self.op.account(a), "data"), ("", "error")]:
            self.assertEqual(sorted(self.asked("ClaimUpdate", c, f"ACCOUNT.{a.public}.CLAIMS.UPDATE", jwt)), [part, "server"])


if __name__ == "__main__":
    unittest.main()
