"""Foreign keys between nodes that write at once: a parent deleted here while a child is added there."""

import json
import subprocess

import pytest

import harness
from harness import wait_equal, wait_value
from test_observe import HEALTH, METRICS, health, metric
from test_unique import conflicts, listed
from wait import wait_later, wait_until

SCHEMA = ("CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT);"
          "CREATE TABLE child(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent(id) ON DELETE CASCADE,"
          " v TEXT); CREATE INDEX child_parent ON child(parent)")
HIDE = {"conflicts": {"foreign_keys": "hide"}}
OBSERVED = {**HEALTH, **METRICS}


def apart(nodes, *writes):
    """The nodes write while their sidecars are down, in this order, then meet."""
    for node in nodes:
        node.stop()
    for node, statements in zip(nodes, writes):
        node.transaction(*statements)
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready()


def fill(cluster, count, settings, schema=SCHEMA, rows="INSERT INTO parent VALUES(1, 'p'), (2, 'q')"):
    nodes = cluster.run(count, schema, settings=settings)
    nodes[0].sql(rows)
    table = rows.split()[2].split("(")[0]
    wait_value(nodes, f"SELECT count(*) FROM {table}", rows.count("(") - rows.count("(id"))
    return nodes


def orphans(node):
    return [one for one in listed(node) if one["kind"] == "orphan"]


def wait_orphans(nodes, count):
    for node in nodes:
        wait_until(lambda: len(orphans(node)) == count, what=f"{count} orphans on {node.name}",  # noqa: B023
                   explain=lambda: f"{orphans(node)}\n{node.tail()}")  # noqa: B023


def test_report_counts_and_lists_them(cluster):
    a, b = nodes = fill(cluster, 2, OBSERVED)
    apart(nodes, ["DELETE FROM parent WHERE id = 1"], ["INSERT INTO child VALUES(10, 1, 'left alone')"])
    wait_value(nodes, "SELECT v FROM child", "left alone")
    wait_value(nodes, "SELECT count(*) FROM parent", 1)
    wait_equal(nodes)
    wait_orphans(nodes, 1)
    for node in nodes:
        (one,) = orphans(node)
        assert (one["table"], one["key"], one["missing"]) == ("child", {"id": 10}, "parent id=1")
        assert one["hidden"] is False and one["loser"]["row"]["v"] == "left alone"
        wait_until(lambda: metric(node, "harmonylite_orphan_rows") == 1, 60, "the orphan to be counted",  # noqa: B023
                   node.tail)
        assert health(node)[1]["orphan_rows"] == 1
    code, table = conflicts(a)
    assert code == 0 and "orphan" in table and "without parent id=1" in table
    code, shown = conflicts(a, "--show", one["id"])
    assert code == 0 and "the row is in its table" in shown and "v: 'left alone'" in shown
    assert conflicts(a, "--restore", one["id"])[0] == 1  # it would be an orphan again
    code, output = conflicts(a, "--restore", one["id"], "--set", "parent=2")
    assert code == 0, output
    wait_value(nodes, "SELECT parent FROM child", 2)
    wait_orphans(nodes, 0)
    for node in nodes:
        wait_until(lambda: metric(node, "harmonylite_orphan_rows") == 0, 60, "the count to go",  # noqa: B023
                   node.tail)


