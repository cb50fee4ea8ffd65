"""Servers that snapshots can be kept on, each a private instance on loopback and a free port."""

import getpass
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

import processes
from wait import wait_until

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_APACHE_MODULES = pathlib.Path("/usr/lib/apache2/modules")


def program(name, package):
    """Its path; the test is skipped where it is not installed."""
    path = shutil.which(name, path=_PATH)
    if path is None:
        pytest.skip(f"{name} is not installed ({package})")
    return path


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True
    except OSError:
        return False


class Server:
    """A process that listens on `port` and writes to `folder`/log."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port = processes.free_ports(1)[0]
        self.process = None

    def launch(self, arguments, **options):
        with open(self.folder / "log", "ab") as log:
            self.process = processes.start(arguments, stdout=log, stderr=log, **options)
        wait_until(self._ready, what=arguments[0], explain=self.tail)
        return self

    def _ready(self):
        assert self.process.poll() is None, f"{self.process.args[0]} ended\n{self.tail()}"
        return answers(self.port)

    def tail(self):
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def stop(self):
        if self.process is not None:
            processes.end(self.process)
            self.process = None


class Apache(Server):
    """mod_dav at /, for the user `u` with the password PASSWORD. The files are in `files`."""

    PASSWORD = "pa ss/w&rd"

    def __init__(self, folder, certificate=None, key=None):
        super().__init__(folder)
        self.files = self.folder / "files"
        self.certificate, self.key = certificate, key

    @property
    def scheme(self):
        return "https" if self.certificate else "http"

    def start(self):
        apache = program("apache2", "apache2-bin")
        self.files.mkdir(exist_ok=True)
        locks = self.folder / "locks"
        locks.mkdir(exist_ok=True)
        hashed = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=self.PASSWORD,
                                capture_output=True, text=True, check=True).stdout
        (self.folder / "users").write_text("u:" + hashed)
        modules = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic",
                   "dav", "dav_fs"] + (["ssl"] if self.certificate else [])
        lines = [f"LoadModule {name}_module {_APACHE_MODULES}/mod_{name}.so" for name in modules]
        if os.geteuid() == 0:
            # It does not serve as root; what it needs is in folders that others may enter.
            lines += ["User nobody", "Group nogroup"]
            shutil.chown(self.files, "nobody", "nogroup")
            for path in (self.folder, *self.folder.parents):
                if path.stat().st_mode & 0o001 == 0:
                    path.chmod(path.stat().st_mode | 0o011)
            shutil.chown(locks, "nobody", "nogroup")
        lines += [
            f"ServerRoot {self.folder}", f"DefaultRuntimeDir {self.folder}", f"PidFile {self.folder}/pid",
            "ServerName localhost", f"Listen 127.0.0.1:{self.port}", f"ErrorLog {self.folder}/log",
            f"DavLockDB {self.folder}/locks/db", f"DocumentRoot {self.files}",
            f"<Directory {self.files}>",
            "  Dav On", "  AuthType Basic", "  AuthName here", f"  AuthUserFile {self.folder}/users",
            "  Require valid-user", "</Directory>",
        ]
        if self.certificate:
            lines += ["SSLEngine on", f"SSLCertificateFile {self.certificate}",
                      f"SSLCertificateKeyFile {self.key}"]
        config = self.folder / "apache.conf"
        config.write_text("\n".join(lines) + "\n")
        return self.launch([apache, "-D", "FOREGROUND", "-f", config])


class Sshd(Server):
    """OpenSSH's SFTP for our own user, who shows `key`. The files are in `files`."""

    def __init__(self, folder):
        super().__init__(folder)
        self.files = self.folder / "files"

    def start(self):
        sshd = program("sshd", "openssh-server")
        self.files.mkdir(exist_ok=True)
        self.user = getpass.getuser()
        self.key, self.host_key = self.folder / "key", self.folder / "host_key"
        for path in (self.key, self.host_key):
            if not path.exists():
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        shutil.copy(f"{self.key}.pub", self.folder / "authorized_keys")
        if os.geteuid() == 0:
            pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # it insists, and uses it for nothing
        config = self.folder / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
            "Subsystem sftp internal-sftp\n")
        return self.launch([sshd, "-D", "-e", "-f", config])

    def known_hosts(self, port=None):
        """A file that knows it, at the port through which it is reached."""
        path = self.folder / f"known_hosts{port or ''}"
        key = pathlib.Path(f"{self.host_key}.pub").read_text()
        path.write_text(f"[127.0.0.1]:{port or self.port} {key}")
        return path


