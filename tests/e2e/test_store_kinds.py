"""What only one kind of store for snapshots can get wrong: logins, signatures, certificates, host keys,
listings, and other clients of the same server."""

import http.server
import os
import re
import subprocess
import threading
from urllib.parse import quote

import pytest

import harness
import processes
from credentials import Authority
from nats_server import NatsServer
from store_client import (MEMORY_MIB, MIB, Store, node_with, s3_settings, sftp_settings,
                          webdav_settings)
from store_servers import Apache, PasswordSftp, Swift


def test_webdav_wrong_login(apache, folder):
    store = Store(folder, webdav_settings(apache, password="guessed-it"), secrets=["guessed-it"])
    for words in (["list"], ["get", "x", folder / "o"], ["put", "x", "/etc/hostname"], ["delete", "x"]):
        store.fails("invalid argument", r"401.*correct the user", *words)
    Store(folder, webdav_settings(apache, user="nobody-here")).fails("invalid argument", "401", "list")


def test_webdav_path_that_is_not_there(apache, folder):
    settings = webdav_settings(apache).replace("/?dir=", "/no/such/path?dir=")
    store = Store(folder, settings, secrets=[quote(Apache.PASSWORD, safe=""), Apache.PASSWORD])
    store.fails("invalid argument", "make the folder", "put", "x", "/etc/hostname")
    assert store.run("list") == (0, "")


@pytest.mark.parametrize("words", [["list"], ["put", "x", "/etc/hostname"]])
def test_webdav_certificates_are_verified(folder, words):
    ours, other = Authority(folder / "ours"), Authority(folder / "other")
    server = Apache(folder / "apache", *ours.issue("server")).start()
    try:
        settings = webdav_settings(server)
        Store(folder, settings).fails("invalid argument", "cannot verify the certificate.*SSL_CERT_FILE", *words)
        trusting = {"SSL_CERT_FILE": str(other.certificate)}
        Store(folder, settings, environment=trusting).fails("invalid argument", "cannot verify the certificate", *words)
        trusting = {"SSL_CERT_FILE": str(ours.certificate)}
        code, output = Store(folder, settings, environment=trusting).run(*words)
        assert code == 0, output
        # The certificate is for 127.0.0.1.
        elsewhere = settings.replace("127.0.0.1", "localhost")
        Store(folder, elsewhere, environment=trusting).fails("invalid argument", "cannot verify the certificate", *words)
    finally:
        server.stop()


def test_s3_signatures_are_verified(swift, folder):
    store = Store(folder, s3_settings(swift, secret="guessed-it"), secrets=["guessed-it"])
    for words in (["list"], ["get", "x", folder / "o"], ["put", "x", "/etc/hostname"], ["delete", "x"]):
        store.fails("invalid argument", "SignatureDoesNotMatch.*correct access_key", *words)
    unknown = Store(folder, s3_settings(swift, key="test:nobody"))
    unknown.fails("invalid argument", "cannot list the bucket", "list")


def test_s3_credentials_from_the_environment(swift, folder):
    settings = re.sub(r"access_key.*\n", "", re.sub(r"secret = .*\n", "", s3_settings(swift)))
    environment = {"AWS_ACCESS_KEY_ID": Swift.KEY, "AWS_SECRET_ACCESS_KEY": Swift.SECRET}
    store = Store(folder, settings, environment=environment)
    store.must_put("env", b"x")
    assert store.get("env") == b"x"
    store.run("delete", "env")


def test_s3_session_tokens_are_signed(folder):
    seen = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers)
            body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        settings = s3_settings(server, port=server.server_port, more='session_token = "the token"\n')
        assert Store(folder, settings).run("list") == (0, "")
    finally:
        server.shutdown()
        server.server_close()
    assert seen[0]["x-amz-security-token"] == "the token"
    signed = re.search("SignedHeaders=([^,]*)", seen[0]["Authorization"]).group(1).split(";")
    assert {"x-amz-security-token", "x-amz-content-sha256", "x-amz-date", "host"} <= set(signed)


def test_s3_long_listings_come_in_pages(swift, folder):
    store = Store(folder, s3_settings(swift, bucket="pages"))
    count = 3 * swift.PAGE + 1
    code, output = store.run("fill", count)
    assert code == 0, output
    assert store.run("list") == (0, "".join(f"n{i:05} 0\n" for i in range(count)))
    assert store.run("list", "n0000") == (0, "".join(f"n{i:05} 0\n" for i in range(10)))


def test_s3_wrong_bucket_name(swift, folder):
    Store(folder, s3_settings(swift, bucket="A_")).fails(
        "invalid argument", "cannot put x into the bucket", "put", "x", "/etc/hostname")


def test_sftp_host_keys_are_checked(sshd, folder):
    empty = folder / "empty"
    empty.write_text("")
    for known in (empty, folder / "absent"):
        store = Store(folder, sftp_settings(sshd, known_hosts=known))
        for words in (["list"], ["put", "x", "/etc/hostname"]):
            store.fails("invalid argument", rf"host key of .* not in {known}.*SHA256:", *words)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "other"], check=True)
    changed = folder / "changed"
    changed.write_text(f"[127.0.0.1]:{sshd.port} {(folder / 'other.pub').read_text()}")
    Store(folder, sftp_settings(sshd, known_hosts=changed)).fails(
        "invalid argument", "somebody may be in between", "list")


