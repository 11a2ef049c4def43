"""Each option at the top of the file is changed by SIGHUP while messages flow: what it does then, or why it may not."""

import http.client
import json
import os
import re
import signal
import socket
import tempfile
import unittest
import urllib.request

from harness import RawClient, Server, connect_line, free_port, msg, pub, wait_until
from harness.account_server import AccountServer
from harness.certificates import Authority, client_context
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt
from harness.reload_case import IS_TROUPE, ReloadOptionCase, troupe_only
from harness.tls_case import CA, tls

BLOCK = b"x" * 60000


class Addresses(ReloadOptionCase):
    """Without the harness's flags, which would win."""

    def at(self, listen, monitor=True, more=""):
        self.ports = getattr(self, "ports", None) or [free_port(), free_port(), free_port()]
        return f"{listen}\n" + (f'http: "127.0.0.1:{self.ports[0]}"\n' if monitor else "") + more

    def here(self, before):
        return self.running(before, host=None, port=None, monitor=False)

    def moved(self, after, go, host="127.0.0.1"):
        with self.here(self.at(f'listen: "127.0.0.1:{free_port()}"')) as t:
            t.reload(self.at(after), go_refuses=go)
            with RawClient(self.ports[1], host) as c:
                info = c.read_info()
                self.assertEqual(info["port"], self.ports[1])
                c.send(connect_line() + b"SUB a 1\r\n" + pub("a", "x") + b"PING\r\n").expect(msg("a", 1, "x")).expect("PONG\r\n")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", t.server.port), timeout=5)
            self.assertEqual((t.varz()["host"], t.varz()["port"]), (host, self.ports[1]))

    def test_listen(self):
        self.at("")
        self.moved(f'listen: "127.0.0.1:{self.ports[1]}"', "config reload not supported for Port: old=")

    def test_port(self):
        self.at("")
        self.moved(f'host: "127.0.0.1", port: {self.ports[1]}', "config reload not supported for Port: old=")

    def test_host(self):
        self.at("")
        self.moved(f'host: "127.0.0.2", port: {self.ports[1]}', "config reload not supported for Host: old=", "127.0.0.2")

    def monitor_moves(self, before, after, go, path="", https=False):
        listen = f'listen: "127.0.0.1:{free_port()}"\n'
        with self.here(listen + before) as t:
            t.server.monitor_port = self.ports[0]
            t.reload(listen + after, go_refuses=go)
            t.server.monitor_port = self.ports[1]
            if not https:
                self.assertEqual(t.server.json(path + "/varz")["http_port"], self.ports[1])
            return t

    def test_http(self):
        self.at("")
        self.monitor_moves(f'http: "127.0.0.1:{self.ports[0]}"', f'http: "127.0.0.1:{self.ports[1]}"',
                           "config reload not supported for HTTP(Host|Port): old=")

    def test_http_port(self):
        self.at("")
        self.monitor_moves(f"http_port: {self.ports[0]}", f"http_port: {self.ports[1]}",
                           "config reload not supported for HTTPPort: old=")

    def test_http_base_path(self):
        self.at("")
        self.ports[1] = self.ports[0]
        self.monitor_moves(f"http_port: {self.ports[0]}", f'http_port: {self.ports[0]}, http_base_path: "/base"',
                           "config reload not supported for HTTPBasePath: old=", path="/base")


