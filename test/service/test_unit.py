"""deploy/troupe.service, as systemd's own tools judge it and as the node fits it."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class Unit(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(ROOT, "deploy", "troupe.service"), encoding="utf-8") as f:
            self.text = f.read()

    def value(self, name):
        return re.search(rf"^{name}=(.*)$", self.text, re.M).group(1)

    def seconds(self, text):
        number, unit = re.match(r"(\d+)(\w*)", text).groups()
        return int(number) * {"m": 60, "s": 1, "": 1}[unit]

    def analyze(self, *args):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "troupe.service")
            with open(path, "w", encoding="utf-8") as f:
                f.write(self.text.replace("/usr/local/bin/troupe", "/bin/true"))
            return subprocess.run(["systemd-analyze", *args, path], capture_output=True, text=True, timeout=60, check=False)

    def test_is_valid(self):
        done = self.analyze("verify")
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_gives_little_away(self):
        done = self.analyze("security", "--offline=true", "--no-pager")
        if done.returncode != 0 and "offline" in done.stderr:
            self.skipTest("this systemd-analyze wants a running systemd")
        exposure = re.search(r"Overall exposure level.*?: ([\d.]+)", done.stdout)
        self.assertLessEqual(float(exposure.group(1)), 1.5, done.stdout)

    def test_fits_the_node(self):
        with open(os.path.join(ROOT, "deploy", "troupe.conf"), encoding="utf-8") as f:
            conf = f.read()
        lame_duck = self.seconds(re.search(r'^lame_duck_duration: "(\w+)"', conf, re.M).group(1))
        self.assertGreater(self.seconds(self.value("TimeoutStopSec")), lame_duck)
        self.assertEqual(self.value("Type"), "notify")
        self.assertEqual(self.value("KillSignal"), "SIGUSR2")
        self.assertEqual(self.value("ExecReload"), "/bin/kill -HUP $MAINPID")
        most = re.search(r"^max_connections: (\d+)K", conf, re.M)
        self.assertGreater(int(self.value("LimitNOFILE")), 1000 * int(most.group(1)))


if __name__ == "__main__":
    unittest.main()
