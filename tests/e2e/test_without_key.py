"""Tables without a key replicate: rows are known by identities that no application sees."""

import json
import subprocess

import pytest

import compare
from harness import BINARY, wait_equal, wait_value
from wait import seconds, wait_until

# Prosody's store, as its SQL driver makes it, and an association table as SQLAlchemy makes it.
SCHEMA = """
CREATE TABLE prosody(host TEXT, user TEXT, store TEXT, key TEXT, type TEXT, value TEXT);
CREATE INDEX prosody_index ON prosody(host, user, store, key);
CREATE TABLE student(id TEXT PRIMARY KEY NOT NULL);
CREATE TABLE course(id TEXT PRIMARY KEY NOT NULL);
CREATE TABLE attends(student TEXT REFERENCES student(id), course TEXT REFERENCES course(id));
CREATE TABLE mark(id INTEGER PRIMARY KEY);
"""


def write(node, turn):
    """What one writer does: it writes a setting anew, and signs students up and off."""
    user = f"user{node.node_id}"
    for n in range(10):
        node.transaction(
            f"DELETE FROM prosody WHERE host = 'h' AND user = '{user}' AND key = 'k{n}'",
            f"INSERT INTO prosody VALUES('h', '{user}', 'roster', 'k{n}', 'string', 't{turn}')",
            "INSERT INTO prosody VALUES('h', 'all', 'log', NULL, 'string', 'same')")
        node.transaction(
            f"INSERT INTO student VALUES('{user}-{turn}-{n}')",
            f"INSERT INTO attends VALUES('{user}-{turn}-{n}', 'math')",
            f"INSERT INTO attends VALUES('{user}-{turn}-{n}', 'art')")
    node.sql("DELETE FROM attends WHERE course = 'art' AND student LIKE ?", f"{user}-{turn}-%")


def check_equal(nodes):
    wait_equal(nodes)
    code, output = nodes[0].run("verify", "--json")
    assert code == 0, output
    assert json.loads(output)["differences"] == [], output


def wait_marks(nodes):
    """Waits until each node has everything that the others wrote before."""
    for node in nodes:
        node.sql("INSERT INTO mark VALUES(?)", 1 + node.one("SELECT coalesce(max(id), 0) FROM mark")
                 + 1000 * node.node_id)
    for node in nodes:
        wait_value(nodes, f"SELECT count(*) FROM mark WHERE id / 1000 = {node.node_id}",
                   node.one(f"SELECT count(*) FROM mark WHERE id / 1000 = {node.node_id}"))


@pytest.mark.parametrize("connected", [True, False], ids=["connected", "cut off"])
def test_three_writers(cluster, connected):
    nodes = cluster.run(3, SCHEMA)
    nodes[0].sql("INSERT INTO course VALUES('math'), ('art')")
    wait_value(nodes, "SELECT count(*) FROM course", 2)
    if not connected:
        for node in nodes:
            node.stop()
    for turn in range(2):
        for node in nodes:
            write(node, turn)
    if not connected:
        for node in nodes:
            node.start()
    wait_value(nodes, "SELECT count(*) FROM attends", 60)
    wait_value(nodes, "SELECT count(*) FROM prosody WHERE user = 'all'", 60)
    wait_value(nodes, "SELECT count(*) FROM prosody WHERE user <> 'all' AND value = 't1'", 30)
    assert nodes[2].one("SELECT count(*) FROM prosody") == 90
    check_equal(nodes)


@pytest.mark.parametrize("running", [True, False], ids=["beside a sidecar", "without one"])
def test_vacuum(cluster, running):
    nodes = a, b = cluster.run(2, "CREATE TABLE t(a, b); CREATE TABLE u(a, b); "
                                  "CREATE INDEX i ON u(a); CREATE TABLE mark(id INTEGER PRIMARY KEY)")
    for table in "tu":
        for n in range(20):
            a.sql(f"INSERT INTO {table} VALUES(?, 0)", n)
        a.sql(f"DELETE FROM {table} WHERE a % 3 = 0")
    a.sql("INSERT INTO mark VALUES(0)")
    wait_value(b, "SELECT count(*) FROM mark", 1)
    if not running:
        b.stop()
    for n in range(3):
        b.sql("VACUUM")
        for table in "tu":
            # Rows are known by their values here: their rowids are other ones on each node.
            b.sql(f"UPDATE {table} SET b = b + 1 WHERE a > 10")
            b.sql(f"DELETE FROM {table} WHERE a = ?", 1 + 3 * n)
            b.sql(f"INSERT INTO {table} VALUES(?, 9)", 100 + n)
            a.sql(f"UPDATE {table} SET b = -1 WHERE a = 2")
    if not running:
        b.start()
    b.sql("INSERT INTO mark VALUES(1)")
    wait_value(a, "SELECT count(*) FROM mark", 2)
    for table in "tu":
        wait_value(nodes, f"SELECT group_concat(b) FROM (SELECT b FROM {table} WHERE a > 10 AND "
                          "a < 100 ORDER BY a)", "3,3,3,3,3,3")
        wait_value(nodes, f"SELECT count(*) FROM {table}", 13)
    check_equal(nodes)
    assert "numbered anew" not in b.log(), b.tail()


