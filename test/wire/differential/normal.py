"""What two servers may say differently is taken out: names, ids, times, order between subscriptions, chance in queues."""

import json
import re

_OWN = {"server_id", "server_name", "version", "git_commit", "go", "host", "port", "client_id", "xkey", "nonce",
        "connect_urls", "cluster", "ip"}
_REPLY = re.compile(rb"^_R_\.\S+")
_INFO_LINE = re.compile(rb"(?i)Nats-Request-Info: ?(\{.*?\})\r\n")
_TOKEN = re.compile(rb"<[^<>\r\n]{1,20}>")
_QUEUE_SID = re.compile(rb"^q\d+$")


class Message:
    def __init__(self, op):
        line, self.body = op.split(b"\r\n", 1)
        word, self.subject, self.sid, *rest = line.split(b" ")
        sizes = 2 if word == b"HMSG" else 1
        self.reply = rest[0] if len(rest) > sizes else b""
        self.header_size = int(rest[-2]) if sizes == 2 else 0
        self.body = self.body[:-2]
        found = _TOKEN.search(self.body[self.header_size:])
        self.token = found.group(0) if found else b""

    def counts(self):
        """Events of the server come whenever it finds time."""
        return not self.subject.endswith(b".AUTH.ERR")

    def shown_sid(self):
        """That nobody took a request may be said by any subscription that awaits an answer."""
        return b"*" if self.body.startswith(b"NATS/1.0 503\r\nNats-Subject: ") else self.sid

    def told(self):
        """Everything but the sid."""
        head, payload = self.body[:self.header_size], self.body[self.header_size:]
        spoken = _INFO_LINE.search(head)
        if spoken:
            head = head[:spoken.start(1)] + _request_info(spoken.group(1)) + head[spoken.end(1):]
        reply = _REPLY.sub(b"_R_", self.reply)
        size = b"" if spoken else b" %d" % self.header_size
        return b" ".join([self.subject, reply or b"-", b"H" + size if self.header_size else b"", head + payload]).decode("latin-1")


def _request_info(text):
    info = json.loads(text)
    for key in ("start", "host", "id", "rtt", "server", "client_id", "ver"):
        if key in info:
            info[key] = "*"
    return json.dumps(info, sort_keys=True).encode()


def request_of(op):
    """(payload's token, reply subject), if this is a request."""
    if not op.startswith((b"MSG ", b"HMSG ")):
        return None, None
    message = Message(op)
    return message.token.decode(), message.reply


def info(op):
    fields = json.loads(op[5:])
    return "INFO " + json.dumps({k: "*" if k in _OWN else v for k, v in fields.items()}, sort_keys=True)


def step(got):
    """{connection: operations}, and under "queue" what members of queue groups got, whoever it was."""
    out, queue = {}, []
    for on, ops in got.items():
        said, messages = [], []

        def settle():
            # One publish may reach several subscriptions of a connection in any order.
            first = {}
            for m in messages:
                first.setdefault(m.token, len(first))
            messages.sort(key=lambda m: (first[m.token], m.sid, m.told()))
            said.extend(f"MSG {m.shown_sid().decode('latin-1')} {m.told()}" for m in messages)
            messages.clear()

        for op in ops:
            if op.startswith((b"MSG ", b"HMSG ")):
                message = Message(op)
                if not message.counts():
                    continue
                if _QUEUE_SID.match(message.sid):
                    queue.append(message.told())
                else:
                    messages.append(message)
                continue
            settle()
            said.append(info(op) if op.startswith(b"INFO ") else op.decode("latin-1").removesuffix("\r\n"))
        settle()
        if said:
            out[str(on)] = said
    if queue:
        out["queue"] = sorted(queue)
    return out


def connection(entry):
    """An entry of /connz. What went out is chance where queues are."""
    kept = ("kind", "type", "name", "lang", "version", "in_msgs", "in_bytes", "subscriptions", "authorized_user", "account",
            "tls_version", "name_tag", "mqtt_client", "nats_version")
    out = {k: entry[k] for k in kept if k in entry}
    subs = entry.get("subscriptions_list_detail") or []
    out["subs"] = sorted(" ".join(f"{k}={s[k]}" for k in ("account", "subject", "qgroup", "sid", "max") if k in s)
                         for s in subs)
    return out
