"""A session from a seed: who connects how, and what they send in which order."""

import random

from . import connect_fields, script
from .operations import Operations


def _cuts(rng, size):
    return rng.sample(range(1, size), min(size - 1, rng.choice((1, 1, 2, 4)))) if size > 1 and rng.random() < 0.12 else ()


def _open(rng, setting, on):
    ws = rng.random() < setting.websocket
    return script.opened(on, ws, ws and setting.deflate and rng.random() < 0.3)


def _greet(rng, setting, on, spoil, again=False):
    """What a connection sends first."""
    ops = [connect_fields.line(rng, setting, spoil, again)]
    if not again and rng.random() < 0.05:
        ops = []  # nothing: operations before any CONNECT
    if rng.random() < 0.05:
        ops.append(connect_fields.line(rng, setting, spoil, True))
    return script.send(on, ops, _cuts(rng, sum(map(len, ops)))) if ops else None


def _up_to_error(ops):
    """The Go server goes on with what it has read behind an -ERR; ours does not, on purpose."""
    for at, op in enumerate(ops):
        if op[:5].lower() == b"-err ":
            return ops[:at + 1]
    return ops


def session(setting, seed):
    """The steps. Half of all sessions are (nearly) right, so that they get far."""
    rng = random.Random(f"{setting.name}/{seed}")
    spoil = rng.choice((0.0, 0.02, 0.1, 0.3))
    count = rng.choice((1, 2, 2, 3, 4))
    ops = [Operations(rng, setting, spoil) for _ in range(count)]
    for at, one in enumerate(ops):
        one.count = at * 1000
    steps = []
    for on in range(count):
        steps.append(_open(rng, setting, on))
        steps.append(_greet(rng, setting, on, spoil))
        if rng.random() < 0.7:
            steps.append(script.send(on, [ops[on].sub() for _ in range(rng.randrange(1, 5))]))
    for _ in range(rng.randrange(4, 16)):
        on = rng.randrange(count)
        r = rng.random()
        if r < 0.03:
            steps += [script.close(on), _open(rng, setting, on), _greet(rng, setting, on, spoil)]
        elif r < 0.06:
            steps.append(_greet(rng, setting, on, spoil, True))
        elif r < 0.2 and ops[on].requests:
            steps.append(script.answer(rng.choice(ops[on].requests), f"<answer {rng.randrange(100)}>"))
        else:
            sent = _up_to_error([ops[on].any() for _ in range(rng.choice((1, 1, 1, 2, 4)))])
            steps.append(script.send(on, sent, _cuts(rng, sum(map(len, sent)))))
    return [s for s in steps if s]
