"""What Troupe does not do yet: the tests that must fail on it (or are not run) until their line is removed.

A file has one line per test: its id, two or more blanks, an optional `skip:`, and the reason. Other servers ignore it.
"""

import re
import subprocess

PATIENCE = 1.0  # seconds that a test which must fail waits for what will not come


class Entry:
    def __init__(self, reason):
        self.skip = reason.startswith("skip:")
        self.reason = reason[5:].strip() if self.skip else reason


def is_troupe(server):
    done = subprocess.run([server, "-v"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    return b"troupe" in (done.stdout + done.stderr).lower()


def load(path, server):
    """The entries by test id; none unless the server is Troupe."""
    if not is_troupe(server):
        return {}
    entries = {}
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip()
            if not line or line.startswith("#"):
                continue
            parts = re.split(r" {2,}", line, maxsplit=1)
            if len(parts) != 2 or parts[0] in entries:
                raise ValueError(f"{path}:{number}: expected a new test id, two blanks and a reason")
            entries[parts[0]] = Entry(parts[1])
    return entries


def each(suite):
    """The test cases of a unittest suite."""
    for item in suite:
        if hasattr(item, "id"):
            yield item
        else:
            yield from each(item)


def expect(suite, entries):
    """Marks the listed tests of this suite as failures to be expected or as skipped."""
    import unittest
    for test in each(suite):
        entry = entries.get(test.id())
        if entry is None:
            continue
        if entry.skip:
            name = test.id().rsplit(".", 1)[1]
            setattr(test, name, unittest.skip(f"not yet: {entry.reason}")(lambda: None))
        else:
            test.__unittest_expecting_failure__ = True


def unknown(suite, entries, modules):
    """Ids listed for these modules that name no test."""
    known = {test.id() for test in each(suite)}
    return sorted(i for i in entries if i.split(".", 1)[0] in modules and i not in known)


def say(result, entries):
    """Prints what was not run and why (deploy/test shows it), and what should not have been listed."""
    for reason in sorted({reason for _, reason in result.skipped}):
        print(f"skipped: {reason} ({sum(r == reason for _, r in result.skipped)} of {result.testsRun})", flush=True)
    for test in result.unexpectedSuccesses:
        print(f"PASSES NOW: {test.id()}\n  It is in not_yet.txt ({entries[test.id()].reason}): remove its line.", flush=True)
