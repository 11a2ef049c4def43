"""The base of the rule books: a rule is a list of offenders that must be empty."""

import unittest


class Rules(unittest.TestCase):
    def none(self, offenders, rule):
        if offenders:
            self.fail(rule + "\n  " + "\n  ".join(sorted(offenders)))
