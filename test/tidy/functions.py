"""Finds the functions of a file and how long they are.

Python by its own parser. C++ and JavaScript by their braces, which is enough for code that
clang-format has laid out: a body's brace follows a blank, a braced initialiser's does not.
"""

import ast
import re

import tree

# A block that holds functions rather than being one.
_CONTAINER = re.compile(r"\b(namespace|class|struct|union|enum|concept|extern)\b")
_JS_CONTAINER = re.compile(r"^\s*(export\s+)?(async\s+)?(class|describe|function\s+suite)\b")


def of_file(path):
    """[(name, first line, lines)] of a source file; empty for other files."""
    kind = tree.suffix(path)
    if kind == ".py":
        return _python(tree.read(path))
    if kind in (".cpp", ".hpp"):
        return braces(tree.code_only(tree.read(path)), _is_cpp_container)
    if kind in (".js", ".mjs", ".cjs"):
        return braces(tree.code_only(tree.read(path)), lambda head: _JS_CONTAINER.search(head))
    return []


def _python(text):
    spans = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            spans.append((node.name, node.lineno, node.end_lineno - node.lineno + 1))
    return spans


def _is_cpp_container(head):
    # `struct x f() {` is a function, `struct x : y<sizeof(z)> {` is not: look before the first
    # parenthesis that is not part of an alignas, decltype or attribute.
    # A macro call without a semicolon may stand before a namespace.
    head = re.sub(r"\bCAF_[A-Z_]+\([^()]*\)", "", head)
    plain = re.sub(r"\b(alignas|decltype|sizeof|requires|__attribute__)\s*\([^()]*\)|\[\[.*?\]\]", "", head)
    plain = re.sub(r"\btemplate\s*<[^{}]*?>\s*(?=[a-z])", "", plain)
    plain = re.sub(r"<[^<>{};]*>", "", plain)
    match = _CONTAINER.search(plain)
    return match is not None and "(" not in plain


def _close(code, at):
    """Index of the brace that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        if code[i] == "{":
            depth += 1
        elif code[i] == "}":
            depth -= 1
            if depth == 0:
                return i
    return len(code) - 1


def braces(code, is_container):
    """Walks namespaces and types; whatever else opens a block at that level is a function."""
    spans = []
    head = i = 0
    while i < len(code):
        char = code[i]
        if char in ";}":
            head = i + 1
        elif char == "{":
            text = code[head:i]
            initialiser = i > 0 and (code[i - 1].isalnum() or code[i - 1] in "_>]=")
            if initialiser or text.rstrip().endswith(("=", ",", "return")):
                i = _close(code, i)  # the head goes on after it
            elif is_container(text):
                head = i + 1
            else:
                end = _close(code, i)
                start = head + len(text) - len(text.lstrip())
                first = code.count("\n", 0, start) + 1
                spans.append((_name(text), first, code.count("\n", start, end) + 1))
                i, head = end, end + 1
        i += 1
    return spans


def _name(head):
    names = re.findall(r"([\w:~]+)\s*\(", head)
    return names[0] if names else " ".join(head.split())[:40]
