"""`wsconnect` of @nats-io/nats-core in a headless Chromium. CLIENTS_MODULES names the node_modules folder."""

import http.server
import json
import os
import threading
import unittest

from harness import RawClient, Server, msg, pub
from harness.browser import Browser

MODULES = os.environ["CLIENTS_MODULES"]
PACKAGES = {"@nats-io/nats-core": "lib/mod.js", "@nats-io/nkeys": "lib/mod.js", "@nats-io/nuid": "lib/mod.js",
            "tweetnacl": "nacl-fast.js"}
LOADER = """
const cache = {};
function load(name) {
  if (cache[name]) return cache[name].exports;
  const module = cache[name] = { exports: {} };
  const resolve = (wanted) => {
    if (!wanted.startsWith(".")) return entries[wanted] ?? wanted;
    const path = new URL(wanted, "http://x/" + name).pathname.slice(1);
    return sources[path] ? path : path + ".js";
  };
  if (!sources[name]) throw new Error("no module " + name);
  sources[name].call(module, module.exports, (wanted) => load(resolve(wanted)), module);
  return module.exports;
}
window.nats = load(entries["@nats-io/nats-core"]);
"""


def bundle():
    """The packages, which are CommonJS, as one script that leaves `nats` in the window."""
    sources = []
    for package, entry in PACKAGES.items():
        folder = os.path.join(package, os.path.dirname(entry))
        names = os.listdir(os.path.join(MODULES, folder)) if os.path.dirname(entry) else [entry]
        for name in names:
            if not name.endswith(".js"):
                continue
            path = os.path.normpath(os.path.join(folder, name))
            with open(os.path.join(MODULES, path), encoding="utf-8") as f:
                sources.append(f"{json.dumps(path)}: function (exports, require, module) {{\n{f.read()}\n}}")
    entries = {package: os.path.normpath(os.path.join(package, entry)) for package, entry in PACKAGES.items()}
    return f"(() => {{\nconst entries = {json.dumps(entries)};\nconst sources = {{{','.join(sources)}}};\n{LOADER}}})();\n"


class Site(http.server.ThreadingHTTPServer):
    """Serves the page and the bundle."""

    daemon_threads = True

    def __init__(self):
        files = {"/": ("text/html", b"<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script src=/nats.js></script>"),
                 "/nats.js": ("text/javascript", bundle().encode())}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                kind, body = files.get(self.path, ("text/plain", b""))
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


def config(more=""):
    return f"websocket {{ host: 127.0.0.1, port: -1, no_tls: true\n{more} }}\n"


class Chromium(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.server_close)
        cls.addClassCleanup(cls.site.shutdown)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.browser.open(cls.site.url)

    def run_in(self, server, body):
        """The value of an async function's body; `nc` is a connection to the server."""
        url = json.dumps(server.ports["websocket"][0])
        return self.browser.value(f"""(async () => {{
          const nc = await nats.wsconnect({{ servers: {url}, reconnect: false }});
          try {{ {body} }} finally {{ await nc.close(); }}
        }})()""")

    ROUND = """
      const sub = nc.subscribe("echo", { callback: (_, m) => m.respond(m.data, { headers: m.headers }) });
      await nc.flush();
      const sizes = [];
      for (const n of [0, 1, 100, 5000, 70000, 1000000]) {
        const data = new Uint8Array(n).map((_, i) => (i * 31) & 255);
        const m = await nc.request("echo", data, { timeout: 10000 });
        if (m.data.length !== n || m.data.some((b, i) => b !== ((i * 31) & 255))) throw new Error("changed at " + n);
        sizes.push(m.data.length);
      }
      return sizes;
    """

    def test_requests(self):
        for more in ("", "compression: true"):
            with self.subTest(more=more), Server(config=config(more)) as server:
                self.assertEqual(self.run_in(server, self.ROUND), [0, 1, 100, 5000, 70000, 1000000])

    def test_with_a_client_over_tcp(self):
        with Server(config=config("compression: true")) as server, RawClient(server.port) as t:
            t.connect()
            t.send("SUB to.tcp 1\r\n").fence()
            self.run_in(server, 'nc.publish("to.tcp", "from the page"); await nc.flush();')
            t.expect(msg("to.tcp", 1, "from the page"))
            t.send("SUB ask 2\r\n").fence()
            self.browser.value(f"""(async () => {{
              window.nc = await nats.wsconnect({{ servers: {json.dumps(server.ports["websocket"][0])} }});
              window.got = 0;
              window.nc.subscribe("many", {{ callback: () => ++window.got }});
              await window.nc.flush();
            }})()""")
            t.send(pub("many", "x" * 300) * 20000).fence()
            self.browser.wait("window.got === 20000", "20000 messages")
            self.browser.value("window.nc.close()")

    def test_origins(self):
        with Server(config=config(f'allowed_origins: "{self.site.url}"')) as server:
            self.assertEqual(self.run_in(server, 'await nc.flush(); return "in"'), "in")
        with Server(config=config('allowed_origins: "http://elsewhere.example"')) as server:
            with self.assertRaises(AssertionError):
                self.run_in(server, 'return "in"')
            server.wait_log("origin not allowed: not in the allowed list")

    def test_cookies(self):
        more = 'authorization { users: [ { user: ann, password: apples } ] }\n'
        with Server(config=more + config("user_cookie: u, pass_cookie: p")) as server:
            self.browser.value('document.cookie = "u=ann; path=/"; document.cookie = "p=apples; path=/"')
            self.assertEqual(self.run_in(server, 'await nc.flush(); return "in"'), "in")
            self.browser.value('document.cookie = "p=other; path=/"')
            with self.assertRaises(AssertionError):
                self.run_in(server, 'return "in"')


if __name__ == "__main__":
    unittest.main()