class Names(ReloadOptionCase):
    def test_server_name(self):
        with self.running("server_name: x\n") as t:
            t.refused("server_name: y\nmax_payload: 5\n", "config reload not supported for ServerName: old=x, new=y\n")

    def test_client_advertise(self):
        with self.running("") as t:
            t.reload('client_advertise: "me.example:7"\n')
            self.assertEqual((t.info()["host"], t.info()["port"]), ("me.example", 7))
            t.refused('client_advertise: "me:x"\n', r"invalid ClientAdvertise value of me:x, err=")
            t.reload("ping_max: 3\n")
            self.assertEqual((t.info()["host"], t.info()["port"]), ("127.0.0.1", t.server.port))

    def test_server_tags(self):
        with self.running("") as t:
            t.reload("server_tags: [a, b]\n")
            self.assertEqual(t.varz()["tags"], ["a", "b"])

    def test_server_metadata(self):
        with self.running("") as t:
            t.reload("server_metadata: {a: b}\n")
            self.assertEqual(t.varz()["metadata"], {"a": "b"})

    def test_feature_flags(self):
        with self.running("") as t:
            t.reload("feature_flags: {js_ack_fc_v2: true}\n", go_refuses="config reload not supported for FeatureFlags: old=")
            self.assertTrue(t.varz()["feature_flags"]["js_ack_fc_v2"])

    @troupe_only
    def test_reactors(self):
        with self.running("reactors: 2\n") as t:
            t.refused("reactors: 3\n", "config reload not supported for Reactors: old=2, new=3\n")


class Files(ReloadOptionCase):
    def test_pid_file(self):
        with self.running("") as t:
            t.reload(f'pid_file: "{t.server.dir}/new.pid"\n')
            with open(f"{t.server.dir}/new.pid", encoding="ascii") as f:
                self.assertEqual(f.read(), str(t.server.pid))

    def test_ports_file_dir(self):
        port, monitor = free_port(), free_port()
        flags = ("-m", str(monitor))
        with self.running("ping_max: 2\n", *flags, ports_file=False, port=port, monitor=False) as t:
            t.server.monitor_port = monitor
            first, second = f"{t.server.dir}/ports", f"{t.server.dir}/elsewhere"
            os.mkdir(first)
            os.mkdir(second)
            t.reload(f'ports_file_dir: "{first}"\n')
            name, = wait_until(lambda: os.listdir(first), "the ports file")
            t.reload(f'ports_file_dir: "{second}"\n')
            wait_until(lambda: os.listdir(second) == [name] and not os.listdir(first), "the ports file elsewhere")

    def test_prof_port(self):
        with self.running("") as t:
            port = free_port()
            t.refused(f"prof_port: {port}\n", f"config reload not supported for ProfPort: old=0, new={port}\n")

    @unittest.skipIf(os.environ.get("WIRE_SANITIZED"), "locks are not noted under a sanitizer")
    def test_prof_block_rate(self):
        """Waits are noted from the reload on that wants them, and up to the one that does not."""
        users = "accounts { $SYS { users: [{user: sys, password: p}] }, A { users: [{user: a}] } }\nno_auth_user: a\n"
        with self.running(users, "--profile", "-1") as t:
            port = int(t.server.ports["profile"][0].rsplit(":", 1)[1])
            asker = t.let_in(user="sys", **{"pass": "p"})
            asker.send("SUB inbox 1\r\n")

            def noted():
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/debug/pprof/block?debug=1", timeout=20) as r:
                    return sum(int(n) for n in re.findall(rb"^\d+ (\d+) @", r.read(), re.M))

            def waits():
                """Threads that want the same thing: a page measures the process, one at a time."""
                asker.send(pub("$SYS.REQ.SERVER.PING.VARZ", b"", "inbox") * 100)
                for _ in range(100):
                    asker.read_op()

            waits()
            self.assertEqual(noted(), 0)
            t.reload(users + "prof_block_rate: 1\n")
            self.assertIn("Reloaded: prof_block_rate = 1\n", t.server.log())
            wait_until(lambda: waits() or noted(), "waits to be noted")
            t.reload(users + "prof_block_rate: 0\n")
            self.assertIn("Reloaded: prof_block_rate = 0\n", t.server.log())
            before = noted()
            for _ in range(3):
                waits()
            self.assertEqual(noted(), before)


