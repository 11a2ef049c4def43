"""What the TLS tests share: certificates, a `tls` block, and clients that go over to TLS."""

from .case import WireCase
from .certificates import Authority, client_context
from .client import Closed, connect_line
from .server import wait_until

CA = Authority()
SERVER = CA.issue("server")
CLIENT = CA.issue("client", subject="/O=Troupe/CN=client", usage="clientAuth")
STRANGER = Authority("Other CA").issue("stranger")


def tls(*lines, certificate=SERVER):
    return "tls { " + ", ".join((certificate.config, *lines)) + " }\n"


class TlsCase(WireCase):
    context = None

    def secure(self, server=None, context=None, session=None, **options):
        """A client that has read INFO, gone over to TLS and logged in."""
        c = self.raw(server)
        c.read_info()
        c.start_tls(context or self.context or client_context(CA), session=session)
        c.send(connect_line(**options) + b"PING\r\n").expect("PONG\r\n")
        return c

    def refused_handshake(self, c, context):
        """The handshake fails, or (TLS 1.3 tells a client late) the first read does."""
        with self.assertRaises((OSError, Closed)):
            c.start_tls(context)
            c.send_quietly(connect_line() + b"PING\r\n")
            c.expect("PONG\r\n")

    def reason_of(self, cid, server=None):
        server = server or self.server

        def closed():
            page = server.json("/connz?state=closed")
            return next((x for x in page["connections"] if x["cid"] == cid), None)

        return wait_until(closed, f"connection {cid} among the closed ones")["reason"]
