"""Pages of the monitoring in several parts, and filters that go together."""

import json
import unittest

from harness import WireCase, pub, wait_until

SORTS = ("cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to", "bytes_from", "last", "idle", "uptime", "rtt")


class PagingCase(WireCase):
    monitor = True
    config = """
system_account: SYS
accounts {
  SYS: {users: [{user: sys, password: p}]}
  A: {users: [{user: a, password: p}]}
  B: {users: [{user: b, password: p}]}
}
"""

    def setUp(self):
        wait_until(lambda: self.server.json("/connz")["total"] == 0, "the clients of other tests to be gone")

    def login(self, user, *lines):
        c = self.client(user=user, **{"pass": "p"})
        c.send("".join(f"{line}\r\n" for line in lines)).fence()
        return c

    def cids(self, query):
        page = self.server.json("/connz?" + query)
        self.assertEqual(page["num_connections"], len(page["connections"]))
        return [e["cid"] for e in page["connections"]]

    def ask(self, c, subject, options):
        c.send("SUB in.box 90\r\n" + pub(subject, json.dumps(options), "in.box").decode() + "UNSUB 90 1\r\n")
        return json.loads(c.read_op().split(b"\r\n", 1)[1])["data"]


class Parts(PagingCase):
    def test_connections_that_are_alike(self):
        """Whatever they are sorted by, each stands in one part."""
        clients = [self.login("ab"[i % 2], "SUB x 1") for i in range(30)]
        for sort in SORTS:
            with self.subTest(sort=sort):
                parts = [self.cids(f"sort={sort}&limit=7&offset={at}") for at in range(0, 30, 7)]
                self.assertEqual([len(p) for p in parts], [7, 7, 7, 7, 2])
                self.assertEqual(sorted(sum(parts, [])), [c.info["client_id"] for c in clients])

    def test_subscriptions_of_several_accounts(self):
        clients = [self.login(user, *(f"SUB many.{i} {i}" for i in range(60))) for user in "ab"]
        total = self.server.json("/subsz")["num_subscriptions"]
        seen = []
        for at in range(0, total, 17):
            page = self.server.json(f"/subsz?subs=1&limit=17&offset={at}")
            self.assertEqual((page["total"], len(page["subscriptions_list"])), (total, min(17, total - at)))
            seen += [(s["account"], s["cid"], s["subject"]) for s in page["subscriptions_list"]]
        want = {(user, c.info["client_id"], f"many.{i}") for user, c in zip("AB", clients) for i in range(60)}
        self.assertEqual(sorted(s for s in seen if s[2].startswith("many.")), sorted(want))

    def test_subscriptions_of_an_account_by_request(self):
        c = self.login("sys")
        self.login("a", *(f"SUB foo.{i} {i}" for i in range(20)), *(f"SUB bar.* {i}" for i in range(20, 30)))
        got = self.ask(c, "$SYS.REQ.ACCOUNT.A.SUBSZ", {"subscriptions": True, "limit": 10})
        self.assertEqual(len(got["subscriptions_list"]), 10)
        self.assertGreaterEqual(got["total"], 30)  # the Go server counts what every account imports
        for offset, listed in ((0, 5), (8, 2), (10, 0)):
            options = {"subscriptions": True, "limit": 5, "offset": offset, "test": "bar.A"}
            got = self.ask(c, "$SYS.REQ.ACCOUNT.A.SUBSZ", options)
            self.assertEqual((got["total"], got["offset"], len(got.get("subscriptions_list") or [])), (10, offset, listed))


class Filters(PagingCase):
    def test_all_that_are_given_count(self):
        a, b = (self.login(u).info["client_id"] for u in "ab")
        for state in ("open", "any"):
            for query, want in ((f"acc=A&cid={a}", [a]), (f"acc=A&cid={b}", []), (f"user=a&cid={a}", [a]),
                                (f"user=b&cid={a}", []), ("acc=B&user=a", []), (f"mqtt_client=x&cid={a}", [])):
                with self.subTest(state=state, query=query):
                    self.assertEqual(self.cids(f"{query}&state={state}"), want)

    def test_closed_ones_too(self):
        a, b = (self.login(u) for u in "ab")
        ids = [c.info["client_id"] for c in (a, b)]
        for c in (a, b):
            c.close()
        wait_until(lambda: set(ids) <= set(self.cids("state=closed")), "the ends of both")
        self.assertEqual(self.cids(f"acc=A&cid={ids[1]}&state=closed"), [])
        self.assertEqual(self.cids(f"acc=B&cid={ids[1]}&state=closed"), [ids[1]])
        self.assertEqual(self.cids(f"acc=B&cid={ids[1]}&state=open"), [])

    def test_no_account_sees_a_connection_of_another(self):
        a, b = self.login("a"), self.login("b")
        for who, cid, want in ((a, a, 1), (a, b, 0), (b, a, 0), (b, b, 1)):
            for subject in ("$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ"):
                got = self.ask(who, subject, {"cid": cid.info["client_id"], "auth": True})
                self.assertEqual((got["num_connections"], len(got["connections"])), (want, want))

    def test_totals_are_of_what_passes(self):
        c = self.login("sys")
        self.login("a")
        for _ in range(3):
            self.login("b")
        here = self.login("b", "SUB only.here 1").info["client_id"]
        totals = [self.server.json("/connz?" + q)["total"] for q in ("user=nobody", "user=b&limit=1", "acc=B", "acc=B&user=a")]
        self.assertEqual(totals, [0, 4, 4, 0])
        for options, total in (({"acc": "B", "filter_subject": "only.here"}, 1), ({"acc": "A", "filter_subject": "only.here"}, 0)):
            got = self.ask(c, "$SYS.REQ.SERVER.PING.CONNZ", options)
            self.assertEqual((got["total"], [e["cid"] for e in got["connections"]]), (total, [here][:total]))


if __name__ == "__main__":
    unittest.main()
