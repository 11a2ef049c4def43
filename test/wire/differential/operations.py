"""One operation of a client, as bytes: right, odd but legal, or wrong."""

_BAD_SUBJECTS = [b"a..b", b".a", b"a.", b".", b"..", b">", b"*", b"a.>.b", b"a*", b"a.*b", b"*a", b"a.**", b">a", b"a.>>",
                 b"\xc3\xa9", b"\x01", b"a\x00b", b"\x7f", b"a\x0bb", b"a\x0cb", b"\xff\xfe", b"\xef\xbf\xbd", b'we"ird\\x',
                 b"'", b"%s", b"$SYS.x", b"$SYS.REQ.SERVER.PING", b"_R_.x", b"_GR_.x.y.z", b"$NRG.x", b"$JS.API.INFO",
                 b"$JS.ACK.x", b"_sys_", b"$MQTT.sub.x", b"$KV.x", b"$GR.x", b"t" + b".t" * 40, b"L" * 300, b"M" * 5000, b"[",
                 b"{}", b"+OK", b"-1", b"0"]
_BAD_SIZES = [b"", b"x", b"-1", b"+1", b"0x1", b"1.0", b"1x", b"99999999999999999999", b"1000000000", b"00000000001", b"007",
              b"2147483648", b"4294967297", b"\xd9\xa1", b"-", b"1048577", b"65", b"64"]
_BLOCKS = [b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nA: b\r\n\r\n", b"NATS/1.0\r\nA:b\r\nA: c\r\na:d\r\n\r\n", b"NATS/1.0 503\r\n\r\n",
           b"NATS/1.0 200 all is well\r\nX: y\r\n\r\n", b"NATS/1.0\r\nX:\r\n\r\n", b"NATS/1.0\r\nNats-Request-Info: mine\r\n\r\n",
           b"NATS/1.0\r\nK: \xff\x00\x01\r\n\r\n", b"NATS/1.0\r\nNats-Subject: x\r\n\r\n", b"NATS/1.0\r\nKey : v\r\n\r\n",
           b"NATS/1.0\r\n folded\r\n\r\n"]
_BAD_BLOCKS = [b"", b"x", b"NATS/1.0\r\n", b"NATS/1.0", b"NATS/2.0\r\n\r\n", b"nats/1.0\r\n\r\n", b"NATS/1.0\n\n", b"HTTP/1.1\r\n\r\n",
               b"NATS/1.0\r\nno colon\r\n\r\n", b"NATS/1.0\r\nA: b\n\n", b"\r\n\r\n", b"NATS/1.0\r\nA: b\r\n", b"NATS/1.0 \r\n\r\n",
               b"NATS/1.0\r\n\r\nA: b\r\n\r\n", b"NATS/1.0\r\n: v\r\n\r\n"]
_OTHERS = [b"MSG a 1 2\r\nxx\r\n", b"HMSG a 1 12 12\r\nNATS/1.0\r\n\r\n\r\n", b"RS+ $G a\r\n", b"RS- $G a\r\n", b"LS+ a\r\n",
           b"LS- a\r\n", b"RMSG $G a 2\r\nxx\r\n", b"LMSG a 2\r\nxx\r\n", b"A+ x\r\n", b"A- x\r\n", b"+OK\r\n", b"+ok then\r\n",
           b"-ERR 'x'\r\n", b"-ERR\r\n", b"-err x\r\n", b"INFO {}\r\n", b"INFO {\"server_id\":\"x\",\"connect_urls\":[\"a:1\"]}\r\n",
           b"INFO x\r\n", b"INFO\r\n", b"info []\r\n", b"PONG\r\n", b"pong x\r\n", b"\r\n", b"\n", b" \r\n", b"\x00", b"GET / HTTP/1.1\r\n",
           b"PUBX a 1\r\n", b"SUBX\r\n", b"UNSU\r\n", b"QUIT\r\n", b"\xff\xff", b"HPUB\r\n", b"PUB\r\n", b"SUB\r\n", b"UNSUB\r\n",
           b"CONNECT\r\n", b"PIN\r\n", b"+", b"H\r\n", b"PUB \r\n", b"SUB a\r\n", b"UNSUB \r\n", b"SUB a b c d\r\n",
           b"UNSUB 1 2 3\r\n", b"UNSUB 1 x\r\n", b"UNSUB 1 -1\r\n", b"UNSUB 1 0\r\n", b"UNSUB 1 99999999999999999999\r\n",
           b"PUB a b c 1\r\nx\r\n", b"HPUB a 12\r\n", b"HPUB a b c 12 12\r\n", b"SUB " + b"x" * 4200 + b" 1\r\n",
           b"PUB " + b"x" * 4200 + b" 1\r\nx\r\n", b"SUB a " + b"q" * 4089 + b" 1\r\n", b"UNSUB " + b"1" * 4100 + b"\r\n"]


