"""Words that do not belong into the repository. They are put together here, so as not to be it."""

import re
import unittest

import tree
from rules import Rules

# Paths of the machine that somebody happened to work on.
MACHINE = re.compile(r"(?<![\w.])/" + r"(wo" + r"rk|ro" + r"ot|home)/[\w.]")
# Hosts of package registries: what is installed is named, where from is the machine's business.
HOSTS = re.compile("|".join([
    "py" + r"pi\.org", "python" + r"hosted\.", "registry" + r"\.npm", "npm" + r"js\.(org|com)", r"crates" + r"\.io",
    "deb" + r"\.debian\.", "proxy" + r"\.golang\.", "maven" + r"\.org", "maven" + r"\.apache\.",
]), re.I)
LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")


def lines_with(pattern):
    return [f"{path}:{number}: {line.strip()[:100]}" for path in tree.texts() + lock_files()
            for number, line in enumerate(tree.read(path).splitlines(), 1) if pattern.search(line)]


def lock_files():
    return [p.relative_to(tree.ROOT).as_posix() for p in tree.ROOT.rglob("package-lock.json")
            if "node_modules" not in p.parts and "build" not in p.relative_to(tree.ROOT).parts]


class Words(Rules):
    def test_no_path_of_one_machine(self):
        self.none(lines_with(MACHINE), "paths are relative, or under the build folder")

    def test_no_registry_hosts(self):
        self.none(lines_with(HOSTS), "name packages, not where they come from")

    def test_no_notes_to_self(self):
        self.none(lines_with(LATER), "do it, or write an issue")


if __name__ == "__main__":
    unittest.main()
