"""Each folder that logs is a subsystem whose level can be set: config/log_options.hpp lists them."""

import re
import unittest

import tree
from rules import Rules

LOGS = re.compile(r"\blog::(info|warn|error|fatal|debug|trace|traced)\(")


class Subsystems(Rules):
    def test_every_folder_that_logs_is_listed(self):
        text = tree.read("config/log_options.hpp")
        listed = set(re.findall(r'"(\w+)"', re.search(r"log_subsystems = \{(.*?)\}", text, re.S).group(1)))
        folders = {}
        for path in tree.sources(".cpp", ".hpp"):
            top, _, rest = path.partition("/")
            if top not in ("actors", "http", "config", "storage") or not LOGS.search(tree.read(path)):
                continue
            folder = rest.partition("/")[0].partition(".")[0] if top == "actors" else top
            folders.setdefault(folder, path)
        self.assertIn("session", folders)
        self.none([f"{name} ({path})" for name, path in folders.items() if name not in listed], "add it to log_subsystems")


if __name__ == "__main__":
    unittest.main()
