"""A stand-in for an account server: what a resolver of type URL asks, over HTTP or HTTPS."""

import base64
import http.server
import ssl
import threading


class AccountServer:
    """`accounts`: JWT by public key. Faults: `fail` is an HTTP status for all, `hold` an event that answers about the
    keys in `held` wait for. `login`: "name:password" that has to be shown. `asked`: the paths, in order."""

    def __init__(self, accounts, certificate=None, authority=None, login=None):
        self.accounts, self.login = dict(accounts), login
        self.fail, self.hold, self.held = None, threading.Event(), set()
        self.asked, self.shown = [], []  # paths; certificates of who asked
        self._lock = threading.Lock()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server._serve(self)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # whoever asked has gone, or wants no TLS

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert, certificate.key)
            if authority:
                context.load_verify_locations(authority.file)
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        who = f"{login}@" if login else ""
        self.url = f"http{'s' if certificate else ''}://{who}127.0.0.1:{self.port}/jwt/v1/accounts/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self):
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    def count(self, key):
        with self._lock:
            return sum(1 for path in self.asked if path.endswith("/" + key))

    def _serve(self, handler):
        key = handler.path.rsplit("/", 1)[1]
        with self._lock:
            self.asked.append(handler.path)
            if isinstance(handler.connection, ssl.SSLSocket):
                self.shown.append(handler.connection.getpeercert())
        if key in self.held:
            self.hold.wait(30)
        wanted = "Basic " + base64.b64encode(self.login.encode()).decode() if self.login else None
        if wanted and handler.headers["Authorization"] != wanted:
            return handler.send_error(401)
        if self.fail:
            return handler.send_error(self.fail)
        body = self.accounts.get(key) if key else "OK"
        if body is None:
            return handler.send_error(404)
        data = body.encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)
        return None