def test_rows_from_before(cluster):
    """Each node has rows of its own at the first start: equal ones are one row, others come along."""
    a, b, c = [cluster.add() for _ in range(3)]
    rows = "INSERT INTO t VALUES(1, 'same'), (1, 'same'), (2, NULL);"
    a.create("CREATE TABLE t(a, b);" + rows)
    b.create("CREATE TABLE t(a, b); INSERT INTO t VALUES(9, 'of b');" + rows)
    a.start()
    b.start()
    wait_value([a, b], "SELECT count(*) FROM t", 4)
    c.start()  # without a file: a snapshot brings it
    wait_value(c, "SELECT count(*) FROM t", 4)
    c.sql("VACUUM")
    c.sql("UPDATE t SET b = 'new' WHERE a = 9")
    c.sql("DELETE FROM t WHERE a = 2")
    wait_value([a, b, c], "SELECT group_concat(b) FROM (SELECT b FROM t ORDER BY a)",
               "same,same,new")
    check_equal([a, b, c])


def test_what_gave_way_can_be_restored(cluster):
    a, b = cluster.run(2, "CREATE TABLE t(a, b)")
    a.sql("INSERT INTO t VALUES(1, 'first')")
    wait_value(b, "SELECT count(*) FROM t", 1)
    a.stop()
    a.sql("UPDATE t SET b = 'of a'")
    b.sql("UPDATE t SET b = 'of b'")
    a.start()
    wait_equal([a, b])
    wait_value([a, b], "SELECT b FROM t", a.one("SELECT b FROM t"))
    kept = [(node, one) for node in (a, b)
            for one in json.loads(node.run("conflicts", "--json")[1])]
    assert kept, a.run("conflicts")
    node, conflict = kept[0]
    assert set(conflict["loser"]["row"]) == {"a", "b"}
    # Without the configuration, the file itself says how its rows are known.
    command = [str(BINARY), "conflicts", str(node.database), "--restore", str(conflict["id"])]
    node.freeze()
    node.sql("VACUUM")
    refused = subprocess.run(command, capture_output=True, text=True, timeout=seconds(60))
    assert refused.returncode == 1 and "VACUUM has run" in refused.stderr, refused
    node.thaw()
    wait_until(lambda: subprocess.run(command, capture_output=True, timeout=seconds(60)).returncode == 0,
               what="the sidecar to follow VACUUM", explain=node.tail)
    wait_value([a, b], "SELECT count(*) FROM t", 1)
    wait_value([a, b], "SELECT b FROM t", conflict["loser"]["row"]["b"])


def test_a_deleted_row_is_written_back_once(cluster):
    a, b = nodes = cluster.run(2, "CREATE TABLE t(a, b)")
    a.sql("INSERT INTO t VALUES(1, 'first')")
    wait_value(b, "SELECT count(*) FROM t", 1)
    for node in nodes:
        node.stop()
    a.sql("UPDATE t SET b = 'new'")
    b.sql("DELETE FROM t")
    for node in nodes:
        node.start()
    wait_equal(nodes)
    wait_until(lambda: any(json.loads(node.run("conflicts", "--json")[1]) for node in nodes), what="a conflict")
    for node in nodes * 2:
        for one in json.loads(node.run("conflicts", "--json")[1]):
            if one["loser"]["row"]:
                code, output = node.run("conflicts", "--restore", str(one["id"]))
                assert code == 0, output
    wait_value(nodes, "SELECT group_concat(b) FROM t", "new")
    wait_equal(nodes)


def test_cleanup_leaves_the_table(cluster):
    a, = cluster.run(1, "CREATE TABLE t(a, b)")
    a.sql("INSERT INTO t VALUES(1, 2), (1, 2)")
    before = compare.content(a.database)
    a.stop()
    a.close_app()
    code, output = a.run("-cleanup")
    assert code == 0, output
    assert compare.content(a.database) == before
    assert a.one("SELECT count(*) FROM sqlite_master WHERE name LIKE '%harmonylite%'") == 0
