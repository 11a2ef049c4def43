"""Every monitoring page with every option, right and wrong, of a node under load: status, headers, error texts, names and types,
values and their order, as of the Go server under the same load.

With NATS_PEER_BIN set a Go server goes through the same; otherwise what it said is read from golden/pages_alike.json (written by:
WIRE_GOLDEN=write run --server GO_SERVER -m test_pages_alike).
"""

import http.client
import json
import os
import re
import unittest

from harness import RawClient, Server, WireCase, connect_line, pub, server_binary, wait_until
from harness.server import is_troupe

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "pages_alike.json")
CONFIG = """
server_name: S1
server_tags: [a, b]
accounts { $SYS { users: [{user: sys, password: p}] }
  A { users: [{user: u, password: p}], exports: [{service: q}], mappings: {"m.a": "m.b"} }
  B { users: [{user: v, password: p}], imports: [{service: {account: A, subject: q}, to: "local.q"}] }
  UNUSED { users: [{user: w, password: p}] } }
no_auth_user: u
"""
SORTS = ["cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime", "stop",
         "reason", "rtt", "bogus", "CID", ""]
STATES = ["", "open", "closed", "any", "all", "ALL", "0", "1", "2"]
FLAGS = ["0", "1", "true", "false", "t", "F", "TRUE", "yes", "detail", "2", ""]
NUMBERS = ["0", "1", "-1", "5", "1000000", "+1", "01", "1.0", "0x1", "", "%20", "1%2B", "9223372036854775807", "9223372036854775808",
           "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1_000", "%201"]
OPTIONS = {
    "/varz": ["", "callback=f", "x=y"],
    "/connz": ["acc=A", "acc=B", "acc=$G", "acc=nope", "user=u", "user=u&auth=1", "user=x&auth=1", "filter_subject=foo",
               "filter_subject=foo&acc=A", "filter_subject=bar&acc=A", "filter_subject=foo&acc=A&subs=1",
               "filter_subject=foo..x&acc=A", "filter_subject=foo.*&acc=A&subs=detail&state=any", "mqtt_client=x&auth=1",
               "mqtt_client=x&state=closed", "cid={gone}&state=closed", "cid={one}&subs=detail", "cid={one}&subs=detail&auth=1",
               "cid={gone}", "cid={one}&state=closed", "cid={one}&state=any", "cid={gone}&state=any&sort=stop",
               "state=closed&subs=detail&auth=1", "state=any&subs=1&limit=2", "limit=2&offset=1&sort=subs", "callback=f",
               "callback=f&limit=x", "sort=cid&sort=bogus", "LIMIT=1", "a&b&=c", "acc=A&user=u&state=any", "limit=%zz", "limit=1;offset=1",
               "sort=msgs_to&limit=1&offset=1", "sort=bytes_from&limit=2&auth=1", "subs=DETAIL", "subs=1&subs=x", "auth=x&sort=bogus"],
    "/subsz": ["", "acc=A&subs=1", "acc=nope", "acc=nope&subs=1", "test=foo", "test=foo&subs=1", "test=foo.*", "test=a..b", "test=",
               "subs=1&limit=1&offset=1", "subs=1&acc=A&test=foo", "subs=1&acc=A&offset=1", "subs=1&acc=A&offset=100",
               "acc=A&subs=1&limit=2&offset=1", "subs=1&acc=UNUSED", "subs=x", "subs=detail", "callback=f"],
    "/routez": ["", "subs=1", "subs=detail", "subs=x", "callback=f"],
    "/gatewayz": ["", "accs=1", "acc_name=A", "gw_name=x&acc_name=A&subs=detail", "subs=x&accs=1", "accs=x"],
    "/leafz": ["", "subs=1", "acc=A", "subs=x"],
    "/accountz": ["", "acc=A", "acc=B", "acc=$SYS", "acc=$G", "acc=UNUSED", "acc=nope", "acc=", "acc=A&acc=B", "callback=f"],
    "/accstatz": ["", "unused=1", "unused=x", "unused=", "callback=f"],
    "/jsz": ["", "acc=A", "accounts=1", "leader-only=1", "leader-only=1&accounts=1", "accounts=x", "streams=x", "consumers=x",
             "config=x", "raft=x", "direct-consumers=x", "stream-leader-only=x", "stream-leader-only=1", "leader-only=x",
             "accounts=1&streams=1&consumers=1&config=1&raft=1"],
    "/healthz": ["", "js-enabled-only=x", "js-enabled=x", "js-server-only=x", "js-meta-only=x", "leaf-remotes-connected=x",
                 "js-enabled=true", "js-enabled-only=true", "js-server-only=true", "js-meta-only=1", "js-enabled=1&js-enabled-only=1",
                 "js-server-only=1&js-meta-only=1", "details=1", "details=x", "account=A", "account=A&stream=s",
                 "account=A&stream=s&consumer=c", "stream=s", "consumer=c", "account=nope&details=1", "leaf-remotes-connected=1",
                 "stream=s&details=1", "callback=f"],
    "/ipqueuesz": ["", "all=x", "queues=x", "all=1", "all=1&queues=recvQ", "all=1&queues=nope"],
    "/raftz": ["", "acc=A", "group=g", "acc=nope"],
}
OTHERS = ["/nope", "/varz/", "/varz/x", "/VARZ", "/", "/debug/vars", "/connz/", "//varz", "/./varz", "/connz/../varz?a=b", "/%76arz",
          "/subscriptionsz?subs=1", "/subscriptionsz?subs=x", "/varz?", "/varz#x"]
