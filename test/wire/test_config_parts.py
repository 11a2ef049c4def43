"""What has to fit together in the blocks of cluster, gateway, leaf nodes, MQTT and JetStream: `-t` with the cases of parts.txt,
which the unit tests read too."""

import os
import re
import tempfile
import unittest

from harness import run_binary, server_binary
from harness.server import is_troupe

CASES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "config", "golden", "parts.txt")
UNBUILT = ["--allow_unsupported"] if is_troupe(server_binary()) else []


def cases():
    with open(CASES, encoding="utf-8") as f:
        for one in f.read().split("=== load: ")[1:]:
            title, rest = one.split("\n", 1)
            yield title, *rest.split("--- expect\n")


class Parts(unittest.TestCase):
    def test_words_and_verdicts(self):
        count = 0
        with tempfile.TemporaryDirectory(prefix="wire-parts-") as folder:
            for title, text, expected in cases():
                count += 1
                with self.subTest(title=title), open(os.path.join(folder, "t.conf"), "w", encoding="utf-8") as f:
                    f.write(text)
                    f.flush()
                    done = run_binary("-t", "-c", "t.conf", *UNBUILT, cwd=folder)
                    said = [x.removeprefix("nats-server: ") for x in done.stderr.decode().splitlines()
                            if x and "is not built yet" not in x]
                    if expected == "fine\n":
                        self.assertEqual(done.returncode, 0, said)
                        self.assertRegex(said[-1], "^configuration file t.conf is valid")
                    else:
                        self.assertEqual((done.returncode, said), (1, expected.splitlines()))
        self.assertGreater(count, 50)

    def test_both_monitoring_ports(self):
        """They are no matter for -t; the start refuses them."""
        with tempfile.TemporaryDirectory(prefix="wire-parts-") as folder:
            with open(os.path.join(folder, "t.conf"), "w", encoding="utf-8") as f:
                f.write("listen: \"127.0.0.1:-1\"\nhttp_port: -1\nhttps_port: -1\n")
            self.assertEqual(run_binary("-t", "-c", "t.conf", cwd=folder).returncode, 0)
            done = run_binary("-c", "t.conf", cwd=folder, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertRegex((done.stdout + done.stderr).decode(), re.escape("can't specify both HTTP (-1) and HTTPs (-1) ports"))


if __name__ == "__main__":
    unittest.main()
