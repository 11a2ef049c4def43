"""What fields the Go server's types have as JSON (golden/system_fields.txt), and what a document has that differs from that."""

import functools
import os
import re

FIELDS_FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden", "system_fields.txt")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_KINDS = {"string": str, "bool": bool, "list": list, "map": dict, "object": dict}


class Field:
    def __init__(self, kind, always):
        self.kind, self.always, self.inside = kind, always, {}


@functools.lru_cache(maxsize=None)
def types():
    """{type: Field}. A line is "<name> <kind>[ !]", indented by a blank for each level."""
    root = Field("object", True)
    levels = [root]
    with open(FIELDS_FILE, encoding="utf-8") as f:
        for line in f:
            depth = len(line) - len(line.lstrip(" "))
            name, kind, *always = line.split()
            field = Field(kind, bool(always))
            levels[depth + 1:] = [field]
            levels[depth].inside[name] = field
    return root.inside


def problems(kind, document):
    """Lines that say where the document is not what the Go type of this name is written as."""
    return _problems(types()[kind], document, kind)


def _problems(field, value, at):
    if field.kind == "any":
        return []
    # Go writes an empty list, map, pointer or byte string as null where it may not leave it out.
    if value is None and (not field.always or field.kind in ("list", "map", "object", "string")):
        return []
    if field.kind == "time":
        return [] if isinstance(value, str) and _TIME.fullmatch(value) else [f"{at}: {value!r} is no time"]
    if field.kind in ("int", "number"):
        good = isinstance(value, int if field.kind == "int" else (int, float)) and not isinstance(value, bool)
        return [] if good else [f"{at}: {value!r} is no {field.kind}"]
    if not isinstance(value, _KINDS[field.kind]):
        return [f"{at}: {value!r} is no {field.kind}"]
    if field.kind == "list":
        return [p for i, x in enumerate(value) for p in _problems(field.inside["[]"], x, f"{at}[{i}]")]
    if field.kind == "map":
        return [p for k, x in value.items() for p in _problems(field.inside["{}"], x, f"{at}.{k}")]
    out = []
    if field.kind == "object":
        out += [f"{at}.{name} is missing" for name, x in field.inside.items() if x.always and name not in value]
        for name, x in value.items():
            inside = field.inside.get(name)
            out += _problems(inside, x, f"{at}.{name}") if inside else [f"{at}.{name} is unknown"]
    return out
