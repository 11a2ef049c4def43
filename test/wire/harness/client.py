"""A raw client: exact bytes out, exact bytes in, every read with a deadline."""

import json
import socket
import time

from . import secrets
from .server import Timeout, default_deadline


class Closed(AssertionError):
    """The server closed the connection while more was expected."""


class RawClient:
    """Reads the stream op by op. With auto_pong, PINGs of the server are answered and not shown."""

    def __init__(self, port, host="127.0.0.1", deadline=None, auto_pong=True, rcvbuf=None):
        self.deadline = default_deadline() if deadline is None else deadline
        self.auto_pong = auto_pong
        self.buffer = bytearray()
        self.info = None
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if rcvbuf is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(deadline)
        try:
            self.sock.connect((host, port))
        except BaseException:
            self.sock.close()
            raise
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start_tls(self, context, name="localhost", session=None):
        """From here on everything is encrypted. Nothing in clear may be left unread."""
        if self.buffer:
            raise AssertionError(f"in clear behind INFO: {_show(bytes(self.buffer))}")
        self.sock.settimeout(self.deadline)
        self.sock = context.wrap_socket(self.sock, server_hostname=name, session=session)
        return self

    # -- sending

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        self.sock.settimeout(self.deadline)
        self.sock.sendall(data)
        return self

    def send_quietly(self, data):
        """Sends although the server may already have closed."""
        try:
            self.send(data)
        except OSError:
            pass
        return self

    # -- reading

    def _fill(self, end, what):
        left = end - time.monotonic()
        if left <= 0:
            raise Timeout(f"deadline while reading {what}; buffered {bytes(self.buffer[:200])!r}")
        self.sock.settimeout(left)
        try:
            got = self.sock.recv(262144)
        except TimeoutError:
            raise Timeout(f"deadline while reading {what}; buffered {bytes(self.buffer[:200])!r}") from None
        except ConnectionResetError:
            got = b""
        if not got:
            raise Closed(f"connection closed while reading {what}; buffered {bytes(self.buffer[:200])!r}")
        self.buffer += got

    def _end(self):
        return time.monotonic() + self.deadline

    def read_exact(self, n, end=None):
        end = end or self._end()
        while len(self.buffer) < n:
            self._fill(end, f"{n} bytes")
        out = bytes(self.buffer[:n])
        del self.buffer[:n]
        return out

    def read_line(self, end=None):
        end = end or self._end()
        scanned = 0
        while True:
            at = self.buffer.find(b"\r\n", max(0, scanned - 1))
            if at >= 0:
                return self.read_exact(at + 2)
            scanned = len(self.buffer)
            self._fill(end, "a line")

    def read_op(self, end=None):
        """The raw bytes of the next protocol op, the payload of MSG and HMSG included."""
        end = end or self._end()
        while True:
            line = self.read_line(end)
            if line == b"PING\r\n" and self.auto_pong:
                self.send(b"PONG\r\n")
                continue
            word = line.split(None, 1)[0] if line.strip() else b""
            if word in (b"MSG", b"HMSG"):
                return line + self.read_exact(int(line.split()[-1]) + 2, end)
            return line

    def expect(self, data):
        """The next ops must be exactly these bytes."""
        if isinstance(data, str):
            data = data.encode()
        end, got = self._end(), b""
        while len(got) < len(data):
            try:
                got += self.read_op(end)
            except (Closed, Timeout) as e:
                raise type(e)(f"expected {_show(data)}, got {_show(got)}, then: {e}") from None
        if got != data:
            raise AssertionError(f"expected {_show(data)}\n     got {_show(got)}")
        return self

    def expect_closed(self, before=b""):
        """Exactly these bytes, then the end of the stream."""
        if isinstance(before, str):
            before = before.encode()
        end = self._end()
        try:
            while True:
                if self.auto_pong:
                    got = self.read_op(end)
                    if before.startswith(got) and got:
                        before = before[len(got):]
                        continue
                    raise AssertionError(f"expected {_show(before)} and the end, got {_show(got)}")
                self._fill(end, "the end")
        except Closed:
            pass
        rest = bytes(self.buffer)
        if rest != (b"" if self.auto_pong else before) or (self.auto_pong and before):
            raise AssertionError(f"expected {_show(before)} and the end, got {_show(rest)} and the end")
        self.close()
        return self

    def read_info(self):
        line = self.read_op()
        if not line.startswith(b"INFO "):
            raise AssertionError(f"expected INFO, got {_show(line)}")
        self.info = json.loads(line[5:])
        return self.info

    # -- usual sequences

    def connect(self, **options):
        """Reads INFO, sends a quiet CONNECT (protocol 0 unless told) and waits for its PONG."""
        self.read_info()
        self.send(connect_line(**options) + b"PING\r\n")
        if options.get("verbose"):
            self.expect("+OK\r\n")
        self.expect("PONG\r\n")
        if options.get("protocol", 0) >= 1:
            self.read_info()
        return self

    def fence(self):
        """PING and exactly PONG: everything sent before is processed and nothing else came."""
        self.send("PING\r\n").expect("PONG\r\n")
        return self

    def read_to_fence(self):
        """PING; all ops that come before its PONG."""
        self.send("PING\r\n")
        ops, end = [], self._end()
        while True:
            op = self.read_op(end)
            if op == b"PONG\r\n":
                return ops
            ops.append(op)

    def wait_closed(self):
        """Reads and drops everything until the server closes; returns what came."""
        end, got = self._end(), b""
        try:
            while True:
                got += bytes(self.buffer)
                self.buffer.clear()
                self._fill(end, "the end")
        except Closed:
            self.close()
            return got

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect_line(**options):
    fields = {"verbose": False, "pedantic": False}
    fields.update(options)
    secrets.learn_fields(fields)
    return b"CONNECT " + json.dumps(fields, separators=(",", ":")).encode() + b"\r\n"


def msg(subject, sid, payload=b"", reply=None):
    """The bytes of a MSG as the server must send them."""
    if isinstance(payload, str):
        payload = payload.encode()
    middle = f" {reply}" if reply else ""
    return f"MSG {subject} {sid}{middle} {len(payload)}\r\n".encode() + payload + b"\r\n"


def hmsg(subject, sid, headers, payload=b"", reply=None):
    if isinstance(payload, str):
        payload = payload.encode()
    if isinstance(headers, str):
        headers = headers.encode()
    middle = f" {reply}" if reply else ""
    line = f"HMSG {subject} {sid}{middle} {len(headers)} {len(headers) + len(payload)}\r\n"
    return line.encode() + headers + payload + b"\r\n"


def pub(subject, payload=b"", reply=None):
    if isinstance(payload, str):
        payload = payload.encode()
    middle = f" {reply}" if reply else ""
    return f"PUB {subject}{middle} {len(payload)}\r\n".encode() + payload + b"\r\n"


def hpub(subject, headers, payload=b"", reply=None):
    if isinstance(payload, str):
        payload = payload.encode()
    if isinstance(headers, str):
        headers = headers.encode()
    middle = f" {reply}" if reply else ""
    line = f"HPUB {subject}{middle} {len(headers)} {len(headers) + len(payload)}\r\n"
    return line.encode() + headers + payload + b"\r\n"


def _show(data):
    return repr(data if len(data) <= 600 else data[:500] + b" ... " + data[-80:])
