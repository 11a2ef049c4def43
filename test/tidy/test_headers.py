"""Each header compiles alone. Slow the first time: what has not changed since is not compiled.

Environment: TROUPE_BUILD_DIR (compile_commands.json is read there, stamps are kept there), CXX.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import unittest

import tree
from rules import Rules

BUILD = pathlib.Path(os.environ.get("TROUPE_BUILD_DIR", tree.ROOT / "build" / "release"))
COMPILER = os.environ.get("CXX", "c++")
STAMPS = BUILD / "headers-alone"


def folder_flags():
    """{top folder: its -D, -I and -isystem flags}, as the sources of the folder are compiled."""
    flags = {}
    commands = BUILD / "compile_commands.json"
    for entry in json.loads(commands.read_text()) if commands.is_file() else []:
        try:
            folder = pathlib.Path(entry["file"]).resolve().relative_to(tree.ROOT).parts[0]
        except ValueError:
            continue
        words = shlex.split(entry["command"])
        kept = [w for w in words if w.startswith(("-D", "-I", "-std="))]
        kept += [f for a, b in zip(words, words[1:]) if a == "-isystem" for f in (a, b)]
        flags.setdefault(folder, sorted(set(kept)))
    return flags


def closure(path, seen):
    """The header with all of ours that it includes."""
    seen.add(path)
    for _, what in tree.includes(path):
        if what not in seen and (tree.ROOT / what).is_file():
            closure(what, seen)
    return seen


def complaint(path, flags):
    """The compiler's words about a header, or nothing."""
    command = [COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused", f"-I{tree.ROOT}", *flags,
               "-x", "c++", "-"]
    digest = hashlib.sha256(" ".join(command).encode())
    for part in sorted(closure(path, set())):
        digest.update(tree.read(part).encode())
    stamp = STAMPS / (path.replace("/", "_") + "." + digest.hexdigest()[:24])
    if stamp.exists():
        return ""
    # Through a source of one line: a header given as main file warns about its own #pragma once.
    done = subprocess.run(command, input=f'#include "{path}"\n', capture_output=True, text=True)
    if done.returncode == 0:
        for old in STAMPS.glob(path.replace("/", "_") + ".*"):
            old.unlink()
        stamp.touch()
        return ""
    return "\n".join(done.stderr.splitlines()[:6])


class Headers(Rules):
    def test_each_header_compiles_alone(self):
        STAMPS.mkdir(parents=True, exist_ok=True)
        flags = folder_flags()
        headers = [h for h in tree.sources(".hpp") if not h.startswith("test/fixtures/")]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            words = pool.map(lambda h: complaint(h, flags.get(h.split("/")[0], flags.get("actors", []))), headers)
            wrong = [f"{h}:\n{w}" for h, w in zip(headers, words) if w]
        self.none(wrong, "include what you use")


if __name__ == "__main__":
    unittest.main()
