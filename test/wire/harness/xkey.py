"""Curve keys for tests, on the standard library alone: X25519 and NaCl's box, as nkeys seal messages.

Never for anything but tests: it takes milliseconds and its time depends on the key.
"""

import base64
import os
import struct

from .nkeys import P, SEED, _text

CURVE = 23 << 3
MAGIC = b"xkv1"
MASK = 0xFFFFFFFF
SIGMA = b"expand 32-byte k"


def x25519(scalar, point):
    k = int.from_bytes(scalar, "little") & ~7 & ~(1 << 255) | 1 << 254
    x1 = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = (x2 + z2) % P, (x2 - z2) % P, (x3 + z3) % P, (x3 - z3) % P
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = (aa - bb) % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def _rounds(state):
    x = list(state)
    for _ in range(10):
        for column in ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
                       (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)):
            a, b, c, d = column
            for to, one, two, by in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
                v = x[one] + x[two] & MASK
                x[to] ^= (v << by | v >> 32 - by) & MASK
    return x


def _state(key, block):
    s, k, n = (struct.unpack("<" + "I" * (len(d) // 4), d) for d in (SIGMA, key, block))
    return [s[0], *k[:4], s[1], *n, s[2], *k[4:], s[3]]


def _hsalsa20(key, block):
    x = _rounds(_state(key, block))
    return struct.pack("<8I", x[0], x[5], x[10], x[15], *x[6:10])


def _stream(key, nonce, size):
    key, out, counter = _hsalsa20(key, nonce[:16]), b"", 0
    while len(out) < size:
        state = _state(key, nonce[16:] + struct.pack("<Q", counter))
        out += struct.pack("<16I", *(a + b & MASK for a, b in zip(_rounds(state), state)))
        counter += 1
    return out[:size]


def _poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at:at + 16] + b"\x01", "little")) * r % (2 ** 130 - 5)
    return (total + int.from_bytes(key[16:], "little") & (1 << 128) - 1).to_bytes(16, "little")


class CurveKey:
    """A fresh curve key; seals for and opens from the public text of another one."""

    def __init__(self):
        self._raw = os.urandom(32)
        self.public = _text(bytes([CURVE]) + x25519(self._raw, (9).to_bytes(32, "little")))
        self.seed = _text(bytes([SEED | CURVE >> 5, (CURVE & 31) << 3]) + self._raw)

    def _shared(self, other):
        point = base64.b32decode(other + "=" * (-len(other) % 8))[1:33]
        return _hsalsa20(x25519(self._raw, point), bytes(16))

    def seal(self, message, other):
        message = message.encode() if isinstance(message, str) else message
        nonce = os.urandom(24)
        stream = _stream(self._shared(other), nonce, 32 + len(message))
        box = bytes(a ^ b for a, b in zip(message, stream[32:]))
        return MAGIC + nonce + _poly1305(stream[:32], box) + box

    def open(self, sealed, other):
        if not sealed.startswith(MAGIC):
            raise ValueError("not sealed")
        nonce, tag, box = sealed[4:28], sealed[28:44], sealed[44:]
        stream = _stream(self._shared(other), nonce, 32 + len(box))
        if _poly1305(stream[:32], box) != tag:
            raise ValueError("the box does not open")
        return bytes(a ^ b for a, b in zip(box, stream[32:]))
