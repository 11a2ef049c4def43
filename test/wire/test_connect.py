"""CONNECT: its fields, what is refused and how, and a second CONNECT."""

import unittest

from harness import WireCase, connect_line, msg, pub

BAD_PROTOCOL = "-ERR 'invalid client protocol'\r\n"
NO_RESPONDERS = "-ERR 'no responders requires headers support'\r\n"
AUTH = "-ERR 'Authorization Violation'\r\n"


class Connect(WireCase):
    def greeted(self):
        c = self.raw()
        c.read_info()
        return c

    def test_accepted(self):
        quiet, loud = "PONG\r\n", "+OK\r\nPONG\r\n"
        for line, answer in [
            ("CONNECT {}", loud),  # verbose is the default
            ("CONNECT{}", loud),
            ("CONNECT null", loud),
            ("connect\t {}", loud),
            ("cOnNeCt {}", loud),
            ('CONNECT   {"verbose":false}  ', quiet),
            ('CONNECT {"verbose":null}', loud),
            ('CONNECT {"VERBOSE":false}', quiet),
            ('CONNECT {"verbose":false,"verbose":true}', loud),
            ('CONNECT {"verbose":false,"unknown":[1,{}]}', quiet),
            ('CONNECT {"verbose":false,"protocol":0}', quiet),
            ('CONNECT {"verbose":false,"name":"n","lang":"l","version":"1"}', quiet),
            ('CONNECT {"verbose":false,"name":"\\u00e9\\n","lang":"\u00e9"}', quiet),
            ('CONNECT {"verbose":false,"jwt":"junk","nkey":"","sig":"","user":"u","pass":"p"}', quiet),
            ('CONNECT {"verbose":false,"account":"","new_account":false}', quiet),
            ('CONNECT {"verbose":false,"tls_required":true}', quiet),
            ('CONNECT {"verbose":false,"headers":true,"no_responders":true}', quiet),
            (' CONNECT {}'[1:], loud),
        ]:
            with self.subTest(line=line):
                self.greeted().send(line.encode() + b"\r\nPING\r\n").expect(answer)

    def test_refused(self):
        for line, error in [
            ('CONNECT {"protocol":2}', BAD_PROTOCOL),
            ('CONNECT {"protocol":-1}', BAD_PROTOCOL),
            ('CONNECT {"no_responders":true}', NO_RESPONDERS),
            ('CONNECT {"no_responders":true,"headers":false}', NO_RESPONDERS),
            ('CONNECT {"account":"A"}', AUTH),
            ('CONNECT {"new_account":true}', AUTH),
            # What is not the expected JSON closes without a word.
            ("CONNECT", ""),
            ("CONNECT {", ""),
            ("CONNECT []", ""),
            ('CONNECT "x"', ""),
            ("CONNECT x", ""),
            ('CONNECT {"verbose":false} x', ""),
            ('CONNECT {"verbose":1}', ""),
            ('CONNECT {"verbose":"false"}', ""),
            ('CONNECT {"protocol":1.5}', ""),
            ('CONNECT {"protocol":"1"}', ""),
            ('CONNECT {"echo":0}', ""),
            ('CONNECT {"name":1}', ""),
            ('CONNECT {"user":null,"pass":1}', ""),
            ("CONNECT {'verbose':false}", ""),
            ('CONNECT {"verbose":false,}', ""),
        ]:
            with self.subTest(line=line):
                self.greeted().send(line.encode() + b"\r\nPING\r\n").expect_closed(error)

    def test_defaults_before_connect(self):
        c = self.greeted()
        c.send("SUB foo 1\r\n").expect("+OK\r\n")
        c.send(pub("foo", "hi")).expect(b"+OK\r\n" + msg("foo", 1, "hi"))
        c.send(pub("foo..bar")).expect("-ERR 'Invalid Publish Subject'\r\n+OK\r\n")
        c.send("UNSUB 1\r\n").expect("+OK\r\n")
        c.fence()

    def test_hpub_before_connect_closes(self):
        self.greeted().send("HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n").expect_closed()

    def test_verbose_ok_after_each(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line(verbose=True, headers=True)).expect("+OK\r\n")
        c.send("PING\r\n").expect("PONG\r\n")
        c.send("SUB foo 1\r\n").expect("+OK\r\n")
        c.send("SUB foo 1\r\n").expect("+OK\r\n")  # the same sid again
        c.send("PUB bar 1\r\nx\r\n").expect("+OK\r\n")
        c.send("HPUB bar 12 12\r\nNATS/1.0\r\n\r\n\r\n").expect("+OK\r\n")
        c.send("UNSUB 1 5\r\n").expect("+OK\r\n")
        c.send("UNSUB 1\r\n").expect("+OK\r\n")
        c.send("UNSUB unknown\r\n").expect("+OK\r\n")
        c.send("PONG\r\n").fence()

    def test_verbose_gives_no_ok_with_an_error(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line(verbose=True)).expect("+OK\r\n")
        c.send("SUB foo..bar 1\r\n").expect("-ERR 'Invalid Subject'\r\n").fence()
        c.send(pub("_GR_.x")).expect("-ERR 'Permissions Violation for Publish to \"_GR_.x\"'\r\n").fence()

    def test_pedantic_publish_subjects(self):
        c = self.client(pedantic=True)
        c.send("SUB foo.* 1\r\n")
        for subject in ("foo.*", "foo.>", ">", "foo..x", "foo.", ".foo", "."):
            with self.subTest(subject=subject):
                # Said, not closed, and the message is still looked up.
                got = msg(subject, 1, "x") if subject in ("foo.*", "foo.>") else b""
                c.send(pub(subject, "x")).expect(b"-ERR 'Invalid Publish Subject'\r\n" + got)
        c.send(pub("a*b", "x")).send(pub("a>", "x"))
        c.fence()

    def test_echo_false(self):
        c, other = self.client(echo=False), self.client()
        c.send("SUB foo 1\r\nSUB foo grp 2\r\n").fence()
        c.send(pub("foo", "mine")).fence()
        other.send("SUB foo 9\r\n").send(pub("foo", "theirs")).expect(msg("foo", 9, "theirs")).fence()
        self.assertEqual(sorted(c.read_to_fence()), [msg("foo", 1, "theirs"), msg("foo", 2, "theirs")])
        c.send(pub("foo", "to others")).fence()
        other.expect(msg("foo", 9, "to others")).fence()

    def test_echo_true_is_default(self):
        c = self.client()
        c.send("SUB foo 1\r\n" + "PUB foo 1\r\nx\r\n").expect(msg("foo", 1, "x"))

    def test_echo_false_queue_goes_to_other_member(self):
        c, other = self.client(echo=False), self.client()
        c.send("SUB foo q 1\r\n").fence()
        other.send("SUB foo q 2\r\n").fence()
        for i in range(50):
            c.send(pub("foo", str(i)))
        c.fence()
        other.expect(b"".join(msg("foo", 2, str(i)) for i in range(50))).fence()

    def test_second_connect_changes_options(self):
        c = self.client(verbose=True)
        c.send(connect_line(verbose=False) + b"PING\r\n").expect("PONG\r\n")
        c.send("SUB foo 1\r\n").fence()
        c.send(connect_line(verbose=True)).expect("+OK\r\n")
        c.send("SUB bar 2\r\n").expect("+OK\r\n")

    def test_second_connect_keeps_fields_it_does_not_name(self):
        c = self.client(verbose=False, echo=False)
        c.send("CONNECT {}\r\n").send("SUB foo 1\r\n" + "PUB foo 0\r\n\r\n").fence()

    def test_second_connect_with_bad_protocol_closes(self):
        c = self.client()
        c.send(connect_line(protocol=7)).expect_closed(BAD_PROTOCOL)

    def test_second_connect_with_protocol_1_gives_no_second_info_after_pong(self):
        c = self.client(protocol=0)
        c.send(connect_line(protocol=1)).fence().fence()

    def test_connect_needs_no_ping(self):
        c = self.raw()
        c.read_info()
        c.send(connect_line() + b"SUB foo 1\r\n" + pub("foo", "x")).expect(msg("foo", 1, "x"))


if __name__ == "__main__":
    unittest.main()