class Operations:
    """`spoil`: the chance that an operation is a wrong one. Payloads begin with a number of their own."""

    def __init__(self, rng, setting, spoil):
        self.rng, self.setting, self.spoil = rng, setting, spoil
        self.sids, self.count, self.requests = [], 0, []

    def wrong(self):
        return self.rng.random() < self.spoil

    def word(self, text):
        r = self.rng.random()
        return text if r < 0.85 else text.lower() if r < 0.93 else "".join(
            self.rng.choice((c.lower(), c)) for c in text)

    def join(self, word, *args):
        """A control line."""
        gap = self.rng.choice([" "] * 12 + ["\t", "  ", " \t "]).encode()
        end = self.rng.choice([b"\r\n"] * 14 + [b"\n", b" \r\n", b"\t\r\n"])
        return self.word(word).encode() + gap + gap.join(args) + end

    def subject(self, pool):
        return self.rng.choice(_BAD_SUBJECTS) if self.wrong() else self.rng.choice(pool).encode()

    def payload(self):
        self.count += 1
        token = f"<{self.count}>"
        size = self.rng.choice([0, 0, 0, 1, 5, 30, 60, 64, 200] + [3000] * (self.rng.random() < 0.1))
        return token, token.encode() + bytes(self.rng.choice(b"xyz\r\n\x00\xff") for _ in range(size))

    def size(self, n):
        return self.rng.choice(_BAD_SIZES + [str(n - 1).encode(), str(n + 1).encode()]) if self.wrong() and self.wrong() \
            else str(n).encode()

    def reply(self):
        r = self.rng.random()
        if r < 0.6:
            return []
        if self.setting.one_use_replies:
            return [f"_INBOX.x.{self.count}".encode()]
        return [self.rng.choice([b"_INBOX.x", b"_INBOX.x.1", b"_INBOX.x.2"])] if r < 0.95 else [self.subject(self.setting.subjects)]

    def pub(self):
        token, payload = self.payload()
        reply = self.reply()
        if reply:
            self.requests.append(token)
        return self.join("PUB", self.subject(self.setting.subjects), *reply, self.size(len(payload))) + payload + b"\r\n"

    def hpub(self):
        token, payload = self.payload()
        reply = self.reply()
        if reply:
            self.requests.append(token)
        block = self.rng.choice(_BAD_BLOCKS if self.wrong() else _BLOCKS)
        sizes = [self.size(len(block)), self.size(len(block) + len(payload))]
        return self.join("HPUB", self.subject(self.setting.subjects), *reply, *sizes) + block + payload + b"\r\n"

    def sub(self):
        """Members of a queue group have sids that begin with q: which of them gets a message is chance."""
        self.count += 1
        subject = self.subject(self.setting.filters)
        if self.rng.random() < 0.3:
            sid = f"q{self.count}".encode()
            group = self.rng.choice([b"g1", b"g1", b"g2", b"h.1", b"*", b">", b"g\xc3\xa9"] + [b"_sys_"] * self.wrong())
            self.sids.append(sid)
            return self.join("SUB", subject, group, sid)
        sid = str(self.count).encode()
        if self.sids and self.rng.random() < 0.05:
            sid = self.rng.choice([s for s in self.sids if s[:1] != b"q"] or [sid])
        if self.wrong():
            sid = self.rng.choice([b"x", b"0", b"-1", b"a.b", b"\xff", b"9" * 30, b"1\x00"])
        self.sids.append(sid)
        return self.join("SUB", subject, sid)

    def unsub(self):
        sid = self.rng.choice(self.sids) if self.sids and not self.wrong() else b"77"
        most = [] if self.rng.random() < 0.6 or not self.setting.maxima else [self.rng.choice([b"1", b"2", b"3", b"0", b"05"])]
        if self.wrong() and self.setting.maxima:
            most = [self.rng.choice([b"-1", b"x", b"1.5", b"99999999999999999999", b"+2"])]
        return self.join("UNSUB", sid, *most)

    def ping(self):
        return self.word("PING").encode() + self.rng.choice([b"\r\n"] * 6 + [b"\n", b" x\r\n", b"\t\r\n"])

    def other(self):
        return self.rng.choice(_OTHERS)

    def any(self):
        if self.wrong() and self.rng.random() < 0.5:
            return self.other()
        kinds = [self.pub] * 8 + [self.hpub] * 4 + [self.sub] * 6 + [self.unsub] * 2 + [self.ping]
        return self.rng.choice(kinds)()
