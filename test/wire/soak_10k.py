#!/usr/bin/env python3
"""10,000 connections subscribe, one publish reaches all; idle memory per connection is printed and, for Troupe, bounded.

soak_10k.py [--server PATH] [--connections N]. Exit code 77 when the limit of open files cannot be raised.
"""

import argparse
import json
import os
import resource
import selectors
import socket
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import RawClient, Server, msg, pub, wait_until  # noqa: E402
from harness.server import is_troupe  # noqa: E402

BATCH = 250
KIB_PER_CONNECTION = 3  # with its subscription


def raise_limit(need):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= need:
        return True
    for target in ((need, max(hard, need)), (min(need, hard), hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, target)
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= need


def dial(server, source, count):
    """Connections from one loopback address, subscribed and answered; plain sockets, for they are many."""
    out = []
    for _ in range(count):
        s = socket.create_connection((server.host, server.port), timeout=30, source_address=(source, 0))
        out.append(s)
    for n, s in enumerate(out):
        read_until(s, b"\r\n")
        s.sendall(b'CONNECT {"verbose":false,"protocol":0}\r\nSUB all 1\r\nSUB own.%d 2\r\nPING\r\n' % n)
    for s in out:
        read_until(s, b"PONG\r\n")
    return out


def read_until(sock, ending):
    got = b""
    while not got.endswith(ending):
        part = sock.recv(4096)
        if not part:
            raise AssertionError(f"closed after {got!r}")
        got += part
    return got


def collect(sockets, want, deadline):
    """Every socket must get exactly these bytes (PINGs of the server are answered)."""
    selector = selectors.DefaultSelector()
    got = {}
    for s in sockets:
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
        got[s] = b""
    missing = len(sockets)
    end = time.monotonic() + deadline
    while missing:
        if time.monotonic() > end:
            raise AssertionError(f"{missing} of {len(sockets)} connections did not get the message")
        for key, _ in selector.select(1):
            s = key.fileobj
            part = s.recv(4096)
            if not part:
                raise AssertionError("a connection was closed")
            got[s] += part
            if b"PING\r\n" in got[s]:
                s.send(b"PONG\r\n" * got[s].count(b"PING\r\n"))
                got[s] = got[s].replace(b"PING\r\n", b"")
            if got[s] == want:
                selector.unregister(s)
                missing -= 1
            elif not want.startswith(got[s]):
                raise AssertionError(f"expected {want!r}, got {got[s]!r}")
    selector.close()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--server", default=os.environ.get("NATS_SERVER_BIN"))
    p.add_argument("--connections", type=int, default=10000)
    args = p.parse_args()
    if not args.server:
        p.error("--server PATH or NATS_SERVER_BIN is needed")
    if not raise_limit(args.connections + 500):
        print(f"skipped: cannot have {args.connections + 500} open files")
        return 77
    server = Server(config="max_connections: 100000\n", monitor=True, binary=os.path.abspath(args.server))
    try:
        result = soak(server, args.connections)
        server.stop()
    finally:
        server.kill()
    print(json.dumps(result))
    print("1 passed, 0 failed")
    return 0


def page_seconds(server, page):
    """The best of three, for others use the machine too."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert server.http(page, 60)[0] in (200, 404)  # the Go server has no /metrics
        took.append(time.monotonic() - began)
    assert min(took) < 2, f"{page} took {min(took)} s"
    return round(min(took), 4)


def soak(server, count):
    with RawClient(server.port) as c:
        c.connect()
        c.fence()
    base = server.rss_kib()
    started = time.monotonic()
    sockets = []
    while len(sockets) < count:
        source = f"127.0.0.{2 + len(sockets) // 5000}"  # spares the ephemeral ports of other tests
        sockets += dial(server, source, min(BATCH, count - len(sockets)))
    connected = time.monotonic() - started
    idle = server.rss_kib()
    each = (idle - base) / count
    if is_troupe(server.binary) and not os.environ.get("WIRE_SANITIZED"):
        assert each < KIB_PER_CONNECTION, f"{each} KiB for each idle connection"
    assert server.json("/varz")["connections"] == count
    pages = {page: page_seconds(server, page) for page in ("/connz", f"/connz?limit={count}&subs=1", "/metrics")}

    publisher = RawClient(server.port, deadline=60)
    publisher.connect()
    latencies = []
    for n in range(3):
        began = time.monotonic()
        publisher.send(pub("all", str(n))).fence()
        collect(sockets, msg("all", 1, str(n)), 60)
        latencies.append(round(time.monotonic() - began, 3))
    publisher.close()

    for s in sockets:
        s.close()
    wait_until(lambda: server.json("/varz")["connections"] == 0, "all connections to be gone", 60)
    left = server.json("/subsz?subs=1&limit=5&test=all")["total"]
    assert left == 0, f"{left} subscriptions left behind"
    return {"connections": count, "connect_seconds": round(connected, 2), "fanout_seconds": latencies,
            "rss_start_kib": base, "rss_idle_kib": idle, "idle_kib_per_connection": round(each, 2),
            "page_seconds": pages, "rss_after_close_kib": server.rss_kib()}


if __name__ == "__main__":
    sys.exit(main())
