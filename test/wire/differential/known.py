"""What differs on purpose (docs/parity.md) and cannot be kept out of sessions: how it is read so that it does not count."""

import re

_OWN_NOTES = re.compile(r"^flag -\S+ is not built yet and has no effect\n|^    at \S+:\d+:\d+\n", re.M)


_NOBODY = re.compile(r"H \d+ NATS/1.0 503\r\nNats-Subject: [^\r]*")
_UNKNOWN = "-ERR 'Unknown Protocol Operation'"
_PEDANTIC = "-ERR 'Invalid Publish Subject'"


def _read(said, setting):
    if not isinstance(said, list):
        return said
    # The Go server says this twice of a message whose payload came in two pieces, and also of one whose end is wrong.
    once = [op for at, op in enumerate(said) if op != _PEDANTIC or said[at + 1:at + 2] not in ([_PEDANTIC], [_UNKNOWN])]
    # Where a mapping loses messages, it says that there is no responder for the empty subject.
    if "weight: 0" in setting.config:
        once = [_NOBODY.sub("503", op) for op in once]
    # With a user for those who name none it says `auth_required` in some INFO lines and not in others.
    return [op.replace('"auth_required": true, ', "") for op in once] if "no_auth_user" in setting.config else once


def forgive(account, setting):
    return [{who: _read(said, setting) for who, said in step.items()} for step in account]


def last_words(line_is_websocket, said):
    """Whoever is closed over WebSocket gets what was said before from us, and mostly not from the Go server."""
    return said[-1:] if line_is_websocket and said and said[-1] == b"[closed]" else said


def plain(outcome):
    """The outcome of a command line without what Troupe says on top: places, and what is not built."""
    code, out, err = outcome
    return code, out, _OWN_NOTES.sub("", err)
