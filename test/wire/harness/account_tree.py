"""A random tree of accounts, and a plain model of what they give each other: lists, searched from end to end.

The model knows the rules of the configuration alone. It says who gets a message under which subject, and how it may
be answered. Only literals, `*` and `>` are told apart here; nothing of this is shared with a server's code.
"""

import random
import re

ANSWER_SUBJECT = "_R_.name.number"  # as the servers make them up


def matches(subject, pattern):
    if pattern == ">":
        return True
    head, _, tail = pattern.partition(".")
    first, _, rest = subject.partition(".")
    if head not in ("*", first):
        return False
    if not tail or not rest:
        return not tail and not rest
    return matches(rest, tail)


def within(narrow, wide):
    """Whether everything that `narrow` matches, `wide` matches too."""
    a, b = narrow.split("."), wide.split(".")
    for i, token in enumerate(b):
        if token == ">":
            return len(a) > i
        if i >= len(a) or a[i] == ">" or (token != "*" and token != a[i]):
            return False
    return len(a) == len(b)


def overlap(a, b):
    """Whether anything is matched by both."""
    a, b = a.split("."), b.split(".")
    for x, y in zip(a, b):
        if ">" in (x, y):
            return True
        if "*" not in (x, y) and x != y:
            return False
    return len(a) == len(b)


def captured(subject, pattern):
    """The tokens that stand where the pattern has wildcards; those of `>` as one."""
    tokens, found = subject.split("."), []
    for i, token in enumerate(pattern.split(".")):
        if token == ">":
            found.append(".".join(tokens[i:]))
        elif token == "*":
            found.append(tokens[i])
    return found


def filled(target, values):
    """`target` with each `$n` and wildcard replaced: wildcards take what is left, in order."""
    numbered = re.findall(r"\$(\d)", target)
    rest = iter([v for i, v in enumerate(values) if str(i + 1) not in numbered])
    return ".".join(values[int(t[1]) - 1] if t.startswith("$") else next(rest) if t in ("*", ">") else t
                    for t in target.split("."))


def filter_of(target):
    return re.sub(r"\$\d", "*", target)


class Import:
    def __init__(self, kind, account, subject, to=None, prefix=None):
        self.kind, self.account, self.subject, self.to, self.prefix = kind, account, subject, to, prefix

    @property
    def target(self):
        if self.prefix:
            return f"{self.prefix}.{self.subject}"
        return self.to or self.subject

    @property
    def local(self):
        return filter_of(self.target)

    def here(self, subject):
        """What the exporter calls `subject`, as the importer sees it."""
        return filled(self.target, captured(subject, self.subject))

    def there(self, subject):
        """What the importer calls `subject`, as it is asked for there."""
        numbers = [t[1:] for t in self.target.split(".") if t in ("*", ">") or t[0] == "$"]
        values = captured(subject, self.local)
        if any(numbers):
            values = [value for _, value in sorted(zip(numbers, values))]
        return filled(self.subject, values)

    def text(self):
        to = f', to: "{self.to}"' if self.to else f', prefix: "{self.prefix}"' if self.prefix else ""
        return f'{{{self.kind}: {{account: {self.account}, subject: "{self.subject}"}}{to}}}'


class Export:
    def __init__(self, kind, subject, accounts, token, response, chained):
        self.kind, self.subject, self.accounts, self.token, self.response = kind, subject, accounts, token, response
        self.chained = chained  # comes from another account itself

    def allows(self, who, subject):
        if self.token:
            return subject.split(".")[self.token - 1] == who
        return self.accounts is None or who in self.accounts

    def text(self):
        more = f', accounts: [{", ".join(self.accounts)}]' if self.accounts is not None else ""
        more += f", account_token_position: {self.token}" if self.token else ""
        more += f", response_type: {self.response}" if self.response else ""
        return f'{{{self.kind}: "{self.subject}"{more}}}'


class Account:
    def __init__(self, name):
        self.name, self.exports, self.imports = name, [], []

    def text(self):
        user = self.name.lower()
        return (f"  {self.name} {{ users: [{{user: {user}, password: p}}]\n"
                f"    exports: [{', '.join(e.text() for e in self.exports)}]\n"
                f"    imports: [{', '.join(i.text() for i in self.imports)}] }}\n")


