"""The system account: requests on $SYS.REQ and events, every member of their JSON."""

import gzip
import json
import signal
import struct
import unittest

from harness import WireCase, connect_line, hpub, pub
from harness.server import Server, is_troupe, server_binary

CONFIG = """
server_name: S1
server_tags: ["az:1", "ssd"]
server_metadata: {k: v}
accounts: {
  $SYS: {users: [{user: sys, password: p}]}
  A: {users: [{user: a, password: p}
              {user: r, password: p, permissions: {publish: ["x", "$SYS.REQ.>"], subscribe: {deny: "z"}}}]}
}
"""
SERVER = {"name": str, "host": str, "id": str, "ver": str, "tags": list, "metadata": dict, "feature_flags": dict,
          "jetstream": bool, "flags": int, "seq": int, "time": str}
EVENT = {"type": str, "id": str, "timestamp": str, "server": dict}
CLIENT = {"start": str, "host": str, "id": int, "acc": str, "user": str, "name": str, "lang": str, "ver": str,
          "name_tag": str, "kind": str, "client_type": str}
DATA = {"msgs": int, "bytes": int}
DATA_BY_LINK = {"msgs": int, "bytes": int, "gateways": dict, "routes": dict, "leafs": dict}
ACCOUNT = {"acc": str, "name": str, "conns": int, "leafnodes": int, "total_conns": int, "num_subscriptions": int,
           "sent": dict, "received": dict, "slow_consumers": int}
STATS = {"start": str, "mem": int, "cores": int, "cpu": (int, float), "connections": int, "total_connections": int,
         "active_accounts": int, "subscriptions": int, "sent": dict, "sent_to_clients": dict, "received": dict,
         "received_from_clients": dict, "slow_consumers": int, "active_servers": int, "gomaxprocs": int}
PAGES = {
    "VARZ": {"server_id", "server_name", "version", "connections", "in_msgs", "subscriptions", "config_digest"},
    "SUBSZ": {"server_id", "now", "num_subscriptions", "num_cache", "num_inserts", "total", "offset", "limit"},
    "CONNZ": {"server_id", "now", "num_connections", "total", "offset", "limit", "connections"},
    "ROUTEZ": {"server_id", "server_name", "now", "num_routes", "routes"},
    "GATEWAYZ": {"server_id", "now", "outbound_gateways", "inbound_gateways"},
    "LEAFZ": {"server_id", "now", "leafnodes", "leafs"},
    "ACCOUNTZ": {"server_id", "now", "system_account", "accounts"},
    "JSZ": {"server_id", "now", "disabled", "config", "streams", "consumers", "messages", "bytes"},
    "HEALTHZ": {"status", "status_code"},
    "PROFILEZ": {"profile", "error"},
    "EXPVARZ": {"memstats", "cmdline"},
    "IPQUEUESZ": set(),
    "RAFTZ": set(),
}


def parse(op):
    """(subject, reply, header block, payload) of a MSG or HMSG."""
    line, rest = op.split(b"\r\n", 1)
    words = line.decode().split()
    body = rest[:-2]
    sizes = 2 if words[0] == "HMSG" else 1
    header = body[:int(words[-2])] if sizes == 2 else b""
    reply = words[3] if len(words) - sizes == 4 else None
    return words[1], reply, header, body[len(header):]


