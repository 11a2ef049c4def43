"""Two servers of one configuration, and whether a session can tell them apart."""

import contextlib

from harness.server import Server, default_deadline

from . import drive, known, shrink
from .lines import PATIENCE

TRIES = 5  # of each side, before chance is ruled out


class Pair:
    def __init__(self, setting, ours, theirs):
        self.setting, self.servers = setting, []
        with contextlib.ExitStack() as stack:
            for binary in (ours, theirs):
                self.servers.append(Server(config=setting.config, monitor=True, binary=binary))
                stack.callback(self.servers[-1].kill)
            self._stack = stack.pop_all()

    def close(self):
        self._stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _told(self, server, steps, patience=PATIENCE):
        return known.forgive(drive.run(server, steps, patience), self.setting)

    def difference(self, steps):
        """None, or the two accounts. What either server says one time and the other another time is no difference."""
        ours, theirs = ([self._told(s, steps)] for s in self.servers)
        if ours == theirs:
            return None
        for _ in range(TRIES):
            ours.append(self._told(self.servers[0], steps, default_deadline() / 2))
            theirs.append(self._told(self.servers[1], steps, default_deadline() / 2))
            if any(one in theirs for one in ours):
                return None
        return ours[0], theirs[0]

    def shortest(self, steps):
        steps = shrink.shrink(steps, lambda fewer: self.difference(fewer) is not None)
        return steps, self.difference(steps)


def show(steps, accounts):
    """The script with the first step whose account differs, side by side."""
    out = []
    ours, theirs = accounts
    for at in range(max(len(ours), len(theirs))):
        what = steps[at] if at < len(steps) else ("what /connz shows" if at == len(steps) else "the end")
        a, b = (side[at] if at < len(side) else None for side in (ours, theirs))
        out.append(f"  {'  ' if a == b else '> '}{str(what)[:600]}")
        if a != b:
            for key in sorted(set(a or {}) | set(b or {})):
                x, y = (a or {}).get(key), (b or {}).get(key)
                if x != y:
                    out += [f"       {key} ours:   {str(x)[:900]}", f"       {key} theirs: {str(y)[:900]}"]
    return "\n".join(out)
