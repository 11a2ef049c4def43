"""Certificates for tests, made at run time by the openssl tool; gone when the process ends."""

import atexit
import hashlib
import os
import shutil
import ssl
import subprocess
import tempfile


class Authority:
    """A root certificate, or with an `issuer` one of an intermediate authority; `issue` makes certificates signed by it.
    Keys are of P-256 unless told."""

    def __init__(self, name="Test CA", directory=None, issuer=None, extensions=""):
        self.dir = directory or tempfile.mkdtemp(prefix="wire-ca-")
        if directory is None:
            atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        self.key = self.path("ca.key")
        self.file = self.path("ca.pem")
        self._count = 0
        if issuer:
            made = issuer.issue(name, alternatives=None, extensions="basicConstraints=critical,CA:TRUE\n"
                                "keyUsage=critical,keyCertSign,digitalSignature\n" + extensions)
            self.file, self.key = made.cert, made.key
            return
        _openssl("ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", self.key)
        _openssl("req", "-x509", "-new", "-key", self.key, "-out", self.file, "-days", "30", "-subj", f"/CN={name}",
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature")

    def path(self, name):
        return os.path.join(self.dir, name)

    def issue(self, name, subject=None, alternatives="DNS:localhost,IP:127.0.0.1", days=30, key="ec", usage=None,
              multivalue=False, extensions=""):
        """A Certificate. `subject` as openssl's -subj; `usage` is its extendedKeyUsage."""
        self._count += 1
        base = self.path(f"{self._count}-{name}")
        cert, keyfile, request = base + ".pem", base + ".key", base + ".csr"
        if key == "ec":
            _openssl("ecparam", "-genkey", "-noout", "-name", "prime256v1", "-out", keyfile)
        else:
            _openssl("genrsa", "-out", keyfile, "2048")
        multi = ["-multivalue-rdn"] if multivalue else []
        _openssl("req", "-new", "-utf8", "-key", keyfile, "-out", request, "-subj", subject or f"/CN={name}", *multi)
        lines = [extensions] if extensions else []
        if alternatives:
            lines.append(f"subjectAltName={alternatives}")
        if usage:
            lines.append(f"extendedKeyUsage={usage}")
        with open(base + ".ext", "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")
        when = ["-days", str(days)]
        _openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.key, "-out", cert, "-extfile",
                 base + ".ext", "-set_serial", str(1000 + self._count), *when)
        return Certificate(cert, keyfile)


class Certificate:
    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    def behind(self, authority):
        """The same as a client shows it together with the certificate of an intermediate authority."""
        path = self.cert + ".chain"
        with open(path, "wb") as out:
            for part in (self.cert, authority.file):
                with open(part, "rb") as f:
                    out.write(f.read())
        return Certificate(path, self.key)

    @property
    def config(self):
        """The lines of a tls block that name it."""
        return f'cert_file: "{self.cert}", key_file: "{self.key}"'

    def der(self):
        with open(self.cert, encoding="ascii") as f:
            return ssl.PEM_cert_to_DER_cert(f.read())

    def sha256(self):
        return hashlib.sha256(self.der()).hexdigest()

    def key_sha256(self):
        """Of the SubjectPublicKeyInfo, as pinned_certs wants it."""
        public = _openssl("x509", "-in", self.cert, "-noout", "-pubkey")
        return hashlib.sha256(_openssl("pkey", "-pubin", "-outform", "DER", data=public)).hexdigest()


def client_context(authority, certificate=None, version=None):
    """An ssl context that trusts `authority`; `version` is ssl.TLSVersion, for just that one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.file)
    if certificate:
        context.load_cert_chain(certificate.cert, certificate.key)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def _openssl(*args, data=None):
    done = subprocess.run(["openssl", *args], input=data, capture_output=True, timeout=30, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {args}: {done.stderr.decode(errors='replace')}")
    return done.stdout
