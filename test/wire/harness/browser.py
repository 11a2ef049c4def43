"""Drives a headless Chromium over its debugging pipe: JSON messages, each ended by a zero byte."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from .server import Timeout, _die_with_parent, wait_until

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find():
    """The browser's path, or None."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page. `events` gathers what the page logged, threw or was refused."""

    def __init__(self, width=1280, height=1000, deadline=60):
        self.deadline = deadline
        self.dir = tempfile.mkdtemp(prefix="browser-")
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        self._left = b""
        self._last = 0
        self.events = []

        def wire():
            _die_with_parent()
            saved = [os.dup(to_browser), os.dup(from_browser)]
            os.dup2(saved[0], 3)
            os.dup2(saved[1], 4)

        flags = ["--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--disable-extensions", "--no-proxy-server", f"--window-size={width},{height}",
                 f"--user-data-dir={self.dir}", "about:blank"]
        if os.geteuid() == 0:
            flags.insert(0, "--no-sandbox")
        with open(os.path.join(self.dir, "log"), "wb") as log:
            self.process = subprocess.Popen([find(), *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            close_fds=False, preexec_fn=wire, start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        try:
            page = next(t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page")
            self._session = None
            self._session = self._call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                self._call(domain + ".enable")
        except BaseException:
            self.close()
            raise

    _session = None

    def _receive(self):
        end = time.monotonic() + self.deadline
        while b"\0" not in self._left:
            if not select.select([self._in], [], [], max(0, end - time.monotonic()))[0]:
                raise Timeout(f"the browser said nothing for {self.deadline}s")
            piece = os.read(self._in, 1 << 20)
            if not piece:
                with open(os.path.join(self.dir, "log"), "r", encoding="utf-8", errors="replace") as f:
                    raise AssertionError("the browser has ended\n" + f.read()[-2000:])
            self._left += piece
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)

    def _call(self, method, **params):
        self._last += 1
        request = {"id": self._last, "method": method, "params": params}
        if self._session:
            request["sessionId"] = self._session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data):]
        while True:
            message = self._receive()
            if message.get("id") == self._last:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]
            if message.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded",
                                         "Page.javascriptDialogOpening"):
                self.events.append(message)

    def open(self, url):
        failed = self._call("Page.navigate", url=url).get("errorText")
        if failed:
            raise AssertionError(f"{url}: {failed}")
        wait_until(lambda: self.value("document.readyState") == "complete", "the page", self.deadline)

    def value(self, expression):
        got = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise AssertionError(f"{expression}: {got['exceptionDetails']}")
        return got["result"].get("value")

    def wait(self, expression, what):
        return wait_until(lambda: self.value(expression), what, self.deadline)

    def screenshot(self):
        return self._call("Page.captureScreenshot", format="png")["data"]

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session: its own processes
        self.process.wait(timeout=10)
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
