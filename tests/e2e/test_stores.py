"""The stores for snapshots against real servers: what every store must do (store_run runs the same
tests for all), and what they say and keep when something is wrong."""

import os
import pathlib
import re
import shutil
import subprocess
from urllib.parse import quote

import pytest

import harness
import processes
from credentials import Authority
from nats_server import NatsServer
from store_servers import Apache, PasswordSftp, Sshd, Swift
from tcp_proxy import TcpProxy
from wait import seconds

STORE_RUN = harness.BINARY.parent / "tests" / "store_run"
MIB = 1 << 20
# What a transfer may need beside the program itself, whatever the object's size.
MEMORY_MIB = 64 if seconds(1) == 1 else 2000  # a sanitizer needs its own


class Store:
    """A configured store, driven through store_run."""

    def __init__(self, folder, settings, secrets=(), environment=None):
        self.folder = pathlib.Path(folder)
        self.secrets = secrets  # must not show anywhere
        self.environment = {**os.environ, **(environment or {})}
        self.config = self.folder / "store.toml"
        self.config.write_text(f'db_path = "{self.folder}/x.db"\n{settings}')
        self.config.chmod(0o600)

    def run(self, *words):
        """(exit code, output)"""
        ended = subprocess.run([STORE_RUN, self.config, *map(str, words)], env=self.environment,
                               capture_output=True, text=True, timeout=seconds(300))
        output = ended.stdout + ended.stderr
        for secret in self.secrets:
            assert secret not in output
        return ended.returncode, output

    def contract(self):
        code, output = self.run("contract")
        assert code == 0, output

    def put(self, name, data):
        path = self.folder / "in"
        path.write_bytes(data)
        return self.run("put", name, path)

    def get(self, name):
        path = self.folder / "out"
        path.unlink(missing_ok=True)
        code, output = self.run("get", name, path)
        assert code == 0, output
        return path.read_bytes()

    def must_put(self, name, data):
        code, output = self.put(name, data)
        assert code == 0, output
        return output

    def fails(self, kind, pattern, *words):
        code, output = self.run(*words)
        assert code == 1, output
        assert output.startswith(kind), output
        assert re.search(pattern, output), output


def webdav_settings(server, user="u", password=Apache.PASSWORD, folder="/a/b c", port=None):
    url = (f"{server.scheme}://127.0.0.1:{port or server.port}/?dir={quote(folder)}&login={user}"
           f"&secret={quote(password, safe='')}")
    return f'[snapshot]\nstore = "webdav"\n[snapshot.webdav]\nurl = "{url}"\n'


def sftp_settings(server, port=None, key=None, known_hosts=None):
    url = f"sftp://{server.user}@127.0.0.1:{port or server.port}{server.files}/a/b%20c"
    return (f'[snapshot]\nstore = "sftp"\n[snapshot.sftp]\nurl = "{url}"\n'
            f'key_file = "{key or server.key}"\n'
            f'known_hosts_file = "{known_hosts or server.known_hosts(port)}"\n')


def s3_settings(server, secret=Swift.SECRET, key=Swift.KEY, port=None, bucket="bucket", more=""):
    return (f'[snapshot]\nstore = "s3"\n[snapshot.s3]\nendpoint = "127.0.0.1:{port or server.port}"\n'
            f'bucket = "{bucket}"\npath = "a/b c"\naccess_key = "{key}"\nsecret = "{secret}"\n{more}')


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


def served(server):
    started = server.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def apache(module_folder):
    yield from served(Apache(module_folder / "apache"))


@pytest.fixture(scope="module")
def sshd(module_folder):
    yield from served(Sshd(module_folder / "sshd"))


@pytest.fixture(scope="module")
def swift(module_folder):
    yield from served(Swift(module_folder / "swift"))


@pytest.fixture(scope="module")
def kinds():
    return {"webdav": ("apache", webdav_settings), "sftp": ("sshd", sftp_settings),
            "s3": ("swift", s3_settings)}


@pytest.fixture(params=["webdav", "sftp", "s3"])
def remote(request, kinds):
    """(server, settings) of one kind."""
    name, settings = kinds[request.param]
    return request.getfixturevalue(name), settings


def test_every_store_does_what_it_must(remote, folder):
    server, settings = remote
    Store(folder, settings(server)).contract()


def test_large_objects_need_little_memory(remote, folder):
    server, settings = remote
    store = Store(folder, settings(server))
    data = os.urandom(MIB) * 100  # in parts, on S3
    try:
        output = store.must_put("large", data)
        assert int(re.search(r"(\d+) MiB of memory", output).group(1)) < MEMORY_MIB, output
        assert store.get("large") == data
    finally:
        store.run("delete", "large")


class BreakingProxy(TcpProxy):
    """Cuts lines of which so many bytes have passed, `times` times."""

    def __init__(self, target_port, limit, times):
        self.limit, self.times, self.broken = limit, times, 0
        super().__init__(target_port)

    def _pump(self, source, sink):
        left = self.limit
        try:
            while data := source.recv(64 * 1024):
                left -= len(data)
                if left < 0 and self.broken < self.times:
                    self.broken += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(2)
            except OSError:
                pass


def test_a_line_that_breaks_once_is_tried_again(remote, folder):
    server, settings = remote
    proxy = BreakingProxy(server.port, 3 * MIB, 1)
    store = Store(folder, settings(server, port=proxy.port))
    data = os.urandom(8 * MIB)
    try:
        store.must_put("x", data)
        assert proxy.broken == 1
        proxy.times = 2
        assert store.get("x") == data
        assert proxy.broken == 2
    finally:
        proxy.close()
        Store(folder, settings(server)).run("delete", "x")


