"""CONNECT lines: mostly sensible, some slightly wrong, some not JSON at all."""

import json

_ODD = ["null", "true", "false", "0", "1", "2", "-1", "1.5", "1e0", "99999999999999999999", '""', '"x"', '"true"', "[]",
        "{}", "[1]", '{"a":{"b":[null]}}']
_NAMES = ['"n"', '"two words"', '"\\u00e9\\n"', '"\\ud83d\\ude00"', '"\\ud800"', '"q\\"q"', '"\\u0000"', '"\xff"',
          '"' + "n" * 300 + '"']
_TEXTS = ["name", "lang", "version"]
_BOOLS = ["verbose", "pedantic", "echo", "headers", "no_responders", "tls_required"]
_FOREIGN = ["server", "cluster", "account", "new_account", "nkey", "sig", "jwt", "import", "export", "remote_account",
            "proxy_sig", "user", "pass", "auth_token", "unknown", "", "protocol"]
_NO_JSON = ["", " ", "{", "}", "x", "{}}", "{} x", "{},", "[]", "null", "true", "1", '"x"', "{'verbose':true}", "{verbose:true}",
            '{"verbose":true,}', '{"verbose" true}', '{"verbose":tru}', '{"a":01}', '{"a":"\x01"}', '{"a":"\t"}', '{"a":.5}',
            '{"a":"\\x"}', '{"verbose":true', "{\"a\":" + "[" * 50 + "]" * 50 + "}", '{"a":+1}', '{"a":NaN}', "\xef\xbb\xbf{}",
            '/**/{}', '{"a":1e999}', '{"protocol":1e999}', '{"a":-}', '{"a":"\\u12"}', '{"a":1 }', '\t{ }']


def fields(rng, user):
    """Sensible fields as (key, JSON text)."""
    out = [(k, json.dumps(v)) for k, v in user.items()]
    out.append(("verbose", "true" if rng.random() < 0.15 else "false"))
    out.append(("pedantic", "true" if rng.random() < 0.2 else "false"))
    if rng.random() < 0.8:
        headers = rng.random() < 0.85
        out.append(("headers", json.dumps(headers)))
        if rng.random() < (0.7 if headers else 0.05):
            out.append(("no_responders", "true"))
    if rng.random() < 0.2:
        out.append(("echo", rng.choice(["true", "false", "false"])))
    if rng.random() < 0.5:
        out.append(("protocol", rng.choice(["0", "1", "1"])))
    if rng.random() < 0.3:
        out.append((rng.choice(_TEXTS), rng.choice(_NAMES)))
    return out


def _spoil(rng, out):
    how = rng.randrange(6)
    at = rng.randrange(len(out))
    key, value = out[at]
    if how == 0:
        out[at] = (key, rng.choice(_ODD))
    elif how == 1:
        out[at] = (rng.choice([key.upper(), key.title(), key + " ", key.replace("s", "\u017f")]), value)
    elif how == 2:
        out.insert(rng.randrange(len(out) + 1), (key, rng.choice(_ODD)))
    elif how == 3:
        out.append((rng.choice(_FOREIGN), rng.choice(_ODD)))
    elif how == 4:
        out.append((rng.choice(_BOOLS + _TEXTS), rng.choice(_ODD)))
    else:
        del out[at]
    return out


def line(rng, setting, spoil, again=False):
    """The bytes of a CONNECT; `spoil`: the chance of something wrong. `again`: a further one names all credentials or
    none; what becomes of some differs on purpose."""
    user = dict(rng.choice([*setting.users, {}] if again else setting.users))
    spoil = 0 if again else spoil
    if not again and rng.random() < setting.bad_logins:
        user = rng.choice([{}, {"user": "nobody", "pass": "p"}, {"user": "all", "pass": "wrong"}, {"auth_token": "x"},
                           {"user": "all"}, {"pass": "p"}, {**user, "auth_token": "x"}])
    out = fields(rng, user)
    if rng.random() < spoil:
        if rng.random() < 0.25:
            return b"CONNECT " + rng.choice(_NO_JSON).encode("latin-1") + b"\r\n"
        for _ in range(rng.choice((1, 1, 2, 3))):
            out = _spoil(rng, out) if out else out
    blank = rng.choice(["", "", " ", "\t"])
    text = "{" + ("," + blank).join(f'"{k}":{blank}{v}' for k, v in out) + "}"
    word = rng.choice([b"CONNECT"] * 6 + [b"connect", b"ConneCt"])
    return word + rng.choice([b" "] * 6 + [b"  ", b"\t"]) + text.encode("utf-8", "surrogateescape") + rng.choice(
        [b"\r\n"] * 8 + [b"\n", b" \r\n"])
