"""What a node costs before anybody uses it: accounts of an operator that are only known. bench/figures has 10,000."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wire"))

from harness import Server  # noqa: E402
from harness.nkeys import ACCOUNT, Operator, _text  # noqa: E402

MANY = 1000
SLACK = float(os.environ.get("TROUPE_TEST_SLACK", "1"))


class Known:
    """An account's key as far as a node needs it that nobody logs in to."""

    def __init__(self):
        self.public = _text(bytes([ACCOUNT]) + os.urandom(32))


class IdleAccounts(unittest.TestCase):
    def settled_rss_kib(self, config):
        begin = time.monotonic()
        with Server(config=config) as server:
            span = time.monotonic() - begin
            server.wait_log("Server is ready")
            return server.rss_kib(), span

    def test_they_cost_little(self):
        operator = Operator()
        accounts = [Known() for _ in range(MANY)]
        few = operator.config()
        many = operator.config(*((key, operator.account(key)) for key in accounts))
        before, _ = self.settled_rss_kib(few)
        after, span = self.settled_rss_kib(many)
        each = (after - before) * 1024 / MANY
        print(f"{each:.0f} B for each of {MANY} accounts, start {span * 1000:.0f} ms", file=sys.stderr)
        self.assertLess(each, 4096 * SLACK)
        self.assertLess(span, 2 * SLACK)


if __name__ == "__main__":
    unittest.main()
