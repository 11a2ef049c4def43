"""What pages tell of the claims of accounts and operators: every field of the Go server's, but never a token."""

import json
import time
import unittest

from harness import Server, WireCase, connect_line, pub, server_binary, wait_until
from harness.nkeys import ACCOUNT, NO_LIMITS, OPERATOR, USER, Key, Operator, user_jwt
from harness.server import is_troupe

KEEPS_TOKENS = is_troupe(server_binary())
TEMPLATE = {"pub": {"allow": ["own.{{name()}}"]}, "sub": {"deny": ["x", "y q"]}, "resp": {"max": 3, "ttl": 1000000000},
            "src": ["10.0.0.0/8"], "times": [{"start": "08:00:00", "end": "18:00:00"}], "times_location": "UTC", **NO_LIMITS,
            "bearer_token": True, "proxy_required": True, "allowed_connection_types": ["STANDARD"]}


def everything(scoped, signing, exporter, activation):
    """An account's claims with each field that there is, in the form in which they are shown."""
    return {
        "imports": [{"name": "i", "subject": "s.>", "account": exporter, "token": activation, "local_subject": "l.>", "type": "stream"},
                    {"subject": "q", "account": exporter, "to": "old", "type": "service", "share": True}],
        "exports": [{"name": "e1", "subject": "d.*", "type": "service", "token_req": True, "revocations": {"*": 5},
                     "response_type": "Stream", "response_threshold": 3000000000, "service_latency": {"sampling": 20, "results": "lat"},
                     "account_token_position": 2, "advertise": True, "allow_trace": True, "description": "what it is",
                     "info_url": "http://example.org/e"},
                    {"subject": "h", "type": "service", "service_latency": {"sampling": "headers", "results": "lat"}}],
        "limits": {**NO_LIMITS, "imports": -1, "exports": 10, "wildcards": True, "conn": 7, "leaf": -1, "disallow_bearer": True,
                   "tiered_limits": {"R1": {"mem_storage": 1, "disk_storage": 2, "streams": 3, "consumer": 4, "max_ack_pending": 5,
                                            "mem_max_stream_bytes": 6, "disk_max_stream_bytes": 7, "max_bytes_required": True}}},
        "signing_keys": sorted([signing, {"kind": "user_scope", "key": scoped, "role": "r", "template": TEMPLATE, "description": "d"}],
                               key=lambda k: k if isinstance(k, str) else k["key"]),
        "revocations": {Key(USER).public: 1000},
        "default_permissions": {"pub": {"deny": ["no"]}, "sub": {"allow": [">"]}, "resp": {"max": -1, "ttl": 0}},
        "mappings": {"m.*": [{"subject": "n.$1", "weight": 40}, {"subject": "o.$1", "weight": 60, "cluster": "C"}], "a": [{"subject": "b"}]},
        "authorization": {},
        "trace": {"dest": "trace.here", "sampling": 100},
        "cluster_traffic": "owner", "description": "A <b> & \u00e9 \"x\"", "info_url": "https://example.org/a?b=c",
        "tags": ["t:1", "t:2"], "type": "account",
    }


class Claims(WireCase):
    serve = False

    def start(self, op, *accounts, used):
        """A server with these accounts, of which one is in use; its detail and all of the page."""
        server = Server(config=op.config(*accounts), monitor=True)
        self.addCleanup(server.stop)
        for key in (*used, op.system):
            c = self.raw(server)
            user = Key(USER)
            nonce = c.read_info()["nonce"]
            c.send(connect_line(jwt=user_jwt(key, user), sig=user.sign_text(nonce)) + b"PING\r\n").expect("PONG\r\n")
        return server, c

    def test_every_field(self):
        op, a, b, signing, scoped = Operator(), *(Key(ACCOUNT) for _ in range(4))
        activation = b.jwt(a.public, {"type": "activation", "subject": "s.>", "kind": "stream"}, name="s.>")
        said = everything(scoped.public, signing.public, b.public, activation)
        exporter = op.account(b, name="B", exports=[{"subject": "s.>", "type": "stream", "token_req": True}, {"subject": "old", "type": "service"}])
        token = op.key.jwt(a.public, said, name="Acme", aud="x", nbf=1000, exp=int(time.time()) + 1000)
        server, system = self.start(op, (a, token), (b, exporter), used=[a])
        page = server.http(f"/accountz?acc={a.public}")[2].decode()
        detail = json.loads(page)["account_detail"]
        shown = detail["decoded_jwt"]
        if KEEPS_TOKENS:
            del said["imports"][0]["token"]
            for secret in (token, activation):
                self.assertNotIn(secret.split(".")[2], page)
        self.assertEqual(shown.pop("nats"), {**said, "version": 2})
        self.assertEqual({k: v for k, v in shown.items() if k not in ("jti", "iat", "exp")},
                         {"iss": op.key.public, "sub": a.public, "name": "Acme", "aud": "x", "nbf": 1000})
        self.assertEqual(detail["validation_result_jwt"], [
            {"description": "the field to has been deprecated (use LocalSubject instead)", "blocking": False, "time_check": False}])
        self.assertEqual(detail["tags"], ["t:1", "t:2"])
        system.send("SUB in.> 1\r\n" + pub(f"$SYS.REQ.ACCOUNT.{a.public}.INFO", "", "in.x").decode())
        self.assertEqual(json.loads(system.read_op().split(b"\r\n", 1)[1])["data"]["decoded_jwt"],
                         json.loads(page)["account_detail"]["decoded_jwt"])

    def test_what_is_empty_and_what_ends(self):
        op, a = Operator(), Key(ACCOUNT)
        server, _ = self.start(op, (a, op.account(a, expires=int(time.time()) + 2)), used=[a])
        page = f"/accountz?acc={a.public}"
        shown = server.json(page)["account_detail"]["decoded_jwt"]["nats"]
        self.assertEqual(shown, {"limits": {**NO_LIMITS, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1},
                                 "default_permissions": {"pub": {}, "sub": {}}, "authorization": {}, "type": "account", "version": 2})
        detail = wait_until(lambda: (d := server.json(page)["account_detail"]).get("validation_result_jwt") and d, "the end of the token")
        self.assertEqual(detail["validation_result_jwt"], [{"description": "claim is expired", "blocking": False, "time_check": True}])

    def test_operators(self):
        signing = Key(OPERATOR)
        says = {"signing_keys": [signing.public], "account_server_url": "https://u:secret@localhost:9090/jwt/v1",
                "operator_service_urls": ["nats://localhost:4222"], "assert_server_version": "2.2.0",
                "strict_signing_key_usage": True, "tags": ["x"]}
        op = Operator(**says)
        op.system_jwt = op.account(op.system, name="SYS", signer=signing)
        with Server(config=op.config(), monitor=True) as server:
            varz = server.json("/varz")
        claims, = varz["trusted_operators_claim"]
        self.assertEqual((claims["iss"], claims["sub"], claims["name"]), (op.key.public, op.key.public, "OP"))
        if KEEPS_TOKENS:
            self.assertNotIn("trusted_operators_jwt", varz)
            says["account_server_url"] = "https://u:xxxxx@localhost:9090/jwt/v1"
        self.assertEqual(claims["nats"], {**says, "system_account": op.system.public, "type": "operator", "version": 2})


if __name__ == "__main__":
    unittest.main()
