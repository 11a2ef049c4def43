"""Monitoring pages: /healthz /varz /connz /subsz. Shapes as the Go server's, values as the clients made them.

With NATS_PEER_BIN set, a Go server beside it goes through the same scenario and the shapes are compared live;
otherwise they are compared with golden/*.json (written by: WIRE_GOLDEN=write run -m test_monitor).
"""

import json
import os
import signal
import unittest

from harness import Server, WireCase, connect_line, msg, not_yet, pub, server_binary, wait_until
from harness.shape import differences, shape

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
PAGES = ["/healthz", "/varz", "/connz", "/connz?subs=1", "/connz?subs=detail", "/connz?auth=1", "/connz?state=closed",
         "/connz?state=any", "/connz?cid=999999", "/connz?limit=1", "/connz?offset=1&limit=1", "/subsz", "/subsz?subs=1",
         "/subsz?subs=1&test=foo", "/subscriptionsz", "/connz?state=closed&auth=1", "/connz?state=closed&subs=detail",
         "/connz?state=any&auth=1&subs=1", "/connz?user=u&auth=1", "/connz?acc=NOPE", "/connz?mqtt_client=none",
         "/subsz?acc=NOPE&subs=1&limit=2", "/routez", "/routez?subs=detail", "/gatewayz", "/gatewayz?accs=1&gw_name=x",
         "/leafz", "/leafz?subs=1&acc=A", "/accountz", "/accstatz", "/accstatz?unused=1", "/jsz",
         "/jsz?accounts=1&streams=1&consumers=1&config=1&raft=1", "/healthz?details=1", "/healthz?js-enabled=true",
         "/healthz?js-enabled-only=1", "/healthz?js-server-only=1", "/healthz?js-meta-only=1",
         "/healthz?leaf-remotes-connected=1", "/healthz?account=A&stream=s&consumer=c&details=1", "/ipqueuesz",
         "/debug/vars"]
USERS = "authorization { users: [{user: u, password: p}, {user: v, password: p}] }\nno_auth_user: u\n"
ACCOUNTS = "accounts { A { users: [{user: u, password: p}] } }\nno_auth_user: u\n"


def scenario(case, server):
    """The same clients on every server whose pages are compared."""
    a = case.client(server, name="n", lang="py", version="1.2", user="u", **{"pass": "p"})
    a.send("SUB foo 1\r\nSUB foo.* q 2\r\nUNSUB 1 10\r\n").fence()
    b = case.client(server, user="u", **{"pass": "p"})
    b.send(pub("foo", "hello")).fence()
    a.expect(msg("foo", 1, "hello")).fence()
    gone = case.client(server, name="gone", user="u", **{"pass": "p"})
    gone.send("SUB foo 1\r\n").send("BAD\r\n").wait_closed()
    wait_until(lambda: server.json("/connz?state=closed")["num_connections"] == 1, "the closed connection")
    server.http("/")
    return a, b