class Subscription:
    def __init__(self, account, sid, pattern, queue=None):
        self.account, self.sid, self.pattern, self.queue = account, sid, pattern, queue

    def __repr__(self):
        return f"{self.account}/{self.sid} {self.pattern}" + (f" [{self.queue}]" if self.queue else "")


class Tree:
    """Everything follows from the seed."""

    words = "xyz"
    streams = ("s.x", "s.*", "s.x.*", "s.*.*", "s.>", "s.x.>", "t.*.y", "t.>", "t.*", "t.x.*.y")
    services = ("q.x", "q.*", "q.*.*", "q.>", "q.y.>", "r.*.y", "r.>", "r.*", "r.x.y")

    def __init__(self, seed):
        self.random = random.Random(seed)
        names = "ABCDEFGH"[:self.random.randint(5, 8)]
        self.accounts = {name: Account(name) for name in names}
        self.subscriptions = []
        order = {kind: self.random.sample(names, len(names)) for kind in ("stream", "service")}
        for kind in order:
            for name in order[kind]:
                self.fill(self.accounts[name], kind, order[kind][:order[kind].index(name)])
        for name in names:
            self.subscribe(name)
            self.subscriptions.append(Subscription(name, 90, "inbox.>"))

    @property
    def config(self):
        return "accounts {\n" + "".join(a.text() for a in self.accounts.values()) + "}\n"

    # -- making it

    def some(self, *choices):
        return self.random.choice(choices)

    def fill(self, account, kind, before):
        """Exports of one kind; imports from accounts that were filled before, so that no circle closes."""
        for _ in range(self.random.randint(1, 3) if before else 3):
            self.export(account, kind, self.some(*(self.streams if kind == "stream" else self.services)))
        if self.random.random() < 0.4:
            letter = "t" if kind == "stream" else "r"
            self.export(account, kind, f"{letter}by.*.*", token=self.random.randint(2, 3))
        for _ in range(self.random.randint(1, 4) if before else 0):
            i = self.an_import(account, kind, self.some(*before))
            if i:
                account.imports.append(i)
                if self.random.random() < 0.6:
                    self.export(account, kind, i.local, chained=True)

    def export(self, account, kind, subject, token=None, chained=False):
        # Of two exports that have something in common the Go server takes either.
        if any(e.kind == kind and overlap(e.subject, subject) for e in account.exports):
            return
        others = [name for name in self.accounts if name != account.name]
        some = self.random.sample(others, self.random.randint(1, len(others)))
        private = self.some(some, None, None)
        response = self.some(None, None, "stream") if kind == "service" else None
        account.exports.append(Export(kind, subject, None if token else private, token, response, chained))

    def an_import(self, account, kind, exporter):
        offered = [e for e in self.accounts[exporter].exports if e.kind == kind]
        if not offered:
            return None
        # What came from elsewhere goes on from there.
        e = self.some(*([o for o in offered if o.chained] or offered), *offered)
        tokens = e.subject.split(".")
        for n, token in enumerate(tokens):
            if e.token == n + 1:
                tokens[n] = account.name
            elif token == "*" and self.random.random() < 0.3:
                tokens[n] = self.some(*self.words)
            elif token == ">" and self.random.random() < 0.4:
                tokens[n:] = self.some(["*"], ["x"], ["*", "y"])
        subject = ".".join(tokens)
        again = any((i.kind, i.account, i.subject) == (kind, exporter, subject) for i in account.imports)
        if again or not e.allows(account.name, subject):
            return None
        i = Import(kind, exporter, subject)
        stars, tail = tokens.count("*"), ">" in tokens
        how = self.random.random()
        first = self.some("s", "t", "m") if kind == "stream" else self.some("q", "r", "w")
        if kind == "stream" and how < 0.3:
            i.prefix = self.some("p", "p.x", "s")
        elif how < 0.7 and not tail and stars <= 2:
            numbers = self.random.sample(range(1, stars + 1), stars)
            i.to = ".".join([first, self.some("a", "b"), *(f"${n}" for n in numbers)])
        elif how < 0.7 and tail and not stars:
            i.to = f"{first}.{self.some('a', 'b')}.>"
        taken = [o.local for o in account.imports if o.kind == kind]
        return None if i.local in taken else i

    def subscribe(self, name):
        account = self.accounts[name]
        ideas = [i.local for i in account.imports] + [e.subject for e in account.exports] + ["s.>", "q.>", ">", "*.*"]
        for sid in range(1, self.random.randint(6, 11)):
            pattern = self.some(*ideas)
            if self.random.random() < 0.3:
                pattern = ".".join(self.some("*", t) if t not in ("*", ">") else t for t in pattern.split("."))
            self.subscriptions.append(Subscription(name, sid, pattern, self.some(None, None, "g1", "g1", "g2")))

    def a_subject(self, name):
        account = self.accounts[name]
        imported, exported = [i.local for i in account.imports], [e.subject for e in account.exports]
        first = imported or exported
        pattern = self.some(*self.some(first, first, exported, self.streams + self.services))
        out = []
        for token in pattern.split("."):
            if token == ">":
                out += [self.some(*self.words) for _ in range(self.random.randint(1, 2))]
            else:
                out.append(self.some(*self.words, *self.words, name) if token == "*" else token)
        return ".".join(out)

    # -- the model

    def published(self, name, subject, reply):
        """What a message does in an account: a list of Match, of those accounts that search for receivers."""
        out = [Match(name, subject, reply)]
        for s in self.subscriptions:
            if s.account == name and matches(subject, s.pattern):
                out[0].add(s, subject)
            for i in self.accounts[s.account].imports:
                if i.kind == "stream" and i.account == name and matches(subject, i.subject) \
                        and matches(i.here(subject), s.pattern):
                    out[0].add(s, i.here(subject))
        for i in self.accounts[name].imports:
            if i.kind == "service" and matches(subject, i.local):
                back = Answer(name, reply, self.response(i)) if reply else None
                out += self.published(i.account, i.there(subject), back)
        return out

    def response(self, i):
        exports = self.accounts[i.account].exports
        return next(e.response for e in exports if e.kind == "service" and within(i.subject, e.subject))

    def answered(self, exporter, answer, last):
        """What an answer does, from the account of the responder back to who asked."""
        out = self.published(exporter, ANSWER_SUBJECT, None)
        if not answer.open:
            return out
        answer.open = not last and answer.response == "stream"
        if isinstance(answer.reply, Answer):
            return out + self.answered(answer.account, answer.reply, last)
        return out + self.published(answer.account, answer.reply, None)


