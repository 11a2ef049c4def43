"""The dashboard at /ui: its headers, and in a headless Chromium what an operator sees. The screenshots stay in the folder
of the binary, as ui-*.png."""

import base64
import json
import os
import unittest

from harness import Server, WireCase, browser, pub, server_binary
from harness.server import is_troupe

HOSTILE = "<img src=x onerror=alert(1)>\"'&</td><script>alert(2)</script>"
ACCOUNTS = "accounts { A { users: [{user: a, password: p}] }, B { users: [{user: b, password: p}] } }\n"


class UiCase(WireCase):
    monitor = True
    config = ACCOUNTS

    @classmethod
    def setUpClass(cls):
        if not is_troupe(server_binary()):
            raise unittest.SkipTest("the Go server has no dashboard")
        super().setUpClass()


class Files(UiCase):
    config = ACCOUNTS + "http_base_path: /x\n"

    def test_headers(self):
        for path, kind in [("/x/ui", "text/html"), ("/x/ui/app.js", "text/javascript"), ("/x/ui/style.css", "text/css")]:
            with self.subTest(path=path):
                status, headers, body = self.server.http(path)
                self.assertEqual((status, headers["Content-Type"]), (200, kind + "; charset=utf-8"))
                policy = headers["Content-Security-Policy"]
                self.assertTrue(policy.startswith("default-src 'none';"), policy)
                self.assertNotIn("unsafe", policy)
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertNotIn("Access-Control-Allow-Origin", headers)
                self.assertNotIn(b"http://", body.replace(b"http://www.w3.org/", b""))
                self.assertNotIn(b"innerHTML", body)
        self.assertEqual(self.server.http("/ui")[0], 404)


class Dashboard(UiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not browser.find():
            raise unittest.SkipTest("no Chromium on this machine (apt-get install chromium)")

    def shoot(self, page, name):
        path = os.path.join(os.path.dirname(server_binary()), f"ui-{name}.png")
        with open(path, "wb") as f:
            f.write(base64.b64decode(page.screenshot()))
        self.assertGreater(os.path.getsize(path), 10000)

    def test_connections_come_and_go(self):
        table = "document.getElementById('table').tBodies[0].innerText"
        tile = "document.querySelector('#tile-connections b').textContent"
        with browser.Browser() as page:
            page.open(f"http://127.0.0.1:{self.server.monitor_port}/ui")
            page.wait("document.getElementById('health').textContent === 'healthy'", "health")
            page.value("document.getElementById('interval').value = '1000'")
            page.value("document.getElementById('interval').dispatchEvent(new Event('change'))")
            there = int(page.value(tile))
            a = self.client(name="first-of-two", lang="py", version="1", user="a", **{"pass": "p"})
            b = self.client(name=HOSTILE, lang="<b>", user="b", **{"pass": "p"})
            a.send("SUB orders.* q 1\r\nSUB orders.new 2\r\n").fence()
            page.wait(f"{table}.includes('first-of-two') && {tile} === '{there + 2}'", "both connections")
            page.wait(f"{table}.includes({json.dumps(HOSTILE)})", "the hostile name as text")
            self.assertEqual(page.value("document.querySelectorAll('td img, td script').length"), 0)
            b.send(pub("orders.new", "x" * 1000) * 200).fence()
            self.client(name="watcher", user="a", **{"pass": "p"}).send("SUB > 1\r\n").fence()
            a.send(pub("orders.new", "y" * 100) * 300).read_to_fence()
            page.wait("document.querySelector('#tile-in_msgs b').textContent.match(/^[1-9]/) !== null", "a rate")
            self.shoot(page, "connections")
            page.value("document.getElementById('tab-subjects').click()")
            page.wait(f"{table}.includes('orders.new') && {table}.includes('orders.*')", "subjects")
            self.shoot(page, "subjects")
            page.value("document.getElementById('tab-accounts').click()")
            page.wait(f"/^A\\s+2\\s/m.test({table}) && /^B\\s+1\\s/m.test({table})", "accounts")
            page.value("document.getElementById('tab-actors').click()")
            page.wait(f"{table}.includes('running') && {table}.includes('listener')", "actors")
            self.shoot(page, "actors")
            page.value("document.getElementById('tab-slow').click()")
            page.wait("document.getElementById('note').textContent.includes('closed for it')", "slow consumers")
            page.value("document.getElementById('tab-connections').click()")
            a.close()
            page.wait(f"!{table}.includes('first-of-two') && {table}.includes('watcher')", "its end")
            self.assertEqual(page.events, [])

    def test_says_when_the_server_is_gone(self):
        server = Server(monitor=True)
        self.addCleanup(server.kill)
        with browser.Browser() as page:
            page.open(f"http://127.0.0.1:{server.monitor_port}/ui")
            page.wait("document.getElementById('health').textContent === 'healthy'", "health")
            self.assertTrue(page.value("document.getElementById('trouble').hidden"))
            server.stop()
            page.wait("!document.getElementById('trouble').hidden", "the trouble")
            self.assertIn("does not answer", page.value("document.getElementById('trouble').textContent"))


if __name__ == "__main__":
    unittest.main()
