#!/usr/bin/python3
"""Three nodes on this machine, each with its own database and its own NATS server, before your eyes.

    ./dev demo          shows it, then leaves the nodes running until a key is pressed
    ./dev demo --once   shows it and cleans up
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import termios
import time
import tty

PATIENCE = 60  # seconds that anything may take before the demo gives up
COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def title(text):
    print(f"\n{paint('1', text)}", flush=True)


def say(text):
    print(f"  {text}", flush=True)


class Failure(Exception):
    pass


class Node:
    """One database and the harmonylite beside it."""

    def __init__(self, folder, number, port, ports):
        self.number = number
        self.folder = folder / f"node{number}"
        self.folder.mkdir()
        self.database = self.folder / "books.db"
        self.config = self.folder / "config.toml"
        self.log = self.folder / "harmonylite.log"
        self.process = None
        peers = ",".join(f"nats://127.0.0.1:{p}/" for p in ports if p != port)
        self.flags = ["-config", str(self.config), "-cluster-addr", f"127.0.0.1:{port}",
                      "-cluster-peers", peers]
        self.config.write_text(f'db_path = "{self.database}"\nnode_id = {number}\n\n'
                               '# No [nats] urls: this node brings its own nats-server.\n'
                               '[replication_log]\nreplicas = 3\n')

    @property
    def name(self):
        return paint(str(31 + self.number), f"node {self.number}")

    def sql(self, text):
        """Runs SQL with the sqlite3 program, like any application that has never heard of us."""
        done = subprocess.run(["sqlite3", "-cmd", ".timeout 10000", str(self.database), text],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"sqlite3: {done.stderr.strip()}")
        return done.stdout.strip()

    def write(self, text):
        say(f"{self.name}  $ sqlite3 {self.database.name} {paint('36', repr(text))}")
        self.sql(text)

    def start(self, binary):
        with open(self.log, "ab") as log:
            self._mark = log.tell()
            self.process = subprocess.Popen([binary, *self.flags], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)

    def ready(self):
        if self.process.poll() is not None:
            raise Failure(f"node {self.number} ended with {self.process.returncode}:\n{self.tail()}")
        with open(self.log, "rb") as log:
            log.seek(self._mark)
            return b"replicating" in log.read()

    def end(self, how=signal.SIGTERM):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


class Watch:
    """Looks at a database through one lasting connection, to time what it shows."""

    def __init__(self, node):
        self.node = node
        self._connection = sqlite3.connect(str(node.database), timeout=10, isolation_level=None)

    def value(self, text):
        row = self._connection.execute(text).fetchone()
        return None if row is None else row[0]

    def close(self):
        self._connection.close()


def wait(condition, what, nodes):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            logs = "\n".join(f"--- node {node.number}\n{node.tail()}" for node in nodes)
            raise Failure(f"gave up waiting for {what}\n{logs}")
        time.sleep(0.0005)


def arrives(watches, text, expected, start, nodes):
    """Waits until every watch shows the value, and tells how long after `start` each did."""
    open_watches = list(watches)

    def look():
        for watch in list(open_watches):
            if watch.value(text) == expected:
                took = (time.monotonic() - start) * 1000
                after = f"after {took:.0f} ms" if took >= 1 else "already when sqlite3 has ended"
                say(f"{watch.node.name}  shows it {paint('32', after)}")
                open_watches.remove(watch)
        return not open_watches

    wait(look, text, nodes)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def show(nodes):
    for node in nodes:
        say(f"{node.name}  {node.database}")
        for line in node.sql("SELECT id || '  ' || title || '  (' || author || ')' FROM books "
                             "ORDER BY id").splitlines():
            say(f"          {line}")


def timed_write(node, statement, watches, question, answer, nodes):
    # Counted from when sqlite3 has ended, that is: from the commit.
    node.write(statement)
    start = time.monotonic()
    others = [watch for watch in watches if watch.node is not node and watch.node.process]
    arrives(others, question, answer, start, nodes)


def perform(binary, nodes):
    title("Three databases, made by the sqlite3 program. No extension, no change to the application.")
    for node in nodes:
        node.write("CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT, author TEXT)")
        node.sql("CREATE TABLE hello(node INTEGER PRIMARY KEY)")

    title("One harmonylite beside each, with a NATS server of its own; the three form a cluster.")
    begun = time.monotonic()
    for node in nodes:
        node.start(binary)
        say(f"{node.name}  $ harmonylite {' '.join(node.flags)}")
    wait(lambda: all([node.ready() for node in nodes]), "the nodes to be ready", nodes)
    watches = [Watch(node) for node in nodes]
    one, two, three = nodes
    try:
        # A fresh cluster elects its leaders first: a greeting of each node tells when that is done.
        for node in nodes:
            node.sql(f"INSERT INTO hello VALUES({node.number})")
        wait(lambda: all(watch.value("SELECT count(*) FROM hello") == 3 for watch in watches),
             "the cluster to be complete", nodes)
        say(f"all have heard of each other after {time.monotonic() - begun:.1f} s")

        title("A row written on node 1 …")
        timed_write(one, "INSERT INTO books VALUES(1, 'Momo', 'Michael Ende')", watches,
                    "SELECT title FROM books WHERE id = 1", "Momo", nodes)
        title("… changed on node 2 …")
        timed_write(two, "UPDATE books SET title = 'Momo and the Grey Men' WHERE id = 1", watches,
                    "SELECT title FROM books WHERE id = 1", "Momo and the Grey Men", nodes)
        title("… and another one written and deleted on node 3.")
        timed_write(three, "INSERT INTO books VALUES(2, 'A Draft', 'Nobody')", watches,
                    "SELECT count(*) FROM books", 2, nodes)
        timed_write(three, "DELETE FROM books WHERE id = 2", watches,
                    "SELECT count(*) FROM books", 1, nodes)

        title("Node 3 is killed (kill -9). The others go on; so does the application on node 3.")
        pid = three.process.pid
        three.end(signal.SIGKILL)
        say(f"{three.name}  $ kill -9 {pid}")
        timed_write(one, "INSERT INTO books VALUES(3, 'Emma', 'Jane Austen')", watches,
                    "SELECT count(*) FROM books", 2, nodes)
        three.write("INSERT INTO books VALUES(4, 'Kim', 'Rudyard Kipling')")

        title("Node 3 comes back: it gets what it missed, and the others get what it wrote alone.")
        start = time.monotonic()
        three.start(binary)
        arrives(watches, "SELECT group_concat(id) FROM (SELECT id FROM books ORDER BY id)", "1,3,4",
                start, nodes)
        wait(three.ready, "node 3 to be ready", nodes)
        title("All three show the same:")
        show(nodes)
    finally:
        for watch in watches:
            watch.close()


def play(nodes):
    title("The nodes are still running. Write to any of these, read from any other:")
    for node in nodes:
        say(f"sqlite3 {node.database} \"INSERT INTO books(title) VALUES('by hand')\"")
    for node in nodes[:1]:
        say(f"tail -f {node.log}")
    print(f"\n{paint('1', 'Press a key to stop them and remove the files.')} ", end="", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        wait_for_key()
    print()


def wait_for_key():
    """Any key where there is a terminal, else a line."""
    if not sys.stdin.isatty():
        sys.stdin.readline()
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        sys.stdin.read(1)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="build/release/harmonylite", help=argparse.SUPPRESS)
    parser.add_argument("--once", action="store_true", help="clean up at the end without asking")
    arguments = parser.parse_args()
    binary = str(pathlib.Path(arguments.binary).resolve())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="harmonylite-demo-"))
    ports = free_ports(3)
    nodes = [Node(folder, number, port, ports) for number, port in enumerate(ports, 1)]
    # A terminal that is closed, or a kill of the demo, ends the nodes as well.
    for how in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(how, lambda *_: sys.exit(1))
    try:
        perform(binary, nodes)
        if not arguments.once:
            play(nodes)
        status = 0
    except KeyboardInterrupt:
        status = 130
    except Failure as failure:
        print(f"\n{paint('31', 'The demo failed:')} {failure}", file=sys.stderr)
        status = 1
    finally:
        for node in nodes:
            node.end()
        shutil.rmtree(folder, ignore_errors=True)
    if status == 0:
        say("stopped and removed")
    return status


if __name__ == "__main__":
    sys.exit(main())
