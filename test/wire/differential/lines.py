"""A client connection of a session: what it sends in how many pieces, what it gets up to a PONG."""

import socket
import time

from harness.client import Closed, RawClient
from harness.kernel import unread
from harness.server import Timeout
from harness.websocket import WebSocketClient

from . import known

PATIENCE = 1.0  # for what will mostly not come any more: the parser waits for the rest of an operation


class Line:
    """`got`: operations since the last take(). `over`: closed, or silent and therefore closed from here."""

    def __init__(self, ports, ws, deflate, patience):
        self.patience, self.ws = patience, ws
        self.port = ports["websocket" if ws else "nats"]
        options = {"auto_pong": False, "deadline": patience}
        self.client = WebSocketClient(self.port, compress=deflate, **options) if ws else RawClient(self.port, **options)
        self.got, self.over, self.touched = [], None, False
        self.cid = None

    def read(self, pongs=0, until=None):
        """Collects until so many PONGs, or until `until` holds for what came, or the end of the stream."""
        end = time.monotonic() + self.patience
        try:
            while pongs > 0 or until:
                op = self.client.read_op(end)
                if op == b"PING\r\n":
                    continue
                self.got.append(op)
                if op == b"PONG\r\n":
                    pongs -= 1
                if until and until(op):
                    return
        except Closed:
            self._end("closed")
        except Timeout:
            self._end("silent")
        except AssertionError as e:  # of the WebSocket reader
            self._end(f"broken: {e}")
        except (ValueError, OSError) as e:
            self._end(f"broken: {type(e).__name__}")

    def _end(self, how):
        if self.client.buffer:
            self.got.append(b"rest:" + bytes(self.client.buffer))
            self.client.buffer.clear()
        self.over = how
        self.got.append(f"[{how}]".encode())
        self.client.close()

    def send(self, data, cuts=()):
        """The pieces between cuts are each read by the server before the next is sent."""
        self.touched = True
        at = 0
        for cut in [*cuts, len(data)]:
            if cut > at and not self._push(data[at:cut]):
                return
            at = max(at, cut)
            if at < len(data):
                self._wait_read()

    def _push(self, data):
        try:
            self.client.send(data)
            return True
        except OSError:
            return False  # what was said before the end is still read

    def _wait_read(self):
        mine = {self.client.sock.getsockname()[1]}
        end = time.monotonic() + 1
        while any(unread(self.port, mine).values()) and time.monotonic() < end:
            pass

    def finish(self):
        """Nothing more is sent; what still comes."""
        if self.over:
            return
        try:
            self.client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self.read(until=lambda op: False)

    def take(self):
        out, self.got = self.got, []
        return known.last_words(self.ws, out)
