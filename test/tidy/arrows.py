"""Who may include whom: docs/architecture.md's arrows, as a table.

A file belongs to the longest part that is a prefix of its path. A part may include itself, what
its line names, and whatever those may include.
"""

import functools

ALLOWED = {
    # Grammar.
    "protocol": [],
    "protocol/subject": ["protocol"],
    "protocol/json": ["protocol"],
    "protocol/headers": ["protocol"],
    "protocol/client": ["protocol/subject", "protocol/json", "protocol/headers"],
    "protocol/peer": ["protocol/subject", "protocol/json", "protocol/headers"],
    "protocol/mqtt": ["protocol/subject", "protocol/json", "protocol/headers"],
    "protocol/compress": ["protocol"],
    "protocol/websocket": ["protocol/subject", "protocol/json", "protocol/headers"],
    "protocol/jetstream": ["protocol/subject", "protocol/json", "protocol/headers"],
    "protocol/raft": ["protocol/subject", "protocol/json", "protocol/headers"],
    "protocol/auth": ["protocol/subject", "protocol/json", "protocol/headers"],
    # Memory and intent. ALL_OF stands for a folder with everything below it.
    "storage": ["ALL_OF protocol"],
    "config": ["ALL_OF protocol"],
    # Behaviour: node -> jetstream, cluster -> raft, session -> auth, routing -> reactor -> observe.
    "actors": ["ALL_OF protocol", "ALL_OF storage", "ALL_OF config"],
    "actors/observe": ["actors"],
    "actors/reactor": ["actors/observe"],
    "actors/routing": ["actors/reactor"],
    "actors/auth": ["actors/reactor", "actors/fetch"],
    "actors/fetch": ["actors/reactor"],
    "actors/ocsp": ["actors/fetch"],
    "actors/session": ["actors/routing", "actors/auth", "actors/ocsp"],
    "actors/raft": ["actors/routing", "actors/auth"],
    "actors/cluster": ["actors/session", "actors/raft"],
    "actors/jetstream": ["actors/session", "actors/raft"],
    "actors/system": ["actors/session"],
    "actors/node": ["actors/jetstream", "actors/cluster", "actors/system"],
    "actors/main": ["actors/node", "http"],
    # The window.
    "http": ["actors/observe", "actors/reactor"],
}

# The composition root, the tests and the benchmarks see everything; nothing sees them.
SEES_EVERYTHING = ("actors/main.cpp", "actors/main/", "test/", "bench/")
FREE_OF_CAF = ("protocol/", "storage/", "config/")
FRAMEWORKS = ("caf/", "boost/asio", "boost/beast")


def part_of(path):
    """The part a source file belongs to, or None."""
    parts = [p for p in ALLOWED if path.startswith(p + "/") or path.startswith(p + ".")]
    return max(parts, key=len, default=None)


@functools.lru_cache(maxsize=None)
def reachable(part):
    """The parts that `part` may include."""
    seen = {part}
    for arrow in ALLOWED[part]:
        if arrow.startswith("ALL_OF "):
            folder = arrow.removeprefix("ALL_OF ")
            seen |= {p for p in ALLOWED if p == folder or p.startswith(folder + "/")}
        else:
            seen |= reachable(arrow)
    return frozenset(seen)