class Monitoring(ReloadOptionCase):
    def https(self, before, after, go):
        """From one address to another, both with TLS."""
        listen = f'listen: "127.0.0.1:{free_port()}"\nallow_non_tls: true\n' + tls()
        with self.running(listen + before, host=None, port=None, monitor=False) as t:
            t.reload(listen + after, go_refuses=go)
            self.assertEqual(self.get(self.new)["https_port"], self.new)

    def get(self, port):
        c = http.client.HTTPSConnection("localhost", port, timeout=10, context=client_context(CA))
        try:
            c.request("GET", "/varz")
            return json.loads(c.getresponse().read())
        finally:
            c.close()

    def setUp(self):
        self.old, self.new = free_port(), free_port()

    def test_https(self):
        if not IS_TROUPE:
            self.skipTest("the Go server refuses it")
        self.https(f'http: "127.0.0.1:{self.old}"\n', f'https: "127.0.0.1:{self.new}"\n', None)

    def test_https_port(self):
        if not IS_TROUPE:
            self.skipTest("the Go server refuses it")
        self.https(f"https_port: {self.old}\n", f"https_port: {self.new}\n", None)


class Limits(ReloadOptionCase):
    def test_max_control_line(self):
        with self.running("") as t:
            old = t.client()
            t.reload("max_control_line: 200\n")
            for c in (old, t.client()):
                c.send(f"SUB {'a' * 250} 1\r\n").expect_closed("-ERR 'maximum control line exceeded'\r\n")

    def test_max_payload(self):
        with self.running("") as t:
            old = t.client()
            t.reload("max_payload: 100\n")
            self.assertEqual(t.info()["max_payload"], 100)
            for c in (old, t.client()):
                c.send("PUB a 101\r\n").expect_closed("-ERR 'Maximum Payload Violation'\r\n")

    def slow(self, t, times):
        """A client that does not read gets all this; the page about it."""
        c = t.client(rcvbuf=4096)
        c.send("SUB slow 1\r\n").fence()
        p = t.client(deadline=30)
        for _ in range(times):
            p.send(pub("slow", BLOCK)).fence()
        cid = c.info["client_id"]
        return lambda: t.server.json(f"/connz?state=closed&cid={cid}")["connections"]

    def test_max_pending(self):
        with self.running("max_payload: 64KB\n") as t:
            t.reload("max_payload: 64KB\nmax_pending: 1MB\n", go_refuses="config reload not supported for MaxPending: old=67108864, new=1048576")
            self.assertEqual(t.varz()["max_pending"], 1048576)
            closed = wait_until(self.slow(t, 400), "the slow consumer to be closed", 20)
            self.assertEqual(closed[0]["reason"], "Slow Consumer (Pending Bytes)")

    def test_max_connections(self):
        # The newest go first; the Go server takes any.
        with self.running("", cut=False if IS_TROUPE else None) as t:
            for _ in range(5):
                t.client()
            t.traffic.flows()
            t.server.reload("max_connections: 3\n")
            wait_until(lambda: t.server.json("/varz")["connections"] == 3, "three to be left")
            self.assertEqual(t.varz()["max_connections"], 3)

    def test_max_subscriptions(self):
        with self.running("") as t:
            c = t.client()
            c.send("SUB a 1\r\n").fence()
            t.reload("max_subscriptions: 1\n", go_refuses="config reload not supported for MaxSubs: old=0, new=1")
            c.send("SUB b 2\r\n").expect("-ERR 'maximum subscriptions exceeded'\r\n")

    def test_max_sub_tokens(self):
        with self.running("") as t:
            c = t.client()
            t.reload("max_sub_tokens: 2\n", go_refuses="config reload not supported for MaxSubTokens: old=0, new=2")
            c.send("SUB a.b.c 1\r\n").expect("-ERR 'Permissions Violation for Subscription to \"a.b.c\", too many tokens'\r\n")

    def test_max_closed_clients(self):
        with self.running("") as t:
            t.refused("max_closed_clients: 5\n", "config reload not supported for MaxClosedClients: old=10000, new=5\n")


