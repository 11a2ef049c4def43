"""The configurations that sessions run under, with the users and subjects that mean something there."""

_COMMON = """
ping_interval: "1h"
server_name: under_test
websocket { host: 127.0.0.1, port: -1, no_tls: true, compression: true }
"""

_TOKENS = ["a", "b", "foo", "bar", "a.b", "a.b.c", "foo.bar", "foo.bar.baz", "_INBOX.x", "_INBOX.x.1"]
_FILTERS = ["*", ">", "a.*", "a.>", "*.b", "foo.*.baz", "foo.>", "_INBOX.>", "_INBOX.x.*", "*.*"]


class Setting:
    """`users`: CONNECT fields of those who may log in; `subjects` to publish to; `filters` to subscribe to.
    `maxima`: UNSUB may have one; `one_use_replies`: no two requests have one reply subject; `deflate`: WebSocket
    messages may be compressed. Without them a session keeps away from what differs on purpose."""

    def __init__(self, name, config, users=({},), subjects=(), filters=(), websocket=0.1, bad_logins=0.05,
                 maxima=True, one_use_replies=False, deflate=True):
        self.name, self.config, self.users = name, _COMMON + config, list(users)
        self.subjects = _TOKENS + list(subjects) * 3
        self.filters = _FILTERS + self.subjects + list(filters) * 3
        self.websocket, self.bad_logins = websocket, bad_logins
        self.maxima, self.one_use_replies, self.deflate = maxima, one_use_replies, deflate


def _login(name):
    return {"user": name, "pass": "p"}


PLAIN = Setting("plain", "")

WEBSOCKET = Setting("websocket", "", websocket=1.0)

USERS = Setting("users", """
authorization {
  timeout: 60
  default_permissions: {publish: {deny: "no.>"}, subscribe: {deny: "no.>"}}
  users: [
    {user: all, password: p, permissions: {publish: ">", subscribe: ">"}}
    {user: few, password: p, permissions: {
      publish: {allow: [a, "foo.>", "_INBOX.>"], deny: ["foo.bar", "foo.no.*"]},
      subscribe: {allow: ["a.>", "foo.bar", "foo.q", "_INBOX.>", "q.* g1", "q.1 h.1"], deny: ["a.b", "foo.q g1", "q.no"]}}}
    {user: svc, password: p, permissions: {subscribe: ["a.>", "foo"], allow_responses: {max: 30}}}
    {user: many, password: p, permissions: {subscribe: ">", publish: {deny: "a"},
      allow_responses: {max: -1, expires: "1m"}}}
    {user: default, password: p}
    {user: queues, password: p, permissions: {publish: ">", subscribe: {allow: ["foo g1", "a.> *", "b >", "bar"],
      deny: ["a.no g1", "foo.bar *"]}}}
    {user: mute, password: p, permissions: {publish: {deny: ">"}, subscribe: {allow: ["foo.bar"]}}}
  ]
}
""", [_login(n) for n in ("all", "all", "few", "svc", "many", "default", "queues", "mute")],
    ["no.x", "foo.no.x", "q.1", "q.no", "a.no", "foo.q"], ["no.*", "q.*"], one_use_replies=True)

ANYBODY = Setting("anybody", """
no_auth_user: guest
authorization {
  timeout: 60
  users: [
    {user: guest, password: p, permissions: {publish: ["a.>", "_INBOX.>"], subscribe: [">"]}}
    {user: known, password: p}
  ]
}
""", [{}, {}, _login("known"), _login("guest")])

TOKEN = Setting("token", """
authorization { timeout: 60, token: s3cr3t }
""", [{"auth_token": "s3cr3t"}], bad_logins=0.3)

