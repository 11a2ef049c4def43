"""Makes a script that shows a difference small."""


def _without_parts(items, differs):
    """Drops runs of items while the rest still differs."""
    size = max(1, len(items) // 2)
    while size:
        at = 0
        while at < len(items):
            fewer = items[:at] + items[at + size:]
            if fewer and differs(fewer):
                items = fewer
            else:
                at += size
        size //= 2
    return items


def shrink(steps, differs):
    """`differs(steps)` tells whether a script still shows it."""
    steps = _without_parts(steps, differs)
    for at, step in enumerate(steps):
        if step["do"] != "send":
            continue

        def changed(at=at, **fields):
            return steps[:at] + [{**steps[at], **fields}] + steps[at + 1:]

        if step["cuts"] and differs(changed(cuts=[])):
            steps = changed(cuts=[])
        if len(step["ops"]) > 1:
            ops = _without_parts(step["ops"], lambda ops: differs(changed(ops=ops, cuts=[])))
            if ops != step["ops"]:
                steps = changed(ops=ops, cuts=[])
    return steps
