"""Large values and large transactions: whole or not at all, in bounded memory."""

import hashlib
import threading

import pytest

import processes
from harness import SANITIZER, wait_equal, wait_value
from wait import wait_until

MB = 1024 * 1024
FILES = "CREATE TABLE files(id INTEGER PRIMARY KEY, name TEXT, data)"


def noise(size):
    """Bytes that do not compress, the same at every run."""
    return hashlib.shake_128(b"harmonylite").digest(size)


@pytest.mark.parametrize("megabytes", [2, 20, 100])
def test_a_large_value(cluster, megabytes):
    a, b = cluster.run(2, FILES)
    data = noise(megabytes * MB)
    a.sql("INSERT INTO files VALUES(1, 'large', ?)", data)
    a.sql("INSERT INTO files VALUES(2, 'after', NULL)")
    wait_value(b, "SELECT count(*) FROM files", 2, deadline=180)
    assert b.one("SELECT length(data) FROM files WHERE id = 1") == len(data)
    assert b.one("SELECT data FROM files WHERE id = 1") == data


def test_a_large_text_and_one_that_compresses_well(cluster):
    a, b = cluster.run(2, FILES)
    text = noise(3 * MB).hex()
    a.sql("INSERT INTO files VALUES(1, 'text', ?), (2, 'zeros', zeroblob(60000000))", text)
    wait_value(b, "SELECT count(*) FROM files", 2, deadline=120)
    assert b.one("SELECT data FROM files WHERE id = 1") == text
    assert b.one("SELECT data = zeroblob(60000000) FROM files WHERE id = 2") == 1


def test_sizes_around_the_largest_message(cluster):
    """The server takes a megabyte at once; nothing is lost on either side of that."""
    a, b = cluster.run(2, FILES)
    edge = MB
    sizes = [edge + d for d in (-4096, -300, -256, -200, -100, -50, -1, 0, 1, 50, 256, 4096)]
    sizes += [2 * edge - 1, 2 * edge, 2 * edge + 1]
    data = noise(2 * edge + 1)
    for number, size in enumerate(sizes):
        a.sql("INSERT INTO files VALUES(?, 'edge', ?)", number, data[:size])
    wait_value(b, "SELECT count(*) FROM files", len(sizes), deadline=120)
    wait_equal([a, b])


def test_many_large_values_in_one_transaction(cluster):
    a, b = cluster.run(2, FILES)
    data = noise(5 * MB)
    a.transaction(("INSERT INTO files VALUES(?, 'one of many', ?)",
                   [(n, data[n:]) for n in range(10)]))
    wait_value(b, "SELECT count(*) FROM files", 10, deadline=120)
    wait_equal([a, b])


def fill(rows, offset=0):
    return (f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
            f"INSERT INTO rows SELECT i + {offset}, hex(randomblob(50)), i % 100 FROM n")


ROWS = "CREATE TABLE rows(id INTEGER PRIMARY KEY, body TEXT, n INTEGER)"


class Watcher:
    """Looks at a replica all the time and notes a transaction that is there in part."""

    def __init__(self, node, rows, offset=0):
        self._node = node
        self._edges = (offset + 1, offset + rows // 2, offset + rows)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.partial = []
        self.looks = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        connection = self._node.connect()
        while not self._stop.is_set():
            (seen,) = connection.execute("SELECT count(*) FROM rows WHERE id IN (?, ?, ?)",
                                         self._edges).fetchone()
            self.looks += 1
            if seen not in (0, 3):
                self.partial.append(seen)
        connection.close()


def million(cluster, rows, limit):
    a, b = cluster.run(2, ROWS)
    a.sql("INSERT INTO rows VALUES(-1, 'before', 0)")
    wait_value(b, "SELECT count(*) FROM rows", 1)
    with Watcher(b, rows) as watcher:
        a.transaction(fill(rows))
        wait_until(lambda: b.one("SELECT max(id) FROM rows") == rows, 300, "the rows", b.tail)
        assert b.one("SELECT count(*) FROM rows") == rows + 1
        # One after the other: the large one is not merely the newest.
        a.sql("INSERT INTO rows VALUES(-2, 'after', 0)")
        wait_value(b, "SELECT count(*) FROM rows", rows + 2)
    assert watcher.partial == []
    assert watcher.looks > 10
    digest = "SELECT sum(id), sum(n), sum(length(body)), min(body), max(body) FROM rows"
    assert a.sql(digest) == b.sql(digest)
    if not SANITIZER:
        for node in (a, b):
            peak = processes.peak_memory(node.pid) / MB
            print(f"{node.name}: at most {peak:.0f} MB for {rows} rows")
            assert peak <= limit, node.tail()
    return a, b


def test_a_transaction_of_a_million_rows(cluster):
    million(cluster, 1_000_000 if not SANITIZER else 100_000, 256)


@pytest.mark.long
def test_a_transaction_of_two_million_rows_takes_no_more_memory(cluster):
    million(cluster, 2_000_000, 256)


def test_a_large_update_and_a_large_delete_are_whole_too(cluster):
    rows = 100_000
    a, b = cluster.run(2, ROWS)
    a.transaction(fill(rows))
    wait_value(b, "SELECT count(*) FROM rows", rows, deadline=120)
    torn = []
    stop = threading.Event()

    def watch():
        connection = b.connect()
        while not stop.is_set():
            (kinds,) = connection.execute(
                "SELECT count(DISTINCT body = 'new') FROM rows WHERE id IN (1, 50000, 100000)"
            ).fetchone()
            if kinds > 1:
                torn.append(kinds)
        connection.close()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        a.sql("UPDATE rows SET body = 'new'")
        wait_value(b, "SELECT count(*) FROM rows WHERE body = 'new'", rows, deadline=120)
    finally:
        stop.set()
        thread.join()
    assert torn == []
    with Watcher(b, rows) as watcher:
        a.sql("DELETE FROM rows")
        wait_value(b, "SELECT count(*) FROM rows", 0, deadline=120)
    assert watcher.partial == []


def test_a_local_writer_goes_on_while_a_large_transaction_is_applied(cluster):
    """It may wait for the lock, as for any other writer; it never fails and loses nothing."""
    a, b = cluster.run(2, ROWS)
    a.transaction(fill(200_000))
    written = 0
    while b.one("SELECT max(id) FROM rows WHERE id > 0") != 200_000 or written < 50:
        written += 1
        b.sql("INSERT INTO rows VALUES(?, 'local', 0)", -written)
    wait_value([a, b], "SELECT count(*) FROM rows WHERE id < 0", written)
    wait_equal([a, b], deadline=180)
