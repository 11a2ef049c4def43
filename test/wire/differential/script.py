"""A session as data: a list of steps, one JSON object each, so that a difference can be kept and replayed.

  {"do": "open", "on": 0, "ws": false, "deflate": false}
  {"do": "send", "on": 0, "ops": ["PING\\r\\n"], "cuts": [3], "pongs": 1}   ops as Latin-1, cuts into their bytes joined
  {"do": "answer", "to": "token", "with": "text"}       whoever got the request with this payload answers it
  {"do": "close", "on": 0}
"""

import hashlib
import json


def opened(on, ws=False, deflate=False):
    return {"do": "open", "on": on, "ws": ws, "deflate": deflate}


def send(on, ops, cuts=()):
    return {"do": "send", "on": on, "ops": [op.decode("latin-1") for op in ops], "cuts": sorted(cuts)}


def answer(to, text):
    return {"do": "answer", "to": to, "with": text}


def close(on):
    return {"do": "close", "on": on}


def bytes_of(step):
    return "".join(step["ops"]).encode("latin-1")


def dump(setting_name, steps):
    lines = ",\n  ".join(json.dumps(s) for s in steps)
    return f'{{"config": "{setting_name}", "steps": [\n  {lines}\n]}}\n'


def load(text):
    whole = json.loads(text)
    return whole["config"], whole["steps"]


def mark(steps):
    """Names a session: golden answers are only those of exactly this one."""
    return hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest()[:12]
