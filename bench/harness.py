"""Processes and files of a bench: nats-server, sidecars, the C++ programs, fresh databases.

Everything runs on loopback, on free ports, in one folder per rig that is removed afterwards. Every
process is a child of ours and is ended by its own id, at the latest when its rig is closed; the
kernel ends it if we are killed.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

BOOKS = ("CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT, author TEXT, year INTEGER,"
         " body TEXT)")
HIDDEN = "__harmonylite__"
START_LIMIT_S = 30
STOP_LIMIT_S = 15

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class BenchError(Exception):
    """The bench could not be done; the message goes into the table."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(args, **kwargs):
    try:
        return subprocess.Popen(args, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent,
                                **kwargs)
    except OSError as error:
        raise BenchError(f"cannot run {args[0]}: {error.strerror}") from error


def end(process, sig=signal.SIGTERM):
    """Ends a child; true if it went by itself within the limit."""
    if process.poll() is not None:
        return True
    process.send_signal(sig)
    try:
        process.wait(STOP_LIMIT_S)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def tail_of(path, lines=3):
    with open(path, errors="replace") as file:
        return " | ".join(line.strip() for line in file.readlines()[-lines:])


class Places:
    """Where the programs and the temporary folders are."""

    def __init__(self, build, temp, daemon=None, nats_server=None, limit_s=900, keep=False):
        self.programs = os.path.join(build, "bench")
        self.daemon = daemon or os.path.join(build, "harmonylite")
        self.nats_server = nats_server or shutil.which("nats-server") or "/usr/sbin/nats-server"
        self.temp = temp
        self.limit_s = limit_s
        self.keep = keep

    def program(self, name):
        return os.path.join(self.programs, "bench_" + name)