class KeepAlive(ReloadOptionCase):
    def test_ping_interval(self):
        with self.running("") as t:
            t.reload('ping_interval: "100ms"\n')
            c = t.client(auto_pong=False)
            c.expect("PING\r\n").send("PONG\r\n").expect("PING\r\n")

    def test_ping_max(self):
        with self.running('ping_interval: "50ms"\nping_max: 1000\n') as t:
            t.reload('ping_interval: "50ms"\nping_max: 1\n')
            c = t.client(auto_pong=False)
            self.assertIn(b"-ERR 'Stale Connection'\r\n", c.wait_closed())

    def test_write_deadline(self):
        with self.running('write_deadline: "60s"\n') as t:
            t.reload('write_deadline: "200ms"\n')
            self.assertEqual(t.varz()["write_deadline"], 200_000_000)
            closed = wait_until(Limits.slow(self, t, 100), "the slow consumer to be closed", 20)
            self.assertEqual(closed[0]["reason"], "Slow Consumer (Write Deadline)")

    def test_write_timeout(self):
        """Who was late stays, and gets everything."""
        with self.running('write_deadline: "1s"\n') as t:
            t.reload('write_deadline: "1s"\nwrite_timeout: retry\n',
                     go_refuses="config reload not supported for WriteTimeout: old=, new=retry")
            self.assertEqual(t.varz()["write_timeout"], "retry")
            c, p = t.client(rcvbuf=4096, deadline=30), t.client(deadline=30)
            c.send("SUB slow 1\r\n").fence()
            for _ in range(100):
                p.send(pub("slow", BLOCK)).fence()
            t.server.wait_log("Slow Consumer Detected: WriteDeadline of 1s exceeded with", 20)
            for _ in range(100):
                self.assertEqual(c.read_op(), msg("slow", 1, BLOCK))
            c.fence()

    def test_no_fast_producer_stall(self):
        with self.running('max_pending: 4MB\nmax_payload: 1MB\nwrite_deadline: "30s"\n') as t:
            t.reload('max_pending: 4MB\nmax_payload: 1MB\nwrite_deadline: "30s"\nno_fast_producer_stall: true\n')
            Limits.slow(self, t, 200)
            self.assertEqual(t.server.json("/varz")["stalled_clients"], 0)


class LameDuck(ReloadOptionCase):
    """The clients are told at once, and closed later."""

    def drained(self, before, after, clients, go, within):
        with self.running(before, cut=True) as t:
            many = [t.client() for _ in range(clients)]
            t.reload(after, go_refuses=go)
            t.server.signal(signal.SIGUSR2)
            for c in many:
                c.deadline = within
                c.wait_closed()
            wait_until(lambda: len(t.traffic.cut) == 2, "the traffic's clients to be closed")
            self.addCleanup(t.server.process.wait)
            self.assertEqual(t.server.wait_exit(), 0)

    def start(self, *args, **kwargs):
        """The server ends by itself."""
        server = Server(*args, **kwargs)
        self.addCleanup(server.kill)
        return server

    def test_lame_duck_grace_period(self):
        self.drained('lame_duck_grace_period: "100s"\n', 'lame_duck_grace_period: "10ms"\n', 1,
                     "config reload not supported for LameDuckGracePeriod: old=1m40s, new=10ms", 20)

    def test_lame_duck_duration(self):
        """Two hours over 22 clients: a second each; of 30 s, 29.9 are grace."""
        self.drained('lame_duck_duration: "2h"\nlame_duck_grace_period: "1ms"\n',
                     'lame_duck_duration: "30s"\nlame_duck_grace_period: "1ms"\n', 150,
                     "config reload not supported for LameDuckDuration: old=2h0m0s, new=30s", 60)