class Answer:
    """The way back of a request through a service import; as a reply subject, one that the server made up."""

    def __init__(self, account, reply, response):
        self.account, self.reply, self.response, self.open = account, reply, response, True


class Match:
    """One search of the subscriptions that an account knows: each plain one, and one of each queue group."""

    def __init__(self, account, subject, reply):
        self.account, self.subject, self.reply, self.plain, self.queues = account, subject, reply, [], {}

    def add(self, subscription, subject):
        if subscription.queue:
            self.queues.setdefault(subscription.queue, []).append((subscription, subject))
        else:
            self.plain.append((subscription, subject))

    def slots(self):
        """For each delivery that there has to be, who may get it under what subject, and with which reply."""
        return [([one], self.reply) for one in self.plain] + [(group, self.reply) for group in self.queues.values()]


def difference(expected, got):
    """None, or what is not as it should be. `expected`: Matches; `got`: account, sid, subject and reply of deliveries.

    Fills in `raw` of each Answer: what the server calls it.
    """
    slots = sorted((slot for m in expected for slot in m.slots()), key=lambda slot: len(slot[0]))
    bound = {}

    def fits(reply, seen):
        if not isinstance(reply, Answer):
            return seen == reply
        return seen is not None and seen.startswith("_R_.") and bound.get(reply, seen) == seen \
            and all(other is reply or raw != seen for other, raw in bound.items())

    def place(n, left):
        if n == len(slots):
            return not left
        candidates, reply = slots[n]
        keys = {(s.account, s.sid, subject) for s, subject in candidates}
        for k, (account, sid, subject, seen) in enumerate(left):
            if (account, sid, subject) not in keys or not fits(reply, seen):
                continue
            fresh = isinstance(reply, Answer) and reply not in bound
            if fresh:
                bound[reply] = seen
            if place(n + 1, left[:k] + left[k + 1:]):
                return True
            if fresh:
                del bound[reply]
        return False

    if len(slots) == len(got) and place(0, list(got)):
        for answer, raw in bound.items():
            answer.raw = raw
        return None
    return "expected " + "".join(f"\n  {candidates} {'answerable' if isinstance(reply, Answer) else reply}"
                                 for candidates, reply in slots) + "\ngot " + "".join(f"\n  {one}" for one in got)