class Program:
    """One of our C++ programs at work; its last line of output is JSON."""

    def __init__(self, rig, name, **flags):
        self.name, self.rig = name, rig
        args = [rig.places.program(name)]
        for flag, value in flags.items():
            args += ["--" + flag.replace("_", "-"), str(value)]
        self.process = spawn(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        rig.children.append(self.process)

    def wait_ready(self):
        if self.process.stdout.readline().strip() != "ready":
            self.result()
            raise BenchError(f"bench_{self.name} did not get ready")
        return self

    def result(self):
        """Its answer; fails early when a sidecar that should be there has gone."""
        deadline = time.monotonic() + self.rig.places.limit_s + 30
        while True:
            try:
                self.process.wait(0.2)
                break
            except subprocess.TimeoutExpired:
                self.rig.check_alive()
                if time.monotonic() > deadline:
                    raise BenchError(f"bench_{self.name} did not end within its limit") from None
        out, err = self.process.stdout.read(), self.process.stderr.read()
        self.rig.check_alive()
        if self.process.returncode != 0:
            raise BenchError(err.strip()
                             or f"bench_{self.name} ended with {self.process.returncode}")
        return json.loads(out.strip().splitlines()[-1])


class Node:
    """A database and the sidecar beside it."""

    def __init__(self, rig, number, config):
        self.rig, self.number, self.process = rig, number, None
        # A folder each, as on machines of their own: file events of one wake nobody else.
        os.mkdir(folder := os.path.join(rig.folder, f"node{number}"))
        self.db = new_database(os.path.join(folder, "books.db"))
        self.config = os.path.join(rig.folder, f"node{number}.toml")
        self.log = os.path.join(rig.folder, f"node{number}.log")
        with open(os.open(self.config, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(f'db_path = {json.dumps(self.db)}\nnode_id = {number}\n\n'
                       f'[nats]\nurls = [{json.dumps(rig.nats_url)}]\n\n'
                       f'[logging]\nformat = "json"\n{config}')

    def start(self):
        """Starts the sidecar without waiting; the monotonic time of it in ns."""
        offset = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        at_ns = time.monotonic_ns()
        with open(self.log, "ab") as log:
            self.process = spawn([self.rig.places.daemon, "-config", self.config], stdout=log,
                                 stderr=log)
        self.rig.children.append(self.process)
        self._log_offset = offset
        return at_ns

    def wait_ready(self):
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            with open(self.log, "rb") as log:
                log.seek(self._log_offset)
                if b"replicating" in log.read():
                    return self
            self.check_alive()
            time.sleep(0.005)
        raise BenchError(f"node {self.number} is not ready after {START_LIMIT_S} s: "
                         f"{tail_of(self.log)}")

    def check_alive(self):
        if self.process is not None and self.process.poll() is not None:
            raise BenchError(f"the sidecar of node {self.number} ended with "
                             f"{self.process.returncode}: {tail_of(self.log)}")

    def stop(self):
        self.check_alive()
        process, self.process = self.process, None
        if not end(process) or process.returncode != 0:
            raise BenchError(f"node {self.number} did not stop cleanly ({process.returncode}): "
                             f"{tail_of(self.log)}")

    def memory_mb(self, field):
        """VmHWM (peak) or VmRSS (now) of the sidecar alone, in MB of 10^6 bytes."""
        with open(f"/proc/{self.process.pid}/status") as file:
            match = re.search(rf"^{field}:\s+(\d+) kB", file.read(), re.M)
        return int(match.group(1)) * 1024 / 1e6

    def cpu_s(self):
        """CPU time used so far. Per thread in ns where the kernel tells; else in clock ticks."""
        tasks = f"/proc/{self.process.pid}/task"
        try:
            total = 0
            for task in os.listdir(tasks):
                with open(f"{tasks}/{task}/schedstat") as file:
                    total += int(file.read().split()[0])
            return total / 1e9
        except OSError:
            with open(f"/proc/{self.process.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Rig:
    """One folder with, if asked for, a nats-server and nodes. Use as a context manager.

    `config` is put behind every node's configuration.
    """

    def __init__(self, places, nodes=0, start=True, config=""):
        self.places, self.children, self.nodes = places, [], []
        os.makedirs(places.temp, exist_ok=True)
        kind = "kept" if places.keep else "run"
        self.folder = tempfile.mkdtemp(prefix=f"{kind}-{os.getpid()}-", dir=places.temp)
        try:
            if nodes:
                self.nats_url = self._start_nats()
                self.nodes = [Node(self, number, config) for number in range(1, nodes + 1)]
            if start:
                for node in self.nodes:
                    node.start()
                for node in self.nodes:
                    node.wait_ready()
            os.sync()  # what an earlier run left to be written must not disturb this one
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for node in self.nodes:
            node.process = None
        for child in reversed(self.children):  # nats-server, the first, goes last
            end(child)
            for pipe in (child.stdout, child.stderr):
                if pipe:
                    pipe.close()
        self.children.clear()
        if self.places.keep:
            say(f"  kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def check_alive(self):
        for node in self.nodes:
            node.check_alive()

    @property
    def nats_store(self):
        return os.path.join(self.folder, "jetstream")

    def kill_nats(self):
        """As a power cut does it: nothing is told to anybody."""
        end(self.nats, signal.SIGKILL)

    def start_nats_again(self):
        """On the same port, with what is in nats_store."""
        self._start_nats(self.nats_url.rpartition(":")[2])

    def _start_nats(self, port="-1"):
        ports, log = os.path.join(self.folder, "ports"), os.path.join(self.folder, "nats.log")
        shutil.rmtree(ports, ignore_errors=True)
        os.makedirs(ports)
        with open(log, "ab") as file:
            server = spawn([self.places.nats_server, "-a", "127.0.0.1", "-p", port, "-js", "-sd",
                            self.nats_store, "--ports_file_dir", ports],
                           stdout=file, stderr=file)
        self.nats = server
        self.children.insert(0, server)
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline and server.poll() is None:
            for name in os.listdir(ports):
                try:
                    with open(os.path.join(ports, name)) as file:
                        return json.load(file)["nats"][0]
                except ValueError:
                    pass  # not written to its end yet
            time.sleep(0.005)
        raise BenchError(f"nats-server did not start: {tail_of(log)}")

    def database(self, name="plain.db"):
        return new_database(os.path.join(self.folder, name))

    def write(self, db, **flags):
        return Program(self, "writer", db=db, **flags).result()

    def watch(self, node, rows, **flags):
        limit = self.places.limit_s
        return Program(self, "watch", db=node.db, rows=rows, timeout=limit, **flags).wait_ready()

    def arrival(self, watch, rows):
        """When the watched node had all rows; they must be the same on every node."""
        seen = watch.result()
        if not seen["done"]:
            raise BenchError(f"node 2 holds {seen['rows']} of {rows} rows "
                             f"after {self.places.limit_s} s")
        self.check_equal()
        return seen

    def settle(self, rows, table="books"):
        """Waits until every node has so many rows in the table, and checks that they are the same."""
        def counts():
            return [ask(node.db, f"SELECT count(*) FROM {table}")[0] for node in self.nodes]

        self.wait_until(lambda: all(count == rows for count in counts()),
                        lambda: f"nodes hold {counts()} rows instead of {rows}", pause_s=0.05)
        self.check_equal()

    def rest(self, *nodes):
        """Waits until all that was written on nodes is folded, sent and trimmed, so that nothing else goes on."""
        journal = f"SELECT count(*) FROM {HIDDEN}journal"
        self.wait_until(lambda: all(ask(node.db, journal)[0] <= 1 for node in nodes),
                        lambda: "a journal was not trimmed", pause_s=0.1)

    def wait_until(self, holds, problem, pause_s=0.01):
        """Waits for a condition while the sidecars live; `problem` says in words what is wrong until then."""
        deadline = time.monotonic() + self.places.limit_s
        while not holds():
            self.check_alive()
            if time.monotonic() > deadline:
                raise BenchError(f"{problem()} after {self.places.limit_s} s")
            time.sleep(pause_s)

    def check_equal(self):
        first, *others = [digest(node.db) for node in self.nodes]
        if any(other != first for other in others):
            raise BenchError(f"nodes differ: {first} and {others}")


def remove_leftovers(temp):
    """Folders of benches that were killed before they could clean up; kept ones stay."""
    if not os.path.isdir(temp):
        return
    for name in os.listdir(temp):
        match = re.match(r"run-(\d+)-", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            shutil.rmtree(os.path.join(temp, name), ignore_errors=True)


def new_database(path):
    """A fresh file with the empty table, in WAL mode, and nothing else."""
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(BOOKS)
    finally:
        db.close()
    return path


def ask(path, sql, *parameters):
    """First row of an answer."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        return db.execute(sql, parameters).fetchone()
    finally:
        db.close()


def digest(path):
    return ask(path, "SELECT count(*), sum(id), sum(year), sum(length(title)), sum(length(author)),"
                     " sum(length(body)), sum(id * unicode(body)) FROM books")
