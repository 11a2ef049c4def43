"""INFO: its fields, their order, its line, and the further INFO after the first PING."""

import json
import unittest

from harness import RawClient, WireCase, connect_line

# The order in which the Go server writes them; git_commit is build-dependent.
PLAIN = ["server_id", "server_name", "version", "proto", "go", "host", "port", "headers", "max_payload", "client_id",
         "client_ip", "api_lvl", "xkey"]
AFTER_PING = PLAIN[:11] + ["connect_info", "remote_account"] + PLAIN[11:]


def keys(line):
    pairs = json.loads(line[5:], object_pairs_hook=list)
    return [k for k, _ in pairs if k != "git_commit"]


class Info(WireCase):
    def test_line_and_field_order(self):
        line = self.raw().read_op()
        self.assertTrue(line.startswith(b"INFO {"), line)
        self.assertTrue(line.endswith(b"} \r\n"), line)
        self.assertEqual(keys(line), PLAIN)

    def test_values(self):
        c = self.raw()
        info = c.read_info()
        self.assertRegex(info["server_id"], r"^N[A-Z2-7]{55}$")
        self.assertEqual(info["server_name"], info["server_id"])
        self.assertRegex(info["xkey"], r"^X[A-Z2-7]{55}$")
        self.assertRegex(info["version"], r"^\d+\.\d+\.\d+")
        self.assertEqual(info["proto"], 1)
        self.assertEqual(info["host"], "127.0.0.1")
        self.assertEqual(info["port"], self.server.port)
        self.assertIs(info["headers"], True)
        self.assertEqual(info["max_payload"], 1048576)
        self.assertEqual(info["client_ip"], "127.0.0.1")
        self.assertIsInstance(info["client_id"], int)
        self.assertIsInstance(info["api_lvl"], int)
        self.assertIsInstance(info["go"], str)

    def test_client_ids_grow(self):
        ids = [self.raw().read_info()["client_id"] for _ in range(5)]
        self.assertEqual(ids, sorted(set(ids)))

    def test_identity_is_stable_and_differs_between_servers(self):
        other = self.start()
        one = [self.raw().read_info()[k] for k in ("server_id", "server_id")]
        self.assertEqual(one[0], one[1])
        self.assertNotEqual(self.raw(other).read_info()["server_id"], one[0])

    def test_second_info_after_first_ping(self):
        c = self.raw()
        first = c.read_op()
        c.send(connect_line(protocol=1) + b"PING\r\n").expect("PONG\r\n")
        second = c.read_op()
        self.assertEqual(keys(second), AFTER_PING)
        self.assertTrue(second.endswith(b"} \r\n"))
        a, b = json.loads(first[5:]), json.loads(second[5:])
        self.assertIs(b.pop("connect_info"), True)
        self.assertEqual(b.pop("remote_account"), "$G")
        self.assertEqual(a, b)
        c.fence().fence()  # only after the first PING

    def test_no_second_info_for_protocol_0(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line(protocol=0) + b"PING\r\n").expect("PONG\r\n")
        c.fence()

    def test_ping_before_connect_does_not_use_it_up(self):
        c = self.raw()
        c.read_info()
        c.send("PING\r\n").expect("PONG\r\n")
        c.send(connect_line(protocol=1) + b"PING\r\n").expect("PONG\r\n")
        self.assertIs(c.read_info()["connect_info"], True)

    def test_pong_comes_before_second_info_when_pipelined(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line(protocol=1) + b"PING\r\nPING\r\n").expect("PONG\r\n")
        self.assertTrue(c.read_op().startswith(b"INFO "))
        c.expect("PONG\r\n")

    def test_info_is_sent_unasked(self):
        c = self.raw(auto_pong=False)
        self.assertTrue(c.read_line().startswith(b"INFO "))


class InfoOfConfigured(WireCase):
    serve = False

    def info(self, *args, config=None, **kwargs):
        server = self.start(*args, config=config, **kwargs)
        with RawClient(server.port) as c:
            line = c.read_op()
        return keys(line), json.loads(line[5:])

    def test_name(self):
        _, info = self.info("-n", "fancy.name")
        self.assertEqual(info["server_name"], "fancy.name")

    def test_name_from_config(self):
        _, info = self.info(config='server_name: "other"\n')
        self.assertEqual(info["server_name"], "other")

    def test_auth_required(self):
        order, info = self.info("--user", "u", "--pass", "p")
        self.assertIs(info["auth_required"], True)
        self.assertEqual(order, PLAIN[:8] + ["auth_required"] + PLAIN[8:])

    def test_no_auth_user_hides_auth_required(self):
        _, info = self.info(config="authorization { users: [{user: a, password: b}] }\nno_auth_user: a\n")
        self.assertNotIn("auth_required", info)

    def test_max_payload(self):
        _, info = self.info(config="max_payload: 4321\n")
        self.assertEqual(info["max_payload"], 4321)

    def test_no_header_support(self):
        _, info = self.info(config="no_header_support: true\n")
        self.assertIs(info["headers"], False)

    def test_client_advertise(self):
        order, info = self.info("--client_advertise", "example.org:7777")
        self.assertEqual((info["host"], info["port"]), ("example.org", 7777))
        self.assertEqual(order, PLAIN)
        for blanks in ("  example.org:7777 ", "example.org : 7777"):
            _, info = self.info(config=f'client_advertise: "{blanks}"\n')
            self.assertEqual((info["host"], info["port"]), ("example.org", 7777))

    def test_all_interfaces(self):
        _, info = self.info("-a", "0.0.0.0", host=None)
        self.assertEqual(info["host"], "0.0.0.0")

    def test_nonce_with_nkey_users(self):
        key = "UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX"
        order, info = self.info(config=f"authorization {{ users: [{{nkey: {key}}}] }}\n")
        self.assertRegex(info["nonce"], r"^[A-Za-z0-9_-]{15}$")
        self.assertIs(info["auth_required"], True)
        self.assertEqual(order, PLAIN[:8] + ["auth_required"] + PLAIN[8:11] + ["nonce"] + PLAIN[11:])

    def test_remote_account_of_user(self):
        server = self.start(config="accounts { A { users: [{user: a, password: b}] } }\n")
        c = self.raw(server)
        c.read_info()
        c.send(connect_line(protocol=1, user="a", **{"pass": "b"}) + b"PING\r\n").expect("PONG\r\n")
        info = c.read_info()
        self.assertEqual(info["remote_account"], "A")
        self.assertNotIn("acc_is_sys", info)

    def test_system_account_user_is_told(self):
        server = self.start(config='accounts { "$SYS" { users: [{user: a, password: b}] } }\n')
        c = self.raw(server)
        c.read_info()
        c.send(connect_line(protocol=1, user="a", **{"pass": "b"}) + b"PING\r\n").expect("PONG\r\n")
        info = c.read_info()
        self.assertEqual(info["remote_account"], "$SYS")
        self.assertIs(info["acc_is_sys"], True)


if __name__ == "__main__":
    unittest.main()
