"""Tables with as many columns as SQLite allows: they travel, join, are compared and repaired like any."""

import pytest

from harness import wait_equal, wait_value
from test_verify import unseen, verify_json
from wait import wait_until

MOST = 2000


def columns(count):
    return ", ".join(f"c{i}" for i in range(count))


SHAPES = {
    "integer key": f"CREATE TABLE t(k INTEGER PRIMARY KEY, {columns(MOST - 1)})",
    "the last column is the key": f"CREATE TABLE t({columns(MOST - 1)}, k TEXT NOT NULL PRIMARY KEY)",
    "without rowid": f"CREATE TABLE t({columns(MOST - 1)}, k TEXT PRIMARY KEY) WITHOUT ROWID",
    "no key": f"CREATE TABLE t({columns(MOST - 1)}, k TEXT)",
    "unique": f"CREATE TABLE t({columns(MOST - 2)}, k TEXT NOT NULL PRIMARY KEY, u UNIQUE)",
}
OTHER = ";CREATE TABLE other(k INTEGER PRIMARY KEY, v)"


def insert(node, *keys):
    node.transaction(("INSERT INTO t(k, c0, c1997) VALUES(?, ?, ?)",
                      [(key, f"first {key}", f"last {key}") for key in keys]))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_of_two_thousand_columns(cluster, shape):
    a, b = nodes = cluster.run(2, SHAPES[shape] + OTHER)
    insert(a, 1, 2, 3)
    b.sql("INSERT INTO other VALUES(1, 'flows as well')")
    wait_value(nodes, "SELECT count(*) FROM t", 3)
    wait_value(nodes, "SELECT count(*) FROM other", 1)
    b.sql("UPDATE t SET c1997 = 'changed' WHERE k = '2'" if shape != "integer key"
          else "UPDATE t SET c1997 = 'changed' WHERE k = 2")
    b.sql("DELETE FROM t WHERE k = 3")
    wait_value(nodes, "SELECT group_concat(c1997) FROM (SELECT c1997 FROM t ORDER BY k)",
               "last 1,changed")
    wait_equal(nodes)

    c = cluster.add()
    c.start()
    wait_value(c, "SELECT count(*) FROM t", 2)
    insert(c, 4)
    wait_value(nodes, "SELECT count(*) FROM t", 3)
    wait_equal(cluster.nodes)

    unseen(b, "UPDATE t SET c1 = 'nobody wrote this' WHERE k = 4")
    status, result = verify_json(a)
    assert (status, result["result"]) == (1, "different"), result
    status, result = verify_json(a, "--repair")
    assert (status, result["result"]) == (0, "equal"), result
    wait_equal(cluster.nodes)


def test_a_node_that_was_away_gets_wide_rows_that_the_log_has_forgotten(cluster, own_nats):
    a, b = nodes = cluster.run(2, SHAPES["the last column is the key"] + OTHER)
    insert(a, 1)
    wait_value(nodes, "SELECT count(*) FROM t", 1)
    b.stop()
    insert(a, 2)
    wait_until(lambda: a.one("SELECT value FROM __harmonylite__state WHERE key = 'published_to'") >= 2,
               30, "the row to be published", a.tail)
    own_nats.kill()
    own_nats.wipe()
    own_nats.start()
    b.start()
    wait_value(nodes, "SELECT count(*) FROM t", 2)
    wait_equal(nodes)
