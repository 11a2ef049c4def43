"""Remembers the secrets that the tests use, and looks for them wherever a server shows something.

Every password, token, JWT and signature of some length that a test puts into a configuration, a flag or a CONNECT is
known here by itself; so is anything that begins with `s3cr3t-`. Server scans its log when it ends, and its pages.
"""

import re

SHORTEST = 5  # shorter ones stand in any log by chance
MARK = re.compile(r"s3cr3t-[\w.-]+")

_CONFIG = re.compile(r"""(?<![\w])(?:password|pass|token)\b["']?\s*[:=]?\s*(?:"([^"]+)"|'([^']+)'|((?:\$2)?[^\s"'{}\[\],$:=][^\s,}]*))""")
_FLAGS = ("--pass", "-pass", "--auth", "-auth")
_FIELDS = ("pass", "auth_token", "jwt", "sig", "proxy_sig")

_used = set()
_names = set()


def learn(text):
    if isinstance(text, str) and len(text) >= SHORTEST:
        _used.add(text)


def learn_config(text):
    for groups in _CONFIG.findall(text or ""):
        learn(next(filter(None, groups), ""))


def learn_arguments(argv):
    for name, value in zip(argv, list(argv[1:]) + [""]):
        flag, equals, text = name.partition("=")
        if flag in _FLAGS:
            learn(text if equals else value)


def learn_fields(fields):
    for name in _FIELDS:
        learn(fields.get(name))
    _names.add(fields.get("user"))  # a test may take one for the other


def found_in(text):
    """The secrets that stand in a text."""
    return sorted(s for s in _used - _names if s in text) + MARK.findall(text)