class Switches(ReloadOptionCase):
    def fixed(self, option, field, before="false", after="true"):
        with self.running("ping_max: 3\n") as t:
            t.refused(f"ping_max: 4\n{option}: {after}\n", f"config reload not supported for {field}: old={before}, new={after}\n")

    def test_disable_sublist_cache(self):
        self.fixed("disable_sublist_cache", "NoSublistCache")

    def test_no_header_support(self):
        self.fixed("no_header_support", "NoHeaderSupport")

    def test_no_system_account(self):
        self.fixed("no_system_account", "NoSystemAccount")

    def test_proxy_protocol(self):
        self.fixed("proxy_protocol", "ProxyProtocol")

    def test_allow_non_tls(self):
        self.fixed("allow_non_tls", "AllowNonTLS")

    def test_system_account(self):
        config = "accounts { A { users: [{user: a, password: p}] }, B {} }\n"
        with self.running(config, login={"user": "a", "pass": "p"}) as t:
            t.refused(config + "system_account: B\n", "config reload not supported for SystemAccount: old=, new=B\n" if IS_TROUPE else
                      "config reload not supported for SystemAccount: old=.*, new=B\n")


class Who(ReloadOptionCase):
    USERS = "{user: t, password: p}, {user: a, password: p, permissions: {publish: only.this}}"
    LOGIN = {"user": "t", "pass": "p"}

    def test_authorization(self):
        with self.running("", cut=True) as t:
            t.reload("authorization { user: me, password: p }\n")
            t.let_in(user="me", **{"pass": "p"})
            t.kept_out(user="me", **{"pass": "q"})
            self.assertTrue(t.varz()["auth_required"])
            wait_until(lambda: len(t.traffic.cut) == 2, "who has no user to be closed")

    def test_no_auth_user(self):
        users = f"authorization {{ users: [{self.USERS}] }}\n"
        with self.running(users, login=self.LOGIN) as t:
            t.kept_out()
            t.reload(users + "no_auth_user: a\n", go_refuses="config reload not supported for NoAuthUser: old=, new=a")
            c = t.client()
            c.send(pub("other", "x")).expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n")
            t.refused(users, "config reload not supported for NoAuthUser: old=a, new=\n")

    def test_accounts(self):
        a, b = "A { users: [{user: t, password: p}] }", "B { users: [{user: b, password: p}] }"
        with self.running(f"accounts {{ {a} }}\n", login=self.LOGIN) as t:
            t.kept_out(user="b", **{"pass": "p"})
            t.reload(f"accounts {{ {a}, {b} }}\n")
            t.let_in(user="b", **{"pass": "p"}).send("SUB traffic 1\r\n").fence()

    def test_mappings(self):
        with self.running("") as t:
            c = t.client()
            c.send("SUB to 1\r\n").fence()
            t.reload("mappings { from: to }\n")
            c.send(pub("from", "x")).expect(msg("to", 1, "x"))
            t.reload("ping_max: 3\n")
            c.send(pub("from", "x"))
            if IS_TROUPE:  # the Go server keeps the mapping
                c.fence()

    def test_proxies(self):
        config = "authorization { users: [{user: t, password: p}, {user: far, password: p, proxy_required: true}] }\n"
        key = Key(USER)
        # From nothing the Go server ends with a panic.
        with self.running(config + ("" if IS_TROUPE else f'proxies {{ trusted: [{{key: "{Key(USER).public}"}}] }}\n'), login=self.LOGIN) as t:
            t.kept_out(user="far", **{"pass": "p"})
            t.reload(config + f'proxies {{ trusted: [{{key: "{key.public}"}}] }}\n')
            c = t.raw()
            nonce = c.read_info()["nonce"]
            c.send(connect_line(user="far", proxy_sig=key.sign_text(nonce), **{"pass": "p"}) + b"PING\r\n").expect("PONG\r\n")
            self.assertEqual(t.varz()["proxies"], {"trusted": [{"key": key.public}]})


