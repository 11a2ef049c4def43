"""An OCSP responder for tests: answers are signed by the openssl tool, their times and faults are the test's choice."""

import base64
import datetime
import http.server
import re
import subprocess
import threading
import time
import urllib.parse

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"

_SHA256_WITH_ECDSA = bytes.fromhex("300a06082a8648ce3d040302")
_BASIC = bytes.fromhex("06092b0601050507300101")


def _der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    n = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | n]) + size.to_bytes(n, "big") + body


def _read(der, at=0):
    """Tag, start of the contents and end of the element at a place."""
    size, start = der[at + 1], at + 2
    if size & 0x80:
        n = size & 0x7F
        size, start = int.from_bytes(der[start:start + n], "big"), start + n
    return der[at], start, start + size


def _cert_id(request):
    """The CertID of a request's first question, as it stands there."""
    _, at, _ = _read(request)
    _, at, _ = _read(request, at)
    while request[at] != 0x30:  # version and name of the requester
        at = _read(request, at)[2]
    _, at, _ = _read(request, at)
    _, at, _ = _read(request, at)
    return request[at:_read(request, at)[2]]


def _serial(cert_id):
    _, at, end = _read(cert_id)
    last = at
    while at < end:
        last, at = at, _read(cert_id, at)[2]
    _, start, stop = _read(cert_id, last)
    return int.from_bytes(cert_id[start:stop], "big")


def _time(tag, when):
    return _der(tag, datetime.datetime.fromtimestamp(int(when), datetime.timezone.utc).strftime("%Y%m%d%H%M%SZ").encode())


class Responder:
    """`status` by serial number (good unless told); `lifetime` in seconds, None: no NextUpdate. Faults: `fail` is an
    HTTP status, `body` replaces the answer, `begins` shifts ThisUpdate, `hold` is an event that answers wait for."""

    def __init__(self, authority, signer=None, lifetime=3600, post=True):
        self.authority, self.signer = authority, signer
        self.lifetime, self.begins = lifetime, 0
        self.status, self.fail, self.body, self.hold = {}, None, None, None
        self.post = post
        self.asked = []  # (method, serial)
        self._lock = threading.Lock()
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = self.rfile.read(int(self.headers["Content-Length"]))
                responder._serve(self, "POST", request)

            def do_GET(self):
                text = urllib.parse.unquote(self.path[1:])
                try:
                    responder._serve(self, "GET", base64.b64decode(text))
                except (ValueError, IndexError):
                    self.send_error(400)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self):
        if self.hold:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def extension(self):
        """The line of a certificate's extensions that names this responder."""
        return f"authorityInfoAccess=OCSP;URI:{self.url}"

    def count(self, method=None):
        with self._lock:
            return sum(1 for m, _ in self.asked if method in (None, m))

    def _serve(self, handler, method, request):
        cert_id = _cert_id(request)
        with self._lock:
            self.asked.append((method, _serial(cert_id)))
        if self.hold:
            self.hold.wait(30)
        if self.fail or (method == "POST" and not self.post):
            return handler.send_error(self.fail or 405)
        body = self.answer(cert_id) if self.body is None else self.body
        try:
            handler.send_response(200)
            handler.send_header("Content-Type", "application/ocsp-response")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            pass  # whoever asked has gone
        return None

    def answer(self, cert_id):
        now = time.time()
        status = {GOOD: _der(0x80), REVOKED: _der(0xA1, _time(0x18, now - 60)),
                  UNKNOWN: _der(0x82)}[self.status.get(_serial(cert_id), GOOD)]
        until = b"" if self.lifetime is None else _der(0xA0, _time(0x18, now + self.lifetime))
        single = _der(0x30, cert_id, status, _time(0x18, now - 1 + self.begins), until)
        key, cert = (self.signer.key, self.signer.cert) if self.signer else (self.authority.key, self.authority.file)
        data = _der(0x30, _der(0xA2, _der(0x04, _key_hash(cert))), _time(0x18, now), _der(0x30, single))
        signature = _openssl("dgst", "-sha256", "-sign", key, data=data)
        certs = _der(0xA0, _der(0x30, _openssl("x509", "-in", cert, "-outform", "DER"))) if self.signer else b""
        basic = _der(0x30, data, _SHA256_WITH_ECDSA, _der(0x03, b"\0", signature), certs)
        return _der(0x30, _der(0x0A, b"\0"), _der(0xA0, _der(0x30, _BASIC, _der(0x04, basic))))


def serial_of(certificate):
    return int(_openssl("x509", "-in", certificate.cert, "-noout", "-serial").decode().split("=")[1], 16)


def _key_hash(cert):
    """SHA-1 of the public key's bits, by which a responder names itself."""
    text = _openssl("x509", "-in", cert, "-noout", "-ocspid").decode()
    return bytes.fromhex(re.search(r"Public key OCSP hash: ([0-9A-F]+)", text).group(1))


class OpensslResponder:
    """`openssl ocsp` itself; knows the certificates it is told of. It cannot be bound to an address."""

    def __init__(self, authority, certificates, minutes=5):
        index = authority.path("index.txt")
        with open(index, "w", encoding="ascii") as f:
            for certificate, status in certificates:
                serial = f"{serial_of(certificate):X}"
                serial = serial if len(serial) % 2 == 0 else "0" + serial
                revoked = "200101000000Z" if status == REVOKED else ""
                f.write(f"{'R' if revoked else 'V'}\t491231235959Z\t{revoked}\t{serial}\tunknown\t/CN=x\n")
        self.process = subprocess.Popen(
            ["openssl", "ocsp", "-port", "0", "-index", index, "-CA", authority.file, "-rsigner", authority.file,
             "-rkey", authority.key, "-nmin", str(minutes)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            found = re.search(r"ACCEPT \S*:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        else:
            raise AssertionError("openssl ocsp does not listen")
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def close(self):
        self.process.kill()
        self.process.wait()


def stapled(port, authority, *args):
    """What `openssl s_client -status` says about the answer that the server shows: its text, empty if there is none."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-status", "-CAfile", authority.file, *args],
                          input=b"", capture_output=True, timeout=20, check=False)
    text = done.stdout.decode(errors="replace")
    if "OCSP response: no response sent" in text:
        return ""
    found = re.search(r"OCSP response:.*?(OCSP Response Data:.*?)\n---", text, re.S)
    if not found:
        raise AssertionError(f"no handshake: {text[-500:]}{done.stderr.decode(errors='replace')[-500:]}")
    return found.group(1)


def _openssl(*args, data=None):
    done = subprocess.run(["openssl", *args], input=data, capture_output=True, timeout=30, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {args}: {done.stderr.decode(errors='replace')}")
    return done.stdout
