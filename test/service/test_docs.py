"""README.md and docs/*.md say what happens: their `console` blocks are run, and must print what they show.

A block that begins with a comment naming a file (`# my.conf`) is that file. Every document gets a node and a folder of
its own, and another node where it says `troupe -c my.conf`. Clocks and durations may differ, `...` stands for anything, on a line or as one for any number of lines.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "test", "wire"))

from harness import Server, server_binary, wait_until  # noqa: E402

CLI = os.environ.get("NATS_CLI") or shutil.which("nats")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
STAYS = re.compile(r"nats (sub|reply) ")
NODE = re.compile(r"\S*troupe -c (\S+\.conf)$")


def commands(block):
    """[(command, what it shows)] of a console block."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((re.sub(r"\s+# .*", "", line[2:]), []))
        elif found:
            found[-1][1].append(line)
    return [(command, "\n".join(shown)) for command, shown in found]


def plain(text):
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r", "")
    text = re.sub(r"\d\d:\d\d:\d\d", "CLOCK", text)
    text = re.sub(r"\b\d+(\.\d+)?(ns|us|µs|ms|s)\b", "SPAN", text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def measured(escaped):
    """A number with a fraction is a measurement: any other will do. Versions have two points."""
    return re.sub(r"(?<![\d.])\d+\\\.\d+(?!\d|\\\.)", r"\\d+\\.\\d+", escaped)


def fits(shown, printed):
    pattern = ""
    for line in plain(shown):
        if line == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += ".*".join(measured(re.escape(part)) for part in line.split("...")) + "\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in plain(printed))) is not None


class Document:
    """Runs one document's blocks against a node of its own."""

    def __init__(self, case, path):
        self.case = case
        with open(path, encoding="utf-8") as f:
            self.blocks = FENCE.findall(f.read())
        self.folder = tempfile.mkdtemp(prefix="docs-")
        case.addCleanup(shutil.rmtree, self.folder)
        self.serve(None)
        tools = os.path.join(self.folder, "bin")
        os.mkdir(tools)
        for name, target in (("troupe", server_binary()), ("nats", CLI)):
            if target:
                os.symlink(target, os.path.join(tools, name))
        self.env = {**os.environ, "PATH": tools + os.pathsep + os.environ["PATH"], "HOME": self.folder}
        self.env.pop("XDG_CONFIG_HOME", None)
        self.waiting = []  # (process, command, what it shows)

    def serve(self, config):
        self.server = Server(config=config, monitor=True)
        self.case.addCleanup(self.server.kill)

    def local(self, command):
        command = command.replace("build/release/troupe", "troupe")
        command = command.replace("127.0.0.1:8222", f"127.0.0.1:{self.server.monitor_port}")
        return re.sub(r"127\.0\.0\.1([: ])4222", rf"127.0.0.1\g<1>{self.server.port}", command)

    def start(self, command):
        env = {**self.env, "NATS_URL": f"nats://127.0.0.1:{self.server.port}"}
        return subprocess.Popen(["bash", "-c", self.local(command)], cwd=self.folder, env=env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def subscriptions(self):
        return sum(c["subscriptions"] for c in self.server.json("/connz")["connections"])

    def check(self, command, shown, printed):
        with self.case.subTest(command=command):
            if shown.strip():
                self.case.assertTrue(fits(self.local(shown), printed), f"shown:\n{shown}\nprinted:\n{printed}")

    def wait_for_subscription(self, command, shown):
        before = self.subscriptions()
        self.waiting.append((self.start(command), command, shown))
        wait_until(lambda: self.subscriptions() > before, f"{command} to subscribe", 30)

    def run(self):
        """How many commands were run."""
        count = 0
        for kind, body in self.blocks:
            name = re.match(r"# (\w+\.conf)\n", body)
            if name:
                with open(os.path.join(self.folder, name[1]), "w", encoding="utf-8") as f:
                    f.write(body)
            for command, shown in commands(body) if kind == "console" else []:
                if not shutil.which(self.local(command).split()[0], path=self.env["PATH"]):
                    print(f"not run, there is no {command.split()[0]}: {command}", file=sys.stderr)
                    continue
                count += 1
                if NODE.match(command):
                    self.end_waiting()
                    with open(os.path.join(self.folder, NODE.match(command)[1]), encoding="utf-8") as f:
                        self.serve(f.read())
                elif STAYS.match(command):
                    self.wait_for_subscription(command, shown)
                else:
                    self.check(command, shown, self.start(command).communicate(timeout=60)[0])
        self.end_waiting()
        return count

    def end_waiting(self):
        for process, command, shown in self.waiting:
            process.terminate()
            self.check(command, shown, process.communicate(timeout=30)[0])
        self.waiting = []


class Documents(unittest.TestCase):
    @unittest.mock.patch.dict(os.environ, {"APP_PASSWORD": "s3cret", "ADMIN_PASSWORD": "s3cret"})
    def test_show_what_happens(self):
        paths = [os.path.join(ROOT, "README.md"), *sorted(glob.glob(os.path.join(ROOT, "docs", "*.md")))]
        ran = {}
        for path in paths:
            name = os.path.relpath(path, ROOT)
            with self.subTest(document=name):
                with open(path, encoding="utf-8") as f:
                    if "```console\n" not in f.read():
                        continue
                ran[name] = Document(self, path).run()
        print(ran, file=sys.stderr)
        self.assertGreater(ran.get("docs/getting-started.md", 0), 5)

    def test_every_page_of_the_monitor_is_described(self):
        with open(os.path.join(ROOT, "docs", "monitoring.md"), encoding="utf-8") as f:
            table = f.read().split("## Pages")[1].split("\n## ")[0]
        rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        described = {path for row in rows for path in re.findall(r"`(/[^`]*)`", row)}
        with open(os.path.join(ROOT, "http", "router.cpp"), encoding="utf-8") as f:
            routes = f.read().split("constexpr route routes[] = {")[1].split("};")[0]
        self.assertEqual(described, set(re.findall(r'\{"(/[^"]*)"', routes)) | {"/", "/ui"})
        server = Server(monitor=True)
        self.addCleanup(server.kill)
        for path in sorted(described):
            status, _, body = server.http(path)
            with self.subTest(path=path):
                self.assertTrue(status == 200 or (path == "/raftz" and body == b"No Raft nodes registered"), (status, body[:200]))
        _, _, index = server.http("/")
        linked = {"/" + path for path in re.findall(r'href="\./([^"]*)"', index.decode())}
        self.assertLessEqual(linked, described)

    def test_links_lead_somewhere(self):
        for path in [*glob.glob(os.path.join(ROOT, "*.md")), *glob.glob(os.path.join(ROOT, "*", "*.md")),
                     *glob.glob(os.path.join(ROOT, "test", "*", "README.md"))]:
            with open(path, encoding="utf-8") as f:
                text = re.sub(r"^```.*?^```$", "", f.read(), flags=re.M | re.S)
            for target in re.findall(r"\]\((?!https?:)([^)#\s]*)[^)]*\)", text):
                if target:
                    with self.subTest(document=os.path.relpath(path, ROOT), link=target):
                        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), target)))


class Comparison(unittest.TestCase):
    """The comparison itself refuses what differs."""

    def test_fits(self):
        self.assertTrue(fits("a\n...\nd", "a\nb\nc\nd\n"))
        self.assertTrue(fits("a\n...", "a\n"))
        self.assertTrue(fits("12:00:01 x ... y in 3ms", "23:59:59 x (1) y in 1.25s\n\n"))
        for shown, printed in (("a", "a\nb"), ("a\nb", "a"), ("a...", "b"), ("1 message", "2 messages")):
            self.assertFalse(fits(shown, printed), (shown, printed))
        self.assertEqual(commands("$ a # why\nx\n\n$ b\n"), [("a", "x\n"), ("b", "")])


if __name__ == "__main__":
    unittest.main()