class SystemCase(WireCase):
    config = CONFIG

    def login(self, user, server=None, **more):
        return self.client(server, user=user, headers=True, name="n", lang="l", version="v", **{"pass": "p"}, **more)

    def sys(self, server=None):
        c = self.login("sys", server)
        c.send("SUB inbox.> 1\r\n").fence()
        return c

    def ask(self, c, subject, body=b"", header=None):
        """The parsed answer; the raw one when a header asks for another encoding."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        c.send(hpub(subject, header, body, "inbox.x") if header else pub(subject, body, "inbox.x"))
        got = parse(c.read_op())
        self.assertEqual(got[0], "inbox.x")
        return got if header else json.loads(got[3])

    def events(self, c, *filters):
        c.send("".join(f"SUB {f} {100 + i}\r\n" for i, f in enumerate(filters))).fence()

    def next_event(self, c):
        subject, _, _, payload = parse(c.read_op())
        return subject, json.loads(payload)

    def check(self, got, members, exact=True, but=()):
        for name, kind in members.items():
            self.assertIn(name, got)
            self.assertIsInstance(got[name], kind, name)
        if exact:
            self.assertEqual(sorted(got), sorted(set(members) | set(but) & set(got)))

    def server_id(self, c):
        return self.ask(c, "$SYS.REQ.SERVER.PING.IDZ")["id"]


class Requests(SystemCase):
    def test_every_page_for_all_and_for_one(self):
        c = self.sys()
        server_id = self.server_id(c)
        seq = 0
        for page, members in PAGES.items():
            for whom in ("PING", server_id):
                with self.subTest(page=page, whom=whom):
                    got = self.ask(c, f"$SYS.REQ.SERVER.{whom}.{page}")
                    self.assertEqual(sorted(got), ["data", "server"])
                    self.check(got["server"], SERVER)
                    self.assertEqual(got["server"]["name"], "S1")
                    self.assertEqual(got["server"]["tags"], ["az:1", "ssd"])
                    self.assertGreater(got["server"]["seq"], seq)
                    seq = got["server"]["seq"]
                    self.assertLessEqual(members, set(got["data"]))

    def test_id(self):
        c = self.sys()
        got = self.ask(c, "$SYS.REQ.SERVER.PING.IDZ")
        self.check(got, {"name": str, "host": str, "id": str})
        self.assertEqual(got["id"], c.info["server_id"])

    def test_statistics(self):
        c = self.sys()
        for subject in ("PING", "PING.STATSZ", self.server_id(c) + ".STATSZ"):
            got = self.ask(c, "$SYS.REQ.SERVER." + subject)
            self.assertEqual(sorted(got), ["server", "statsz"])
            self.check(got["statsz"], STATS)
            self.check(got["statsz"]["sent"], DATA)
            self.assertEqual(got["statsz"]["active_accounts"], 1)

    def test_statistics_without_a_reply_go_to_everybody(self):
        c = self.sys()
        subject = f"$SYS.SERVER.{self.server_id(c)}.STATSZ"
        self.events(c, subject)
        c.send(pub("$SYS.REQ.SERVER.PING"))
        got, event = self.next_event(c)
        self.assertEqual(got, subject)
        self.check(event["statsz"], STATS)

    def test_filters(self):
        c = self.sys()
        yes = [{"server_name": "S"}, {"server_name": "S1", "exact_match": True}, {"tags": ["SSD", "az:1"]}, {}, None,
               {"host": c.info["host"]}, {"unknown": [{"a": 1}]}]
        no = [{"server_name": "S", "exact_match": True}, {"server_name": "other"}, {"cluster": "c"},
              {"tags": ["ssd", "x"]}, {"domain": "d"}, {"host": "other"}]
        for options in no:
            for page in ("VARZ", "STATSZ"):
                c.send(pub("$SYS.REQ.SERVER.PING." + page, json.dumps(options), "inbox.no"))
        for options in yes:
            with self.subTest(options=options):
                self.assertIn("server", self.ask(c, "$SYS.REQ.SERVER.PING.VARZ", options))
        c.fence()

    def test_options_of_connections(self):
        c, others = self.sys(), [self.login("a") for _ in range(3)]
        got = self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", {"limit": 2, "acc": "A", "auth": True, "sort": "start"})["data"]
        self.assertEqual((got["num_connections"], got["total"], got["limit"]), (2, 3, 2))
        self.assertEqual([x["account"] for x in got["connections"]], ["A", "A"])
        self.assertEqual([x["authorized_user"] for x in got["connections"]], ["a", "a"])
        others[0].send("SUB foo 1\r\n").fence()
        cid = others[0].info["client_id"]
        got = self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", {"cid": cid, "subscriptions": True})["data"]
        self.assertEqual(got["connections"][0]["subscriptions_list"], ["foo"])

    def test_bad_options(self):
        c = self.sys()
        for body, text in [
            (b'{"limit":"x"}', "json: cannot unmarshal string into Go struct field "
                               "ConnzEventOptions.ConnzOptions.limit of type int"),
            (b'{"tags":[3]}', "json: cannot unmarshal number into Go struct field "
                              "ConnzEventOptions.EventFilterOptions.tags of type string"),
            (b'{"cid":-3}', "json: cannot unmarshal number -3 into Go struct field "
                            "ConnzEventOptions.ConnzOptions.cid of type uint64"),
            (b"[1]", "json: cannot unmarshal array into Go value of type server.ConnzEventOptions"),
            (b'"x"', "json: cannot unmarshal string into Go value of type server.ConnzEventOptions"),
        ]:
            with self.subTest(body=body):
                got = self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", body)
                self.assertEqual(got["error"], {"code": 400, "description": text})
                self.assertNotIn("data", got)
        got = self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", {"sort": "nonsense"})
        self.assertEqual(got["error"], {"code": 500, "description": "invalid sorting option: nonsense"})

    def test_hostile_bodies_are_answered_400(self):
        c = self.sys()
        for body in (b"{", b"\xff\xfe", b"[" * 5000, b'{"limit":1e30}', b'{"a":' * 2000):
            with self.subTest(body=body[:20]):
                self.assertEqual(self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", body)["error"]["code"], 400)

    def test_foreign_and_unknown_subjects_are_not_answered(self):
        c = self.sys()
        for subject in ("$SYS.REQ.SERVER.NOBODY.VARZ", "$SYS.REQ.SERVER.PING.NOTHING", "$SYS.REQ.SERVER.PING.KICK",
                        "$SYS.REQ.ACCOUNT.A.NOTHING", "$SYS.REQ.ACCOUNT.nope.STATZ", "$SYS.REQ.ACCOUNT.nope.CONNS"):
            c.send(pub(subject, b"{}", "inbox.no"))
        self.server_id(c)
        self.ask(c, "$SYS.REQ.SERVER.PING.VARZ")
        c.fence()

    def test_compressed(self):
        c = self.sys()
        for asked, encoding in [("gzip", "gzip"), ("snappy", "snappy"), ("S2, gzip", "snappy"), ("br", "identity")]:
            with self.subTest(asked=asked):
                _, _, header, body = self.ask(c, "$SYS.REQ.SERVER.PING.VARZ", b"",
                                              f"NATS/1.0\r\nAccept-Encoding: {asked}\r\n\r\n")
                self.assertIn(f"Content-Encoding:{encoding}", header.decode().replace(": ", ":"))
                plain = {"gzip": gzip.decompress, "snappy": unsnappy, "identity": bytes}[encoding](body)
                self.assertEqual(json.loads(plain)["data"]["server_name"], "S1")

    def test_kick(self):
        c, other = self.sys(), self.login("a")
        kick = f"$SYS.REQ.SERVER.{self.server_id(c)}.KICK"
        self.assertEqual(self.ask(c, kick, {"cid": 99999})["error"],
                         {"code": 500, "description": "no such client or leafnode id"})
        got = self.ask(c, kick, {"cid": other.info["client_id"]})
        self.assertEqual(sorted(got), ["server"])
        other.expect_closed()
        closed = self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", {"state": 1, "cid": other.info["client_id"]})
        self.assertEqual(closed["data"]["connections"][0]["reason"], "Kicked")

    def test_lame_duck_for_one(self):
        c, old, new = self.sys(), self.login("a"), self.login("a", protocol=1)
        ldm = f"$SYS.REQ.SERVER.{self.server_id(c)}.LDM"
        self.assertEqual(sorted(self.ask(c, ldm, {"cid": new.info["client_id"]})), ["server"])
        self.assertIs(new.read_info()["ldm"], True)
        new.fence()
        self.assertEqual(self.ask(c, ldm, {"cid": old.info["client_id"]})["error"]["description"],
                         "client does not support Lame Duck Mode or is not ready to receive the notification")
        self.assertEqual(self.ask(c, ldm, {"cid": 99999})["error"]["description"], "no such client id")
        old.fence()

    def test_reload(self):
        c = self.sys()
        self.assertEqual(sorted(self.ask(c, f"$SYS.REQ.SERVER.{self.server_id(c)}.RELOAD")), ["server"])

    def test_accounts(self):
        c, a = self.sys(), self.login("a")
        a.send("SUB foo 1\r\nSUB foo.* 2\r\n").send(pub("nobody", "xyz")).fence()
        got = self.ask(c, "$SYS.REQ.ACCOUNT.A.CONNZ")["data"]
        self.assertEqual(got["num_connections"], 1)
        got = self.ask(c, "$SYS.REQ.ACCOUNT.A.SUBSZ")["data"]
        self.assertLessEqual({"foo", "foo.*"}, {s["subject"] for s in got["subscriptions_list"]})
        got = self.ask(c, "$SYS.REQ.ACCOUNT.A.INFO")["data"]
        self.assertEqual((got["account_name"], got["client_connections"]), ("A", 1))
        self.assertLessEqual({"update_time", "expired", "complete", "jetstream_enabled", "leafnode_connections",
                              "subscriptions", "sublist_stats"}, set(got))
        got = self.ask(c, "$SYS.REQ.ACCOUNT.A.LEAFZ")["data"]
        self.assertEqual(got["leafnodes"], 0)
        self.assertEqual(self.ask(c, "$SYS.REQ.ACCOUNT.A.JSZ")["error"],
                         {"code": 500, "description": "jetstream not enabled"})
        self.assertEqual(self.ask(c, "$SYS.REQ.ACCOUNT.nope.INFO")["error"],
                         {"code": 500, "description": "Account nope does not exist"})

    def test_account_statistics(self):
        c, a = self.sys(), self.login("a")
        a.send(pub("nobody", "xyz")).fence()
        one = self.ask(c, "$SYS.REQ.ACCOUNT.A.STATZ")["data"]
        self.assertEqual(sorted(one), ["account_statz", "now", "server_id"])
        self.check(one["account_statz"][0], ACCOUNT)
        self.check(one["account_statz"][0]["sent"], DATA_BY_LINK)
        self.assertEqual(one["account_statz"][0]["acc"], "A")
        self.assertEqual(one["account_statz"][0]["conns"], 1)
        everyone = self.ask(c, "$SYS.REQ.ACCOUNT.PING.STATZ")["data"]["account_statz"]
        self.assertEqual(sorted(x["acc"] for x in everyone), ["$SYS", "A"])
        unused = self.ask(c, "$SYS.REQ.ACCOUNT.PING.STATZ", {"include_unused": True})["data"]["account_statz"]
        self.assertEqual(sorted(x["acc"] for x in unused), ["$G", "$SYS", "A"])
        named = self.ask(c, "$SYS.REQ.ACCOUNT.PING.STATZ", {"accounts": ["A", "nope"]})["data"]["account_statz"]
        self.assertEqual([x["acc"] for x in named], ["A"])
        event = self.ask(c, "$SYS.REQ.ACCOUNT.A.CONNS")
        self.check(event, {**EVENT, **ACCOUNT})

    def test_own_user(self):
        got = self.ask(self.sys(), "$SYS.REQ.USER.INFO")["data"]
        self.assertEqual(got, {"user": "sys", "account": "$SYS", "account_name": "$SYS"})

    def test_subscribers(self):
        c, d = self.sys(), self.sys()
        d.send("SUB t.a 5\r\nSUB t.* 6\r\nSUB t.a q 7\r\nSUB t.b q 8\r\n").fence()
        for body, count in [(b"t.a", 3), (b"t.a q", 1), (b"t.*", 4), (b"t.* q", 2), (b" t.b ", 2), (b"u", 0)]:
            with self.subTest(body=body):
                self.assertEqual(self.ask(c, "$SYS.DEBUG.SUBSCRIBERS", body), count)


    def test_subscribers_of_another_server(self):
        """What a server of the cluster asks; the queue is bytes there."""
        c, a = self.sys(), self.login("a")
        a.send("SUB n.a 5\r\nSUB n.* 6\r\nSUB n.a q 7\r\n").fence()
        for options, count in [({"subject": "n.a"}, 3), ({"subject": "n.a", "queue": "cQ=="}, 1), ({"subject": "n.*"}, 3),
                               ({"subject": "n.*", "queue": "cQ=="}, 1), ({"subject": "n.b"}, 1)]:
            with self.subTest(options=options):
                self.assertEqual(self.ask(c, "$SYS.REQ.ACCOUNT.NSUBS", {"acc": "A", **options}), count)

    def test_many_at_once(self):
        c = self.sys()
        pages = ["VARZ", "CONNZ", "SUBSZ", "ACCOUNTZ", "HEALTHZ", "STATSZ"] * 20
        c.send(b"".join(pub(f"$SYS.REQ.SERVER.PING.{page}", b"", f"inbox.{i}") for i, page in enumerate(pages)))
        got = dict((subject, json.loads(body)) for subject, _, _, body in (parse(c.read_op()) for _ in pages))
        self.assertEqual(sorted(got), sorted(f"inbox.{i}" for i in range(len(pages))))
        self.assertEqual(len({x["server"]["seq"] for x in got.values()}), len(pages))


class Events(SystemCase):
    def test_connect_and_disconnect(self):
        c = self.sys()
        self.events(c, "$SYS.ACCOUNT.A.CONNECT", "$SYS.ACCOUNT.A.DISCONNECT")
        a = self.login("a")
        subject, event = self.next_event(c)
        self.assertEqual(subject, "$SYS.ACCOUNT.A.CONNECT")
        self.check(event, {**EVENT, "client": dict})
        self.check(event["server"], SERVER)
        self.check(event["client"], CLIENT)
        self.assertEqual(event["type"], "io.nats.server.advisory.v1.client_connect")
        told = {k: event["client"][k] for k in ("host", "id", "acc", "user", "name", "lang", "ver", "kind")}
        self.assertEqual(told, {"host": "127.0.0.1", "id": a.info["client_id"], "acc": "A", "user": "a", "name": "n",
                                "lang": "l", "ver": "v", "kind": "Client"})
        a.send("SUB y 1\r\n" + pub("y", "12345").decode()).read_to_fence()
        a.close()
        subject, event = self.next_event(c)
        self.assertEqual(subject, "$SYS.ACCOUNT.A.DISCONNECT")
        self.check(event, {**EVENT, "client": dict, "sent": dict, "received": dict, "reason": str})
        self.check(event["client"], {**CLIENT, "stop": str}, but=("rtt",))
        self.assertEqual(event["type"], "io.nats.server.advisory.v1.client_disconnect")
        self.assertEqual(event["sent"], {"msgs": 1, "bytes": 5})
        self.assertEqual(event["received"], {"msgs": 1, "bytes": 5})
        self.assertEqual(event["reason"], "Client Closed")
        c.fence()

    def test_connections_of_an_account(self):
        c = self.sys()
        self.events(c, "$SYS.SERVER.ACCOUNT.A.CONNS", "$SYS.ACCOUNT.A.SERVER.CONNS")
        a = self.login("a")
        for conns in (1, 0):
            got = dict(self.next_event(c) for _ in range(2))
            self.assertEqual(sorted(got), ["$SYS.ACCOUNT.A.SERVER.CONNS", "$SYS.SERVER.ACCOUNT.A.CONNS"])
            for event in got.values():
                self.check(event, {**EVENT, **ACCOUNT})
                self.assertEqual(event["type"], "io.nats.server.advisory.v1.account_connections")
                self.assertEqual((event["acc"], event["conns"], event["total_conns"]), ("A", conns, conns))
            a.close()

    def test_refused_login(self):
        c = self.sys()
        self.events(c, "$SYS.SERVER.*.CLIENT.AUTH.ERR")
        bad = self.raw()
        bad.read_info()
        bad.send(connect_line(user="a", name="n", lang="l", version="v", **{"pass": "wrong"}))
        subject, event = self.next_event(c)
        self.assertEqual(subject, f"$SYS.SERVER.{c.info['server_id']}.CLIENT.AUTH.ERR")
        self.check(event, {**EVENT, "client": dict, "sent": dict, "received": dict, "reason": str})
        self.assertEqual(event["reason"], "Authentication Failure")
        self.assertEqual(event["client"]["user"], "a")
        self.assertEqual(event["client"]["acc"], "$G")
        self.assertNotIn("wrong", json.dumps(event))

    def test_refused_login_is_told_to_the_account(self):
        server = self.start(config="authorization: {users: [{user: u, password: p}]}\n")
        c = self.client(server, user="u", **{"pass": "p"})
        self.events(c, "$SYS.ACCOUNT.CLIENT.AUTH.ERR")
        bad = self.raw(server)
        bad.read_info()
        bad.send(connect_line(user="nobody", **{"pass": "wrong"}))
        subject, event = self.next_event(c)
        self.assertEqual(subject, "$SYS.ACCOUNT.CLIENT.AUTH.ERR")
        self.check(event["server"], {"name": str, "id": str}, exact=False)
        self.assertEqual(event["type"], "io.nats.server.advisory.v1.client_disconnect")
        self.assertEqual((event["client"]["acc"], event["client"]["user"]), ("$G", "nobody"))
        self.assertEqual(event["reason"], "Authentication Failure")

    def test_an_account_of_another_name(self):
        server = self.start(config="""accounts: {MINE: {users: [{user: sys, password: p}]}
                                                "a b": {users: [{user: blank, password: p}]}}
                                      system_account: MINE\n""")
        c = self.sys(server)
        self.assertEqual(self.ask(c, "$SYS.REQ.SERVER.PING.ACCOUNTZ")["data"]["system_account"], "MINE")
        self.assertEqual(self.ask(c, "$SYS.REQ.USER.INFO")["data"]["account"], "MINE")
        self.events(c, "$SYS.ACCOUNT.*.CONNECT")
        self.login("sys", server)
        self.assertEqual(self.next_event(c)[0], "$SYS.ACCOUNT.MINE.CONNECT")

    @unittest.skipUnless(is_troupe(server_binary()), "the Go server writes such a name into the line")
    def test_no_name_of_an_account_breaks_a_line(self):
        server = self.start(config="""accounts: {$SYS: {users: [{user: sys, password: p}]}
                                                "a b": {users: [{user: blank, password: p}]}}\n""")
        c = self.sys(server)
        self.events(c, "$SYS.ACCOUNT.>", "$SYS.SERVER.ACCOUNT.>")
        self.login("blank", server).close()
        c.fence()

    def test_statistics_come_by_themselves(self):
        server = self.start(config=CONFIG)
        c = self.sys(server)
        self.events(c, "$SYS.SERVER.*.STATSZ")
        _, event = self.next_event(c)
        self.check(event["server"], SERVER)
        self.check(event["statsz"], STATS)

    def test_shutdown(self):
        server = Server(config=CONFIG)
        self.addCleanup(server.kill)
        c = self.sys(server)
        self.events(c, "$SYS.SERVER.*.SHUTDOWN", "$SYS.SERVER.*.LAMEDUCK", "$SYS.ACCOUNT.*.DISCONNECT")
        others = [self.login("a", server) for _ in range(4)]
        server.signal(signal.SIGINT)
        # The Go server closes its own clients before it tells the others of the cluster.
        if is_troupe(server.binary):
            subject, event = self.next_event(c)
            self.assertEqual(subject, f"$SYS.SERVER.{c.info['server_id']}.SHUTDOWN")
            self.check(event, SERVER)
        for other in [c] + others:
            other.wait_closed()
        server.wait_exit()

    def test_lame_duck(self):
        server = self.start(config=CONFIG)
        c = self.sys(server)
        self.events(c, "$SYS.SERVER.*.LAMEDUCK")
        server.signal(signal.SIGUSR2)
        subject, event = self.next_event(c)
        self.assertEqual(subject, f"$SYS.SERVER.{c.info['server_id']}.LAMEDUCK")
        self.check(event, SERVER)


class WithoutSystemAccount(WireCase):
    config = "no_system_account: true\n"

    def test_nobody_answers(self):
        c = self.client(headers=True, no_responders=True)
        c.send("SUB inbox 1\r\n").send(pub("$SYS.REQ.SERVER.PING", b"", "inbox"))
        self.assertIn(b"503", c.read_op())


class OtherAccounts(SystemCase):
    """What every account may ask about itself, and about nobody else."""

    def user(self, name):
        c = self.login(name, no_responders=True)
        c.send("SUB inbox.> 1\r\n").fence()
        return c

    def test_own_user(self):
        got = self.ask(self.user("a"), "$SYS.REQ.USER.INFO")
        self.check(got["server"], SERVER)
        self.assertEqual(got["data"], {"user": "a", "account": "A", "account_name": "A"})
        got = self.ask(self.user("r"), "$SYS.REQ.USER.INFO")["data"]
        allowed = got["permissions"]["publish"].pop("allow")
        self.assertEqual(sorted(allowed), ["$SYS.REQ.>", "x"])
        self.assertEqual(got, {"user": "r", "account": "A", "account_name": "A",
                               "permissions": {"publish": {}, "subscribe": {"deny": ["z"]}}})

    def test_own_connections_and_statistics(self):
        a, _ = self.user("a"), self.login("sys")
        for subject in ("$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ"):
            got = self.ask(a, subject, {"acc": "$SYS"})["data"]
            self.assertEqual([x["cid"] for x in got["connections"]], [a.info["client_id"]])
        got = self.ask(a, "$SYS.REQ.ACCOUNT.PING.STATZ", {"accounts": ["$SYS"]})["data"]["account_statz"]
        self.assertEqual([(x["acc"], x["conns"]) for x in got], [("A", 1)])

    def test_the_rest_is_closed_to_them(self):
        c = self.user("a")
        for subject in ("$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.ACCOUNT.$SYS.CONNZ",
                        "$SYS.REQ.USER.A.INFO", f"$SYS.REQ.SERVER.{c.info['server_id']}.KICK"):
            with self.subTest(subject=subject):
                c.send(pub(subject, b"{}", "inbox.x"))
                self.assertIn(b"NATS/1.0 503", c.read_op())


class InTheGlobalAccount(WireCase):
    def test_requests_of_other_accounts_are_not_served(self):
        c = self.client(headers=True, no_responders=True)
        c.send("SUB inbox 1\r\n").send(pub("$SYS.REQ.SERVER.PING.VARZ", b"", "inbox"))
        self.assertIn(b"503", c.read_op())


def unsnappy(data):
    """Reads snappy's framing format; checksums are the unit test's business."""
    out, at = b"", 0
    while at < len(data):
        kind, size = data[at], struct.unpack("<I", data[at + 1:at + 4] + b"\0")[0]
        body = data[at + 4:at + 4 + size]
        at += 4 + size
        if kind == 0:
            out += unsnappy_block(body[4:])
        elif kind == 1:
            out += body[4:]
    return out


def unsnappy_block(data):
    at = 0
    while data[at] & 128:
        at += 1
    at += 1
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            size = tag >> 2
            if size >= 60:
                more = size - 59
                size = int.from_bytes(data[at:at + more], "little")
                at += more
            out += data[at:at + size + 1]
            at += size + 1
            continue
        if tag & 3 == 1:
            size, offset = ((tag >> 2) & 7) + 4, (tag >> 5) << 8 | data[at]
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            size, offset = (tag >> 2) + 1, int.from_bytes(data[at:at + width], "little")
            at += width
        for _ in range(size):
            out.append(out[-offset])
    return bytes(out)


if __name__ == "__main__":
    unittest.main()
