"""What the kernel knows of the server's sockets: lets a test wait until its bytes were really read."""

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


def wait_consumed(server_port, clients):
    """Waits until the server has read everything that these clients sent so far."""
    ports = {c.sock.getsockname()[1] for c in clients}

    def consumed():
        queues = unread(server_port, ports)
        return all(n == 0 for n in queues.values())

    wait_until(consumed, "the server to read what was sent")
