"""What an application may do to the WAL under a running sidecar: change the journal mode, ask for the file alone, and
checkpoint without a pause.

Sleeps here are the rhythm of an application; none waits for anything."""

import collections
import sqlite3
import time

import pytest

from harness import wait_equal, wait_value
from test_door import SCHEMA, forced
from test_observe import METRICS


def step(db, errors, *between):
    """A deferred transaction that reads and then writes, and what the application does before it."""
    try:
        for statement in between:
            db.execute(statement).fetchall()
        db.execute("BEGIN")
        n = db.execute("SELECT n FROM totals WHERE id = 1").fetchone()[0]
        time.sleep(0.003)
        db.execute("UPDATE totals SET n = ? WHERE id = 1", (n + 1,))
        db.execute("COMMIT")
        return 1
    except sqlite3.OperationalError as error:
        errors[str(error)] += 1
        if db.in_transaction:
            db.execute("ROLLBACK")
        return 0


def test_checkpoints_without_a_pause(cluster):
    a, b = nodes = cluster.run(2, SCHEMA, METRICS)
    db, errors, done = b.connect(timeout=5), collections.Counter(), 0
    for number in range(200):
        a.sql("INSERT INTO orders VALUES(?, 'new')", number)
        done += step(db, errors, "PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    assert sum(errors.values()) <= forced(b), errors
    wait_value(nodes, "SELECT count(*) FROM orders", 200)
    wait_value(nodes, "SELECT n FROM totals", done)
    wait_equal(nodes)
    assert b.one("PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "MEMORY", "OFF"])
def test_the_journal_mode_is_changed_under_the_sidecar(cluster, mode):
    """SQLite refuses that beside any other connection, and the application goes on in WAL."""
    a, b = nodes = cluster.run(2, SCHEMA, METRICS)
    db, errors = b.connect(timeout=0.02), collections.Counter()
    for number in range(20):
        a.sql("INSERT INTO orders VALUES(?, 'new')", number)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            db.execute(f"PRAGMA journal_mode={mode}").fetchone()
        assert db.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
        assert step(db, errors) == 1, errors
    db.close()
    wait_value(nodes, "SELECT count(*) FROM orders", 20)
    wait_value(nodes, "SELECT n FROM totals", 20)
    wait_equal(nodes)


def test_the_file_is_asked_for_alone(cluster):
    """That fails as beside any other process, and leaves nothing behind."""
    a, b = nodes = cluster.run(2, SCHEMA, METRICS)
    db, errors = b.connect(timeout=0.02), collections.Counter()
    for number in range(10):
        a.sql("INSERT INTO orders VALUES(?, 'new')", number)
        db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchone()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            db.execute("UPDATE totals SET n = n + 1")
        db.execute("PRAGMA locking_mode=NORMAL").fetchone()
        assert step(db, errors) == 1, errors
    db.close()
    wait_value(nodes, "SELECT n FROM totals", 10)
    wait_value(nodes, "SELECT count(*) FROM orders", 10)
    wait_equal(nodes)


def test_a_sidecar_starts_while_an_application_has_the_file_alone(cluster):
    """It says so and ends; its supervisor starts it again."""
    a = cluster.add().create(SCHEMA)
    db = a.connect()
    db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchone()
    db.execute("UPDATE totals SET n = 5")
    code, output = a.run()
    assert code == 1 and "locked" in output, output
    db.execute("UPDATE totals SET n = 6")
    db.close()
    a.start()
    assert a.one("SELECT n FROM totals") == 6
