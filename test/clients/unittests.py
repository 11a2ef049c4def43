"""Runs the unittests of one folder, minding what the server does not do yet: unittests.py FOLDER [-k FILTER]... [-v]"""

import argparse
import json
import os
import sys
import unittest

from harness import not_yet

p = argparse.ArgumentParser()
p.add_argument("folder")
p.add_argument("-k", action="append", default=[])
p.add_argument("-v", action="store_true")
args = p.parse_args()

entries = {i: not_yet.Entry(r) for i, r in json.loads(os.environ.get("CLIENTS_NOT_YET") or "{}").items()}
loader = unittest.TestLoader()
if args.k:
    loader.testNamePatterns = [f if "*" in f else f"*{f}*" for f in args.k]
suite = loader.discover(os.path.join(os.path.dirname(os.path.abspath(__file__)), args.folder), "test_*.py")
not_yet.expect(suite, entries)
result = unittest.TextTestRunner(verbosity=2 if args.v else 1).run(suite)
not_yet.say(result, entries)
sys.exit(0 if result.wasSuccessful() else 1)
