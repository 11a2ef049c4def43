"""A raw WebSocket client: RawClient's ways with the protocol, over frames that a test can spoil."""

import base64
import hashlib
import os
import struct
import zlib

from .case import WireCase
from .client import Closed, RawClient
from .server import is_troupe

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(payload=b"", opcode=BINARY, fin=True, rsv=0, mask=True, length=None):
    """The bytes of one frame; `length` for one that lies."""
    if isinstance(payload, str):
        payload = payload.encode()
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", n)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", n)
    if not mask:
        return head + payload
    key = os.urandom(4)
    pattern = int.from_bytes((key * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + key + (int.from_bytes(payload, "big") ^ pattern).to_bytes(len(payload), "big")


def deflate(payload):
    """As the payload of a compressed message."""
    if isinstance(payload, str):
        payload = payload.encode()
    z = zlib.compressobj(wbits=-15)
    return (z.compress(payload) + z.flush(zlib.Z_SYNC_FLUSH))[:-4]


def request(key="dGhlIHNhbXBsZSBub25jZQ==", path="/", method="GET", version="HTTP/1.1", **changes):
    """An upgrade. `changes` replace headers ("_" for "-"), None takes one away."""
    headers = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
               "Sec-WebSocket-Version": "13"}
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"{method} {path} {version}", *lines, "", ""]).encode()


