"""What the tests of auth callout share: a node with a service, what the service is asked, what it may answer."""

import base64
import json

from .case import WireCase
from .client import connect_line
from .nkeys import ACCOUNT, NO_LIMITS, USER, Key, Operator, user_jwt
from .xkey import CurveKey

VIOLATION = "-ERR 'Authorization Violation'\r\n"
SUBJECT = "$SYS.REQ.USER.AUTH"
TIMEOUT = 2


def claims_of(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


class Request:
    """One authorization request as the service reads it."""

    def __init__(self, op, xkey=None):
        head, rest = op.split(b"\r\n", 1)
        words = head.decode().split()
        assert words[1] == SUBJECT, op
        self.reply, payload = words[3], rest[:-2]
        self.headers = b""
        if words[0] == "HMSG":
            self.headers, payload = payload[:int(words[4])], payload[int(words[4]):]
        self.server_xkey = None
        if self.headers:
            self.server_xkey = self.headers.split(b"Nats-Server-Xkey:")[1].split(b"\r\n")[0].strip().decode()
        self.raw = payload
        if xkey:
            payload = xkey.open(payload, self.server_xkey)
        self.token = payload.decode()
        self.claims = claims_of(self.token)
        self.nats = self.claims["nats"]
        self.user = self.nats["user_nkey"]
        self.server = self.nats["server_id"]["id"]


def user_of(issuer, request, account="$G", signer=None, claims=None, subject=None, **nats):
    """The user claims that an answer carries."""
    more = {"aud": account} if account else {}
    more.update(claims or {})
    return (signer or issuer).jwt(subject or request.user, {"type": "user", **NO_LIMITS, **nats}, **more)


def response(issuer, request, jwt=None, error=None, **changes):
    nats = {"type": "authorization_response"}
    if jwt is not None:
        nats["jwt"] = jwt
    if error is not None:
        nats["error"] = error
    nats.update(changes.pop("nats", {}))
    claims = {"aud": request.server, **changes}
    return issuer.jwt(claims.pop("sub", request.user), nats, **claims)


class CalloutCase(WireCase):
    """One node with the service's user `auth` in $G or another account."""

    where = "$G"
    extra = ""
    monitor = True

    @classmethod
    def setUpClass(cls):
        cls.issuer = Key(ACCOUNT)
        cls.nkey = Key(USER)
        cls.config = cls.config_text()
        super().setUpClass()

    @classmethod
    def config_text(cls):
        return f"""
            server_name: callout
            server_tags: [a, b]
            accounts {{ AUTH {{ users: [{{user: auth, password: pwd}}] }}, APP {{}}, SYS {{}} }}
            system_account: SYS
            authorization {{
              timeout: {TIMEOUT}
              auth_callout {{ issuer: {cls.issuer.public}, account: AUTH, auth_users: [auth] {cls.extra} }}
            }}"""

    def service(self):
        c = self.client(user="auth", **{"pass": "pwd"}, headers=True)
        c.send(f"SUB {SUBJECT} 1\r\n").fence()
        return c

    def ask(self, service, xkey=None, **connect):
        """A client that waits for its login, and what the service was asked about it."""
        c = self.raw()
        c.read_info()
        c.send(connect_line(**connect) + b"PING\r\n")
        return c, Request(service.read_op(), xkey)

    def answer(self, service, request, payload):
        payload = payload.encode() if isinstance(payload, str) else payload
        service.send(f"PUB {request.reply} {len(payload)}\r\n".encode() + payload + b"\r\n")


class OperatorCalloutCase(CalloutCase):
    """An account's claims name who authorizes its users."""

    allowed = None

    @classmethod
    def authorization(cls):
        return {"auth_users": [cls.nkey.public], "allowed_accounts": cls.allowed or [cls.app.public]}

    @classmethod
    def config_text(cls):
        cls.op = Operator()
        cls.auth, cls.app, cls.other, cls.signing = (Key(ACCOUNT) for _ in range(4))
        cls.user = Key(USER)
        cls.xkey = CurveKey()
        auth = cls.op.account(cls.auth, signing_keys=[cls.signing.public], authorization=cls.authorization())
        app, other = cls.op.account(cls.app), cls.op.account(cls.other)
        return cls.op.config((cls.auth, auth), (cls.app, app), (cls.other, other))

    def login(self, user, jwt, **more):
        c = self.raw()
        nonce = c.read_info()["nonce"]
        c.send(connect_line(jwt=jwt, sig=user.sign_text(nonce), **more) + b"PING\r\n")
        return c

    def service(self):
        c = self.login(self.nkey, user_jwt(self.auth, self.nkey), headers=True).expect("PONG\r\n")
        c.send(f"SUB {SUBJECT} 1\r\n").fence()
        return c
