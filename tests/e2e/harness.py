"""Nodes: a database, a configuration file and a sidecar process beside it."""

import glob
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess

import compare
import processes
from wait import seconds, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("HARMONYLITE_BIN", ROOT / "build/release/harmonylite"))
SANITIZER = os.environ.get("HARMONYLITE_SANITIZE", "")

READY = "replicating"
# What no log may ever hold: a broken invariant, or a sanitizer's report.
DISASTER = re.compile(r"harmonylite: bug at |Sanitizer: |runtime error: |terminate called")


def toml(settings):
    """A nested dict as TOML text: plain keys first, then one [section] each, and one [[section]] for
    each dict of a list."""
    lines, sections = [], []
    for key, value in settings.items():
        if isinstance(value, dict):
            sections.append((f"[{key}]", key, value))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            sections += [(f"[[{key}]]", key, one) for one in value]
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")

    def section(head, path, body):
        lines.append(head)
        nested = []
        for key, value in body.items():
            if isinstance(value, dict):
                nested.append((f"[{path}.{key}]", f"{path}.{key}", value))
            else:
                lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
        for one in nested:
            section(*one)

    for one in sections:
        section(*one)
    return "\n".join(lines) + "\n"


def merged(left, right):
    """`right` laid over `left`, section by section."""
    result = dict(left)
    for key, value in right.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = merged(result[key], value)
        result[key] = value
    return result


