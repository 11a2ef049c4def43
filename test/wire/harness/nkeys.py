"""Nkeys and JWTs for tests, on the standard library alone: Ed25519 the slow way (RFC 8032).

Never for anything but tests: it takes milliseconds and its time depends on the key.
"""

import base64
import hashlib
import json
import os
import time

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

OPERATOR, ACCOUNT, USER, SERVER, SEED = 14 << 3, 0, 20 << 3, 13 << 3, 18 << 3


def _add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(n, p):
    q = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            q = _add(q, p)
        p = _add(p, p)
        n >>= 1
    return q


def _recover_x(y):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    return P - x if x & 1 else x


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _recover_x(_BASE_Y)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def _compress(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _scalar(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little")
    return (a & (2 ** 254 - 8)) | 2 ** 254, h[32:]


def ed25519_public(seed):
    return _compress(_multiply(_scalar(seed)[0], BASE))


def ed25519_sign(seed, message):
    a, prefix = _scalar(seed)
    public = _compress(_multiply(a, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    point = _compress(_multiply(r, BASE))
    h = int.from_bytes(hashlib.sha512(point + public + message).digest(), "little") % L
    return point + ((r + h * a) % L).to_bytes(32, "little")


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1 & 0xFFFF
    return crc


def _text(data):
    return base64.b32encode(data + crc16(data).to_bytes(2, "little")).decode().rstrip("=")


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """A fresh key of a role; `public` and `seed` are its texts."""

    def __init__(self, role):
        self._raw = os.urandom(32)
        self.public = _text(bytes([role]) + ed25519_public(self._raw))
        self.seed = _text(bytes([SEED | role >> 5, (role & 31) << 3]) + self._raw)

    def sign(self, message):
        return ed25519_sign(self._raw, message.encode() if isinstance(message, str) else message)

    def sign_text(self, message):
        return base64url(self.sign(message))

    def jwt(self, subject, nats, **more):
        """A token about `subject`, signed by this key; `more` are exp, nbf, name, iat."""
        claims = {"jti": base64url(os.urandom(12)), "iat": int(time.time()), "iss": self.public, "sub": subject, **more,
                  "nats": {"version": 2, **nats}}
        head = base64url(b'{"typ":"JWT","alg":"ed25519-nkey"}')
        body = f"{head}.{base64url(json.dumps(claims).encode())}"
        return f"{body}.{self.sign_text(body)}"


NO_LIMITS = {"subs": -1, "data": -1, "payload": -1}


class Operator:
    """An operator with a system account; `account` and `user` make more."""

    def __init__(self, **claims):
        self.key = Key(OPERATOR)
        self.system = Key(ACCOUNT)
        self.jwt = self.key.jwt(self.key.public, {"type": "operator", "system_account": self.system.public, **claims},
                                name="OP")
        self.system_jwt = self.account(self.system, name="SYS")

    def account(self, key, limits=None, expires=None, name="A", signer=None, **nats):
        all_limits = {**NO_LIMITS, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1, **(limits or {})}
        more = {"exp": expires} if expires else {}
        return (signer or self.key).jwt(key.public, {"type": "account", "limits": all_limits, **nats}, name=name, **more)

    def config(self, *accounts, resolver="MEM"):
        """(key, jwt) pairs besides the system account, preloaded."""
        preload = "\n".join(f"  {key.public}: {jwt}" for key, jwt in ((self.system, self.system_jwt), *accounts))
        return f"operator: {self.jwt}\nresolver: {resolver}\nresolver_preload {{\n{preload}\n}}\n"


def user_jwt(account, user, expires=None, name="U", signer=None, scoped=False, **nats):
    """A user of `account` (a Key), signed by it or by its signing key `signer`."""
    limits = {} if scoped else NO_LIMITS
    issuer = {"issuer_account": account.public} if signer else {}
    more = {"exp": expires} if expires else {}
    return (signer or account).jwt(user.public, {"type": "user", **limits, **issuer, **nats}, name=name, **more)


def creds(jwt, user):
    """What nsc writes into a .creds file."""
    return (f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")
