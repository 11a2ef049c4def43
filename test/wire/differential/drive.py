"""Runs a session against one server: after each step, what each connection got."""

import json
import re

from . import normal, script
from .lines import PATIENCE, Line

_PINGS = re.compile(rb"(?:^|\n)ping", re.I)


class Drive:
    """After each sending every connection that has spoken is fenced with PING and PONG, so a step's messages are in
    its own account of what came. What comes behind a PONG belongs to the next step, on each server."""

    def __init__(self, server, patience):
        self.server, self.patience = server, patience
        self.ports = {"nats": server.port, "websocket": int(server.ports["websocket"][0].rsplit(":", 1)[1])}
        self.lines, self.asked, self.account = {}, {}, []

    def run(self, steps):
        try:
            for step in steps:
                getattr(self, step["do"])(step)
                self._write_down()
            self.account.append(self._seen_by_monitor())
            for line in self.lines.values():
                line.finish()
            self._write_down()
        finally:
            for line in self.lines.values():
                line.client.close()
        return self.account

    def open(self, step):
        on = step["on"]
        if on in self.lines and not self.lines[on].over:
            self.close(step)
        before = self.lines[on].take() if on in self.lines else []
        line = self.lines[on] = Line(self.ports, step["ws"], step["deflate"], self.patience)
        line.got = before
        line.read(until=lambda op: op.startswith(b"INFO "))
        if not line.over:
            line.cid = json.loads(line.got[-1][5:])["client_id"]

    def send(self, step):
        self._send(step["on"], script.bytes_of(step), step["cuts"])

    def _send(self, on, data, cuts=()):
        line = self.lines.get(on)
        if line is None or line.over:
            return
        line.send(data, cuts)
        line.send(b"PING\r\n")
        line.read(pongs=1 + len(_PINGS.findall(data)))
        self._fence_others(on)

    def _fence_others(self, but):
        for on, line in self.lines.items():
            if on != but and line.touched and not line.over:
                line.send(b"PING\r\n")
                line.read(pongs=1)

    def answer(self, step):
        asked = self.asked.get(step["to"])
        if asked:
            on, reply = asked
            body = step["with"].encode()
            self._send(on, b"PUB %s %d\r\n%s\r\n" % (reply, len(body), body))

    def close(self, step):
        line = self.lines.get(step["on"])
        if line:
            line.finish()
            self._fence_others(step["on"])

    def _write_down(self):
        got = {on: line.take() for on, line in self.lines.items()}
        for on, ops in got.items():
            for op in ops:
                token, reply = normal.request_of(op)
                if reply:
                    self.asked[token] = (on, reply)
        self.account.append(normal.step(got))

    def _seen_by_monitor(self):
        """What /connz tells of the connections that are still there."""
        here = {line.cid: on for on, line in self.lines.items() if not line.over}
        if not here:
            return {}
        page = self.server.json("/connz?subs=detail&auth=1&limit=4096")
        return {f"connz {here[c['cid']]}": normal.connection(c) for c in page["connections"] if c["cid"] in here}


def run(server, steps, patience=PATIENCE):
    return Drive(server, patience).run(steps)
