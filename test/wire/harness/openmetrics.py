"""A strict reader of OpenMetrics 1.0 text, as far as gauges, counters and infos go: what it does not know is an error."""

import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_META = re.compile(rf"# (TYPE|UNIT|HELP) ({_NAME}) (.*)")
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?|NaN|[+-]Inf")
_ENDINGS = {"gauge": "", "counter": "_total", "info": "_info"}
_ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}


class Malformed(AssertionError):
    """The text is not OpenMetrics."""


def _labels(text, line):
    out, at = {}, 0
    while at < len(text):
        m = _LABEL.match(text, at)
        if not m or m[1] in out or (m[3] == "," and m.end() == len(text)):
            raise Malformed(f"labels: {line!r}")
        out[m[1]] = re.sub(r'\\["\\n]', lambda e: _ESCAPES[e[0]], m[2])
        at = m.end()
    return out


def _metadata(line, families, current, started):
    m = _META.fullmatch(line)
    if not m:
        raise Malformed(f"metadata: {line!r}")
    what, name, value = m.groups()
    if name != current:
        if name in families:
            raise Malformed(f"family {name} comes twice")
        families[name] = {"type": None, "unit": "", "help": None, "samples": {}}
        started = False
    family = families[name]
    if started:
        raise Malformed(f"metadata after samples: {line!r}")
    key = what.lower()
    if family[key]:
        raise Malformed(f"twice: {line!r}")
    family[key] = value
    if what == "TYPE" and value not in _ENDINGS:
        raise Malformed(f"type: {line!r}")
    if what == "UNIT" and not name.endswith("_" + value):
        raise Malformed(f"unit is not the end of the name: {line!r}")
    if what == "HELP" and re.search(r'(?<!\\)(\\\\)*\\[^\\n"]', value):
        raise Malformed(f"escape: {line!r}")
    return name


def _sample(line, families, current):
    m = _SAMPLE.fullmatch(line)
    if not m or not _NUMBER.fullmatch(m[3]):
        raise Malformed(f"sample: {line!r}")
    family = families.get(current)
    if not family or not family["type"] or m[1] != current + _ENDINGS[family["type"]]:
        raise Malformed(f"sample of another family: {line!r}")
    labels = _labels(m[2] or "", line)
    value = float(m[3])
    key = tuple(sorted(labels.items()))
    if key in family["samples"]:
        raise Malformed(f"twice: {line!r}")
    if family["samples"] and {k for k, _ in key} != {k for k, _ in next(iter(family["samples"]))}:
        raise Malformed(f"labels differ inside a family: {line!r}")
    if family["type"] == "counter" and not value >= 0:
        raise Malformed(f"counter below zero: {line!r}")
    if family["type"] == "info" and value != 1:
        raise Malformed(f"info is not 1: {line!r}")
    family["samples"][key] = value


def parse(text):
    """{family name: {"type", "unit", "help", "samples": {((label, value), ...): number}}}"""
    if not text.endswith("# EOF\n") or text.count("# EOF") != 1:
        raise Malformed("does not end with # EOF")
    families, current, started = {}, None, False
    for line in text.split("\n")[:-2]:
        if line.startswith("#"):
            name = _metadata(line, families, current, started)
            started = started and name == current
            current = name
        else:
            _sample(line, families, current)
            started = True
    for name, family in families.items():
        if not family["type"] or not family["help"]:
            raise Malformed(f"family {name} without type or help")
    return families
