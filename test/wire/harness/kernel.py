"""What the kernel knows of the server's sockets: lets a test wait until its bytes were really read."""

import resource
import socket
import struct

from .server import wait_until


def unread(server_port, client_ports):
    """Bytes that the kernel holds and the server has not read, per client port."""
    out = {}
    want = f"{server_port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as f:
        next(f)
        for line in f:
            fields = line.split(None, 5)
            if fields[1].rsplit(":", 1)[1] != want:
                continue
            port = int(fields[2].rsplit(":", 1)[1], 16)
            if port in client_ports:
                out[port] = int(fields[4].split(":")[1], 16)
    return out


def open_files(need):
    """Whether so many descriptors may be open, here and in the servers started from now on; raises the limit to that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= need


def wait_consumed(server_port, clients):
    """Waits until the server has read everything that these clients sent so far."""
    ports = {c.sock.getsockname()[1] for c in clients}

    def consumed():
        queues = unread(server_port, ports)
        return all(n == 0 for n in queues.values())

    wait_until(consumed, "the server to read what was sent")


def data_segments_received(sock):
    """TCP segments with data that this socket has got: an upper bound of what its peer's writes were cut into."""
    at = 152  # tcpi_data_segs_in of struct tcp_info (linux/tcp.h)
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, at + 4)
    return struct.unpack_from("=I", info, at)[0]