ACCOUNTS = Setting("accounts", """
accounts {
  A {
    users: [{user: a, password: p}]
    exports: [
      {stream: "news.>"}
      {stream: "priv.*", accounts: [B]}
      {service: "svc.add"}
      {service: "svc.*.get"}
      {service: "svc.many", response_type: stream}
      {service: "svc.b", accounts: [B]}
    ]
    mappings: {
      "m.in": "m.out"
      "w.*.*": "w.$2.$1"
      "z.*": [{destination: "zz.$1", weight: 100%}]
      "gone.*": [{destination: "gone.$1", weight: 0}]
      "s.*": "{{splitfromleft(1,2)}}"
      "news.map": "news.mapped"
    }
  }
  B {
    users: [{user: b, password: p}]
    imports: [
      {stream: {account: A, subject: "news.>"}}
      {stream: {account: A, subject: "news.eu.*"}, to: "eu.$1"}
      {stream: {account: A, subject: "priv.*"}, prefix: "from.a"}
      {service: {account: A, subject: "svc.add"}, to: "add"}
      {service: {account: A, subject: "svc.*.get"}, to: "get.$1"}
      {service: {account: A, subject: "svc.many"}}
      {service: {account: A, subject: "svc.b"}}
    ]
    exports: [{service: "add", accounts: [C]}, {stream: "eu.*"}]
    mappings: {"x.add": "add"}
  }
  C {
    users: [{user: c, password: p}]
    imports: [
      {service: {account: B, subject: "add"}, to: "chain.add"}
      {stream: {account: B, subject: "eu.*"}, prefix: "c"}
      {stream: {account: A, subject: "news.us"}, to: "us"}
    ]
  }
}
authorization { timeout: 60 }
""", [_login(n) for n in "aabbc"],
    ["news.x", "news.eu.de", "news.eu.fr", "news.us", "news.map", "eu.de", "priv.1", "from.a.priv.1", "svc.add", "add",
     "x.add", "chain.add", "get.it", "svc.it.get", "svc.many", "svc.b", "m.in", "m.out", "w.1.2", "z.9", "zz.9",
     "gone.1", "s.abcd", "ab.cd", "us", "c.eu.de"],
    ["news.>", "news.*", "news.*.*", "eu.*", "from.>", "from.a.*.*", "c.>", "svc.>", "svc.*", "svc.*.get", "w.*.*",
     "zz.*", "*.cd"], maxima=False)

LIMITS = Setting("limits", """
max_payload: 64
max_control_line: 256
max_subscriptions: 5
max_subscription_tokens: 4
authorization {
  timeout: 60
}
""", subjects=["a.b.c.d", "a.b.c.d.e", "x" * 90], filters=["*.*.*.*.*", "a.b.c.>", "a.b.c.d.>"], deflate=False)

MAPPED = Setting("mapped", """
mappings: {
  "a.*": "mapped.$1"
  "foo": "bar"
  "foo.bar": [{destination: "bar.foo", weight: 100}]
  "b": [{destination: "b", weight: 0}]
  "p.*.*": "p.{{wildcard(2)}}.{{partition(3,1,2)}}"
  "t.>": "u.>"
}
""", subjects=["mapped.b", "bar.foo", "p.x.y", "t.1.2", "u.1.2"], filters=["mapped.*", "p.>", "u.>", "t.>"])

GUESTS = Setting("guests", """
no_auth_user: g
accounts {
  G { users: [{user: g, password: p, permissions: {publish: ["req.>", "_INBOX.>"], subscribe: ["_INBOX.>", "tick.>"]}}]
      limits: {max_subscriptions: 4, max_payload: 100}
      imports: [{service: {account: S, subject: "do.*.G"}, to: "req.*", share: true}, {stream: {account: S, subject: "t.>"}, to: "tick.>"}]
      default_permissions: {publish: "never"}
  }
  S { users: [{user: s, password: p}, {user: r, password: p, permissions: {subscribe: "do.>", allow_responses: {max: 30}}}]
      exports: [{service: "do.*.*", account_token_position: 3}, {stream: "t.>", accounts: [G]}]
  }
}
websocket { host: 127.0.0.1, port: -1, no_tls: true, compression: true, no_auth_user: r }
authorization { timeout: 60 }
""", [{}, {}, _login("s"), _login("s"), _login("r")],
    ["req.a", "req.b", "do.a.G", "t.1", "t.1.2", "tick.1"], ["do.>", "do.*.G", "tick.*", "tick.>", "t.>", "req.*"],
    maxima=False, one_use_replies=True)

NO_HEADERS = Setting("no_headers", "no_header_support: true\n")

ALL = {s.name: s for s in (PLAIN, USERS, ACCOUNTS, LIMITS, WEBSOCKET, ANYBODY, TOKEN, MAPPED, GUESTS, NO_HEADERS)}
