"""A node without a database becomes a full replica."""

import random
import threading
import time

import compare
from harness import wait_equal, wait_value
from test_snapshots import objects, save, stored_in
from wait import wait_until

SCHEMA = ("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); CREATE INDEX t_v ON t(v);"
          "CREATE VIEW long AS SELECT * FROM t WHERE length(v) > 5;"
          "CREATE TABLE log(what TEXT PRIMARY KEY) WITHOUT ROWID")


class Writers:
    """Applications that write on nodes until they are told to stop."""

    def __init__(self, nodes):
        self._stop = threading.Event()
        self.errors = []
        self.written = [0] * len(nodes)
        self._threads = [threading.Thread(target=self._write, args=(i, node)) for i, node in enumerate(nodes)]
        for thread in self._threads:
            thread.start()

    def _write(self, number, node):
        app = node.connect()
        try:
            while not self._stop.is_set():
                row = self.written[number]
                app.execute("INSERT INTO t VALUES(?, ?)", (number * 10_000_000 + row + 1_000_000, f"row {row}"))
                if row % 10 == 9:
                    app.execute("DELETE FROM t WHERE id = ?", (number * 10_000_000 + row - 5 + 1_000_000,))
                self.written[number] = row + 1
                time.sleep(0.002)
        except Exception as error:  # noqa: BLE001
            self.errors.append(error)
        finally:
            app.close()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert self.errors == []


def test_from_a_snapshot_while_others_write_and_the_log_has_forgotten(cluster, folder):
    settings = {**stored_in(folder), "replication_log": {"max_entries": 50}}
    a, b = cluster.run(2, SCHEMA, settings)
    a.sql("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<5000) "
          "INSERT INTO t SELECT i, hex(randomblob(10)) FROM c")
    writers = Writers([a, b])
    wait_until(lambda: min(writers.written) > 200, 60, "rows")
    c = cluster.add(settings=settings).start()
    seen = writers.written[0]
    wait_until(lambda: writers.written[0] > seen + 100, 60, "more rows")
    writers.stop()
    wait_equal([a, b, c])
    assert c.one("SELECT count(*) FROM t") > 5000
    assert c.sql("SELECT name FROM sqlite_schema WHERE name IN ('t_v', 'long')")
    c.sql("INSERT INTO t VALUES(-1, 'from c')")
    wait_value([a, b], "SELECT v FROM t WHERE id = -1", "from c")
    code, output = c.run("-schema-status")
    assert code == 0, output


def test_a_live_node_is_asked_for_one(cluster):
    # Snapshots in NATS, as by default.
    a = cluster.add().create(SCHEMA).start()
    a.sql("INSERT INTO t VALUES(1, 'one')")
    b = cluster.add().start()
    assert "asking the nodes that run for one" in b.log()
    wait_value(b, "SELECT v FROM t", "one")
    # The second one finds it there.
    c = cluster.add().start()
    assert "asking" not in c.log()
    wait_value(c, "SELECT v FROM t", "one")
    c.sql("INSERT INTO log VALUES('from c')")
    wait_equal([a, b, c])


def test_the_first_node_starts_empty_at_once(cluster):
    node = cluster.add().start()
    assert "no other node is running" in node.log()
    node.script("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    node.wait_log("table t is replicated")


def test_killed_at_any_moment_it_gets_there(cluster, folder):
    settings = stored_in(folder)
    a = cluster.add(settings=settings).create(SCHEMA).start()
    a.sql("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<200000) "
          "INSERT INTO t SELECT i, hex(randomblob(40)) FROM c")
    save(a)
    writers = Writers([a])
    rng = random.Random(7)
    b = cluster.add(settings=settings)
    began = time.monotonic()
    b.start()
    took = time.monotonic() - began
    b.kill()
    for attempt in range(10):
        for path in b.folder.glob("app.db*"):
            if path.is_file():
                path.unlink()
        b.launch()
        end = time.monotonic() + rng.random() * took
        wait_until(lambda: time.monotonic() >= end, pause=0.005)
        b.kill()
        if b.database.exists() and b.database.stat().st_size:
            found = compare.content(b.database).get("t", [])
            assert not found or len(found) >= 200_000, f"attempt {attempt}: half a database"
    b.start()
    writers.stop()
    wait_equal([a, b])
    assert [path for path in b.folder.iterdir() if "-copy-" in path.name] == []


def test_damaged_snapshots_are_passed_over(cluster, folder):
    settings = stored_in(folder)
    a = cluster.add(settings=settings).create(SCHEMA).start()
    a.sql("INSERT INTO t VALUES(1, 'one')")
    save(a)
    bad = save(a)
    path = folder / "store" / f"{bad}.db.zst"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    b = cluster.add(settings=settings).start()
    assert f"snapshot {bad} cannot be used" in b.log()
    wait_value(b, "SELECT v FROM t", "one")
    assert len(objects(folder)) == 4


def test_an_empty_file_that_the_application_has_open(cluster, folder):
    settings = stored_in(folder)
    a = cluster.add(settings=settings).create(SCHEMA).start()
    a.sql("INSERT INTO t VALUES(1, 'one')")
    save(a)
    b = cluster.add(settings=settings)
    assert b.one("SELECT count(*) FROM sqlite_schema") == 0
    b.start()
    wait_value(b, "SELECT v FROM t", "one")
