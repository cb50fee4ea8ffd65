"""Tables of every kind, and rows known by every kind of key."""

import pytest

from harness import wait_equal, wait_value
from test_observe import METRICS, metric
from test_unique import conflicts, listed
from wait import wait_until

# name: (schema, statements run in turns on three nodes). Each statement is waited for.
KINDS = {
    "integer key": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
        ["INSERT INTO t VALUES(-5, 'a'), (9223372036854775807, 'b'), (-9223372036854775808, 'c')",
         "UPDATE t SET v = 'z' WHERE id < 0", "DELETE FROM t WHERE id > 0"]),
    "autoincrement": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
        ["INSERT INTO t(v) VALUES('a'), ('b')", "INSERT INTO t(id, v) VALUES(1000, 'c')",
         "DELETE FROM t WHERE v = 'a'"]),
    "descending integer key": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY DESC, v)",
        ["INSERT INTO t VALUES(1, 'a'), (2, 'b')", "UPDATE t SET id = 3 WHERE id = 1",
         "DELETE FROM t WHERE id = 2"]),
    "text key": (
        "CREATE TABLE t(k TEXT PRIMARY KEY, v)",
        ["INSERT INTO t VALUES('a', 1), ('A', 2), ('', 3), ('a ', 4)",
         "UPDATE t SET k = 'b' WHERE k = 'a'", "DELETE FROM t WHERE k = ''"]),
    "blob key": (
        "CREATE TABLE t(k BLOB PRIMARY KEY NOT NULL, v)",
        ["INSERT INTO t VALUES(x'', 1), (x'00', 2), (x'0000', 3), ('0000', 4)",
         "UPDATE t SET v = 9 WHERE k = x'00'", "DELETE FROM t WHERE k = x''"]),
    "real key": (
        "CREATE TABLE t(k REAL PRIMARY KEY NOT NULL, v)",
        ["INSERT INTO t VALUES(0.1, 1), (1e308, 2), (-1.5, 3)",
         "UPDATE t SET k = 0.2 WHERE k = 0.1", "DELETE FROM t WHERE k < 0"]),
    "composite key": (
        "CREATE TABLE t(a INTEGER, v, b TEXT, c BLOB, PRIMARY KEY(b, a, c))",
        ["INSERT INTO t VALUES(1, 'x', 'k', x'00'), (2, 'y', 'k', x'00'), (1, 'z', 'l', x'01')",
         "UPDATE t SET a = a + 10", "DELETE FROM t WHERE b = 'l'"]),
    "without rowid": (
        "CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
        ["INSERT INTO t VALUES('a', 1), ('b', 2)", "UPDATE t SET k = 'c' WHERE k = 'a'",
         "REPLACE INTO t VALUES('b', 3)"]),
    "without rowid, composite": (
        "CREATE TABLE t(v UNIQUE, a, b, PRIMARY KEY(b DESC, a)) WITHOUT ROWID",
        ["INSERT INTO t VALUES(1, 1, 1), (2, 1, 2), (3, 2, 1)",
         "UPDATE t SET a = 5 WHERE v = 2", "REPLACE INTO t VALUES(3, 9, 9)"]),
    "strict": (
        "CREATE TABLE t(k TEXT PRIMARY KEY, n INT, a ANY) STRICT",
        ["INSERT INTO t VALUES('a', 1, '007'), ('b', 2, 7)", "UPDATE t SET a = 1.5 WHERE k = 'b'",
         "DELETE FROM t WHERE k = 'a'"]),
    "strict without rowid": (
        "CREATE TABLE t(k ANY PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID",
        ["INSERT INTO t VALUES('1', 1), (1, 2), (x'31', 3)", "UPDATE t SET v = k",
         "DELETE FROM t WHERE typeof(k) = 'text'"]),
    "nocase": (
        "CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, v)",
        ["INSERT INTO t VALUES('Ann', 1), ('bob', 2)", "UPDATE t SET v = 5 WHERE k = 'ANN'",
         "REPLACE INTO t VALUES('BOB', 6)"]),
    "nocase, other case of the same key": (
        "CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, v) WITHOUT ROWID",
        ["INSERT INTO t VALUES('Ann', 1)", "UPDATE t SET k = 'ANN'", "UPDATE t SET k = 'ann'"]),
    "rtrim, composite with nocase": (
        "CREATE TABLE t(a TEXT COLLATE RTRIM, b TEXT COLLATE NOCASE, v, PRIMARY KEY(a, b))",
        ["INSERT INTO t VALUES('x  ', 'Y', 1), ('z', 'y', 2)", "REPLACE INTO t VALUES('x', 'y', 3)",
         "UPDATE t SET a = 'x ' WHERE v = 3"]),
    "collation of the index only": (
        "CREATE TABLE t(k TEXT NOT NULL, v, PRIMARY KEY(k COLLATE NOCASE))",
        ["INSERT INTO t VALUES('Ann', 1), ('bob', 2)", "REPLACE INTO t VALUES('ANN', 3)",
         "DELETE FROM t WHERE k = 'bob'"]),
    "unique not null instead of a key": (
        "CREATE TABLE t(v, k TEXT NOT NULL UNIQUE)",
        ["INSERT INTO t VALUES(1, 'a'), (2, 'b')", "UPDATE t SET k = 'c' WHERE k = 'a'",
         "DELETE FROM t WHERE k = 'b'"]),
    "unique index, made later, instead of a key": (
        "CREATE TABLE t(a NOT NULL, b NOT NULL, v); CREATE UNIQUE INDEX i ON t(b, a)",
        ["INSERT INTO t VALUES(1, 1, 'x'), (1, 2, 'y')", "UPDATE t SET b = 7 WHERE v = 'x'",
         "DELETE FROM t WHERE v = 'y'"]),
    "generated columns": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a INT, b AS (a * 2), c TEXT AS (a || '!') STORED,"
        " d UNIQUE, e AS (d) UNIQUE)",
        ["INSERT INTO t(id, a, d) VALUES(1, 10, 'x'), (2, 20, 'y')",
         "UPDATE t SET a = 11 WHERE id = 1", "REPLACE INTO t(id, a, d) VALUES(3, 30, 'y')"]),
    "generated column in the middle of a composite key's table": (
        "CREATE TABLE t(a INT, g AS (a + b), b INT, v, PRIMARY KEY(b, a)) WITHOUT ROWID",
        ["INSERT INTO t(a, b, v) VALUES(1, 2, 'x'), (3, 4, 'y')", "UPDATE t SET a = 5 WHERE v = 'x'",
         "DELETE FROM t WHERE v = 'y'"]),
    "nothing but the key": (
        "CREATE TABLE t(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID",
        ["INSERT INTO t VALUES(1, 2), (3, 4)", "UPDATE t SET b = 9 WHERE a = 1",
         "DELETE FROM t WHERE a = 3"]),
    "a wide key": (
        "CREATE TABLE t(" + ", ".join(f"k{n}" for n in range(40)) + ", v, PRIMARY KEY("
        + ", ".join(f"k{n}" for n in range(40)) + "))",
        ["INSERT INTO t VALUES(" + ", ".join(str(n) for n in range(40)) + ", 'x')",
         "UPDATE t SET k39 = 'new'", "UPDATE t SET v = 'y'"]),
    "a thousand columns": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY, " + ", ".join(f"c{n}" for n in range(999)) + ")",
        ["INSERT INTO t(id, c0, c998) VALUES(1, 'first', 'last'), (2, NULL, 2)",
         "UPDATE t SET c500 = 'middle' WHERE id = 1", "DELETE FROM t WHERE id = 2"]),
    "unique, but nullable, instead of a key": (
        "CREATE TABLE t(name TEXT UNIQUE, v)",
        ["INSERT INTO t VALUES('a', 1), ('b', 2)", "REPLACE INTO t VALUES('a', 3)",
         "DELETE FROM t WHERE name = 'b'"]),
    "no key": (
        "CREATE TABLE t(a, b)",
        ["INSERT INTO t VALUES(1, 2), (1, 2), (NULL, NULL), (3, x'00')",
         "UPDATE t SET b = 9 WHERE _rowid_ = 1", "DELETE FROM t WHERE a IS NULL"]),
    "no key, but an index": (
        "CREATE TABLE t(rowid TEXT, b); CREATE INDEX i ON t(b)",
        ["INSERT INTO t VALUES('x', 2), ('y', 2), ('z', 3)",
         "INSERT OR REPLACE INTO t(_rowid_, rowid, b) VALUES(2, 'new', 5), (7, 'far', 6)",
         "UPDATE t SET _rowid_ = 9 WHERE b = 5"]),
    "checks and not null": (
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INT NOT NULL CHECK(n > 0), m NOT NULL DEFAULT 1)",
        ["INSERT INTO t VALUES(1, 1, 2), (2, 5, 5)", "INSERT OR IGNORE INTO t VALUES(3, NULL, 1)",
         "UPDATE OR IGNORE t SET n = n - 3 WHERE id = 2"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_table(cluster, kind):
    schema, statements = KINDS[kind]
    nodes = cluster.run(3, schema + "; CREATE TABLE mark(id INTEGER PRIMARY KEY)")
    for turn, statement in enumerate(statements):
        node = nodes[turn % 3]
        node.sql(statement)
        node.sql("INSERT INTO mark VALUES(?)", turn)
        wait_value(nodes, f"SELECT count(*) FROM mark WHERE id = {turn}", 1)
        wait_equal(nodes)
    assert nodes[0].one("SELECT count(*) FROM t") > 0


def test_a_row_with_null_in_its_key_stays_local(cluster):
    a, b = cluster.run(2, "CREATE TABLE t(k TEXT PRIMARY KEY, v);"
                          "CREATE TABLE u(a, b, v, PRIMARY KEY(a, b))")
    a.sql("INSERT INTO t VALUES(NULL, 'local'), ('k', 'shared'), (NULL, 'local too')")
    a.sql("INSERT INTO u VALUES(1, NULL, 'local'), (1, 1, 'shared')")
    wait_value(b, "SELECT group_concat(v) FROM t", "shared")
    wait_value(b, "SELECT group_concat(v) FROM u", "shared")
    # It gets a key, and is shared; it loses it, and is gone elsewhere.
    a.sql("UPDATE t SET k = 'now' WHERE v = 'local'")
    wait_value(b, "SELECT count(*) FROM t", 2)
    a.sql("UPDATE t SET k = NULL WHERE v = 'shared'")
    wait_value(b, "SELECT group_concat(v) FROM t", "local")
    assert a.one("SELECT count(*) FROM t") == 3
    assert a.running and b.running


def test_what_is_not_replicated_disturbs_nothing(cluster):
    a, b = cluster.run(2, """
        CREATE TABLE t(id INTEGER PRIMARY KEY, v);
        CREATE VIEW w AS SELECT * FROM t;
        CREATE VIRTUAL TABLE f USING fts5(x);
        CREATE VIRTUAL TABLE r USING rtree(id, x0, x1);
        CREATE TRIGGER into_view INSTEAD OF INSERT ON w BEGIN
          INSERT INTO t VALUES(NEW.id, NEW.v); END""")
    a.sql("INSERT INTO f VALUES('word')")
    a.sql("INSERT INTO r VALUES(1, 0, 1)")
    a.script("CREATE TEMP TABLE mine(id INTEGER PRIMARY KEY); INSERT INTO mine VALUES(1)")
    a.sql("INSERT INTO w VALUES(1, 'through the view')")
    wait_value(b, "SELECT v FROM t", "through the view")
    assert b.one("SELECT count(*) FROM f") == 0
    wait_equal([a, b], only=["t"])


def test_rows_from_before_the_sidecar(cluster):
    """They have no version: an update or a delete of one goes to the others, and wins."""
    schema = "CREATE TABLE t(id INTEGER PRIMARY KEY, v);" \
             "INSERT INTO t VALUES(1, 'old'), (2, 'old'), (3, 'old')"
    a, b = cluster.run(2, schema)
    a.sql("UPDATE t SET v = 'new' WHERE id = 1")
    b.sql("DELETE FROM t WHERE id = 2")
    for node in (a, b):
        wait_value(node, "SELECT group_concat(id || v) FROM (SELECT * FROM t ORDER BY id)",
                   "1new,3old")


def test_rows_that_stay_here_are_told(cluster):
    a, b = cluster.run(2, "CREATE TABLE t(k TEXT PRIMARY KEY, v)", settings=METRICS)
    a.sql("INSERT INTO t VALUES(NULL, 'lonely'), ('x', 'travels')")
    wait_value(b, "SELECT v FROM t", "travels")
    a.wait_log("table t: 1 rows have NULL in their key and stay on this node")
    wait_until(lambda: metric(a, 'harmonylite_null_key_rows{table="t"}') == 1, what="the count", explain=a.tail)
    (one,) = listed(a)
    assert (one["kind"], one["table"], one["loser"]["row"]) == ("stays here", "t", {"k": None, "v": "lonely"})
    assert listed(b) == []
    code, text = conflicts(a, "--show", one["id"])
    assert code == 0 and "on no other: its key has NULL" in text and "v: 'lonely'" in text
    code, text = conflicts(a, "--restore", one["id"])
    assert code == 1 and "nothing was lost" in text
    a.sql("UPDATE t SET k = 'y' WHERE v = 'lonely'")
    wait_equal([a, b])
    assert listed(a) == []