class WebSocketClient(RawClient):
    """`headers` are added to the upgrade. What came: `answer` (head of the HTTP answer), `frames` (opcode, fin, rsv,
    length of each), `controls` (opcode, payload), `close_frame` (code, text) or None."""

    def __init__(self, port, compress=False, upgrade=True, mask=True, **headers):
        options = {k: headers.pop(k) for k in ("deadline", "auto_pong", "rcvbuf") if k in headers}
        super().__init__(port, **options)
        self.wire = bytearray()
        self.frames, self.controls, self.close_frame = [], [], None
        self.answer = None
        self.compress, self.mask = compress, mask
        self.message = None
        self.framed = False
        if upgrade:
            self.upgrade(**headers)

    def upgrade(self, **headers):
        key = base64.b64encode(os.urandom(16)).decode()
        if self.compress:
            headers.setdefault("Sec_WebSocket_Extensions", DEFLATE)
        self.send_bytes(request(key, **headers))
        self.read_answer()
        if not self.answer.startswith("HTTP/1.1 101 "):
            raise AssertionError(f"no upgrade: {self.answer}")
        want = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
        if f"Sec-WebSocket-Accept: {want}\r\n" not in self.answer:
            raise AssertionError(f"wrong key: {self.answer}")
        self.begin_frames()

    def begin_frames(self):
        self.framed = True
        self.wire += self.buffer
        self.buffer.clear()

    def read_answer(self):
        """The head of an HTTP answer, and its body by Content-Length."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read_line()
        self.answer = head.decode()
        for line in self.answer.split("\r\n"):
            if line.lower().startswith("content-length:"):
                self.answer += self.read_exact(int(line.split(":")[1])).decode()
        return self.answer

    def send_bytes(self, data):
        """Past all framing."""
        return super().send(data)

    def send(self, data):
        if not self.framed:
            return super().send(data)
        if isinstance(data, str):
            data = data.encode()
        if self.compress:
            return super().send(frame(deflate(data), rsv=4, mask=self.mask))
        return super().send(frame(data, mask=self.mask))

    def _fill(self, end, what):
        if not self.framed:
            return super()._fill(end, what)
        had = len(self.buffer)
        while len(self.buffer) == had:
            before = bytes(self.buffer)
            self.buffer.clear()
            try:
                while not self._take_frame():
                    super()._fill(end, what)
                    self.wire += self.buffer
                    self.buffer.clear()
            finally:
                self.buffer[:0] = before
            if self.close_frame and len(self.buffer) == had:
                super()._fill(end, f"{what}, after the close frame {self.close_frame}")
                raise AssertionError(f"bytes after the close frame: {bytes(self.buffer[had:])!r}")

    def _take_frame(self):
        """One frame from `wire`; False: it is not whole."""
        w = self.wire
        if len(w) < 2:
            return False
        n, at = w[1] & 0x7F, 2
        if n >= 126:
            size = 2 if n == 126 else 8
            if len(w) < 2 + size:
                return False
            n, at = int.from_bytes(w[2:2 + size], "big"), 2 + size
        if w[1] & 0x80:
            raise AssertionError("the server masks")
        if len(w) < at + n:
            return False
        opcode, fin, rsv = w[0] & 0xF, bool(w[0] & 0x80), w[0] >> 4 & 7
        payload = bytes(w[at:at + n])
        del w[:at + n]
        self.frames.append((opcode, fin, rsv, n))
        if opcode >= CLOSE:
            self.controls.append((opcode, payload))
            if opcode == CLOSE:
                self.close_frame = (int.from_bytes(payload[:2], "big"), payload[2:].decode()) if payload else (0, "")
            return True
        if opcode == CONTINUATION:
            if self.message is None or rsv:
                raise AssertionError("a continuation of nothing")
        else:
            if self.message is not None:
                raise AssertionError("a message inside another")
            self.message = (bool(rsv & 4), b"")
        packed, so_far = self.message
        self.message = (packed, so_far + payload)
        if fin:
            packed, whole = self.message
            self.message = None
            self.buffer += zlib.decompressobj(wbits=-15).decompress(whole + b"\0\0\xff\xff") if packed else whole
        return True

    def read_control(self):
        """The next control frame, (opcode, payload)."""
        end = self._end()
        seen = len(self.controls)
        while len(self.controls) == seen:
            if not self._take_frame():
                self._read_more(end)
        return self.controls[seen]

    def _read_more(self, end):
        kept = bytes(self.buffer)
        self.buffer.clear()
        try:
            RawClient._fill(self, end, "a control frame")
            self.wire += self.buffer
        finally:
            self.buffer[:] = kept

    def expect_close_frame(self, code, text=None, before=b""):
        """Exactly these bytes, this close frame, and the end."""
        if isinstance(before, str):
            before = before.encode()
        got = self.wait_closed()
        if got != before or self.close_frame is None or self.close_frame[0] != code or (
                text is not None and self.close_frame[1] != text):
            raise AssertionError(f"expected {before!r} and close {code} {text!r}; got {got!r} and {self.close_frame}")
        return self


class WebSocketCase(WireCase):
    block = ""
    no_tls = "no_tls: true"
    more = ""
    monitor = True

    @classmethod
    def setUpClass(cls):
        cls.config = f"{cls.more}\nwebsocket {{ host: 127.0.0.1, port: -1, {cls.no_tls}\n{cls.block} }}\n"
        super().setUpClass()

    @staticmethod
    def port_of(server):
        return int(server.ports["websocket"][0].rsplit(":", 1)[1])

    def ws(self, server=None, **options):
        c = WebSocketClient(self.port_of(server or self.server), **options)
        self.addCleanup(c.close)
        return c

    def connected(self, server=None, connect=None, **options):
        return self.ws(server, **options).connect(**(connect or {}))

    def expect_protocol_error(self, c, text, before=b""):
        """The Go server tries to send the close frame and mostly closes before it has."""
        if is_troupe(self.server.binary):
            return c.expect_close_frame(1002, text, before)
        c.wait_closed()
        self.assertIn(c.close_frame, (None, (1002, text)))
        return c

    def answer_to(self, data, server=None):
        """The HTTP answer to these bytes, and the client."""
        c = self.ws(server, upgrade=False)
        c.send_bytes(data)
        return c.read_answer(), c


__all__ = ["WebSocketCase", "WebSocketClient", "Closed", "frame", "deflate", "request", "DEFLATE", "CONTINUATION", "TEXT", "BINARY",
           "CLOSE", "PING", "PONG"]