class Shapes(WireCase):
    config = USERS
    monitor = True
    golden = "monitor.json"

    def shapes(self, server):
        scenario(self, server)
        for page in PAGES:
            server.json(page)  # so that varz' http_req_stats names the same pages
        return {page: shape(server.json(page)) for page in PAGES}

    def test_shapes(self):
        path = os.path.join(GOLDEN, self.golden)
        mine = self.shapes(self.server)
        if os.environ.get("WIRE_GOLDEN") == "write":
            os.makedirs(GOLDEN, exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                lines = [f"{json.dumps(page)}: {json.dumps(mine[page], sort_keys=True)}" for page in sorted(mine)]
                f.write("{\n" + ",\n".join(lines) + "\n}\n")
        peer = os.environ.get("NATS_PEER_BIN")
        if peer:
            with Server(config=self.config, monitor=True, binary=os.path.abspath(peer)) as server:
                want = self.shapes(server)
        else:
            with open(path, encoding="utf-8") as f:
                want = json.load(f)
        for page in PAGES:
            with self.subTest(page=page):
                self.assertEqual(differences(want[page], mine[page]), [])


class ShapesOfAccounts(Shapes):
    config = ACCOUNTS
    golden = "monitor_accounts.json"


class AccountRules(WireCase):
    monitor = True
    config = """accounts {
      A { users: [{user: a, password: a}], mappings: {"m.a": "m.b", "w.*": [{destination: "w1.$1", weight: 40%},
                                                                            {destination: "w2.$1", weight: 60%}]}
          exports: [{service: q}, {stream: "s.>", accounts: [B]}, {service: "r.*", accounts: [B], response_type: chunked}] }
      B { users: [{user: b, password: b}], imports: [{service: {account: A, subject: q}, to: "local.q"},
          {stream: {account: A, subject: "s.>"}, prefix: pre}, {service: {account: A, subject: "r.x"}, share: true}] } }
    """

    def detail(self, account):
        return self.server.json("/accountz?acc=" + account)["account_detail"]

    def test_exports_and_mappings(self):
        a = self.detail("A")
        self.assertEqual(a["mappings"], {"m.a": [{"subject": "m.b", "weight": 100}], "w.*": [
            {"subject": "w1.$1", "weight": 40}, {"subject": "w2.$1", "weight": 100}]})
        self.assertEqual(sorted(a["exports"], key=lambda e: e["subject"]), [
            {"subject": "q", "type": "service", "response_type": "Singleton"},
            {"subject": "r.*", "type": "service", "response_type": "Chunked", "approved_accounts": ["B"]},
            {"subject": "s.>", "type": "stream", "approved_accounts": ["B"]}])

    def test_a_reload_is_an_update(self):
        with Server(config=self.config, monitor=True) as server:
            before = server.json("/accountz?acc=A")["account_detail"]
            self.assertGreaterEqual(before["update_time"][:19], server.json("/varz")["start"][:19])
            self.assertIs(before["expired"], False)
            server.reload(self.config + "debug: true\n")
            self.assertGreater(server.json("/accountz?acc=A")["account_detail"]["update_time"], before["update_time"])

    def test_imports(self):
        flags = {"invalid": False, "share": False, "tracking": False}
        mine = [i for i in self.detail("B")["imports"] if i["account"] == "A"]
        self.assertEqual(sorted(mine, key=lambda i: i["subject"]), [
            {"subject": "q", "account": "A", "to": "local.q", "local_subject": "local.q", "type": "service", **flags},
            {"subject": "r.x", "account": "A", "to": "r.x", "local_subject": "r.x", "type": "service", **flags,
             "share": True},
            {"subject": "s.>", "account": "A", "local_subject": "pre.s.>", "type": "stream", **flags}])


    def test_what_the_system_account_gives(self):
        own = sorted((i["subject"], i["local_subject"], i["share"]) for i in self.detail("A")["imports"])
        self.assertEqual(own, [("$SYS.REQ.ACCOUNT.A.CONNZ", "$SYS.REQ.ACCOUNT.PING.CONNZ", False),
                               ("$SYS.REQ.ACCOUNT.A.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ", False),
                               ("$SYS.REQ.ACCOUNT.A.STATZ", "$SYS.REQ.ACCOUNT.PING.STATZ", False),
                               ("$SYS.REQ.USER.A.INFO", "$SYS.REQ.USER.INFO", True)])
        system = self.detail("$SYS")
        self.assertEqual([i["subject"] for i in system["imports"]], ["$SYS.REQ.USER.$SYS.INFO"])
        self.assertEqual(sorted((e["subject"], e["response_type"]) for e in system["exports"]), [
            ("$SYS.DEBUG.SUBSCRIBERS", "Singleton"), ("$SYS.REQ.ACCOUNT.*.CONNZ", "Streamed"),
            ("$SYS.REQ.ACCOUNT.*.STATZ", "Streamed"), ("$SYS.REQ.USER.*.INFO", "Singleton")])


class LameDuck(WireCase):
    monitor = True
    config = 'lame_duck_duration: "30s"\nlame_duck_grace_period: "20s"\n'

    def test_health(self):
        self.client()
        self.assertEqual(self.server.http("/healthz?details=true")[2], b'{"status":"ok"}')
        self.server.signal(signal.SIGUSR2)
        text = "failed to be ready for connections after 1ms: server"
        wait_until(lambda: self.server.http("/healthz")[0] == 500, "the health to tell")
        self.assertEqual(json.loads(self.server.http("/healthz")[2]), {"status": "error", "error": text})
        self.assertEqual(json.loads(self.server.http("/healthz?details=1")[2]),
                         {"status": "error", "errors": [{"type": "CONNECTION", "error": text}]})


class Pages(WireCase):
    monitor = True

    def test_headers_and_form(self):
        for page in ("/healthz", "/varz", "/connz", "/subsz"):
            status, headers, body = self.server.http(page)
            self.assertEqual(status, 200)
            self.assertEqual(headers["Content-Type"], "application/json")
            self.assertEqual(headers["Access-Control-Allow-Origin"], "*") if page == "/healthz" else None
            self.assertEqual(int(headers["Content-Length"]), len(body))
            json.loads(body)

    def test_healthz(self):
        self.assertEqual(self.server.http("/healthz")[2], b'{"status":"ok"}')

    def test_unknown_page(self):
        status, headers, body = self.server.http("/nope")
        self.assertEqual((status, headers["Content-Type"], body),
                         (404, "text/plain; charset=utf-8", b"404 page not found\n"))

    def test_refused_queries(self):
        for page, text in [
            ("/connz?sort=bogus", "invalid sorting option: bogus"),
            ("/connz?sort=stop", "sort by stop only valid on closed connections"),
            ("/connz?sort=reason", "sort by reason only valid on closed connections"),
            ("/connz?state=bogus", "Error decoding state for bogus"),
            ("/connz?cid=x", "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"x\": invalid syntax"),
            ("/connz?limit=x", "Error decoding int for 'limit': strconv.Atoi: parsing \"x\": invalid syntax"),
            ("/connz?limit=99999999999999999999",
             "Error decoding int for 'limit': strconv.Atoi: parsing \"99999999999999999999\": value out of range"),
            ("/connz?subs=2", "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"2\": invalid syntax"),
            ("/connz?auth=x", "Error decoding boolean for 'auth': strconv.ParseBool: parsing \"x\": invalid syntax"),
            ("/subsz?test=foo..bar", "invalid test subject, must be valid publish subject: foo..bar"),
            ("/connz?offset=-", "Error decoding int for 'offset': strconv.Atoi: parsing \"-\": invalid syntax"),
            ("/connz?cid=18446744073709551616",
             "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"18446744073709551616\": value out of range"),
            ("/connz?sort=CID", "invalid sorting option: CID"),
            ("/subsz?subs=detail",
             "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"detail\": invalid syntax"),
            ("/routez?subs=y", "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"y\": invalid syntax"),
            ("/gatewayz?accs=y", "Error decoding boolean for 'accs': strconv.ParseBool: parsing \"y\": invalid syntax"),
            ("/leafz?subs=detail",
             "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"detail\": invalid syntax"),
            ("/accstatz?unused=no",
             "Error decoding boolean for 'unused': strconv.ParseBool: parsing \"no\": invalid syntax"),
            ("/accountz?acc=nope", "Account nope does not exist"),
            ("/jsz?leader-only=1", "filtered response: not leader"),
            ("/jsz?direct-consumers=x",
             "Error decoding boolean for 'direct-consumers': strconv.ParseBool: parsing \"x\": invalid syntax"),
            ("/healthz?js-meta-only=x",
             "Error decoding boolean for 'js-meta-only': strconv.ParseBool: parsing \"x\": invalid syntax"),
            ("/healthz?leaf-remotes-connected=x",
             "Error decoding boolean for 'leaf-remotes-connected': strconv.ParseBool: parsing \"x\": invalid syntax"),
            ("/ipqueuesz?all=x", "Error decoding boolean for 'all': strconv.ParseBool: parsing \"x\": invalid syntax"),
        ]:
            with self.subTest(page=page):
                status, headers, body = self.server.http(page)
                self.assertEqual((status, body), (400, text.encode()))
                self.assertEqual(headers["Content-Type"], "text/plain; charset=utf-8")

    def test_health_of_what_is_not_named(self):
        for page, text in [("/healthz?stream=s", '"account" must not be empty when checking stream health'),
                           ("/healthz?account=A&consumer=c", '"stream" must not be empty when checking consumer health')]:
            with self.subTest(page=page):
                status, headers, body = self.server.http(page)
                self.assertEqual((status, json.loads(body)), (400, {"status": "error", "error": text}))
                self.assertEqual(headers["Access-Control-Allow-Origin"], "*")
                status, _, body = self.server.http(page + "&details=1")
                self.assertEqual((status, json.loads(body)),
                                 (400, {"status": "error", "errors": [{"type": "BAD_REQUEST", "error": text}]}))

    def test_raftz_without_groups(self):
        status, headers, body = self.server.http("/raftz?acc=x&group=y")
        self.assertEqual((status, headers["Content-Type"], body),
                         (404, "text/plain; charset=utf-8", b"No Raft nodes registered"))

    def test_stacks(self):
        status, headers, body = self.server.http("/stacksz")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        self.assertRegex(body.decode(), r"(?m)^(thread|goroutine) \d+ \[.+\]:.*\n\S*\s")
        self.client().fence()

    def test_numbers_at_the_edge(self):
        for page in ("/connz?offset=-1", "/connz?limit=-1", "/connz?offset=99",
                     "/connz?limit=9223372036854775807&offset=9223372036854775807",
                     "/subsz?subs=1&limit=9223372036854775807&offset=9223372036854775807", "/subsz?subs=1&offset=-5"):
            with self.subTest(page=page):
                self.assertEqual(self.server.http(page)[0], 200)


class Varz(WireCase):
    monitor = True
    args = ("-n", "v1")

    def test_values(self):
        v = self.server.json("/varz")
        info = self.raw().read_info()
        for name in ("server_id", "server_name", "version", "proto", "host", "port", "max_payload"):
            self.assertEqual(v[name], info[name], name)
        self.assertEqual(v["max_connections"], 65536)
        self.assertEqual(v["ping_interval"], 120000000000)
        self.assertEqual(v["ping_max"], 2)
        self.assertEqual(v["max_control_line"], 4096)
        self.assertEqual(v["max_pending"], 67108864)
        self.assertEqual(v["write_deadline"], 10000000000)
        self.assertEqual(v["auth_timeout"], 2)
        self.assertEqual(v["tls_timeout"], 2)
        self.assertEqual(v["http_host"], "127.0.0.1")
        self.assertEqual(v["system_account"], "$SYS")
        self.assertEqual(v["slow_consumers"], 0)
        self.assertGreater(v["mem"], 0)
        self.assertGreaterEqual(v["cores"], 1)
        self.assertRegex(v["start"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$")
        self.assertRegex(v["uptime"], r"^(\d+[ydhm])*\d+s$")

    def test_counters(self):
        before = self.server.json("/varz")
        a, b = self.client(), self.client()
        a.send("SUB cnt 1\r\n").fence()
        b.send(pub("cnt", "12345") * 10).send(pub("nobody", "123") * 5).fence()
        a.expect(msg("cnt", 1, "12345") * 10).fence()
        after = self.server.json("/varz")
        told = {"total_connections": 2, "subscriptions": 1}
        for of_clients in ("", "client_"):
            told |= {f"in_{of_clients}msgs": 15, f"in_{of_clients}bytes": 65, f"out_{of_clients}msgs": 10,
                     f"out_{of_clients}bytes": 50}
        self.assertEqual({k: after[k] - before[k] for k in told}, told)

    def test_request_counts(self):
        first = self.server.json("/varz")["http_req_stats"].get("/healthz", 0)
        self.server.http("/healthz")
        self.assertEqual(self.server.json("/varz")["http_req_stats"]["/healthz"], first + 1)


class Connz(WireCase):
    monitor = True

    def entries(self, query=""):
        return self.server.json("/connz" + query)["connections"]

    def test_entry(self):
        c, p = self.client(name="me", lang="py", version="9"), self.client()
        c.send("SUB e.1 1\r\nSUB e.* q 2\r\n").fence()
        p.send(pub("e.1", "12345")).fence()
        c.read_to_fence()
        cid = c.info["client_id"]
        page = self.server.json(f"/connz?cid={cid}&subs=detail")
        self.assertEqual((page["num_connections"], page["total"], page["offset"], page["limit"]), (1, 1, 0, 1))
        e, = page["connections"]
        want = {"cid": cid, "kind": "Client", "type": "nats", "ip": "127.0.0.1", "port": c.sock.getsockname()[1],
                "pending_bytes": 0, "in_msgs": 0, "in_bytes": 0, "out_msgs": 2, "out_bytes": 10, "subscriptions": 2,
                "name": "me", "lang": "py", "version": "9"}
        self.assertEqual({k: e[k] for k in want}, want)
        details = sorted(e["subscriptions_list_detail"], key=lambda d: d["sid"])
        self.assertEqual(details, [{"subject": "e.1", "sid": "1", "msgs": 1, "cid": cid},
                                   {"subject": "e.*", "qgroup": "q", "sid": "2", "msgs": 1, "cid": cid}])
        e, = self.entries(f"?cid={cid}&subs=1")
        self.assertEqual(sorted(e["subscriptions_list"]), ["e.*", "e.1"])

    def test_sort_offset_limit(self):
        clients = [self.client(name=f"s{i}") for i in range(6)]
        for i, c in enumerate(clients):
            c.send(pub("sorted", "x" * i) * (6 - i)).send("".join(f"SUB z.{i}.{k} {k}\r\n" for k in range(i))).fence()
        ids = [c.info["client_id"] for c in clients]
        mine = lambda entries: [e["cid"] for e in entries if e["cid"] in ids]  # noqa: E731
        self.assertEqual(mine(self.entries()), ids)
        self.assertEqual(mine(self.entries("?sort=cid")), ids)
        self.assertEqual(mine(self.entries("?sort=start")), ids)
        self.assertEqual(mine(self.entries("?sort=subs")), ids[::-1])
        self.assertEqual(mine(self.entries("?sort=msgs_from")), ids)
        for option in ("pending", "msgs_to", "bytes_to", "bytes_from", "last", "idle", "uptime", "rtt"):
            with self.subTest(sort=option):
                self.assertEqual(sorted(mine(self.entries(f"?sort={option}"))), ids)
        every = [e["cid"] for e in self.entries()]
        page = self.server.json("/connz?offset=2&limit=3")
        self.assertEqual([e["cid"] for e in page["connections"]], every[2:5])
        self.assertEqual((page["num_connections"], page["total"], page["offset"], page["limit"]), (3, len(every), 2, 3))

    def test_closed_by_the_clients_side(self):
        for reason, end in (("Parse Error", lambda c: c.send("-ERR 'x'\r\n")), ("Read Error", lambda c: c.reset()),
                            ("Client Closed", lambda c: c.send("PUB part 10\r\nha").close())):
            with self.subTest(reason=reason):
                c = self.client()
                end(c)
                query = f"/connz?state=closed&cid={c.info['client_id']}"
                closed, = wait_until(lambda q=query: self.server.json(q)["connections"], "the closed entry")
                self.assertEqual(closed["reason"], reason)

    def test_closed_reasons(self):
        reasons = {"Protocol Violation": "BAD\r\n", "Maximum Message Payload Exceeded": "PUB foo 2000000\r\n",
                   "Maximum Control Line Exceeded": "SUB " + "x" * 5000, "Parse Error": "-ERR x\r\n",
                   "Bad Client Protocol Version": 'CONNECT {"protocol":9}\r\n',
                   "No Responders Requires Headers": 'CONNECT {"no_responders":true,"headers":false}\r\n'}
        for reason, data in reasons.items():
            c = self.client(name=reason)
            c.send(data).wait_closed()
            self.closed(c, reason)
        c = self.client()
        c.close()
        self.closed(c, "Client Closed")

    def test_closed_ones_still_show_what_they_subscribed(self):
        c = self.client()
        c.send("".join(f"SUB kept.{i} {i}\r\n" for i in range(10)) + "SUB kept.q g q\r\nSUB gone 99\r\nUNSUB 99\r\n").fence()
        c.close()
        self.closed(c, "Client Closed")
        e, = self.entries(f"?state=closed&subs=1&cid={c.info['client_id']}")
        self.assertEqual(sorted(e["subscriptions_list"]), sorted([f"kept.{i}" for i in range(10)] + ["kept.q"]))

    def closed(self, c, reason):
        cid = c.info["client_id"]
        e, = wait_until(lambda: self.entries(f"?state=closed&cid={cid}"), "the closed entry")
        self.assertEqual((e["cid"], e["reason"]), (cid, reason))
        self.assertIn("stop", e)
        self.assertEqual(self.entries(f"?state=open&cid={cid}"), [])
        self.assertIn(cid, [x["cid"] for x in self.entries("?state=any")])


class ManyConnections(WireCase):
    """More than one reactor tells of in one go."""

    monitor = True
    COUNT = 700

    def test_pages_fit_together(self):
        others = self.server.json("/subsz?subs=1&acc=$G")["total"]  # the server's own
        clients = [self.client(name=f"m{i}") for i in range(self.COUNT)]
        for c in clients[::7]:
            c.send("SUB many.a 1\r\nSUB many.b 2\r\n").fence()
        clients[3].send("".join(f"SUB long.{i} {i}\r\n" for i in range(1500))).fence()
        ids = [c.info["client_id"] for c in clients]
        for sort in ("cid", "start"):
            pages = [self.server.json(f"/connz?sort={sort}&offset={at}&limit=150") for at in range(0, self.COUNT + 150, 150)]
            self.assertEqual([e["cid"] for p in pages for e in p["connections"]], ids)
            self.assertEqual({p["total"] for p in pages}, {self.COUNT})
        most = self.server.json("/connz?sort=subs&limit=101")["connections"]
        self.assertEqual([e["subscriptions"] for e in most], [1500] + [2] * 100)
        self.assertEqual(most[0]["cid"], ids[3])
        listed = self.server.json("/connz?subs=1&limit=1000")["connections"]
        self.assertEqual(sorted(listed[3]["subscriptions_list"]), sorted(f"long.{i}" for i in range(1500)))
        self.assertEqual([len(e.get("subscriptions_list", [])) for e in listed], [e["subscriptions"] for e in listed])
        self.assertEqual(len(self.server.json(f"/connz?cid={ids[3]}&subs=detail")["connections"][0]["subscriptions_list_detail"]),
                         1500)
        subs = [self.server.json(f"/subsz?subs=1&acc=$G&offset={at}&limit=400") for at in (0, 400, 800, 1200, 1600)]
        self.assertEqual([p["total"] for p in subs], [1700 + others] * 5)
        for c in clients[:400]:
            c.close()
        wait_until(lambda: self.server.json("/connz?limit=1")["total"] == self.COUNT - 400, "the clients that went")
        closed = self.server.json("/connz?state=closed&limit=1000")["connections"]
        self.assertEqual(sorted(e["cid"] for e in closed), ids[:400])
        both = self.server.json("/connz?state=any&limit=1000")
        self.assertEqual((both["total"], [e["cid"] for e in both["connections"]]), (self.COUNT, ids))


class ClosedRing(WireCase):
    monitor = True
    config = "max_closed_clients: 3\n"

    def test_the_last_that_closed_are_kept(self):
        """Wherever in the node they were."""
        cids = []
        for i in range(7):
            c = self.client(name=f"r{i}")
            c.send(f"SUB r.{i} 1\r\n").fence()
            cids.append(c.info["client_id"])
            c.close()
            wait_until(lambda: not self.server.json(f"/connz?cid={cids[-1]}")["connections"], "the end of a client")
        page = self.server.json("/connz?state=closed&subs=1")
        self.assertEqual([e["cid"] for e in page["connections"]], cids[-3:])
        self.assertEqual([e["subscriptions_list"] for e in page["connections"]], [["r.4"], ["r.5"], ["r.6"]])
        self.assertEqual((page["num_connections"], page["total"]), (3, 3))
        self.assertEqual(self.server.json("/connz?state=any")["total"], 3)
        page = self.server.json("/connz?state=closed&offset=1&limit=1")
        self.assertEqual(([e["cid"] for e in page["connections"]], page["total"]), ([cids[-2]], 3))


class ConnzAuth(WireCase):
    monitor = True
    config = "accounts { A { users: [{user: u, password: p}] }, B { users: [{user: v, password: p}] } }\n"

    def login(self, user):
        c = self.raw()
        c.read_info()
        c.send(connect_line(user=user, **{"pass": "p"}) + b"PING\r\n").expect("PONG\r\n")
        return c.info["client_id"]

    def test_auth_user_and_account(self):
        u, v = self.login("u"), self.login("v")
        by_cid = {e["cid"]: e for e in self.server.json("/connz?auth=1")["connections"]}
        self.assertEqual((by_cid[u]["authorized_user"], by_cid[u]["account"]), ("u", "A"))
        self.assertEqual((by_cid[v]["authorized_user"], by_cid[v]["account"]), ("v", "B"))
        plain = self.server.json("/connz")["connections"]
        self.assertTrue(all("authorized_user" not in e and "account" not in e for e in plain))
        self.assertEqual([e["cid"] for e in self.server.json("/connz?acc=B")["connections"]], [v])
        self.assertEqual([e["cid"] for e in self.server.json("/connz?user=u&auth=1")["connections"]], [u])


class Subsz(WireCase):
    monitor = True

    def test_the_servers_own_are_there_from_the_start(self):
        for _ in range(20):
            with Server(monitor=True) as s:
                first = s.json("/subsz")["num_subscriptions"]
                s.wait_log("Server is ready")
                self.assertEqual(first, s.json("/subsz")["num_subscriptions"])
                self.assertGreater(first, 10)

    def test_list_and_test(self):
        c = self.client()
        cid = c.info["client_id"]
        c.send("SUB sz.a 1\r\nSUB sz.* 2\r\nSUB sz.b q 3\r\n").fence()

        def mine(query):
            page = self.server.json("/subsz?subs=1&limit=10000" + query)
            return sorted((s["subject"], s["sid"], s.get("qgroup")) for s in page["subscriptions_list"] if s["cid"] == cid
                          and s["account"] == "$G")

        self.assertEqual(mine(""), [("sz.*", "2", None), ("sz.a", "1", None), ("sz.b", "3", "q")])
        self.assertEqual(mine("&test=sz.a"), [("sz.*", "2", None), ("sz.a", "1", None)])
        self.assertEqual(mine("&test=sz.b"), [("sz.*", "2", None), ("sz.b", "3", "q")])
        self.assertEqual(mine("&acc=$G&test=sz.q"), [("sz.*", "2", None)])

    def test_counts(self):
        before = self.server.json("/subsz")
        c = self.client()
        c.send("SUB cnt.a 1\r\nSUB cnt.b 2\r\nUNSUB 1\r\n").fence()
        after = self.server.json("/subsz")
        grown = {k: after[k] - before[k] for k in ("num_subscriptions", "num_inserts", "num_removes")}
        self.assertEqual(grown, {"num_subscriptions": 1, "num_inserts": 2, "num_removes": 1})
        self.assertNotIn("subscriptions_list", after)


@unittest.skipUnless(not_yet.is_troupe(server_binary()), "a page of Troupe's own")
class Actors(WireCase):
    monitor = True

    def test_tree(self):
        self.client().fence()
        status, _, body = self.server.http("/actorz")
        self.assertEqual(status, 200)
        kinds = {}

        def walk(actor):
            kinds.setdefault(actor["kind"], []).append(actor)
            for child in actor.get("children", []):
                walk(child)

        walk(json.loads(body)["root"])
        for kind in ("node", "listener", "reactor", "shard", "clients", "connection", "signals", "monitor"):
            self.assertIn(kind, kinds)
            for actor in kinds[kind]:
                self.assertEqual(actor["state"], "running", actor)


if __name__ == "__main__":
    unittest.main()
