"""Names that break careless SQL."""

import pytest

from compare import quoted
from harness import wait_equal, wait_value

NAMES = [
    'quo"te', '"', '""', "apo'strophe", "sp ace", " ", "do.t", "main.t", "semi;colon",
    "a); DROP TABLE t; --", "--comment", "/*comment*/", "[brackets]", "`ticks`", "per%cent%s{}",
    "back\\slash", "new\nline", "tab\tbed", "?1", ":colon", "@at", "$dollar", "select", "TABLE",
    "NEW", "old", "rowid", "123", "ünïcödé", "ÄÖ", "表", "🙂", "e\u0301", "\u202egnp", "x" * 300,
    "under_score", "_", "glob*[a-z]?", "hlc", "k1", "tbl", "op", "id", "lseq", "journal",
]


def test_tables_with_strange_names(cluster):
    schema = ";".join(f"CREATE TABLE {quoted(name)}(id INTEGER PRIMARY KEY, v)" for name in NAMES)
    a, b = cluster.run(2, schema)
    for name in NAMES:
        a.sql(f"INSERT INTO {quoted(name)} VALUES(1, ?), (2, 'gone')", name)
    for name in NAMES:
        wait_value(b, f"SELECT v FROM {quoted(name)} WHERE id = 1", name)
        b.sql(f"UPDATE {quoted(name)} SET v = 'back' WHERE id = 1")
        b.sql(f"DELETE FROM {quoted(name)} WHERE id = 2")
    for name in NAMES:
        wait_value(a, f"SELECT group_concat(v) FROM {quoted(name)}", "back")
    wait_equal([a, b])


def test_columns_with_strange_names(cluster):
    """Each name once as a key column and once as another, with a UNIQUE index on it."""
    # (rowid has a test of its own.)
    names = [name for name in NAMES if name != "rowid"]
    schema = []
    for number, name in enumerate(names):
        other = names[(number + 1) % len(names)]
        schema.append(f"CREATE TABLE t{number}({quoted(name)} TEXT PRIMARY KEY NOT NULL, "
                      f"{quoted(other)} UNIQUE)")
    a, b = cluster.run(2, ";".join(schema))
    for number, name in enumerate(names):
        a.sql(f"INSERT INTO t{number} VALUES('key', 'value'), ('two', 'other')")
    for number, name in enumerate(names):
        other = names[(number + 1) % len(names)]
        wait_value(b, f"SELECT count(*) FROM t{number}", 2)
        b.sql(f"REPLACE INTO t{number}({quoted(name)}, {quoted(other)}) VALUES('three', 'other')")
    for number, name in enumerate(names):
        wait_value(a, f"SELECT group_concat(k) FROM (SELECT {quoted(name)} AS k FROM t{number} "
                      "ORDER BY 1)", "key,three")
    wait_equal([a, b])


def test_columns_called_rowid(cluster):
    a, b = cluster.run(2, """
        CREATE TABLE one(rowid TEXT PRIMARY KEY NOT NULL, oid, _rowid_);
        CREATE TABLE two(id INTEGER PRIMARY KEY, rowid, oid UNIQUE, _rowid_);
        CREATE TABLE three(rowid INTEGER PRIMARY KEY, v)""")
    a.sql("INSERT INTO one VALUES('k', 1, 2)")
    a.sql("INSERT INTO two VALUES(5, 'r', 'o', 'x')")
    a.sql("INSERT INTO three VALUES(9, 'v')")
    wait_value(b, "SELECT count(*) FROM three", 1)
    b.sql("UPDATE one SET rowid = 'l', oid = 3")
    b.sql("REPLACE INTO two VALUES(6, 'r2', 'o', 'y')")
    b.sql("UPDATE three SET rowid = 10")
    wait_value(a, "SELECT group_concat(rowid) FROM three", "10")
    wait_equal([a, b])
    assert a.one("SELECT group_concat(id) FROM two") == "6"


@pytest.mark.parametrize("file", ["sp ace.db", "quo'te\".db", "per%20cent.db", "ask?mode=ro.db",
                                  "hash#1.db", "ünï🙂.db", "semi;colon", "-dash.db", "back\\n.db"])
def test_strange_file_names(cluster, file):
    """The name of a file is never taken for a URI or an option."""
    a, b = cluster.add(), cluster.add()
    for node in (a, b):
        node.database = node.folder / file
        node.settings["db_path"] = str(node.database)
        node.create("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").start()
    a.sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(b, "SELECT v FROM t", "x")
    b.restart()
    b.sql("UPDATE t SET v = 'y'")
    wait_value(a, "SELECT v FROM t", "y")