METHODS = ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
HEADERS = ("Content-Type", "X-Content-Type-Options", "Access-Control-Allow-Origin", "Location", "Allow")
# What changes by itself, and what an implementation has its own of.
VOLATILE = {"server_id", "now", "start", "stop", "last_activity", "rtt", "uptime", "idle", "port", "mem", "cpu", "cores", "gomaxprocs",
            "gomemlimit", "go", "git_commit", "http_req_stats", "config_load_time", "config_digest", "update_time", "system_account_id",
            "connect_urls", "feature_flags", "http_port", "total_connections", "stalls",
            # Of the server's own subscriptions, too.
            "num_subscriptions", "num_cache", "num_inserts", "num_removes", "num_matches", "cache_hit_rate", "max_fanout", "avg_fanout"}
# Lists in an order that changes from page to page there.
UNORDERED = {"accounts", "account_statz", "imports", "exports", "subscriptions_list_detail"}
CHANCE = re.compile(r"sort=(rtt|last|idle|pending|uptime)")
# Pages whose counts of subscriptions have some of the server among them.
OWN_SUBSCRIPTIONS = re.compile(r"/varz|//varz|/\./varz|/%76arz|/connz/\.\.|/accountz|/accstatz")


def paths(cids):
    yield from (f"/connz?sort={s}&state={t}" for s in SORTS for t in STATES)
    yield from (f"/connz?{name}={v}" for name in ("auth", "subs") for v in FLAGS)
    yield from (f"{page}?subs=1&{name}={v}" for page, name in [
        ("/connz", "offset"), ("/connz", "limit"), ("/subsz", "offset"), ("/subsz", "limit"), ("/jsz", "offset"), ("/jsz", "limit")]
        for v in NUMBERS)
    # Who has a number of one digit is a matter of the server.
    yield from (f"/connz?subs=1&cid={v}" for v in NUMBERS if len(v) != 1 or v == "0")
    yield from (page + ("?" + o if o else "") for page, options in OPTIONS.items() for o in options)
    yield from OTHERS


