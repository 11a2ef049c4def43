"""Headers of the PROXY protocol before what the client sends: whose address counts, and what goes wrong with them."""

import socket
import ssl
import struct
import time

from harness import WireCase, connect_line, msg, wait_until
from harness.certificates import client_context
from harness.kernel import wait_consumed
from harness.nkeys import ACCOUNT, USER, Key, Operator, user_jwt
from harness.tls_case import CA, TlsCase, tls
from harness.websocket import WebSocketCase

ON = "proxy_protocol: true\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ALONE = connect_line() + b"PING\r\n"
HELLO = connect_line(protocol=1) + b"PING\r\n"


def one(source="203.0.113.50", port=54321, family="TCP4", target="127.0.0.1"):
    return f"PROXY {family} {source} {target} {port} 4222\r\n".encode()


def two(data, version_command=0x21, family=0x11, length=None):
    return SIGNATURE + struct.pack(">BBH", version_command, family, len(data) if length is None else length) + data


def two_four(source="203.0.113.51", port=54322, more=b""):
    return two(socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", port, 4222) + more)


def two_six(source="2001:db8::1", port=54323):
    six = [socket.inet_pton(socket.AF_INET6, x) for x in (source, "::1")]
    return two(b"".join(six) + struct.pack(">HH", port, 4222), family=0x21)


class HeaderCase(WireCase):
    monitor = True
    config = ON

    def open(self, header, server=None, **options):
        c = self.raw(server, **options)
        c.read_info()
        return c.send(header)

    def shown(self, c, state="open", server=None):
        def entry():
            page = (server or self.server).json(f"/connz?state={state}&limit=1000")
            return next((x for x in page["connections"] if x["cid"] == c.info["client_id"]), None)
        return wait_until(entry, "the connection in /connz")

    def address(self, c, server=None):
        entry = self.shown(c, server=server)
        return entry["ip"], entry["port"]

    def own_address(self, c):
        return c.sock.getsockname()


class Plain(HeaderCase):
    HEADERS = {
        one(): ("203.0.113.50", 54321),
        one("2001:DB8:0::7", 1, "TCP6", "::1"): ("2001:db8::7", 1),
        one("::ffff:192.0.2.1", 2, "TCP6", "::1"): ("192.0.2.1", 2),
        two_four(): ("203.0.113.51", 54322),
        two_four(more=b"\x03\0\4abcd" + b"\x20" * 3000): ("203.0.113.51", 54322),
        two_six(): ("2001:db8::1", 54323),
        two_six("::ffff:192.0.2.9"): ("192.0.2.9", 54323),
    }
    NONE = (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", two(b"", 0x20, 0x00), two(b"abc", 0x20, 0x11),
            two(b"abcdef", 0x21, 0x01))

    def test_address_of_the_client(self):
        for header, address in self.HEADERS.items():
            with self.subTest(header=header[:60]):
                c = self.open(header)
                self.assertNotIn("client_ip", c.info)
                c.send(HELLO).expect("PONG\r\n")
                self.assertEqual(c.read_info()["client_ip"], address[0])
                self.assertEqual(self.address(c), address)
                c.send("SUB foo 1\r\nPUB foo 2\r\nhi\r\n").expect(msg("foo", "1", "hi"))

    def test_connection_of_the_proxy_itself(self):
        for header in self.NONE:
            with self.subTest(header=header):
                c = self.open(header).send(HELLO).expect("PONG\r\n")
                self.assertEqual(c.read_info()["client_ip"], "127.0.0.1")
                self.assertEqual(self.address(c), self.own_address(c))

    def test_client_without_a_proxy(self):
        c = self.open(HELLO).expect("PONG\r\n")
        self.assertEqual(c.read_info()["client_ip"], "127.0.0.1")
        self.assertEqual(self.address(c), self.own_address(c))
        self.open(b"PING\r\n").expect("PONG\r\n")

    def test_what_follows_at_once(self):
        for header in self.HEADERS:
            with self.subTest(header=header[:60]):
                c = self.open(header + ALONE + b"SUB foo 1\r\nPUB foo 2\r\nhi\r\nPING\r\n")
                c.expect("PONG\r\n" + msg("foo", "1", "hi").decode() + "PONG\r\n")

    def test_cut_in_pieces(self):
        for header in (one("1.2.3.4", 9), two_four("1.2.3.4", 9, b"tlv")):
            cuts = (0, 1, 5, 6, 7, 13, 20, len(header) - 1, len(header))
            c = self.open(b"")
            for begin, end in zip(cuts, cuts[1:]):
                c.send(header[begin:end])
                wait_consumed(self.server.port, [c])
            c.send(ALONE).expect("PONG\r\n")
            self.assertEqual(self.address(c), ("1.2.3.4", 9))

    def test_what_only_began_like_one_is_the_client_s(self):
        for begin, rest in (("P", "ING\r\nPING\r\n"), ("P", "ROXX\r\n"), ("\r\n\r\n", "XX")):
            with self.subTest(begin=begin):
                c = self.open(begin)
                wait_consumed(self.server.port, [c])
                c.send(rest)
                if rest.endswith("PING\r\n"):
                    c.expect("PONG\r\nPONG\r\n")
                else:
                    c.expect_closed("-ERR 'Unknown Protocol Operation'\r\n")

    def test_a_long_one_is_skipped_piece_by_piece(self):
        header = two_four("1.2.3.4", 9, b"\xee" * (65535 - 12))
        c = self.open(b"")
        for at in range(0, len(header), 9000):
            c.send(header[at:at + 9000])
            wait_consumed(self.server.port, [c])
        c.send(ALONE).expect("PONG\r\n")
        self.assertEqual(self.address(c), ("1.2.3.4", 9))

    def test_broken_ones(self):
        invalid, unsupported = "invalid PROXY protocol header: ", "unsupported PROXY protocol feature: "
        broken = {
            b"PROXY \r\n": invalid + "invalid v1 format",
            b"PROXY TCP4 1.2.3.4\r\n": invalid + "invalid v1 format",
            b"PROXY TCP4 1.2.3.400 1.2.3.4 1 2\r\n": invalid + "invalid address",
            one("1.2.3.4", 65536): 'invalid source port: strconv.ParseUint: parsing "65536": value out of range',
            one("1.2.3.4", "x"): 'invalid source port: strconv.ParseUint: parsing "x": invalid syntax',
            one("::1", 1, "TCP4"): invalid + "TCP4 with IPv6 address",
            one("1.2.3.4", 1, "TCP6"): invalid + "TCP6 with IPv4 address",
            one("1.2.3.4", 1, "UDP4"): invalid + "invalid protocol UDP4",
            b"PROXY " + b"x" * 101: invalid + "v1 line too long",
            SIGNATURE[:11] + b"X": invalid + "invalid signature",
            two(b"", 0x11): invalid + "invalid version 0x10",
            two(b"", 0x22): "unknown PROXY protocol command: 0x02",
            two(b"", 0x21, 0x12): unsupported + "only STREAM protocol supported",
            two(b"", 0x21, 0x31): unsupported + "unsupported address family 0x30",
            two(b"", 0x21, 0x11, 11): "IPv4 address data too short: 11 bytes",
            two(b"", 0x21, 0x21, 35): "IPv6 address data too short: 35 bytes",
        }
        for header, why in broken.items():
            with self.subTest(why=why):
                c = self.open(header)
                ip, port = self.own_address(c)
                c.expect_closed()
                self.server.wait_log(f"Error reading PROXY protocol header from {ip}:{port}: {why}")
                self.assertEqual(self.shown(c, "closed")["reason"], "Protocol Violation")

    def test_cut_off(self):
        cut = {
            b"": "failed to read protocol version: EOF",
            b"PROX": "failed to read protocol version: unexpected EOF",
            b"PROXY TCP4 1.2": "failed to read v1 line: EOF",
            SIGNATURE[:7]: "failed to read v2 signature: unexpected EOF",
            SIGNATURE + b"\x21": "failed to read v2 header: unexpected EOF",
            two(b"ab", 0x21, 0x11, 12): "failed to read IPv4 address data: unexpected EOF",
            two(b"ab", 0x20, 0x11, 12): "failed to discard LOCAL command address data: EOF",
        }
        for header, why in cut.items():
            with self.subTest(why=why):
                c = self.open(header)
                ip, port = self.own_address(c)
                c.sock.shutdown(socket.SHUT_WR)
                c.expect_closed()
                self.server.wait_log(f"Error reading PROXY protocol header from {ip}:{port}: {why}")

    def test_late_ones_are_closed_in_time(self):
        before = time.monotonic()
        late = [self.open(header, deadline=15) for header in (b"", b"PROXY TCP4 1.2", SIGNATURE, two(b"", 0x21, 0x11, 65535))]
        half = self.open(b"PRO", deadline=15)  # may take the time once more
        other = self.open(ALONE).expect("PONG\r\n")
        addresses = ["%s:%d" % self.own_address(c) for c in [*late, half]]
        for c in late:
            c.expect_closed()
            self.assertLess(time.monotonic() - before, 7)
        self.assertGreater(time.monotonic() - before, 4)
        other.fence()
        half.expect_closed()
        for address in addresses:
            self.server.wait_log(f"Error reading PROXY protocol header from {address}: failed to read")
        other.fence()

    def test_notice_at_the_start(self):
        self.server.wait_log("PROXY protocol enabled for client connections")


class Off(HeaderCase):
    config = None

    def test_header_is_an_unknown_operation(self):
        c = self.open(one())
        self.assertEqual(c.info["client_ip"], "127.0.0.1")
        c.expect_closed("-ERR 'Unknown Protocol Operation'\r\n")


class Full(HeaderCase):
    config = ON + "max_connections: 1\n"

    def test_refused_before_the_header_is_read(self):
        self.open(one() + ALONE).expect("PONG\r\n")
        c = self.raw()
        self.assertNotIn("client_ip", c.read_info())
        c.expect_closed("-ERR 'maximum connections exceeded'\r\n")


class Accounts(HeaderCase):
    """What asks where a client comes from gets the address of the header."""

    @classmethod
    def setUpClass(cls):
        cls.a, cls.system, cls.user = Key(ACCOUNT), Key(ACCOUNT), Key(USER)
        op = Operator(system_account=cls.system.public)
        cls.config = ON + op.config((cls.a, op.account(cls.a)), (cls.system, op.account(cls.system, name="SYS")))
        super().setUpClass()

    def login(self, account, header, **claims):
        c = self.open(header)
        sig = self.user.sign_text(c.info["nonce"])
        return c.send(connect_line(jwt=user_jwt(account, self.user, **claims), sig=sig) + b"PING\r\n")

    def test_sources_of_a_user(self):
        self.login(self.a, one("10.1.2.3"), src=["10.0.0.0/8"]).expect("PONG\r\n")
        self.login(self.a, two_six("fd00::5"), src=["fd00::/16"]).expect("PONG\r\n")
        for header in (one("11.1.2.3"), b"PROXY UNKNOWN\r\n", b""):
            self.login(self.a, header, src=["10.0.0.0/8"]).expect_closed("-ERR 'Authorization Violation'\r\n")

    def test_events(self):
        watcher = self.login(self.system, one("10.9.9.9")).expect("PONG\r\n")
        watcher.send(f"SUB $SYS.ACCOUNT.{self.a.public}.CONNECT 1\r\n").fence()
        self.login(self.a, one("10.1.2.4")).expect("PONG\r\n")
        self.assertIn(b'"host":"10.1.2.4"', watcher.read_op())


class Secure(TlsCase, HeaderCase):
    config = ON + tls()

    def up(self, c, context=None):
        return c.start_tls(context or client_context(CA))

    def test_header_then_tls(self):
        for header, address in ((one(), ("203.0.113.50", 54321)), (two_four(), ("203.0.113.51", 54322))):
            c = self.open(header)
            self.assertIs(c.info["tls_required"], True)
            self.up(c).send(HELLO).expect("PONG\r\n")
            self.assertEqual(c.read_info()["client_ip"], address[0])
            self.assertEqual(self.address(c), address)

    def test_header_and_first_record_in_one_segment(self):
        """What was read behind the header belongs to the handshake."""
        for header in (one("1.2.3.4", 5), two_four("1.2.3.4", 5)):
            with self.subTest(header=header):
                c = self.open(b"")
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                session = client_context(CA).wrap_bio(incoming, outgoing, server_hostname="localhost")
                first = header
                while True:
                    try:
                        session.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        c.send(first + outgoing.read())
                        first = b""
                        got = c.sock.recv(65536)
                        self.assertTrue(got, "closed in the handshake")
                        incoming.write(got)
                c.send(outgoing.read())
                self.assertEqual(self.address(c), ("1.2.3.4", 5))

    def test_no_proxy(self):
        c = self.up(self.open(b"")).send(ALONE).expect("PONG\r\n")
        self.assertEqual(self.address(c), self.own_address(c))

    def test_plain_text_behind_the_header(self):
        self.open(one() + ALONE).wait_closed()


class First(Secure):
    config = ON + tls("handshake_first: true")

    def open(self, header, server=None, **options):
        return self.raw(server, **options).send(header)

    def up(self, c, context=None):
        super().up(c, context)
        c.read_info()
        self.assertIn("client_ip", c.info)
        return c

    def test_header_then_tls(self):
        for header, address in ((one(), ("203.0.113.50", 54321)), (two_four(), ("203.0.113.51", 54322))):
            c = self.up(self.open(header))
            self.assertEqual(c.info["client_ip"], address[0])
            c.send(ALONE).expect("PONG\r\n")
            self.assertEqual(self.address(c), address)

    test_header_and_first_record_in_one_segment = None


class Either(HeaderCase):
    """Plain clients beside TLS, with a header and without."""

    config = ON + tls() + "allow_non_tls: true\n"

    def test_every_way(self):
        for header, address in ((one(), ("203.0.113.50", 54321)), (two_six(), ("2001:db8::1", 54323)), (b"", None)):
            with self.subTest(header=header):
                c = self.open(header).send(ALONE).expect("PONG\r\n")
                self.assertEqual(self.address(c), address or self.own_address(c))
                c = self.open(header).start_tls(client_context(CA)).send(ALONE).expect("PONG\r\n")
                self.assertEqual(self.address(c), address or self.own_address(c))


class WithinDelay(HeaderCase):
    config = ON + tls("handshake_first: 200ms")

    def test_tls_first(self):
        for header in (one("1.2.3.4", 5), b""):
            c = self.raw().send(header).start_tls(client_context(CA))
            c.read_info()
            c.send(ALONE).expect("PONG\r\n")
            self.assertEqual(self.address(c)[0], "1.2.3.4" if header else "127.0.0.1")

    def test_info_first(self):
        c = self.raw()
        self.assertNotIn("client_ip", c.read_info())
        c.send(one("1.2.3.4", 5)).start_tls(client_context(CA)).send(ALONE).expect("PONG\r\n")
        self.assertEqual(self.address(c), ("1.2.3.4", 5))


class WebSockets(WebSocketCase):
    """Their port takes no headers."""

    more = ON

    def test_as_without_it(self):
        c = self.ws()
        self.assertEqual(c.read_info()["client_ip"], "127.0.0.1")
        c.send(ALONE)
        c.expect("PONG\r\n")
        got = self.answer_to(one() + b"\r\n")
        self.assertIn("400 Bad Request", got[0])
