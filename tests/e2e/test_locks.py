"""An application that holds its locks for long disturbs nothing but the rows it keeps away."""

import sqlite3
import time

import pytest

from harness import wait_equal, wait_value
from wait import wait_until

SCHEMA = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"

WRITE_HOLDS = [8, pytest.param(60, marks=pytest.mark.long)]
READ_HOLDS = [12, pytest.param(600, marks=pytest.mark.long)]


@pytest.mark.parametrize("duration", WRITE_HOLDS)
@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_long_write_transaction(cluster, duration, how):
    nodes = a, b, c = cluster.run(3, SCHEMA)
    a.sql("INSERT INTO t VALUES(0, 'before')")
    wait_value(nodes, "SELECT count(*) FROM t", 1)
    holder = b.connect()
    holder.execute(f"BEGIN {how}")
    holder.execute("INSERT INTO t VALUES(-1, 'long')")
    end = time.monotonic() + duration
    number = 0
    while time.monotonic() < end:
        number += 1
        a.sql("INSERT INTO t VALUES(?, 'meanwhile')", number)
        wait_value(c, "SELECT max(id) FROM t", number)  # the others go on
    holder.execute("COMMIT")
    holder.close()
    wait_value(nodes, "SELECT count(*) FROM t", number + 2)
    wait_equal(nodes)
    assert all(node.running for node in nodes)


@pytest.mark.parametrize("duration", READ_HOLDS)
def test_a_long_read_transaction(cluster, duration):
    a, b = nodes = cluster.run(2, SCHEMA)
    a.sql("INSERT INTO t VALUES(0, 'before')")
    wait_value(b, "SELECT count(*) FROM t", 1)
    readers = [node.connect() for node in nodes]
    for reader in readers:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (1,)
    end = time.monotonic() + duration
    number = 0
    while time.monotonic() < end:
        number += 1
        nodes[number % 2].sql("INSERT INTO t VALUES(?, hex(randomblob(200)))", number)
        if number % 50 == 0:
            wait_value(nodes, "SELECT count(*) FROM t", number + 1)
        time.sleep(0.005)
    for reader in readers:
        # Its snapshot is what it was.
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (1,)
        reader.execute("COMMIT")
        reader.close()
    wait_value(nodes, "SELECT count(*) FROM t", number + 1)
    wait_equal(nodes)


def test_a_writer_that_never_waits(cluster):
    """busy_timeout=0 beside a busy sidecar: a refusal is rare and never lasts. (How rare: ./dev
    bench lock_errors.)"""
    a, b = cluster.run(2, SCHEMA)
    impatient = sqlite3.connect(str(a.database), timeout=0, isolation_level=None)
    impatient.execute("PRAGMA synchronous=NORMAL")
    refused = 0
    for number in range(2000):
        def insert():
            try:
                impatient.execute("INSERT INTO t VALUES(?, 'x')", (number,))  # noqa: B023
                return True
            except sqlite3.OperationalError as error:
                assert "locked" in str(error)
                return False
        if not insert():
            refused += 1
            wait_until(insert, 30, "the lock to be free", a.tail, pause=0.001)
    impatient.close()
    print(f"{refused} of 2000 refused")
    wait_value(b, "SELECT count(*) FROM t", 2000)
    wait_equal([a, b])


def test_a_transaction_that_reads_then_writes(cluster):
    """A deferred transaction upgraded after its snapshot went stale gets SQLite's own refusal, and
    the next attempt works: nothing is left locked by us."""
    a, b = cluster.run(2, SCHEMA)
    b.sql("INSERT INTO t VALUES(1, 0)")
    wait_value(a, "SELECT count(*) FROM t", 1)
    done = 0

    def increment():
        connection = a.connect()
        try:
            connection.execute("BEGIN")
            (value,) = connection.execute("SELECT v FROM t WHERE id = 1").fetchone()
            connection.execute("UPDATE t SET v = ? WHERE id = 1", (value + 1,))
            connection.execute("COMMIT")
            return True
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()

    for number in range(100):
        b.sql("INSERT INTO t VALUES(?, 'traffic')", 10 + number)
        wait_until(increment, 30, "an increment", a.tail)
        done += 1
        assert a.one("SELECT v FROM t WHERE id = 1") == done
    wait_value(b, "SELECT v FROM t WHERE id = 1", 100)
