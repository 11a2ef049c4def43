"""/varz of both servers, field by field, started from the same file: each example of the Go server's repository.

Needs the Go server (NATS_PEER_BIN or a nats-server on the PATH) and its source (NATS_PEER_SOURCE, or Go's module cache).
"""

import glob
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import Server, free_port, not_yet, run_binary, server_binary
from harness.nkeys import USER, Key
from harness.tls_case import CA, tls

IS_TROUPE = not_yet.is_troupe(server_binary())
# Of a process, not of its file.
OWN = {"server_id", "server_name", "version", "go", "git_commit", "port", "start", "now", "uptime", "mem", "cores", "gomaxprocs",
       "gomemlimit", "cpu", "connections", "total_connections", "in_msgs", "out_msgs", "in_bytes", "out_bytes", "http_port",
       "https_port", "subscriptions", "http_req_stats", "config_load_time", "in_client_msgs", "in_client_bytes",
       "out_client_msgs", "out_client_bytes", "in_gateway_msgs", "slow_consumers", "nonce", "xkey"}
# Tokens are shown nowhere.
NOT_SHOWN = {"trusted_operators_jwt"}
# Of features that are not built: the file loads, a notice says so, the page has their empty state.
NOT_BUILT = {"cluster", "gateway", "leaf", "mqtt", "jetstream", "leafnodes", "remotes", "routes", "connect_urls"}


def peer_binary():
    path = os.environ.get("NATS_PEER_BIN") or shutil.which("nats-server")
    return path if path and not not_yet.is_troupe(path) else None


def peer_source():
    """The folder of the newest source at hand that is the peer's version."""
    if os.environ.get("NATS_PEER_SOURCE"):
        return os.environ["NATS_PEER_SOURCE"]
    said = subprocess.run([peer_binary(), "-v"], capture_output=True, check=False, timeout=10).stdout.decode()
    version = re.search(r"v(\d+\.\d+\.\d+)", said)
    cache = os.path.expanduser(os.environ.get("GOMODCACHE", "~/go/pkg/mod"))
    found = glob.glob(f"{cache}/github.com/nats-io/nats-server/v2@v{version[1]}") if version else []
    return found[0] if found else None


def examples():
    root = peer_source() if peer_binary() else None
    if not root:
        return []
    return [(folder, path) for folder in (f"{root}/server/configs", f"{root}/test/configs", f"{root}/conf")
            for path in sorted(str(p) for p in pathlib.Path(folder).rglob("*.conf"))]


@unittest.skipUnless(IS_TROUPE, "compares Troupe with the Go server")
@unittest.skipUnless(peer_binary(), "no Go server: set NATS_PEER_BIN")
class SameFile(unittest.TestCase):
    maxDiff = None

    def page(self, binary, path, folder, *flags):
        """/varz; None: the server does not start with it."""
        root = os.path.dirname(folder)  # where the examples' certificates are named from
        flags = ("-c", path, "-l", "{dir}/own.log", *flags)
        if run_binary("-t", *flags, binary=binary, cwd=root).returncode:
            return None
        try:
            server = Server(*flags, binary=binary, monitor=True, cwd=root)
        except AssertionError as e:
            if "before it was ready" in str(e):
                return None
            raise
        try:
            return next(server.json(base + "/varz") for base in ("", "/nats") if server.http(base + "/varz")[0] == 200)
        finally:
            server.kill()

    def test_examples(self):
        files = examples()
        if not files:
            self.skipTest("no source of the Go server at hand")
        compared = 0
        for folder, path in files:
            with self.subTest(file=os.path.relpath(path, folder)):
                theirs = self.page(peer_binary(), path, folder)
                ours = self.page(server_binary(), path, folder, "--allow_unsupported")
                if theirs is None or ours is None:
                    self.assertEqual(theirs is None, ours is None, "one of the two refuses it")
                    continue
                compared += 1
                self.same(theirs, ours)
        self.assertGreater(compared, 30)

    def same(self, theirs, ours):
        skipped = OWN | NOT_BUILT | NOT_SHOWN
        differ = {k: (theirs.get(k, "none"), ours.get(k, "none")) for k in {*theirs, *ours} - skipped
                  if theirs.get(k, "none") != ours.get(k, "none")}
        self.assertEqual(differ, {}, "option: (the Go server's, ours)")

    def test_every_option_that_the_page_shows(self):
        websocket = f"""websocket {{ listen: "127.0.0.1:{free_port()}", advertise: "ws.example:443", jwt_cookie: "", user_cookie: u,
            pass_cookie: p, token_cookie: t, handshake_timeout: "3s", same_origin: true, allowed_origins: ["https://a.example"],
            compression: true, no_auth_user: b, ping_interval: "7s", {tls(f'ca_file: "{CA.file}"', "verify: true").strip()} }}"""
        config = f"""
            server_name: all, client_advertise: "me.example:99", server_tags: [a, "b:c"], server_metadata {{ k: v, l: w }}
            feature_flags {{ js_ack_fc_v2: true }}
            debug: true, trace: false, logtime: true, logtime_utc: true, max_traced_msg_len: 10, prof_block_rate: 5
            http_base_path: "/nats"
            max_control_line: 2KB, max_payload: 2MB, max_pending: 4MB, max_connections: 77, max_subscriptions: 88, max_sub_tokens: 9
            max_closed_clients: 99, ping_interval: "33s", ping_max: 4, write_deadline: "5s", write_timeout: retry
            no_fast_producer_stall: true, lame_duck_duration: "50s", lame_duck_grace_period: "4s"
            disable_sublist_cache: true, no_header_support: true, connect_error_reports: 4, reconnect_error_reports: 5
            authorization {{ timeout: 7, users: [{{user: a, password: p}}, {{user: b, password: p}}] }}
            no_auth_user: a, allow_non_tls: true
            accounts {{ S {{ users: [{{user: s, password: p}}] }} }}, system_account: S, mappings {{ from: to }}
            proxies {{ trusted: [{{key: "{Key(USER).public}"}}] }}
            {tls(f'ca_file: "{CA.file}"', "verify: true", "timeout: 3", f'pinned_certs: ["{"a" * 64}"]')}
            {websocket}
            """
        with tempfile.TemporaryDirectory(prefix="varz-") as folder:
            path = os.path.join(folder, "all.conf")
            with open(path, "w", encoding="utf-8") as f:
                f.write(config)
            pages = [self.page(binary, path, os.path.join(folder, "x")) for binary in (peer_binary(), server_binary())]
            self.assertNotIn(None, pages)
            self.same(*pages)


if __name__ == "__main__":
    unittest.main()