class Busy:
    """A server with clients of two accounts, each with figures of its own, and some that have gone."""

    def __init__(self, case, server):
        self.server, self.case = server, case
        self.one = self.client("one", user="u")
        self.two = self.client("two", user="u", verbose=False, lang="go", version="1.2.3")
        self.three = self.client("three", user="v")
        self.four = self.client("four", user="v", headers=True, no_responders=True)
        self.one.send("SUB foo 1\r\nSUB foo.* q 2\r\nUNSUB 1 100\r\nSUB m.b 3\r\nSUB q 4\r\nPING\r\n").expect("PONG\r\n")
        self.two.send("SUB foo.> 7\r\nSUB long.subject.of.its.own 8\r\nPING\r\n").expect("PONG\r\n")
        self.three.send("SUB bar 1\r\nPING\r\n").expect("PONG\r\n")
        self.two.send(pub("foo", "12345") * 3 + pub("m.a", "x") + b"PING\r\n").expect("PONG\r\n")
        self.four.send(pub("bar", "x" * 100) * 2 + b"PING\r\n").expect("PONG\r\n")
        for c in (self.one, self.three):
            c.send("PING\r\n")
            while c.read_op() != b"PONG\r\n":
                pass
        for name, last, user in [("protocol", "BAD\r\n", "u"), ("payload", "PUB foo 99999999\r\n", "u"), ("client", None, "v")]:
            c = self.client(name, user=user)
            c.send("SUB foo 1\r\nPING\r\n").expect("PONG\r\n")
            c.send(last).wait_closed() if last else c.close()
            self.wait_for_end(name)
        bad = self.raw("stranger", user="u", **{"pass": "wrong"})
        bad.wait_closed()
        self.wait_for_end("stranger")
        self.cids = {c["name"]: c["cid"] for c in server.json("/connz?state=any&limit=1000")["connections"]}
        self.names = {cid: f"<{name}>" for name, cid in self.cids.items()}

    def raw(self, name, **options):
        c = RawClient(self.server.port)
        self.case.addCleanup(c.close)
        c.read_info()
        return c.send(connect_line(name=name, **{"pass": "p", "lang": "py", "version": "1", **options}) + b"PING\r\n")

    def client(self, name, **options):
        return self.raw(name, **options).expect("PONG\r\n")

    def wait_for_end(self, name):
        wait_until(lambda: name in [c.get("name") for c in self.server.json("/connz?state=closed")["connections"]], f"the end of {name}")

    def get(self, path, method="GET"):
        path = path.replace("{one}", str(self.cids["one"])).replace("{gone}", str(self.cids["protocol"]))
        c = http.client.HTTPConnection(self.server.host, self.server.monitor_port, timeout=20)
        try:
            c.request(method, path)
            r = c.getresponse()
            return r.status, r, r.read().decode()
        finally:
            c.close()

    def kept(self, value, key="", more=()):
        if key in VOLATILE or key in more:
            return f"<{type(value).__name__.replace('float', 'int')}>"
        if isinstance(value, dict):
            # What was on its way when a connection ended is a matter of moments.
            more = (*more, "pending_bytes") if "stop" in value else more
            return {k: self.kept(v, k, more) for k, v in value.items() if k not in ("git_commit", "feature_flags")}
        if isinstance(value, list):
            kept = [self.kept(v, "", more) for v in value]
            return sorted(kept, key=str) if key in UNORDERED else kept
        if key == "cid":
            return self.names.get(value, "<other>")
        return value

    def page(self, path, method="GET"):
        """What is compared of an answer."""
        status, r, body = self.get(path, method)
        headers = {h: r.headers[h] for h in HEADERS if r.headers[h] is not None}
        if "Location" in headers:
            headers["Location"] = re.sub(r"cid=\d+", "cid=N", headers["Location"])
        out = {"status": status, "headers": headers}
        call = re.fullmatch(r"(\w+)\((.*)\)", body, re.S)
        try:
            document = json.loads(call[2] if call else body)
        except ValueError:
            # Pages for people are each server's own.
            return out if path in ("/", "/debug/vars") else {**out, "text": body}
        if path == "/debug/vars":
            return out
        more = ("subscriptions",) if OWN_SUBSCRIPTIONS.match(path) else ()
        kept = self.kept(document, "", more)
        if isinstance(kept.get("connections"), list):
            for entry in kept["connections"]:
                if "subscriptions_list" in entry:
                    entry["subscriptions_list"].sort()
            if CHANCE.search(path):
                kept["connections"].sort(key=str)
        if isinstance(kept.get("subscriptions_list"), list):
            # In no order, and the server's own among them: clients' are compared where all are there.
            whole = kept["total"] == len(kept["subscriptions_list"])
            theirs = [x for x in kept["subscriptions_list"] if x["cid"] != "<other>"]
            kept["subscriptions_list"] = sorted(theirs, key=str) if whole else "<some>"
        if path.startswith(("/subsz", "/subscriptionsz")):
            kept["total"] = "<int>"
            if not kept.get("subscriptions_list"):
                kept.pop("subscriptions_list", None)
        return {**out, "page": kept, "called": call[1] if call else None}

    def pages(self):
        found = {path: self.page(path) for path in paths(self.cids)}
        for page in OPTIONS:
            found.update({f"{method} {page}": self.page(page, method) for method in METHODS})
        return found


def interned(pages):
    """For the file: what stands in many pages stands there once."""
    table, index = [], {}

    def intern(value):
        if isinstance(value, dict):
            value = {k: intern(v) for k, v in value.items()}
            text = json.dumps(value)
            if len(text) < 40:
                return value
            if text not in index:
                index[text] = len(table)
                table.append(value)
            return f"#{index[text]}"
        return [intern(v) for v in value] if isinstance(value, list) else value

    return {"pages": {path: intern(page) for path, page in pages.items()}, "table": table}


def written(stored):
    """As JSON, four entries a line."""
    pages = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in stored["pages"].items()]
    table = [json.dumps(v) for v in stored["table"]]
    pages, table = (",\n".join(", ".join(rows[i:i + 4]) for i in range(0, len(rows), 4)) for rows in (pages, table))
    return f'{{"pages": {{\n{pages}\n}},\n"table": [\n{table}\n]}}\n'


def restored(stored):
    def restore(value):
        if isinstance(value, str) and re.fullmatch(r"#\d+", value):
            return restore(stored["table"][int(value[1:])])
        if isinstance(value, dict):
            return {k: restore(v) for k, v in value.items()}
        return [restore(v) for v in value] if isinstance(value, list) else value

    return {path: restore(page) for path, page in stored["pages"].items()}


class PagesAlike(WireCase):
    serve = False

    def busy(self, binary):
        server = Server(config=CONFIG, monitor=True, binary=binary)
        self.addCleanup(server.stop)
        return Busy(self, server).pages()

    def test_every_page_with_every_option(self):
        mine, peer = self.busy(server_binary()), os.environ.get("NATS_PEER_BIN")
        if os.environ.get("WIRE_GOLDEN") == "write":
            if is_troupe(server_binary()):
                self.fail("only what the Go server says is written down")
            with open(GOLDEN, "w", encoding="utf-8") as f:
                f.write(written(interned(mine)))
        if peer:
            want = self.busy(os.path.abspath(peer))
        else:
            with open(GOLDEN, encoding="utf-8") as f:
                want = restored(json.load(f))
        self.assertEqual(sorted(want), sorted(mine))
        self.assertGreater(len(want), 500)
        for path, page in want.items():
            with self.subTest(path=path):
                self.assertEqual(mine[path], page)


if __name__ == "__main__":
    unittest.main()
