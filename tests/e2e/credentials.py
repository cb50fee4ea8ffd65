"""Keys, certificates and tokens made on the spot with openssl, for servers that ask who is there."""

import base64
import json
import os
import pathlib
import subprocess
import tempfile

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3
# What stands in front of 32 raw bytes of an Ed25519 private key (PKCS #8).
PKCS8_HEAD = bytes.fromhex("302e020100300506032b657004220420")


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, check=True,
                          capture_output=True).stdout


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
            crc &= 0xFFFF
    return crc


def _readable(data):
    return base64.b32encode(data + crc16(data).to_bytes(2, "little")).decode().rstrip("=")


class NKey:
    """A key pair of NATS: `seed` is its secret and `public` its name, both as NATS writes them."""

    def __init__(self, kind):
        raw = os.urandom(32)
        self._der = PKCS8_HEAD + raw
        public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=self._der)[-32:]
        self.public = _readable(bytes([kind]) + public)
        self.seed = _readable(bytes([SEED | kind >> 5, (kind & 31) << 3]) + raw)

    def sign(self, data):
        with tempfile.TemporaryDirectory() as folder:
            key, message = pathlib.Path(folder, "key"), pathlib.Path(folder, "message")
            key.write_bytes(self._der)
            message.write_bytes(data)
            return openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key,
                           "-in", message)


def _part(data):
    if isinstance(data, dict):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(signer, subject, name, claims):
    """A JWT in which `signer` says `claims` about `subject`."""
    head = _part({"typ": "JWT", "alg": "ed25519-nkey"})
    body = _part({"jti": name, "iat": 1700000000, "iss": signer.public, "name": name,
                  "sub": subject.public, "nats": {**claims, "version": 2}})
    signed = f"{head}.{body}"
    return f"{signed}.{_part(signer.sign(signed.encode()))}"


class Operator:
    """A NATS system ruled by tokens: the server's configuration and a user's credentials file."""

    def __init__(self):
        operator, system, account = NKey(OPERATOR), NKey(ACCOUNT), NKey(ACCOUNT)
        self._account = account
        limits = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn",
                                        "leaf", "mem_storage", "disk_storage", "streams", "consumer")}
        limits["wildcards"] = True
        plain = {k: v for k, v in limits.items()
                 if k not in ("mem_storage", "disk_storage", "streams", "consumer")}
        tokens = {
            system.public: token(operator, system, "SYS", {"type": "account", "limits": plain}),
            account.public: token(operator, account, "app", {"type": "account", "limits": limits}),
        }
        preload = "\n".join(f"  {name}: {text}" for name, text in tokens.items())
        self.server_config = (
            f"operator: {token(operator, operator, 'op', {'type': 'operator'})}\n"
            f"system_account: {system.public}\n"
            f"resolver: MEMORY\nresolver_preload: {{\n{preload}\n}}\n")

    def credentials(self):
        """Text of a new user's credentials file."""
        user = NKey(USER)
        text = token(self._account, user, "user", {
            "type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1})
        return (f"-----BEGIN NATS USER JWT-----\n{text}\n------END NATS USER JWT------\n\n"
                f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n")


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self._folder / "ca.pem"
        self._key = self._folder / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", 30, "-subj", "/CN=test authority", "-keyout", self._key,
                "-out", self.certificate)

    def issue(self, name, address="127.0.0.1"):
        """(certificate file, key file) good for a server at that address and for a client."""
        key, request, certificate, more = (self._folder / f"{name}.{end}"
                                           for end in ("key", "csr", "pem", "ext"))
        more.write_text(f"subjectAltName=IP:{address}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                "-CAcreateserial", "-days", 30, "-extfile", more, "-out", certificate)
        key.chmod(0o600)
        return certificate, key
