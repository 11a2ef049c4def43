"""Nothing lies about: every source is built, every header used, every folder explained."""

import os
import re
import unittest

import tree
from rules import Rules

SUITES = ("wire", "clients", "soak", "tidy", "fuzz", "fixtures", "scarcity", "sim")


def built(path):
    """A .cpp is built when its place says so: the libraries and test executables glob."""
    parts = path.split("/")
    if parts[0] in ("protocol", "storage", "config", "actors", "http"):
        return True
    if parts[0] == "bench":
        return True  # bench/CMakeLists.txt is checked by the next test
    if parts[1] == "fuzz":
        return path.endswith("_fuzz.cpp") or parts[2] == "replay_main.cpp"
    return path == "test/main.cpp" or parts[1] in SUITES or path.endswith("_test.cpp")


def has_readme(folder):
    page = tree.ROOT / folder / "README.md"
    return page.is_file() and page.stat().st_size > 0


class Layout(Rules):
    def test_every_source_belongs_to_a_target(self):
        stray = [f for f in tree.files() if tree.suffix(f) == ".cpp"
                 and (f.split("/")[0] not in tree.CODE_FOLDERS or not built(f))]
        self.none(stray, "no target builds these")

    def test_every_unit_test_has_a_library_to_test(self):
        folders = {f.split("/")[1] for f in tree.files() if f.startswith("test/") and f.endswith("_test.cpp")}
        registered = set(re.findall(r"troupe_unit_tests\((\w+)", tree.read("test/CMakeLists.txt")))
        self.none(folders - registered - set(SUITES), "test/CMakeLists.txt does not build these")

    def test_every_header_is_used(self):
        used = {what for path in tree.sources() for _, what in tree.includes(path)}
        lists = "".join(tree.read(f) for f in tree.files() if f.endswith("CMakeLists.txt"))
        unused = [f for f in tree.sources(".hpp") if f not in used and os.path.basename(f) not in lists]
        self.none(unused, "nobody includes these headers")

    def test_every_folder_says_what_it_is(self):
        folders = {os.path.dirname(f) for f in tree.files()}
        folders = {f for f in folders if f.split("/")[0] in tree.CODE_FOLDERS + ("deploy", "docs")}
        # Below test/x the folders mirror the code's; bench has one page.
        folders = {f for f in folders if f.count("/") <= {"test": 1, "bench": 0}.get(f.split("/")[0], 9)}
        silent = [f for f in sorted(folders) if not has_readme(f)
                  and any(os.path.dirname(p) == f and tree.suffix(p) in (".cpp", ".hpp", ".py", ".js", ".mjs", ".md")
                          for p in tree.files())]
        self.none(silent, "a README.md with purpose, what it may include, reading order")

    def test_test_names_are_safe_to_hand_around(self):
        # ctest and Catch2 give these characters a meaning of their own.
        unsafe = [f"{path}: {name}" for path in tree.sources(".cpp") if path.endswith("_test.cpp")
                  for name in tree.test_cases(path)
                  if re.search(r'[\\";]', name) or name[:1] in "~*-" or name[-1:] == "*"]
        self.none(unsafe, 'no \\ " ; in a test name, no ~ * - in front, no * at the end')

    def test_test_names_are_unique(self):
        seen, twice = {}, []
        for path in tree.sources(".cpp"):
            for name in tree.test_cases(path) if path.endswith("_test.cpp") else []:
                if name in seen:
                    twice.append(f"{path} and {seen[name]}: {name}")
                seen[name] = path
        self.none(twice, "two test cases with one name")


if __name__ == "__main__":
    unittest.main()
