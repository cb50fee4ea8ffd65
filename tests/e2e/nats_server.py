"""A nats-server process of our own, on loopback and a free port."""

import json
import os
import pathlib
import shutil
import signal
import socket

import processes
from wait import wait_until


# Debian puts it where an ordinary user's PATH does not look.
PROGRAM = shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin") or "nats-server"


class NatsServer:
    """JetStream files are in `folder`/store. The port is the server's choice at the first start and
    the same at every later one. `extra` is text for its configuration file."""

    def __init__(self, folder, extra="", scheme="nats"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.extra = extra
        self.scheme = scheme
        self.port = None
        self.process = None

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def store(self):
        return self.folder / "store"

    @property
    def log(self):
        return self.folder / "nats-server.log"

    def start(self):
        assert self.process is None
        ports = self.folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        config = self.folder / "nats-server.conf"
        config.write_text(
            f'host: 127.0.0.1\nport: {self.port or -1}\n'
            f'jetstream {{ store_dir: "{self.store}" }}\n{self.extra}\n')
        with open(self.log, "ab") as log:
            self.process = processes.start(
                [PROGRAM, "-c", config, "--ports_file_dir", ports], stdout=log, stderr=log)
        wait_until(lambda: self._ready(ports), what="nats-server", explain=self.tail)
        return self

    def _ready(self, ports):
        assert self.process.poll() is None, f"nats-server ended\n{self.tail()}"
        if self.port is None:
            for file in ports.glob("*.ports"):
                try:
                    self.port = int(json.loads(file.read_text())["nats"][0].rsplit(":", 1)[1])
                except (ValueError, KeyError, IndexError):
                    return False  # half written
        if self.port is None:
            return False
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                return probe.recv(4) == b"INFO"
        except OSError:
            return False

    def stop(self):
        """Ends it in order, JetStream flushed."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def _end(self, how):
        if self.process is not None:
            process, self.process = self.process, None
            processes.end(process, how)

    def wipe(self):
        """Forgets everything; the server must be down."""
        assert self.process is None
        shutil.rmtree(self.store, ignore_errors=True)

    def save(self):
        """Copies the store; the server must be down."""
        assert self.process is None
        shutil.rmtree(self.folder / "saved", ignore_errors=True)
        shutil.copytree(self.store, self.folder / "saved")

    def put_back(self):
        """Replaces the store by the saved copy; the server must be down."""
        self.wipe()
        shutil.copytree(self.folder / "saved", self.store)

    def tail(self, lines=30):
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