def test_a_line_that_always_breaks_leaves_the_old_object(remote, folder):
    server, settings = remote
    straight = Store(folder, settings(server))
    straight.must_put("x", b"old")
    proxy = BreakingProxy(server.port, 3 * MIB, 1000)
    try:
        broken = folder / "broken"
        broken.mkdir()
        code, output = Store(broken, settings(server, port=proxy.port)).put("x", os.urandom(8 * MIB))
        assert code == 1 and output.startswith("retry later: cannot put x"), output
        assert proxy.broken == 5, "attempts"
        assert straight.get("x") == b"old"
        assert straight.run("list") == (0, "x 3\n")
    finally:
        proxy.close()
        straight.run("delete", "x")


def test_nobody_there_is_for_later(remote, folder):
    server, settings = remote
    port = processes.free_ports(1)[0]
    store = Store(folder, settings(server, port=port))
    store.fails("retry later", f"127.0.0.1.*{port}", "list")


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
        Store(folder, settings).fails("invalid argument", "not to be trusted.*SSL_CERT_FILE", *words)
        trusting = {"SSL_CERT_FILE": str(other.certificate)}
        Store(folder, settings, environment=trusting).fails("invalid argument", "trusted", *words)
        trusting = {"SSL_CERT_FILE": str(ours.certificate)}
        code, output = Store(folder, settings, environment=trusting).run(*words)
        assert code == 0, output
        # The certificate is for 127.0.0.1.
        elsewhere = settings.replace("127.0.0.1", "localhost")
        Store(folder, elsewhere, environment=trusting).fails("invalid argument", "trusted", *words)
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


@pytest.mark.parametrize("kind", ["webdav", "sftp"])
def test_parts_of_killed_writers_are_removed_once_they_are_old(request, kinds, kind, folder):
    server = request.getfixturevalue(kinds[kind][0])
    store = Store(folder, kinds[kind][1](server))
    store.must_put("x", b"1")
    place = server.files / "a" / "b c"
    (place / "~harmonylite-part-1000000000-00").write_text("x")
    (place / "~harmonylite-part-9000000000-00").write_text("x")
    for path in place.glob("~*"):
        path.chmod(0o666)
    assert store.run("list") == (0, "x 1\n")
    store.must_put("x", b"2")
    assert sorted(path.name for path in place.iterdir()) == ["x", "~harmonylite-part-9000000000-00"]
    (place / "~harmonylite-part-9000000000-00").unlink()
    store.run("delete", "x")


@pytest.fixture
def small_disk(folder):
    """A folder on a file system of 8 MiB."""
    place = folder / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0777", "tmpfs", place],
                      capture_output=True).returncode != 0:
        pytest.skip("cannot mount a small file system (not root?)")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("kind", ["webdav", "sftp", "file"])
def test_a_full_disk_is_for_later_and_the_old_object_stays(folder, small_disk, kind):
    if kind == "file":
        server = None
        settings = f'[snapshot]\nstore = "file"\n[snapshot.file]\npath = "{small_disk}/snapshots"\n'
    else:
        server = {"webdav": Apache, "sftp": Sshd}[kind](folder / "server")
        server.files = small_disk
        server.start()
        settings = {"webdav": webdav_settings, "sftp": sftp_settings}[kind](server)
    try:
        store = Store(folder, settings)
        store.must_put("x", b"old")
        code, output = store.put("x", os.urandom(20 * MIB))
        assert code == 1 and output.startswith("retry later"), output
        assert store.get("x") == b"old"
        assert store.run("list") == (0, "x 3\n")
        # Nothing of it stays in the way of a smaller one.
        store.must_put("y", os.urandom(6 * MIB))
    finally:
        if server:
            server.stop()


def test_no_credential_is_on_a_command_line(apache, folder):
    """And no helper program is started, which would have one."""
    proxy = TcpProxy(apache.port)
    proxy.swallow()
    store = Store(folder, webdav_settings(apache, port=proxy.port))
    process = processes.start([STORE_RUN, store.config, "list"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        harness.wait_until(proxy.connections, what="a connection")
        assert processes.children(process.pid) == []
        line = b" ".join(processes.command_line(process.pid)).decode()
        assert Apache.PASSWORD not in line and quote(Apache.PASSWORD, safe="") not in line
    finally:
        process.kill()
        process.wait()
        proxy.close()


@pytest.mark.long
def test_a_silent_server_is_given_up(apache, folder):
    proxy = TcpProxy(apache.port)
    proxy.swallow()
    try:
        Store(folder, webdav_settings(apache, port=proxy.port)).fails("retry later", "too slow|slow", "list")
    finally:
        proxy.close()


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


def node_with(package, folder):
    """The program `node`, with a package in `folder`."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("npm is not installed")
    if subprocess.run([npm, "install", "--prefix", folder, package], capture_output=True).returncode != 0:
        pytest.skip(f"npm cannot install {package}")
    return node


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
        Store(folder, settings + f'endpoint = "localhost:{port}"\n').contract()
        store = Store(folder, settings + f'endpoint = "localhost:{port}"\nforce_path_style = false\n')
        store.contract()
        data = os.urandom(MIB) * 70
        store.must_put("large", data)
        assert store.get("large") == data
    finally:
        processes.end(server)
