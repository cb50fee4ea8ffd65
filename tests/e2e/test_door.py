"""An application's transactions never fail because of ours: neither those of applying nor of upkeep.

Sleeps here are the rhythm of an application, or say when a blow falls; none waits for anything."""

import collections
import signal
import sqlite3
import sys
import threading
import time

import pytest

import processes
from harness import wait_equal, wait_value
from test_observe import METRICS, metric
from wait import wait_until

SCHEMA = """
CREATE TABLE orders(id INTEGER PRIMARY KEY, state TEXT);
CREATE TABLE totals(id INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO totals VALUES(1, 0);
"""


class Application(threading.Thread):
    """Runs transactions as frameworks do: begin deferred, read, think, write. Every error is kept."""

    def __init__(self, node, gap_s):
        super().__init__(daemon=True)
        self.node, self.gap_s = node, gap_s
        self.errors, self.done = collections.Counter(), 0
        self.over = threading.Event()
        self.start()

    def run(self):
        db = self.node.connect()
        while not self.over.wait(0.001):
            try:
                db.execute("BEGIN")
                n = db.execute("SELECT n FROM totals WHERE id = 1").fetchone()[0]
                time.sleep(self.gap_s)
                db.execute("UPDATE totals SET n = ? WHERE id = 1", (n + 1,))
                db.execute("COMMIT")
                self.done += 1
            except sqlite3.OperationalError as error:
                self.errors[getattr(error, "sqlite_errorname", str(error))] += 1
                if db.in_transaction:
                    db.execute("ROLLBACK")
        db.close()

    def stop(self):
        self.over.set()
        self.join()


def forced(node):
    return metric(node, "harmonylite_transactions_forced_total")


def test_deferred_transactions_beside_another_node(cluster):
    a, b = nodes = cluster.run(2, SCHEMA, METRICS)
    a.sql("INSERT INTO orders VALUES(0, 'new')")
    wait_value(b, "SELECT count(*) FROM orders", 1)
    app = Application(b, 0.005)
    rows = 0
    while app.done < 200 or b.one("SELECT count(*) FROM orders") < 101:
        assert app.is_alive()
        rows += 1
        a.sql("INSERT INTO orders VALUES(?, 'new')", rows)
        time.sleep(0.01)
    app.stop()
    wait_value(b, "SELECT count(*) FROM orders", rows + 1)
    # Only a transaction that the sidecar could not put off any longer may cost one of the application's.
    assert sum(app.errors.values()) <= forced(b), app.errors
    assert metric(b, "harmonylite_transactions_behind_door_total") > 20
    wait_value(nodes, "SELECT n FROM totals", app.done)
    wait_equal(nodes)


def test_migrations_beside_a_sidecar(cluster):
    """Folding, trimming and the taking over of each new table fall between the steps of a migration."""
    a, = cluster.run(1, SCHEMA, METRICS)
    db = a.connect()
    for step in range(60):
        db.execute("BEGIN")
        assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (f"step{step}",)).fetchone() == (0,)
        time.sleep(0.003)
        db.execute(f"CREATE TABLE step{step}(id INTEGER PRIMARY KEY, v)")
        db.execute(f"INSERT INTO step{step} VALUES(1, {step})")
        db.execute("UPDATE totals SET n = n + 1")
        db.execute("COMMIT")
    db.close()
    assert forced(a) == 0
    assert metric(a, "harmonylite_transactions_behind_door_total") > 0
    wait_until(lambda: metric(a, "harmonylite_tables") == 62, 30, "every table to be taken over")


def test_an_application_without_busy_timeout_is_never_refused(cluster):
    a, b = nodes = cluster.run(2, SCHEMA, METRICS)
    db = sqlite3.connect(b.database, timeout=0, isolation_level=None)
    writer = threading.Thread(target=lambda: [a.connect().execute("INSERT INTO orders VALUES(?, 'x')", (i,))
                                              for i in range(1, 401)])
    writer.start()
    count = 0
    while writer.is_alive() or count < 200:
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE totals SET n = n + 1")
        db.execute("COMMIT")
        count += 1
    writer.join()
    db.close()
    wait_value(nodes, "SELECT count(*) FROM orders", 400)
    wait_value(nodes, "SELECT n FROM totals", count)


def test_a_report_that_reads_for_long_delays_applying_once(cluster):
    a, b = cluster.run(2, SCHEMA, METRICS)
    reader = b.connect()
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    for number in range(1, 101):
        a.sql("INSERT INTO orders VALUES(?, 'new')", number)
        wait_value(b, "SELECT count(*) FROM orders", number)
    assert forced(b) <= 10, "a wait now and then, for upkeep, and not one for each commit"
    assert reader.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    reader.execute("COMMIT")
    reader.close()


def test_an_application_that_is_always_inside_holds_nothing_up(cluster):
    a, b = nodes = cluster.run(2, SCHEMA, METRICS)
    over = threading.Event()

    def read(offset):
        db = b.connect()
        time.sleep(offset)
        while not over.is_set():
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM orders").fetchone()
            time.sleep(0.2)
            db.execute("COMMIT")
        db.close()

    readers = [threading.Thread(target=read, args=(i * 0.05,)) for i in range(4)]
    for reader in readers:
        reader.start()
    try:
        for number in range(1, 21):
            a.sql("INSERT INTO orders VALUES(?, 'new')", number)
            wait_value(b, "SELECT count(*) FROM orders", number)
    finally:
        over.set()
        for reader in readers:
            reader.join()
    wait_equal(nodes)


@pytest.mark.parametrize("who", ["sidecar", "application"])
def test_killed_at_any_moment(cluster, who):
    """Whoever is killed in front of the door or behind it leaves nothing closed."""
    a, b = nodes = cluster.run(2, SCHEMA)
    script = ("import sqlite3, sys, time\n"
              "db = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)\n"
              "print('ready', flush=True)\n"
              "while True:\n"
              "    db.execute('BEGIN'); db.execute('SELECT n FROM totals').fetchone(); time.sleep(0.002)\n"
              "    db.execute('UPDATE totals SET n = n + 1'); db.execute('COMMIT')\n")
    number = 0
    for _ in range(6):
        app = processes.start([sys.executable, "-c", script, b.database])
        for _ in range(20):
            number += 1
            a.sql("INSERT INTO orders VALUES(?, 'new')", number)
            time.sleep(0.004)
        if who == "sidecar":
            b.kill()
            b.start()
            b.wait_ready()
        processes.end(app, signal.SIGKILL)
        assert b.one("PRAGMA quick_check") == "ok"
    wait_value(nodes, "SELECT count(*) FROM orders", number)
    wait_equal(nodes)
