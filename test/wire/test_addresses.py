"""Where a server listens and how it writes that down: IPv6, and every address of both families."""

import json
import socket
import unittest
import urllib.request

from harness import RawClient, WireCase, connect_line, free_port, msg, pub, run_binary


def have_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def page(url, path):
    with urllib.request.urlopen(url + path, timeout=10) as answer:
        return json.load(answer)


class AddressCase(WireCase):
    serve = False

    def at(self, host, server):
        c = RawClient(server.port, host=host)
        self.addCleanup(c.close)
        return c


@unittest.skipUnless(have_ipv6(), "this machine has no address ::1")
class Six(AddressCase):
    def test_written_in_brackets(self):
        server = self.start("-D", host="::1", port=free_port(), monitor=True)
        self.assertEqual(server.ports, {"nats": [f"nats://[::1]:{server.port}"],
                                        "monitoring": [f"http://[::1]:{server.monitor_port}"]})
        c = self.at("::1", server)
        info = c.read_info()
        self.assertEqual((info["host"], info["client_ip"]), ("::1", "::1"))
        c.send(connect_line() + b"PING\r\n").expect("PONG\r\n")
        port = c.sock.getsockname()[1]
        entry, = page(server.ports["monitoring"][0], "/connz")["connections"]
        self.assertEqual((entry["ip"], entry["port"]), ("::1", port))
        for line in (f"Listening for client connections on [::1]:{server.port}\n", "Starting http monitor on [::1]:",
                     f"[::1]:{port} - cid:{info['client_id']} - Client connection created"):
            server.wait_log(line)
        with self.assertRaises(ConnectionRefusedError):
            self.at("127.0.0.1", server)

    def test_port_in_use(self):
        server = self.start(host="::1")
        done = run_binary("-a", "::1", "-p", str(server.port))
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(),
                         rf"Error listening on port: \[::1\]:{server.port}, .*listen tcp \[::1\]:{server.port}: bind: address already in use")

    def test_listen_from_config(self):
        server = self.start(config='listen: "[::1]:-1"\n', host=None, port=None)
        self.at("::1", server).read_info()


class EveryAddress(AddressCase):
    @unittest.skipUnless(have_ipv6(), "this machine has no address ::1")
    def test_both_families_reach_it(self):
        """As the default does: `localhost` may be either."""
        for host in ("0.0.0.0", "::"):
            with self.subTest(host=host):
                server = self.start(host=host, monitor=True)
                four, six = self.at("127.0.0.1", server), self.at("::1", server)
                self.assertEqual([c.read_info()["client_ip"] for c in (four, six)], ["127.0.0.1", "::1"])
                for c in (four, six):
                    c.send(connect_line() + b"SUB a 1\r\nPING\r\n").expect("PONG\r\n")
                six.send(pub("a", "x")).expect(msg("a", 1, "x"))
                four.expect(msg("a", 1, "x"))
                for name, port in (("nats", server.port), ("monitoring", server.monitor_port)):
                    self.assertLessEqual({f"127.0.0.1:{port}", f"[::1]:{port}"},
                                         {url.split("//")[1] for url in server.ports[name]})
                for at in ("127.0.0.1", "[::1]"):
                    ips = {e["ip"] for e in page(f"http://{at}:{server.monitor_port}", "/connz")["connections"]}
                    self.assertEqual(ips, {"127.0.0.1", "::1"})

    def test_a_port_of_one_family_in_use(self):
        server = self.start(host="127.0.0.1")
        done = run_binary("-p", str(server.port))
        self.assertEqual(done.returncode, 1)
        self.assertIn("bind: address already in use", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