class Node:
    """One node. `settings` is its configuration as a dict; db_path and node_id are filled in.

    The process started last is `process`; an end that no method here asked for is a test failure,
    found by check()."""

    def __init__(self, folder, node_id, settings=None, flags=(), env=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.node_id = node_id
        self.name = f"node {node_id}"
        self.database = self.folder / "app.db"
        self.settings = merged({"db_path": str(self.database), "node_id": node_id}, settings or {})
        self.flags = list(flags)
        self.env = env or {}
        self.config_mode = 0o600
        self.process = None
        self._starts = 0
        self._expected_end = False
        self._app = None

    # --- the database, as the application sees it ---

    def create(self, schema="", journal_mode="wal"):
        """Makes the database the way an application would, before any sidecar runs."""
        connection = self.connect()
        connection.execute(f"PRAGMA journal_mode={journal_mode}")
        connection.executescript(schema)
        connection.close()
        return self

    def connect(self, **options):
        """A new connection; each thread needs its own."""
        connection = compare.connect(self.database, **options)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    @property
    def app(self):
        """The application's lasting connection, in autocommit mode."""
        if self._app is None:
            self._app = self.connect()
        return self._app

    def use(self, connection):
        """Makes this the application's lasting connection."""
        self.close_app()
        self._app = connection
        return self

    def sql(self, text, *parameters):
        """Runs one statement as the application; all its rows."""
        return self.app.execute(text, parameters).fetchall()

    def one(self, text, *parameters):
        """The first column of the first row; None without one."""
        row = self.app.execute(text, parameters).fetchone()
        return None if row is None else row[0]

    def script(self, text):
        self.app.executescript(text)

    def transaction(self, *statements):
        """Statements, or (statement, rows) pairs for many, in one transaction."""
        self.app.execute("BEGIN IMMEDIATE")
        for statement in statements:
            if isinstance(statement, tuple):
                self.app.executemany(*statement)
            else:
                self.app.execute(statement)
        self.app.execute("COMMIT")

    def close_app(self):
        if self._app is not None:
            self._app.close()
            self._app = None

    def shell(self, text):
        """Runs SQL with the sqlite3 program; its output."""
        done = subprocess.run(["sqlite3", "-cmd", ".timeout 60000", str(self.database), text],
                              capture_output=True, text=True, timeout=seconds(120), check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    # --- the sidecar ---

    @property
    def config_file(self):
        return self.folder / "config.toml"

    @property
    def log_file(self):
        return self.folder / f"log.{self._starts}"

    @property
    def pid(self):
        return self.process.pid

    def command(self, *flags):
        self.config_file.write_text(toml(self.settings), encoding="utf-8")
        os.chmod(self.config_file, self.config_mode)
        return [BINARY, "-config", self.config_file, *self.flags, *flags]

    def launch(self, *flags):
        """Starts the sidecar without waiting for anything."""
        assert not self.running
        self._starts += 1
        self._expected_end = False
        with open(self.log_file, "wb") as log:
            self.process = processes.start(self.command(*flags), stdout=log, stderr=log,
                                           env={**os.environ, **self.env})
        return self

    def start(self, *flags):
        return self.launch(*flags).wait_ready()

    def wait_ready(self, deadline=60):
        def ready():
            assert self.process.poll() is None, (
                f"{self.name} ended with {self.process.returncode}\n{self.log()}")
            return READY in self.log()
        wait_until(ready, deadline, f"{self.name} to be ready", self.tail)
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, how=signal.SIGTERM):
        """Ends it in order; anything but exit code 0 is a failure."""
        if self.process is None:
            return
        self._expected_end = True
        code = processes.end(self.process, how)
        assert code == 0, f"{self.name} ended with {code}\n{self.tail()}"
        self.process = None

    def kill(self):
        self._expected_end = True
        processes.end(self.process, signal.SIGKILL)
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: processes.stands_still(self.pid), 10, f"{self.name} to stand still", self.tail, pause=0.001)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def run(self, *flags, timeout=60):
        """Runs the program to its end with this configuration: (exit code, output)."""
        done = subprocess.run([str(a) for a in self.command(*flags)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=seconds(timeout), env={**os.environ, **self.env})
        output = done.stdout.decode(errors="replace")
        assert done.returncode >= 0, f"ended by signal {-done.returncode}\n{output}"
        assert not DISASTER.search(output), output
        return done.returncode, output

    # --- what it says ---

    def log(self):
        """Log of the present or last process."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def logs(self):
        """Logs of all starts."""
        files = [self.folder / f"log.{i}" for i in range(1, self._starts + 1)]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def tail(self, lines=40):
        text = "\n".join(self.logs().splitlines()[-lines:])
        return f"--- {self.name}, end of its log\n{text}"

    def alarms(self):
        """Lines of warnings and errors of the present process."""
        return [line for line in self.log().splitlines() if re.search(r"\b(warning|error)\b", line)]

    def wait_log(self, pattern, deadline=60):
        return wait_until(lambda: re.search(pattern, self.log()), deadline,
                          f"{pattern!r} in the log of {self.name}", self.tail)

    def check(self):
        """Problems that no test may have: a sidecar that ended by itself, a broken invariant."""
        problems = []
        if self.process is not None and self.process.poll() is not None and not self._expected_end:
            problems.append(f"{self.name} ended by itself with {self.process.returncode}")
        if DISASTER.search(self.logs()):
            problems.append(f"{self.name} reported a bug in itself")
        return [f"{problem}\n{self.tail()}" for problem in problems]

    def forget_sent(self):
        """Takes from the machine's memory what this node has sent, as a restart of the machine does."""
        connection = compare.connect(self.database, timeout=1)
        try:
            lives = connection.execute("SELECT node, incarnation FROM __harmonylite__nodes").fetchall()
        except sqlite3.Error:  # it never had a sidecar, or is no database
            lives = []
        finally:
            connection.close()
        for path in glob.glob("/dev/shm/harmonylite-sent-*"):
            try:
                mark = pathlib.Path(path).read_text(encoding="ascii")
                if any(mark.startswith(f"1 {node % 2**64} {life} ") for node, life in lives):
                    os.unlink(path)
            except (OSError, UnicodeDecodeError):
                continue  # somebody else's, or gone meanwhile

    def clear(self):
        """Ends whatever still runs, at the end of a test."""
        if self.running:
            self._expected_end = True
            self.thaw()
            self.process.kill()
            self.process.wait()
        self.close_app()
        if self.database.is_file():
            self.forget_sent()


class Cluster:
    """Makes the nodes of one test, which share one log of their own, and clears up after them."""

    def __init__(self, folder, prefix, server=None):
        self.folder = pathlib.Path(folder)
        self.prefix = prefix
        self.server = server
        self.nodes = []

    def settings(self, url=None):
        nats = {"subject_prefix": self.prefix + "-log", "stream_prefix": self.prefix + "-changes"}
        if url or self.server:
            nats["urls"] = [url or self.server.url]
        return {"nats": nats}

    def add(self, settings=None, url=None, flags=(), env=None):
        """A node that is not started and has no database yet."""
        number = len(self.nodes) + 1
        node = Node(self.folder / f"node{number}", number,
                    merged(self.settings(url), settings or {}), flags, env)
        self.nodes.append(node)
        return node

    def run(self, count, schema="", settings=None, journal_mode="wal"):
        """`count` more nodes with that schema, running and ready."""
        fresh = [self.add(settings).create(schema, journal_mode) for _ in range(count)]
        for node in fresh:
            node.launch()
        for node in fresh:
            node.wait_ready()
        return fresh

    def stream(self, client):
        """Name of the stream these nodes use."""
        names = [name for name in client.streams(self.prefix + "-changes")
                 if re.search(r"-v\d+-\d+$", name)]
        assert len(names) == 1, names
        return names[0]

    def clear(self):
        problems = [problem for node in self.nodes for problem in node.check()]
        for node in self.nodes:
            node.clear()
        return problems


def wait_equal(nodes, deadline=90, only=None):
    """Waits until all nodes show the same rows. Ask only when the first one has what it should:
    empty tables are equal, too."""
    wait_until(lambda: compare.tables_equal(nodes, only), deadline, "equal tables", pause=0.1,
               explain=lambda: compare.explain(nodes, only) + "\n" +
               "\n".join(node.tail(15) for node in nodes))


def wait_value(nodes, text, expected, deadline=60):
    """Waits until a query's first value is `expected` on every node."""
    if isinstance(nodes, Node):
        nodes = [nodes]
    for node in nodes:
        wait_until(lambda: node.one(text) == expected, deadline,  # noqa: B023
                   f"{text} to be {expected!r} on {node.name}",
                   lambda: f"it is {node.one(text)!r}\n{node.tail()}")  # noqa: B023
