"""docs/parity.md: every row, a state for each, and no test named that is not there; nor in docs/go-tests/."""

import functools
import re
import unittest

import tree
from rules import Rules

PAGE = "docs/parity.md"
GO_TESTS = "docs/go-tests"  # its pages name tests by their path below test/
# How many rows each section has; the ids run from 1 without a gap.
SECTIONS = {1: 22, 2: 27, 3: 26, 4: 27, 5: 26, 6: 14, 7: 33, 8: 15, 9: 9, 10: 7, 11: 14, 12: 9}
STATE = re.compile(r"works|partly: \S.*|not yet|does not apply: \S.*")
PROOF = re.compile(r'`([\w./-]+?\.(?:cpp|py|mjs|js)):\s*"?([^"`]+)"?`')
CODE_SPAN = re.compile(r"`([^`]*)`")


def rows():
    """{id: [area, capability, state, shown by]} and the ids in the order of the page."""
    found, order = {}, []
    for line in tree.read(PAGE).splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if cells and re.fullmatch(r"\d+\.\d+", cells[0]):
            order.append(cells[0])
            found[cells[0]] = cells[1:]
    return found, order


def tests_in(path):
    """Names of the tests in a file of tests."""
    text = tree.read(path)
    if path.endswith(".cpp"):
        return set(tree.test_cases(path))
    if path.endswith(".py"):
        return set(re.findall(r"^\s*(?:async\s+)?def\s+(test\w*)", text, re.M))
    return {m[1] for m in re.findall(r"""\b(?:test|it)\(\s*(["'`])((?:(?!\1).)+)\1""", text)}


class Parity(Rules):
    def test_every_row_is_there_once_and_in_order(self):
        expected = [f"{section}.{n}" for section, count in SECTIONS.items() for n in range(1, count + 1)]
        self.assertEqual(rows()[1], expected)

    def test_every_row_has_five_cells_and_a_known_state(self):
        wrong = [f"{id}: {cells[2:3]}" for id, cells in rows()[0].items()
                 if len(cells) != 4 or not cells[0] or not cells[1] or not STATE.fullmatch(cells[2])]
        self.none(wrong, "states: works | partly: what is missing | not yet | does not apply: why")

    def test_what_works_is_shown_by_a_test(self):
        bare = [id for id, cells in rows()[0].items()
                if re.match("works|partly", cells[2]) and not PROOF.search(cells[3])]
        self.none(bare, 'name a test: `path/to/file_test.cpp: "name"` or `test/wire/file.py: name`')

    def test_every_named_test_exists(self):
        missing = [f"{id}: {what}" for id, cells in rows()[0].items() for what in self.missing(cells[3])]
        self.none(missing, "no such test")

    def test_every_test_named_beside_one_of_the_go_server_exists(self):
        pages = sorted((tree.ROOT / GO_TESTS).glob("*.md"))
        self.assertGreater(len(pages), 1)
        missing, named = [], 0
        for page in pages:
            for number, line in enumerate(page.read_text().splitlines(), 1):
                if line.startswith("| Test"):
                    named += len(PROOF.findall(line))
                    missing += [f"{page.name}:{number}: {what}" for what in self.missing(line, "test/")]
        self.none(missing, "no such test")
        self.assertGreater(named, 500)

    def missing(self, text, below=""):
        """What `text` names as a test and is none."""
        for span in CODE_SPAN.findall(text):
            match = PROOF.fullmatch(f"`{span}`")
            if match and not self.exists(below + match[1], match[2]):
                yield span
            elif not match and re.search(r"\.(cpp|py|mjs|js)\b", span):
                yield f"cannot read {span}"

    @staticmethod
    @functools.cache
    def names_in(path):
        return tests_in(path) if (tree.ROOT / path).is_file() else set()

    def exists(self, path, name):
        return name.strip() in self.names_in(path)


if __name__ == "__main__":
    unittest.main()
