"""The repository as the rules see it: its files, its folders, its C++ reduced to code.

Only Python's standard library. Everything is relative to the top of the tree, with slashes.
"""

import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

SKIPPED_FOLDERS = {"build", "node_modules", "__pycache__", ".git", ".venv", ".cache"}
# Written by a tool (.git is a file in a worktree), or inputs of a test: no style applies.
GENERATED = re.compile(r"(^|/)(package-lock\.json|corpus/)|^\.git$|^docs/configuration\.md$|golden/system_fields\.txt$")
TEXT = {".cpp", ".hpp", ".py", ".js", ".mjs", ".cjs", ".ts", ".sh", ".cmake", ".txt", ".md", ".json", ".conf",
        ".service", ".yml", ".yaml", ".html", ".css", ".supp", ".dict", ""}
CODE_FOLDERS = ("protocol", "storage", "config", "actors", "http", "test", "bench")


def files():
    """Every file of the tree that a person wrote."""
    found = []
    for folder, names, entries in os.walk(ROOT):
        names[:] = sorted(n for n in names if n not in SKIPPED_FOLDERS)
        for entry in sorted(entries):
            path = pathlib.Path(folder, entry).relative_to(ROOT).as_posix()
            if not GENERATED.search(path):
                found.append(path)
    return found


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def suffix(path):
    return pathlib.PurePosixPath(path).suffix


def sources(*suffixes):
    return [f for f in files() if suffix(f) in (suffixes or (".cpp", ".hpp")) and f.split("/")[0] in CODE_FOLDERS]


def texts():
    return [f for f in files() if suffix(f) in TEXT]


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    """(bracket, what) of each #include."""
    return INCLUDE.findall(read(path))


_TOKENS = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'"
    r'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*',
    re.S | re.M)


def code_only(text):
    """C++ without comments, literals and preprocessor lines; line numbers stay."""
    def blank(match):
        token = match.group(0)
        filler = '""' if token[0] in '"R' else ""
        return filler + "\n" * token.count("\n")
    return _TOKENS.sub(blank, text)


_TEST_CASE = re.compile(r'\b(?:TEST_CASE|TEST_CASE_METHOD|TEMPLATE_TEST_CASE|SCENARIO)\s*\('
                        r'(?:\s*\w[\w:<>]*\s*,)?\s*((?:"(?:\\.|[^"\\])*"\s*)+)')


def test_cases(path):
    """Names of the Catch2 test cases of a file."""
    return ["".join(re.findall(r'"((?:\\.|[^"\\])*)"', literals)) for literals in _TEST_CASE.findall(read(path))]
