"""The configured store, driven through store_run, and what tests of stores need beside it."""

import os
import pathlib
import re
import shutil
import subprocess
from urllib.parse import quote

import pytest

import harness
from store_servers import Apache, Swift
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

    def contract(self, without="none"):
        code, output = self.run("contract", f"--gtest_filter=-*{without}*")
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


def node_with(package, folder):
    """The program `node`, with a package in `folder`."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("npm is not installed")
    if subprocess.run([npm, "install", "--prefix", folder, package], capture_output=True).returncode != 0:
        pytest.skip(f"npm cannot install {package}")
    return node