def test_hide_takes_them_out_until_the_parent_is_back(cluster):
    a, b, c = nodes = fill(cluster, 3, {**HIDE, **OBSERVED})
    apart(nodes, ["DELETE FROM parent WHERE id = 1"],
          ["INSERT INTO child VALUES(10, 1, 'x'), (11, 2, 'y'), (12, NULL, 'z')"],
          ["INSERT INTO child VALUES(20, 1, 'w')"])
    wait_orphans(nodes, 2)
    wait_value(nodes, "SELECT group_concat(id) FROM (SELECT id FROM child ORDER BY id)", "11,12")
    wait_equal(nodes)
    (one, other) = sorted(orphans(b), key=lambda entry: entry["key"]["id"])
    assert one["hidden"] and one["missing"] == "parent id=1" and other["loser"]["row"]["v"] == "w"
    wait_until(lambda: metric(b, "harmonylite_orphan_rows") == 2, 60, "them to be counted", b.tail)
    code, shown = conflicts(c, "--show", one["id"])
    assert code == 0 and "hidden until its parent is there" in shown
    code, output = conflicts(c, "--restore", one["id"])
    assert code == 1 and "parent id=1 is not there" in output and "--set" in output
    # Hidden is not deleted: not to the application's own later sync, and not for a node that starts again.
    b.restart()
    c.sql("ALTER TABLE child ADD COLUMN more DEFAULT 'm'")
    for node in (a, b):
        node.sql("ALTER TABLE child ADD COLUMN more DEFAULT 'm'")
    # Until its sidecar has seen the new column, a node lists nothing of this table: a value in it travels when all have.
    c.sql("UPDATE child SET more = 'n' WHERE id = 12")
    wait_value(nodes, "SELECT more FROM child WHERE id = 12", "n")
    wait_orphans(nodes, 2)
    # With another parent, from the list.
    code, output = conflicts(c, "--restore", one["id"], "--set", "parent=2")
    assert code == 0, output
    wait_value(nodes, "SELECT parent || v || more FROM child WHERE id = 10", "2xm")
    # The parent is back, on another node than the child's.
    a.sql("INSERT INTO parent VALUES(1, 'again')")
    wait_value(nodes, "SELECT v FROM child WHERE id = 20", "w")
    wait_orphans(nodes, 0)
    wait_equal(nodes)
    assert a.one("SELECT count(*) FROM child") == 4
    # And gone, with an application that does not cascade.
    b.sql("DELETE FROM parent WHERE id = 2")
    wait_value(nodes, "SELECT group_concat(id) FROM (SELECT id FROM child ORDER BY id)", "12,20")
    wait_orphans(nodes, 2)
    wait_equal(nodes)


def test_a_new_node_gets_hidden_rows(cluster):
    a, b = nodes = fill(cluster, 2, HIDE)
    apart(nodes, ["DELETE FROM parent WHERE id = 1"], ["INSERT INTO child VALUES(10, 1, 'x')"])
    wait_orphans(nodes, 1)
    late = cluster.add(settings=HIDE).create(SCHEMA).start()
    wait_value(late, "SELECT name FROM parent", "q")
    wait_orphans([late], 1)
    late.sql("INSERT INTO parent VALUES(1, 'new')")
    wait_value([a, b, late], "SELECT v FROM child", "x")
    wait_equal([a, b, late])