class Tls(ReloadOptionCase):
    def test_tls(self):
        with self.running("") as t:
            t.reload(tls())
            self.assertTrue(t.info()["tls_required"])
            c = t.raw()
            c.read_info()
            c.start_tls(client_context(CA)).send(connect_line() + b"PING\r\n").expect("PONG\r\n")
            t.refused('tls { cert_file: "/nowhere", key_file: "/nowhere" }\n', r".*/nowhere")


    def test_ocsp(self):
        """What it does is in test_ocsp.py: here nothing is to be stapled."""
        with self.running(tls() + "allow_non_tls: true\n") as t:
            t.reload(tls() + "allow_non_tls: true\nocsp { mode: never }\n")
            c = t.raw()
            c.read_info()
            c.start_tls(client_context(CA)).send(connect_line() + b"PING\r\n").expect("PONG\r\n")


    @troupe_only
    def test_ocsp_cache(self):
        """What it does is in test_ocsp_peer.py."""
        block = tls(f'ca_file: "{CA.file}"', "verify: true, ocsp_peer: true") + "allow_non_tls: true\n"
        with self.running(block + "ocsp_cache: false\n") as t:
            self.assertNotIn("ocsp_peer_cache", t.varz())
            t.reload(block + "ocsp_cache { type: local }\n")
            self.assertEqual(t.varz()["ocsp_peer_cache"], {"cache_type": "local"})
            t.reload(block + "ocsp_cache { type: none }\n")
            self.assertNotIn("ocsp_peer_cache", t.varz())


class OperatorMode(ReloadOptionCase):
    def setUp(self):
        self.op, self.a, self.b, self.user, self.system = Operator(), Key(ACCOUNT), Key(ACCOUNT), Key(USER), Key(ACCOUNT)
        self.keys = {"a": self.a, "b": self.b}

    def text(self, *accounts):
        return self.op.config(*((k, self.op.account(k)) for k in (accounts or (self.a, self.b))))

    def login_to(self, server, account=None, user=None):
        c = self.raw(server)
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=user_jwt(account or self.a, user or self.user), sig=(user or self.user).sign_text(nonce)) + b"PING\r\n")
        return c

    def connect(self, server):
        return self.login_to(server).expect("PONG\r\n")

    def test_resolver_preload(self):
        with self.running(self.text(self.a), connect=self.connect) as t:
            self.login_to(t.server, self.b).expect_closed("-ERR 'Authorization Violation'\r\n")
            t.reload(self.text(self.a, self.b))
            self.login_to(t.server, self.b).expect("PONG\r\n")

    def folder(self, *keys):
        """A directory of a resolver that knows these accounts and the system's."""
        folder = tempfile.TemporaryDirectory(prefix="resolver-")
        self.addCleanup(folder.cleanup)
        jwts = {k.public: self.op.account(k) for k in keys}
        for key, jwt in {**jwts, self.op.system.public: self.op.system_jwt}.items():
            with open(os.path.join(folder.name, key + ".jwt"), "w", encoding="ascii") as f:
                f.write(jwt)
        return folder.name

    def web(self, *keys):
        server = AccountServer({**{k.public: self.op.account(k) for k in keys}, self.op.system.public: self.op.system_jwt})
        self.addCleanup(server.close)
        return server

    def with_resolver(self, text):
        return f"operator: {self.op.jwt}\nresolver: {text}\n"

    def taken(self, before, after):
        """Who is there stays, whether the new resolver knows the account or not; others come by what it knows."""
        with self.running(before, connect=self.connect) as t:
            self.login_to(t.server, self.b).expect_closed("-ERR 'Authorization Violation'\r\n")
            t.reload(after)
            self.login_to(t.server, self.b).expect("PONG\r\n")
            return t

    def test_resolver(self):
        with self.running("") as t:
            t.refused("resolver: MEM\n", "config reload not supported for moving to or from an account resolver\n")
        url = [self.with_resolver(f'URL("{self.web(k).url}")') for k in (self.a, self.b)]
        directory = [self.with_resolver(f"{{ type: full, dir: '{self.folder(k)}' }}") for k in (self.a, self.b)]
        for before, after in [(url[0], url[1]), (directory[0], url[1]), (url[0], directory[1]), (self.text(self.a), url[1]),
                              (self.text(self.a), directory[1]), (url[0], self.text()), (directory[0], self.text())]:
            with self.subTest(before=before, after=after):
                self.taken(before, after)
        with self.running(self.text(self.a), connect=self.connect) as t:
            # Nobody is asked before somebody needs it.
            t.reload(self.with_resolver(f'URL("http://127.0.0.1:{free_port()}/accounts/")'))
            self.login_to(t.server, self.b).expect_closed("-ERR 'Authorization Violation'\r\n")
            t.refused(self.with_resolver(f"{{ type: full, dir: '{os.path.join(t.server.dir, 'server.conf')}' }}"), ".")

    def test_resolver_tls(self):
        first, second = Authority("First CA"), Authority("Second CA")
        known = {k.public: self.op.account(k) for k in (self.a, self.b)}
        web = AccountServer({**known, self.op.system.public: self.op.system_jwt}, certificate=first.issue("accounts"))
        self.addCleanup(web.close)
        config = f'operator: {self.op.jwt}\nresolver: URL("{web.url}")\n' + 'resolver_tls {{ ca_file: "{}" }}\n'
        with self.running(config.format(first.file), connect=self.connect) as t:
            t.reload(config.format(second.file))
            self.login_to(t.server, self.b).expect_closed("-ERR 'Authorization Violation'\r\n")
            t.reload(config.format(first.file))
            self.login_to(t.server, self.b).expect("PONG\r\n")

    def test_operator(self):
        with self.running(self.text(), connect=self.connect) as t:
            other = Operator()
            other.system = self.op.system
            jwt = other.key.jwt(other.key.public, {"type": "operator", "system_account": other.system.public}, name="OP")
            t.refused(self.text().replace(self.op.jwt, jwt), "config reload not supported for Trusted(Operators|Keys): old=")

    def test_trusted_keys(self):
        def config(*keys):
            return f"trusted_keys: [{', '.join(keys)}]\n" + "\n".join(
                x for x in self.text().splitlines() if not x.startswith("operator"))
        one = Operator()
        with self.running(config(self.op.key.public), connect=self.connect) as t:
            t.refused(config(self.op.key.public, one.key.public), "config reload not supported for TrustedKeys: old=")

    def test_default_sentinel(self):
        with self.running(self.text(), connect=self.connect) as t:
            bearer = user_jwt(self.a, self.user, bearer_token=True)
            t.reload(self.text() + f'default_sentinel: "{bearer}"\n')
            t.client()

    def test_resolver_pinned_accounts(self):
        with self.running(self.text(), connect=self.connect) as t:
            self.login_to(t.server, self.b).expect("PONG\r\n")
            t.reload(self.text() + f"resolver_pinned_accounts: [{self.a.public}]\n")
            self.login_to(t.server, self.b).expect_closed("-ERR 'Authorization Violation'\r\n")


