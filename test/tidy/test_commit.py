"""cmake/commit.cmake: which commit a build says it is of, in a checkout, in an export, and where nobody knows."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import tree

HASH = "0123456789abcdef0123456789abcdef01234567"


@unittest.skipUnless(shutil.which("cmake"), "no cmake")
class Commit(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="tidy-commit-")
        self.addCleanup(self.place.cleanup)
        self.script = os.path.join(self.place.name, "commit.cmake")
        with open(self.script, "w", encoding="utf-8") as f:
            f.write(tree.read("cmake/commit.cmake"))

    def commit(self, source, given=""):
        out = os.path.join(self.place.name, "out.cpp")
        subprocess.run(["cmake", f"-DSOURCE={source}", f"-DOUT={out}", f"-DCOMMIT={given}", "-P", self.script], check=True,
                       capture_output=True)
        with open(out, encoding="utf-8") as f:
            return re.search(r'build_commit = "(.*)";', f.read())[1]

    def git(self, folder, *args):
        who = ["-c", "user.name=n", "-c", "user.email=e@x"]
        return subprocess.run(["git", "-C", folder, *who, *args], check=True, capture_output=True, text=True).stdout.strip()

    def folder(self, name):
        path = os.path.join(self.place.name, name)
        os.mkdir(path)
        return path

    @unittest.skipUnless(shutil.which("git"), "no git")
    def test_checkout(self):
        source = self.folder("source")
        self.git(source, "init", "-q")
        self.assertEqual(self.commit(source), "", "nothing is committed yet")
        self.git(source, "commit", "-q", "--allow-empty", "-m", "x")
        self.assertEqual(self.commit(source), self.git(source, "rev-parse", "HEAD")[:7])
        inside = os.path.join(source, "vendored")
        os.mkdir(inside)
        self.assertEqual(self.commit(inside), "", "somebody else's repository")
        self.assertEqual(self.commit(source, given=HASH), HASH[:7])

    def test_no_checkout(self):
        source = self.folder("source")
        self.assertEqual(self.commit(source), "")
        self.assertEqual(self.commit(source, given=HASH), HASH[:7])
        self.assertEqual(self.commit(source, given='";'), "")

    def test_export(self):
        """As `git archive` writes it."""
        with open(self.script, encoding="utf-8") as f:
            text = f.read()
        with open(self.script, "w", encoding="utf-8") as f:
            f.write(text.replace("$Format:%H$", HASH))
        self.assertEqual(self.commit(self.folder("source")), HASH[:7])


if __name__ == "__main__":
    unittest.main()
