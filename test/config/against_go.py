#!/usr/bin/env python3
"""Do Troupe and the Go server agree on a folder of configuration files?

    against_go.py --troupe BINARY --go BINARY FOLDER...

Runs `-t` of both on every .conf file, in the folder that holds the given one (the Go server's own examples name
certificates from there), and prints a line for each that is judged differently or has another digest, then the count.
With a Go server's source: against_go.py ... SOURCE/server/configs SOURCE/test/configs
"""

import argparse
import pathlib
import re
import subprocess
import sys


def judge(binary, path, folder, *more):
    done = subprocess.run([binary, "-t", "-c", str(path), *more], cwd=folder, capture_output=True, timeout=30, check=False)
    said = done.stderr.decode(errors="replace")
    digest = re.search(r"\((sha256:\w+)\)", said)
    return done.returncode, digest and digest[1], [x for x in said.splitlines() if x and "is not built yet" not in x]


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--troupe", required=True)
    args.add_argument("--go", required=True)
    args.add_argument("folders", nargs="+", type=pathlib.Path)
    args = args.parse_args()
    go_binary, troupe = (str(pathlib.Path(x).resolve()) for x in (args.go, args.troupe))
    total = same = same_words = 0
    for folder in args.folders:
        for path in sorted(folder.resolve().rglob("*.conf")):
            total += 1
            go = judge(go_binary, path, folder.resolve().parent)
            ours = judge(troupe, path, folder.resolve().parent, "--allow_unsupported")
            if go[:2] == ours[:2]:
                same += 1
                same_words += sorted(go[2]) == sorted(ours[2])
            else:
                print(f"{path.relative_to(folder.resolve().parent)}: Go {go[0]}, Troupe {ours[0]}\n"
                      f"    Go:     {' / '.join(go[2])[:300]}\n    Troupe: {' / '.join(ours[2])[:300]}")
    print(f"{total} files, {same} judged alike with the same digest, {same_words} of them in the same words")
    return 0 if same == total else 1


if __name__ == "__main__":
    sys.exit(main())
