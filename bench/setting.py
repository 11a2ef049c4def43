"""What both servers of a comparison are told: TLS, WebSocket, a user with rules. Used by compare."""

import pathlib
import subprocess

# A user with as many as an application of some size has. None of them matches less than a whole
# class of subjects; bench.000 (1to1) and _INBOX.000.0000 (reqrep) are allowed by one of them.
RULES = """permissions: {
  publish: {
    allow: ["orders.*.created", "orders.*.changed", "audit.>", "metrics.*.*.cpu", "svc.>", "_INBOX.>", "bench.*"]
    deny: ["orders.*.internal", "audit.secret.>", "admin.>"]
  }
  subscribe: {
    allow: ["orders.>", "audit.public.>", "metrics.>", "svc.>", "_INBOX.>", "bench.*", "news.*"]
    deny: ["orders.*.internal", "admin.>", "*.secret"]
  }
}"""


def make_certificate(directory, key):
    """A self-signed certificate; `key` is ec (P-256) or rsa (2048)."""
    kind = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if key == "ec" else ["rsa:2048"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"],
                   check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Setting:
    """The configuration of a server and how troupe-load speaks to it."""

    def __init__(self, directory, tls=None, ws=False, rules=False):
        self.directory, self.tls, self.ws, self.rules = pathlib.Path(directory), tls, ws, rules
        if tls:
            make_certificate(directory, tls)

    @property
    def name(self):
        """Under it stand the setting's targets; empty: plain."""
        return "+".join(n for n, on in (("tls", self.tls), ("ws", self.ws), ("rules", self.rules)) if on)

    def config(self, ws_port, ruled):
        """The text of the file; None when flags are enough."""
        if not (self.tls or self.ws or self.rules):
            return None
        tls = ""
        if self.tls:
            tls = f'tls {{ cert_file: "{self.directory}/cert.pem", key_file: "{self.directory}/key.pem", timeout: 30 }}\n'
        text = tls
        if self.ws:
            text += f"websocket {{ host: 127.0.0.1, port: {ws_port}\n{tls or 'no_tls: true'} }}\n"
        if self.rules:
            text += f"authorization {{ users: [ {{ user: bench, password: bench{', ' + RULES if ruled else ''} }} ] }}\n"
        return text

    def load_arguments(self, port, ws_port):
        return (["--port", str(ws_port if self.ws else port)] + (["--tls"] if self.tls else []) + (["--ws"] if self.ws else [])
                + (["--user", "bench", "--password", "bench"] if self.rules else []))