class WebSocket(ReloadOptionCase):
    def test_websocket(self):
        """Its options are in test_reload_websocket.py; the listener is neither opened nor closed by a reload."""
        block = f'websocket {{ listen: "127.0.0.1:{free_port()}", no_tls: true }}\n'
        with self.running(block) as t:
            t.refused("ping_max: 3\n", "config reload not supported for Websocket: old=")
        with self.running("") as t:
            t.refused(block, "config reload not supported for Websocket: old=")


class NotBuilt(ReloadOptionCase):
    """What is read and has no effect disturbs nobody when it changes."""

    block = None

    @troupe_only
    def test_all_of_them_at_once(self):
        base = "server_name: s\nsystem_account: S\naccounts { S { users: [{user: x, password: y}] } }\n"
        config = (base + 'connect_error_reports: 5\nreconnect_error_reports: 5\n'
                  'cluster { name: a, port: -1 }\ngateway { name: a, port: -1 }\nleafnodes { port: -1 }\nmqtt { port: -1 }\n'
                  'jetstream: enabled\nstore_dir: "/nowhere"\ndefault_js_domain { "$G": b }\n')
        with self.running(base) as t:
            t.reload(config)
            t.reload(base + "ping_max: 3\n")


if __name__ == "__main__":
    unittest.main()
