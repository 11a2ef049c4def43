"""Random sessions and command lines: Troupe held to the Go server, live where there is one, else to what it said once.

NATS_SERVER (or nats-server in PATH) names the Go server; DIFFERENTIAL_SEEDS="1-500" for more of them.
`DIFFERENTIAL_GOLDEN=write NATS_SERVER=... run --server ... -m test_differential` writes the golden file anew.
"""

import json
import os
import shutil
import tempfile
import unittest

from differential import command_line, compare, configs, drive, golden, known, script
from differential.lines import PATIENCE
from differential.sessions import session
from harness import Server, server_binary
from harness.server import default_deadline, is_troupe

WRITING = os.environ.get("DIFFERENTIAL_GOLDEN") == "write"
FIRST, LAST = (int(n) for n in os.environ.get("DIFFERENTIAL_SEEDS", "101-115").split("-"))


def peer():
    """The Go server's binary, or None."""
    for path in (os.environ.get("NATS_SERVER"), shutil.which("nats-server")):
        if path and os.access(path, os.X_OK) and not is_troupe(path):
            return path
    return None


class Folder(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="wire-differential-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        command_line.prepare(self.dir)


class Live(Folder):
    def setUp(self):
        super().setUp()
        self.peer = peer()
        if not self.peer:
            self.skipTest("no Go server: set NATS_SERVER or put nats-server into PATH")

    def sessions(self, setting):
        with compare.Pair(setting, server_binary(), self.peer) as pair:
            for seed in range(FIRST, LAST + 1):
                steps = session(setting, seed)
                if not pair.difference(steps):
                    continue
                steps, accounts = pair.shortest(steps)
                self.fail(f"{setting.name}, seed {seed}:\n{compare.show(steps, accounts or ({}, {}))}\n"
                          f"to replay:\n{script.dump(setting.name, steps)}")

    def test_sessions(self):
        for setting in configs.ALL.values():
            with self.subTest(config=setting.name):
                self.sessions(setting)

    def test_command_lines(self):
        for seed in range(FIRST * 10, LAST * 10):
            args = command_line.arguments(seed)
            with self.subTest(args=args):
                ours, theirs = (command_line.outcome(binary, args, self.dir) for binary in (server_binary(), self.peer))
                self.assertEqual(known.plain(ours), known.plain(theirs))


class Golden(Folder):
    maxDiff = None

    def start(self, setting):
        server = Server(config=setting.config, monitor=True)
        self.addCleanup(server.stop)
        return server

    @unittest.skipUnless(WRITING, "the golden file is there; DIFFERENTIAL_GOLDEN=write writes it anew")
    def test_write(self):
        self.assertFalse(is_troupe(server_binary()), "the golden file is the Go server's")
        golden.written_by(self.start, server_binary(), self.dir)

    @unittest.skipIf(WRITING, "being written")
    def test_sessions(self):
        kept, known_sessions = golden.load(), 0
        for setting in configs.ALL.values():
            server = self.start(setting)
            for name, steps in golden.sessions(setting):
                if name not in kept:
                    continue
                known_sessions += 1
                patience = PATIENCE if "[silent]" in json.dumps(kept[name]) else default_deadline()
                account = known.forgive(drive.run(server, steps, patience), setting)
                if account != kept[name]:
                    with self.subTest(session=name):
                        self.fail(compare.show(steps, (account, kept[name])) + "\n" + script.dump(setting.name, steps))
        self.assertGreater(known_sessions, len(golden.SEEDS) * len(configs.ALL) // 2,
                           "the golden file is of other sessions: write it anew with the Go server")

    @unittest.skipIf(WRITING, "being written")
    def test_command_lines(self):
        kept = golden.load()
        for seed in golden.COMMAND_LINES:
            args = command_line.arguments(seed)
            with self.subTest(args=args):
                theirs = kept["command line/" + json.dumps(args)]
                self.assertEqual(known.plain(command_line.outcome(server_binary(), args, self.dir)), known.plain(tuple(theirs)))


if __name__ == "__main__":
    unittest.main()
