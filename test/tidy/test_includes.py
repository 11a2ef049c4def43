"""The arrows between folders, and no actor framework below or beside the cores."""

import os
import re
import unittest

import arrows
import tree
from rules import Rules

CORE = re.compile(r"_core\.(hpp|cpp)$")


def own_includes(path):
    return [what for bracket, what in tree.includes(path) if bracket == '"']


def frameworks_reached(path, seen=None):
    """Framework headers that `path` includes, itself or through our headers, with the way there."""
    seen = seen if seen is not None else set()
    found = []
    for _, what in tree.includes(path):
        if what.startswith(arrows.FRAMEWORKS):
            found.append(f"{path} -> {what}")
        elif what not in seen and (tree.ROOT / what).is_file():
            seen.add(what)
            found += [f"{path} -> {way}" for way in frameworks_reached(what, seen)]
    return found


class Includes(Rules):
    def test_includes_are_spelt_from_the_top(self):
        wrong = [f'{path}: "{what}"' for path in tree.sources() for what in own_includes(path)
                 if not (tree.ROOT / what).is_file()]
        self.none(wrong, 'write "folder/file.hpp", as seen from the top of the tree')

    def test_folders_include_only_along_the_arrows(self):
        wrong = []
        for path in tree.sources():
            if path.startswith(arrows.SEES_EVERYTHING):
                continue
            part = arrows.part_of(path)
            for what in own_includes(path):
                target = arrows.part_of(what)
                if part and target not in arrows.reachable(part):
                    wrong.append(f"{path} includes {what}")
        self.none(wrong, "against the arrows of test/tidy/arrows.py")

    def test_no_framework_below_the_actors(self):
        wrong = [way for path in tree.sources() if path.startswith(arrows.FREE_OF_CAF)
                 for way in frameworks_reached(path)]
        self.none(wrong, "protocol, storage and config are plain C++")

    def test_no_framework_in_a_core(self):
        wrong = [way for path in tree.sources() if CORE.search(path) and not path.startswith("test/")
                 for way in frameworks_reached(path)]
        self.none(wrong, "a core decides; its actor carries")

    def test_every_actors_folder_has_its_arrow(self):
        folders = {os.path.dirname(p) for p in tree.sources() if p.startswith("actors/")} - {"actors"}
        missing = [f for f in sorted(folders) if arrows.part_of(f + "/x.hpp") == "actors"]
        self.none(missing, "say in test/tidy/arrows.py what the folder may include")

    def test_the_arrows_forbid_what_they_should(self):
        self.assertIn("protocol", arrows.reachable("http"))
        self.assertIn("protocol/auth", arrows.reachable("actors/auth"))
        self.assertNotIn("protocol/client", arrows.reachable("protocol/subject"))
        self.assertNotIn("actors/session", arrows.reachable("actors/routing"))
        self.assertNotIn("actors/session", arrows.reachable("http"))
        self.assertEqual(arrows.part_of("actors/auth/auth_core.hpp"), "actors/auth")


if __name__ == "__main__":
    unittest.main()
