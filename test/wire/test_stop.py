"""A stop while everything is under way: it comes soon, ends well and complains about nothing."""

import http.client
import os
import random
import signal
import threading
import time
import unittest

from harness import DEADLINE, RawClient, Server, WireCase, connect_line, not_yet, pub, server_binary

CONFIG = """
system_account: SYS
accounts: {
  SYS: {users: [{user: s, password: p}]}
  A: {users: [{user: a, password: p}], limits: {max_connections: %d}, exports: [{stream: "x.>"}, {service: "q.>"}]}
  B: {users: [{user: b, password: p}], imports: [{stream: {account: A, subject: "x.>"}}, {service: {account: A, subject: "q.>"}}]}
}
websocket: {port: -1, no_tls: true}
"""
PAGES = ["/varz", "/connz?subs=1&auth=1", "/connz?state=all", "/subsz?subs=1", "/accountz?acc=A", "/accstatz?unused=1",
         "/actorz", "/metrics", "/healthz", "/debug/vars"]
REQUESTS = ["STATSZ", "VARZ", "CONNZ", "SUBSZ", "ACCOUNTZ", "HEALTHZ", "IDZ", "RELOAD"]


class Bustle:
    """Threads that do one thing each, over and over, until the server is gone."""

    def __init__(self, server):
        self.server = server
        self.failures = []
        self.ended = threading.Event()
        deeds = (self.come_and_go, self.come_and_go, self.publish, self.look, self.look, self.ask, self.reload)
        self.threads = [threading.Thread(target=self.repeat, args=(deed,)) for deed in deeds]
        for thread in self.threads:
            thread.start()

    def repeat(self, deed):
        while not self.ended.is_set():
            try:
                deed()
            except (OSError, AssertionError, http.client.HTTPException):  # it ends
                self.ended.wait(0.005)
            except Exception as e:  # of the test itself
                self.failures.append(f"{deed.__name__}: {e!r}")
                return

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def login(self, user):
        c = RawClient(self.server.port, deadline=2)
        c.read_info()
        return c.send(connect_line(user=user, **{"pass": "p"}))

    def come_and_go(self):
        with self.login(random.choice("ab")) as c:
            c.send(b"SUB x.> 1\r\nSUB q.* 2\r\n" + pub("x.1", "x") + pub("q.1", "x", "inbox") + b"PING\r\n")
            self.ended.wait(random.random() / 50)

    def publish(self):
        with self.login("a") as c:
            for _ in range(200):
                c.send(pub("x.1", "y" * 1000))

    def look(self):
        c = http.client.HTTPConnection("127.0.0.1", self.server.monitor_port, timeout=2)
        try:
            for page in random.sample(PAGES, 5):
                c.request("GET", page)
                c.getresponse().read()
        finally:
            c.close()

    def ask(self):
        with self.login("s") as c:
            c.send("SUB inbox 1\r\nSUB $SYS.> 2\r\n")
            for what in random.sample(REQUESTS, 5):
                c.send(pub(f"$SYS.REQ.SERVER.PING.{what}", "", "inbox"))
            self.ended.wait(0.02)

    def reload(self):
        path = self.server.write("next.conf", CONFIG % random.randint(5, 60))
        os.rename(path, self.server.config_path)
        self.server.signal(signal.SIGHUP)
        self.ended.wait(random.random() / 50)


class Stop(WireCase):
    serve = False
    ROUNDS = 6

    @unittest.skipUnless(not_yet.is_troupe(server_binary()), "the Go server may miss a signal during a reload")
    def test_while_everything_is_under_way(self):
        took = []
        for turn in range(self.ROUNDS):
            server = Server(config=CONFIG % 50, monitor=True)
            self.addCleanup(server.kill)
            server.wait_log("Server is ready")
            bustle = Bustle(server)
            try:
                bustle.ended.wait(random.random() / 2)
                began = time.monotonic()
                server.signal(signal.SIGINT if turn % 2 else signal.SIGTERM)
                self.assertEqual(server.wait_exit(), 0, server.log())
                took.append(time.monotonic() - began)
            finally:
                bustle.end()
            self.assertEqual(bustle.failures, [])
            self.assertNotRegex(server.log(), r"\[FTL\]|did not answer|failure|may not have|may still")
        print(f"stops took {min(took):.2f} to {max(took):.2f} s", flush=True)
        self.assertLess(max(took), 2 * max(1, DEADLINE / 10))


if __name__ == "__main__":
    unittest.main()
