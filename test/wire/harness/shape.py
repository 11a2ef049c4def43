"""The shape of a JSON document: names and types, without values. Two servers' pages are compared by it."""


def shape(value):
    """Object -> {name: shape}; list -> ["list", merged shape]; else the type's name."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        merged = None
        for item in value:
            merged = merge(merged, shape(item))
        return ["list", merged]
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "null" if value is None else "string"


def merge(a, b):
    if a is None:
        return b
    if isinstance(a, dict) and isinstance(b, dict):
        return {k: merge(a.get(k), b[k]) if k in b else a[k] for k in {**a, **b}}
    return a if a == b else f"{a} or {b}"


def differences(want, got, path="$"):
    """Lines that say where `got` differs from `want`; names in `OPTIONAL` may be missing on either side."""
    if isinstance(want, dict) and isinstance(got, dict):
        out = []
        for name in sorted({*want, *got} - OPTIONAL):
            here = f"{path}.{name}"
            if name not in got:
                out.append(f"missing {here}")
            elif name not in want:
                out.append(f"extra {here}")
            else:
                out += differences(want[name], got[name], here)
        return out
    if isinstance(want, list) and isinstance(got, list):
        return differences(want[1], got[1], path + "[]")
    return [] if want == got else [f"{path}: {want} expected, {got} found"]


# Build-dependent, or named by the implementation.
OPTIONAL = {"git_commit", "feature_flags"}
