"""A node without a database becomes a full replica."""

import random
import shutil
import threading
import time

import compare
import processes
from harness import READY, wait_equal, wait_value
from test_observe import fetch
from test_snapshots import listed, objects, restored, save, stored_in
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


def test_the_first_node_listens_and_starts_empty(cluster):
    node = cluster.add().start()
    assert "no other node with tables is running" in node.log()
    node.script("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    node.wait_log("table t is replicated")


def test_a_lone_node_with_its_own_server_does_not_listen(embedded, cluster):
    node = cluster.add().start()
    assert "waiting for" not in node.log()
    node.script("CREATE TABLE t(id INTEGER PRIMARY KEY)")
    node.wait_log("table t is replicated")


def test_tables_that_the_application_makes_end_the_listening(cluster):
    a, b = cluster.add().launch(), cluster.add().launch()
    for node in (a, b):
        node.wait_log("waiting for other nodes")
    # Rows that come with the tables are captured, too.
    a.script(f"BEGIN; {SCHEMA}; INSERT INTO t VALUES(1, 'one'); COMMIT")
    b.script(SCHEMA)
    for node in (a, b):
        node.wait_ready()
        assert "has tables by now" in node.log()
    wait_value([a, b], "SELECT v FROM t", "one")


def rows(node, count=300):
    node.sql(f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<{count}) "
             "INSERT INTO t SELECT i, hex(randomblob(10)) FROM c")


def test_a_registry_that_was_just_emptied_is_not_nobody(cluster, own_nats):
    a, b = cluster.run(2, SCHEMA)
    rows(a)
    wait_equal([a, b])
    own_nats.stop()
    own_nats.wipe()
    own_nats.start()
    c = cluster.add().start()
    assert "starting with an empty database" not in c.log()
    wait_equal([a, b, c])
    assert c.one("SELECT count(*) FROM t") == 300


def test_a_node_that_started_empty_gets_the_tables_of_others_later(cluster, own_nats, folder):
    settings = stored_in(folder, interval=1000, leader_ttl=3000)
    a, b = cluster.run(2, SCHEMA, settings)
    rows(a)
    wait_equal([a, b])
    for node in (a, b):
        node.stop()
    own_nats.stop()
    own_nats.wipe()
    own_nats.start()
    shutil.rmtree(folder / "store", ignore_errors=True)
    (port,) = processes.free_ports(1)
    health = {"health_check": {"enable": True, "bind": f"127.0.0.1:{port}"}}
    c = cluster.add({**settings, **health}).start()
    assert c.one("SELECT count(*) FROM sqlite_schema WHERE name = 't'") == 0
    d = cluster.add(settings).start()
    pid = c.pid
    for node in (a, b):
        node.start()
    for node in (c, d):
        wait_until(lambda: node.log().count(READY) == 2, 90, "it to join", node.tail)  # noqa: B023
    wait_equal([a, b, c, d])
    assert c.one("SELECT count(*) FROM t") == 300 and c.running and c.pid == pid
    assert fetch(f"http://127.0.0.1:{port}/health")[0] == 200
    c.sql("INSERT INTO t VALUES(-1, 'from c')")
    wait_value([a, b, d], "SELECT v FROM t WHERE id = -1", "from c")
    # Nobody who had no tables has stored a snapshot.
    assert all(restored(a, folder / one["name"], one["name"]) for one in listed(a)), listed(a)


def test_tables_made_on_an_empty_node_before_it_joins_again(cluster):
    """Both applications make their own, one soon after the other: nothing is in their way."""
    a, b = cluster.add().start(), cluster.add().start()
    a.script(SCHEMA)
    a.wait_log("table t is replicated")
    b.script(SCHEMA)
    b.sql("INSERT INTO t VALUES(2, 'from b')")
    a.sql("INSERT INTO t VALUES(1, 'from a')")
    wait_value([a, b], "SELECT count(*) FROM t", 2)
    assert "joining as a new node" not in b.log()


def test_a_node_without_tables_stores_no_snapshot_and_takes_none(cluster, folder):
    settings = stored_in(folder, interval=1000)
    a = cluster.add(settings=settings).start()
    code, output = a.run("snapshot", "save")
    assert code == 1 and "there is nothing to give" in output, output
    b = cluster.add(settings=settings).start()
    assert "no other node with tables is running" in b.log()
    a.script(SCHEMA)
    a.sql("INSERT INTO t VALUES(1, 'one')")
    wait_until(lambda: listed(a), 60, "a snapshot", a.tail)
    wait_until(lambda: b.log().count(READY) == 2, 60, "it to join", b.tail)
    wait_value(b, "SELECT v FROM t", "one")
    assert all(restored(a, folder / one["name"], one["name"]) for one in listed(a)), listed(a)


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