SHAPES = {
    "itself": ("CREATE TABLE t(id INTEGER PRIMARY KEY, up INTEGER REFERENCES t(id))",
               "INSERT INTO t VALUES(1, NULL), (2, 1)",
               "DELETE FROM t WHERE id = 2", "INSERT INTO t VALUES(3, 2), (4, 3), (5, 5)",
               "SELECT group_concat(id) FROM (SELECT id FROM t ORDER BY id)", "1,5", 2,
               "INSERT INTO t VALUES(2, NULL)", "1,2,3,4,5"),
    "two columns": ("CREATE TABLE p(a TEXT, b TEXT COLLATE NOCASE, PRIMARY KEY(a, b));"
                    "CREATE TABLE t(id TEXT PRIMARY KEY, x TEXT COLLATE NOCASE, y TEXT,"
                    " FOREIGN KEY(y, x) REFERENCES p(a, b)) WITHOUT ROWID",
                    "INSERT INTO p VALUES('k', 'Up'), ('l', 'm')",
                    "DELETE FROM p WHERE a = 'k'",
                    "INSERT INTO t VALUES('one', 'uP', 'k'), ('half', NULL, 'k'), ('two', 'M', 'l')",
                    "SELECT group_concat(id) FROM (SELECT id FROM t ORDER BY id)", "half,two", 1,
                    "INSERT INTO p VALUES('k', 'UP')", "half,one,two"),
    "a UNIQUE column": ("CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT UNIQUE);"
                        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT REFERENCES p(code))",
                        "INSERT INTO p VALUES(1, 'a'), (2, 'b')",
                        "UPDATE p SET code = 'c' WHERE id = 1", "INSERT INTO t VALUES(1, 'a'), (2, 'b')",
                        "SELECT group_concat(id) FROM (SELECT id FROM t ORDER BY id)", "2", 1,
                        "UPDATE p SET code = 'a' WHERE id = 1", "1,2"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape(cluster, shape):
    schema, rows, delete, insert, query, hidden, count, back, whole = SHAPES[shape]
    a, b = nodes = fill(cluster, 2, HIDE, schema, rows)
    apart(nodes, [delete], [insert])
    wait_orphans(nodes, count)
    wait_value(nodes, query, hidden)
    wait_equal(nodes)
    b.sql(back)
    wait_value(nodes, query, whole)
    wait_orphans(nodes, 0)
    wait_equal(nodes)


def test_cascades_of_the_application(cluster):
    a, b = nodes = fill(cluster, 2, HIDE)
    a.sql("INSERT INTO child VALUES(10, 1, 'x'), (11, 2, 'y')")
    wait_value(nodes, "SELECT count(*) FROM child", 2)
    for node in nodes:
        node.stop()
    a.sql("PRAGMA foreign_keys = ON")
    a.sql("DELETE FROM parent WHERE id = 1")  # child 10 goes with it
    wait_later()
    b.sql("UPDATE child SET v = 'later' WHERE id = 10")  # the newer write of the row wins: it is an orphan
    b.sql("INSERT INTO child VALUES(12, 1, 'z')")
    for node in nodes:
        node.start()
    wait_value(nodes, "SELECT group_concat(id) FROM child", "11")
    wait_orphans(nodes, 2)
    b.sql("PRAGMA foreign_keys = ON")
    b.sql("INSERT INTO parent VALUES(1, 'again')")
    wait_value(nodes, "SELECT group_concat(id) FROM (SELECT id FROM child ORDER BY id)", "10,11,12")
    a.sql("DELETE FROM parent WHERE id = 1")  # all its children go, once
    wait_value(nodes, "SELECT group_concat(id) FROM child", "11")
    wait_orphans(nodes, 0)
    wait_equal(nodes)


def test_hide_switched_on_and_off(cluster):
    a, b = nodes = fill(cluster, 2, {})
    a.sql("INSERT INTO child VALUES(10, 7, 'x')")
    wait_value(nodes, "SELECT v FROM child", "x")
    for node in nodes:
        node.stop()
        node.settings["conflicts"] = {"foreign_keys": "hide"}
        node.start()
    wait_value(nodes, "SELECT count(*) FROM child", 0)
    wait_orphans(nodes, 1)
    for node in nodes:
        node.stop()
        node.settings["conflicts"] = {"foreign_keys": "report"}
        node.start()
    wait_value(nodes, "SELECT v FROM child", "x")
    wait_equal(nodes)


def test_cleanup_puts_hidden_rows_back(cluster):
    (a,) = cluster.run(1, SCHEMA, settings=HIDE)
    a.sql("INSERT INTO child VALUES(10, 7, 'x')")
    wait_value(a, "SELECT count(*) FROM child", 0)
    a.stop()
    a.close_app()
    code, output = a.run("-cleanup")
    assert code == 0, output
    assert a.one("SELECT v FROM child") == "x"
    assert a.one("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%harmonylite%'") == 0


def test_lint_tells_what_hiding_costs(folder):
    database = folder / "lint.db"
    subprocess.run(["sqlite3", database,
                    "CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT UNIQUE);"
                    "CREATE TABLE c(id TEXT PRIMARY KEY NOT NULL, p INTEGER REFERENCES p, q TEXT REFERENCES p(code),"
                    " r REFERENCES elsewhere)"], check=True)
    done = subprocess.run([str(harness.BINARY), "lint", str(database), "--json"], stdout=subprocess.PIPE, check=False)
    found = {one["finding"]: [subject["text"] for subject in one["subjects"]]
             for one in json.loads(done.stdout)["findings"]}
    assert found["unindexed-child"] == ["c(p) → p"]
    assert found["not-to-key"] == ["c(q) → p"]
    assert found["unjudged"] == ["c(r) → elsewhere"]
