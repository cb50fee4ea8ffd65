"""Files that had rows before HarmonyLite: equal ones join, others are stopped until somebody says whose rows count."""

import subprocess

from harness import BINARY, wait_equal, wait_value
from wait import seconds

SCHEMA = "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
ROWS = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i, 'old ' || i FROM n;"
STOPPED = "until you say whose rows count"


def join(node, seed):
    node.command()
    done = subprocess.run([BINARY, "join", "-config", node.config_file, "--seed-from", seed],
                          capture_output=True, text=True, timeout=seconds(60), check=False)
    return done.returncode, done.stdout + done.stderr


def test_equal_files_join_without_copying(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(500)).start()
    b = cluster.add().create(SCHEMA + ROWS.format(500)).start()
    b.wait_log("joined without copying")
    a.sql("UPDATE t SET v = 'new' WHERE id = 3")
    b.sql("DELETE FROM t WHERE id = 4")
    wait_value([a, b], "SELECT count(*) FROM t", 499)
    wait_value([a, b], "SELECT v FROM t WHERE id = 3", "new")
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM __harmonylite__v1") == 2
    assert join(b, "self")[0] == 1


def test_the_cluster_has_moved_on(cluster):
    """Rows that were written in the cluster since come like any others."""
    a = cluster.add().create(SCHEMA + ROWS.format(100)).start()
    a.sql("UPDATE t SET v = 'new' WHERE id <= 10")
    a.sql("DELETE FROM t WHERE id = 50")
    a.sql("INSERT INTO t VALUES(1000, 'new')")
    b = cluster.add().create(SCHEMA + ROWS.format(100)).start()
    wait_value(b, "SELECT count(*) FROM t", 100)
    wait_equal([a, b])


def different(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(100)).start()
    wait_value(a, "SELECT value FROM __harmonylite__state WHERE key = 'joined'", 1)
    a.sql("INSERT INTO t VALUES(2000, 'of a, new')")
    b = cluster.add().create(SCHEMA + ROWS.format(97) + "UPDATE t SET v = 'of b' WHERE id IN (5, 6);"
                             "INSERT INTO t VALUES(1000, 'of b')").start()
    b.wait_log(STOPPED)
    log = b.log()
    assert "1 rows are only here (keys 1000)" in log and "3 rows are only on node 1" in log, log
    assert "2 rows differ (keys 5, 6)" in log and "--seed-from cluster" in log, log
    b.sql("INSERT INTO t VALUES(3000, 'of b, new')")  # the application works on
    assert b.one("SELECT count(*) FROM t WHERE id = 2000") == 0
    assert a.one("SELECT count(*) FROM t WHERE id = 3000") == 0
    return a, b


def test_different_rows_and_the_cluster_counts(cluster):
    a, b = different(cluster)
    assert join(b, "cluster")[0] == 0
    wait_value([a, b], "SELECT count(*) FROM t WHERE id >= 2000", 2)
    wait_value([a, b], "SELECT v FROM t WHERE id = 5", "old 5")
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM t") == 102
    copies = list(b.folder.glob("app.db.before-join-*"))
    assert len(copies) == 1
    assert subprocess.run(["sqlite3", copies[0], "SELECT v FROM t WHERE id IN (5, 1000)"], capture_output=True,
                          text=True, check=True).stdout == "of b\nof b\n"


def test_different_rows_and_this_file_counts(cluster):
    a, b = different(cluster)
    b.stop()
    assert join(b, "self")[0] == 0
    b.start()
    wait_value([a, b], "SELECT count(*) FROM t WHERE v LIKE 'of b%'", 4)
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM t") == 103


def test_without_nats_the_application_goes_on(cluster, own_nats):
    a = cluster.add().create(SCHEMA + ROWS.format(20)).start()
    a.stop()
    b = cluster.add().create(SCHEMA + ROWS.format(20)).start()
    b.wait_log("no other node of the cluster runs")
    own_nats.kill()
    b.sql("INSERT INTO t VALUES(500, 'meanwhile')")
    own_nats.start()
    a.start()
    wait_value([a, b], "SELECT v FROM t WHERE id = 500", "meanwhile")
    wait_equal([a, b])


def test_killed_while_it_waits(cluster):
    a, b = different(cluster)
    b.kill()
    b.start()
    b.wait_log(STOPPED)
    assert join(b, "1")[0] == 0
    wait_value([a, b], "SELECT count(*) FROM t WHERE id >= 2000", 2)
    wait_equal([a, b])


def test_two_files_at_once(cluster):
    """One of them is first, the other one is compared with it."""
    nodes = cluster.run(3, SCHEMA + ROWS.format(30))
    nodes[2].sql("INSERT INTO t VALUES(100, 'new')")
    wait_value(nodes, "SELECT count(*) FROM t", 31)
    wait_equal(nodes)
