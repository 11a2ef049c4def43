"""What the Go server said to a fixed set of sessions, kept for machines that have none."""

import json
import os

from . import command_line, configs, drive, known, script
from .sessions import session

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden", "differential.json")
SEEDS = range(1, 13)
COMMAND_LINES = range(1, 151)
TRIES = 4  # an account that is not the same each time is chance, and is not kept


def sessions(setting):
    for seed in SEEDS:
        steps = session(setting, seed)
        yield f"{setting.name}/{seed}/{script.mark(steps)}", steps


def load():
    with open(PATH, encoding="utf-8") as f:
        return json.load(f)


def written_by(server_of, binary, folder):
    """`server_of(setting)` gives a running peer. One line per session."""
    kept = {}
    for setting in configs.ALL.values():
        server = server_of(setting)
        for name, steps in sessions(setting):
            accounts = [known.forgive(drive.run(server, steps), setting) for _ in range(TRIES)]
            if all(a == accounts[0] for a in accounts):
                kept[name] = accounts[0]
    for seed in COMMAND_LINES:
        args = command_line.arguments(seed)
        kept["command line/" + json.dumps(args)] = command_line.outcome(binary, args, folder)
    with open(PATH, "w", encoding="utf-8") as f:
        f.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in kept.items()) + "\n}\n")
    return kept