def test_sftp_wrong_key(sshd, folder):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "other"], check=True)
    store = Store(folder, sftp_settings(sshd, key=folder / "other"))
    store.fails("invalid argument", "refuses the login", "list")
    store = Store(folder, sftp_settings(sshd, key=folder / "absent"))
    store.fails("invalid argument", "cannot read the SSH key", "list")


def test_sftp_password(folder):
    server = PasswordSftp(folder / "server")
    try:
        def settings(password):
            return (f'[snapshot]\nstore = "sftp"\n[snapshot.sftp]\nknown_hosts_file = "{server.known_hosts}"\n'
                    f'url = "sftp://u:{quote(password, safe="")}@127.0.0.1:{server.port}/a/b"\n')
        wrong = Store(folder, settings("guessed-it"), secrets=["guessed-it"])
        wrong.fails("invalid argument", "refuses the login", "put", "x", "/etc/hostname")
        store = Store(folder, settings(server.PASSWORD), secrets=[server.PASSWORD])
        store.must_put("x", b"1")
        store.must_put("x", b"22")
        assert store.get("x") == b"22"
        assert store.run("list") == (0, "x 2\n")
        assert store.run("delete", "x") == (0, "")
        assert store.run("list") == (0, "")
    finally:
        server.stop()


def test_sftp_put_that_died_between_its_renames(sshd, folder):
    """The old object has its other name, and the new one is not in place yet."""
    store = Store(folder, sftp_settings(sshd))
    store.must_put("x", b"old")
    place = sshd.files / "a" / "b c"
    (place / "x").rename(place / "~old-x")
    assert store.get("x") == b"old"
    assert store.run("list") == (0, "x 3\n")
    store.must_put("x", b"newer")
    assert store.get("x") == b"newer"
    assert [path.name for path in place.iterdir()] == ["x"]
    store.run("delete", "x")


def test_nats_store_as_configured(folder):
    server = NatsServer(folder / "nats").start()
    try:
        store = Store(folder, f'[nats]\nurls = ["{server.url}"]\n')
        store.contract()
        data = os.urandom(MIB) * 100
        output = store.must_put("large", data)
        assert int(re.search(r"(\d+) MiB of memory", output).group(1)) < MEMORY_MIB, output
        assert store.get("large") == data
    finally:
        server.kill()


# What the official client for JavaScript reads of ours, and writes for us.
JAVASCRIPT = """
import { connect } from "nats"; import fs from "fs";
const nc = await connect({ servers: process.argv[2] });
const os = await nc.jetstream().views.os("harmonylite-changes-snapshot-store");
fs.writeFileSync(process.argv[3], await os.getBlob("ours"));
await os.putBlob({ name: "theirs" }, fs.readFileSync(process.argv[4]));
await os.putBlob({ name: "gone" }, Buffer.from("x")); await os.delete("gone");
await nc.close();
"""


@pytest.mark.long
def test_other_nats_clients_read_and_write_the_same(folder):
    node = node_with("nats@2", folder)
    server = NatsServer(folder / "nats").start()
    try:
        store = Store(folder, f'[nats]\nurls = ["{server.url}"]\n')
        ours, theirs = os.urandom(MIB + 1), os.urandom(MIB + 2)
        store.must_put("ours", ours)
        (folder / "theirs").write_bytes(theirs)
        (folder / "client.mjs").write_text(JAVASCRIPT)
        subprocess.run([node, folder / "client.mjs", server.url, folder / "read", folder / "theirs"],
                       check=True, cwd=folder)
        assert (folder / "read").read_bytes() == ours
        assert store.get("theirs") == theirs
        assert store.run("list") == (0, f"ours {len(ours)}\ntheirs {len(theirs)}\n")
        store.fails("not found", "gone", "get", "gone", folder / "o")
    finally:
        server.kill()


@pytest.mark.long
def test_s3_server_that_checks_no_signatures(folder):
    """Another server's idea of the protocol, with the bucket in the path and in the host's name."""
    node = node_with("s3rver@3", folder)
    port = processes.free_ports(1)[0]
    with open(folder / "log", "wb") as log:
        server = processes.start(
            [node, folder / "node_modules/s3rver/bin/s3rver.js", "-d", folder / "data", "-a", "127.0.0.1",
             "-p", port, "--service-endpoint", "localhost"], stdout=log, stderr=log, cwd=folder)
    try:
        settings = (f'[snapshot]\nstore = "s3"\n[snapshot.s3]\nbucket = "snaps"\naccess_key = "S3RVER"\n'
                    'secret = "S3RVER"\n')
        harness.wait_until(lambda: Store(folder, settings + f'endpoint = "localhost:{port}"\n').run(
            "list")[0] == 0, what="s3rver")
        # It keeps what it got of an upload that broke off.
        lack = "ACancelledPut"
        Store(folder, settings + f'endpoint = "localhost:{port}"\n').contract(without=lack)
        store = Store(folder, settings + f'endpoint = "localhost:{port}"\nforce_path_style = false\n')
        store.contract(without=lack)
        data = os.urandom(MIB) * 70
        store.must_put("large", data)
        assert store.get("large") == data
    finally:
        processes.end(server)