class PasswordSftp:
    """A small SFTP server for the user `u` with PASSWORD: a private sshd cannot know passwords without
    changing the machine. The files are in `folder`/files."""

    PASSWORD = "pa ss/w@rd"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "files").mkdir(parents=True)
        try:
            import sftp_server
        except ImportError:
            pytest.skip("paramiko is not installed (python3-paramiko)")
        self._server = sftp_server.SftpServer(self.folder / "files", "u", self.PASSWORD)
        self.port = self._server.port
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {self._server.public_key}\n")

    def stop(self):
        self._server.close()


class Swift(Server):
    """OpenStack Swift with its s3api, which verifies signatures. The key `test:tester` has SECRET."""

    KEY, SECRET = "test:tester", "testing"
    PAGE = 10  # names in one answer to a listing
    PYTHON = "/usr/bin/python3"  # Debian's, which has its modules
    # The programs of Swift's server packages, which would start services, do the same.
    LAUNCH = ("import sys; from swift.common import utils, wsgi; utils.set_swift_dir(sys.argv[3]);"
              "sys.exit(wsgi.run_wsgi(sys.argv[1], sys.argv[2]))")
    RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, ports = sys.argv[1], dict(zip(("account", "container", "object"), map(int, sys.argv[2:5])))
for kind, port in ports.items():
    ring = RingBuilder(4, 1, 1)
    ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d", "weight": 1,
                  "replication_ip": "127.0.0.1", "replication_port": port, "meta": ""})
    ring.rebalance()
    ring.get_ring().save(f"{folder}/{kind}.ring.gz")
"""

    def start(self):
        if subprocess.run([self.PYTHON, "-c", "import swift.common.middleware.s3api.s3api"],
                          capture_output=True).returncode != 0:
            pytest.skip("Swift is not installed (python3-swift)")
        (self.folder / "devices" / "d").mkdir(parents=True, exist_ok=True)
        try:
            os.setxattr(self.folder / "devices", "user.test", b"x")
        except OSError:
            pytest.skip("Swift needs a file system with extended attributes")
        self.devices = self.folder / "devices"
        ports = processes.free_ports(3)
        subprocess.run([self.PYTHON, "-c", self.RINGS, self.folder, *map(str, ports)], check=True)
        (self.folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n"
            "[storage-policy:0]\nname = Policy-0\ndefault = yes\n")
        self.helpers = [self._run(kind, port, f"[pipeline:main]\npipeline = {kind}-server\n"
                                  f"[app:{kind}-server]\nuse = egg:swift#{kind}\n")
                        for kind, port in zip(("account", "container", "object"), ports)]
        for port in ports:
            wait_until(lambda: answers(port), what="Swift", explain=self.tail)
        self.process = self._run("proxy", self.port, f"""
[pipeline:main]
pipeline = catch_errors cache s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_bucket_listing = {self.PAGE}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {self.SECRET} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
""")
        wait_until(self._ready, what="Swift's proxy", explain=self.tail)
        return self

    def _run(self, kind, port, text):
        config = self.folder / f"{kind}.conf"
        user = getpass.getuser()
        config.write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nuser = {user}\n"
            f"swift_dir = {self.folder}\ndevices = {self.devices}\nmount_check = false\n"
            f"disable_fallocate = true\nlog_address = {self.folder}/none\n{text}")
        with open(self.folder / "log", "ab") as log:
            return processes.start(
                [self.PYTHON, "-c", self.LAUNCH, config, f"{kind}-server", self.folder],
                stdout=log, stderr=log, cwd=self.folder)

    def stop(self):
        super().stop()
        for helper in getattr(self, "helpers", []):
            processes.end(helper)
        self.helpers = []
