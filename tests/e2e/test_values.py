"""Every storage class under every declared type is the same on all nodes, to the bit."""

import math
import sqlite3

import pytest

from harness import wait_equal, wait_value

PLAIN = [
    None, 0, 1, -1, 127, 128, 2**31, -2**31 - 1, 2**53 + 1, -2**53 - 1, 2**63 - 1, -2**63,
    0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e15, 1e16, 9007199254740993.0, 123456789012345678.0,
    9.223372036854775807e18, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
    math.inf, -math.inf,
    "", " ", "a", "007", "1", "1.0", "1e5", " 12 ", "0x10", "-0", "9223372036854775808",
    "9007199254740993", "inf", "nan", "true", "null", "a\x00b", "\x00", "'", '"', "é", "e\u0301",
    "\u0000\uffff", "🙂", "\ufeff", "x" * 5000,
    b"", b"\x00", b"1", b"a", bytes(range(256)), b"\xff" * 3000,
]
# Text that no UTF-8 decoder accepts, and how SQLite is made to store it.
BROKEN = [b"\xff", b"a\x80b", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"a\x00\xfe"]

TYPES = ["", "INTEGER", "INT", "BIGINT", "REAL", "FLOAT", "DOUBLE PRECISION", "TEXT", "VARCHAR(3)",
         "CLOB", "BLOB", "NUMERIC", "DECIMAL(10,2)", "BOOLEAN", "DATE", "DATETIME", "STRING", "JSON",
         "ANY", "POINT"]
STRICT = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"]


def placeholders():
    """(SQL expression, value to bind) of every value."""
    return [("?", value) for value in PLAIN] + [("CAST(? AS TEXT)", value) for value in BROKEN]


def write(node, table, count):
    """One row per value and column; what a column refuses (STRICT) is left out."""
    number = 0
    node.sql("BEGIN")
    for expression, value in placeholders():
        for column in range(count):
            number += 1
            try:
                node.sql(f"INSERT INTO {table}(id, c{column}) VALUES(?, {expression})",
                         number, value)
            except sqlite3.IntegrityError:
                pass
    node.sql("COMMIT")


def write_all_columns(node, table, count):
    node.sql("BEGIN")
    names = ", ".join(f"c{n}" for n in range(count))
    for number, (expression, value) in enumerate(placeholders()):
        values = ", ".join([expression] * count)
        node.sql(f"INSERT INTO {table}(id, {names}) VALUES(?, {values})", 100_000 + number,
                 *[value] * count)
    node.sql("COMMIT")


def columns(types):
    return ", ".join(f"c{n} {kind}" for n, kind in enumerate(types))


def test_storage_classes_under_declared_types(cluster):
    a, b = cluster.run(2, f"CREATE TABLE t(id INTEGER PRIMARY KEY, {columns(TYPES)})")
    write_all_columns(a, "t", len(TYPES))
    total = a.one("SELECT count(*) FROM t")
    assert total == len(PLAIN) + len(BROKEN)
    wait_value(b, "SELECT count(*) FROM t", total)
    wait_equal([a, b])
    # The whole range really was there.
    kinds = {row[0] for row in b.sql("SELECT DISTINCT typeof(c0) FROM t")}
    assert kinds == {"null", "integer", "real", "text", "blob"}
    # And once more as updates, from the other side.
    b.sql("UPDATE t SET c0 = c1, c1 = c2, c10 = c0, c18 = c10")
    b.sql("INSERT INTO t(id) VALUES(-1)")
    wait_value(a, "SELECT count(*) FROM t WHERE id = -1", 1)
    wait_equal([a, b])


def test_storage_classes_in_strict_tables(cluster):
    a, b = cluster.run(2, f"CREATE TABLE t(id INTEGER PRIMARY KEY, {columns(STRICT)}) STRICT")
    write(a, "t", len(STRICT))
    a.sql("INSERT INTO t(id, c5) VALUES(-7, '007')")
    total = a.one("SELECT count(*) FROM t")
    wait_value(b, "SELECT count(*) FROM t", total)
    wait_equal([a, b])
    assert b.sql("SELECT typeof(c5), c5 FROM t WHERE id = -7") == [("text", "007")]


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_utf_16_databases(cluster, encoding):
    """Also beside a database that is UTF-8. Broken text is what SQLite itself makes of it."""
    schema = f"CREATE TABLE t(id INTEGER PRIMARY KEY, {columns(TYPES)})"
    a = cluster.add().create(f"PRAGMA encoding='{encoding}';{schema}", journal_mode="delete")
    b = cluster.add().create(f"PRAGMA encoding='{encoding}';{schema}", journal_mode="delete")
    c = cluster.add().create(schema)
    for node in (a, b, c):
        node.start()
    assert a.one("PRAGMA encoding") == encoding
    a.sql("BEGIN")
    for number, value in enumerate(PLAIN):
        a.sql("INSERT INTO t(id, c0, c7) VALUES(?, ?, ?)", number, value, value)
    a.sql("COMMIT")
    wait_value([b, c], "SELECT count(*) FROM t", len(PLAIN))
    wait_equal([a, b, c])
    c.sql("UPDATE t SET c7 = c7 || 'é🙂' WHERE typeof(c7) = 'text'")
    wait_value(a, "SELECT count(*) FROM t WHERE c7 LIKE '%é🙂'",
               c.one("SELECT count(*) FROM t WHERE c7 LIKE '%é🙂'"))
    wait_equal([a, b, c])


def test_every_storage_class_as_key(cluster):
    """1, '1', 1.5, x'31' are four keys of an untyped column; 1 and 1.0 are one."""
    a, b = cluster.run(2, "CREATE TABLE t(k PRIMARY KEY NOT NULL, v)")
    a.sql("BEGIN")
    for expression, value in placeholders():
        if value is not None:
            a.sql(f"INSERT OR IGNORE INTO t VALUES({expression}, 1)", value)
    a.sql("COMMIT")
    total = a.one("SELECT count(*) FROM t")
    assert total > 50
    wait_value(b, "SELECT count(*) FROM t", total)
    wait_equal([a, b])
    b.sql("UPDATE t SET v = typeof(k)")
    b.sql("INSERT INTO t VALUES('mark', 'mark')")
    wait_value(a, "SELECT v FROM t WHERE k = 'mark'", "mark")
    wait_equal([a, b])
    a.sql("DELETE FROM t WHERE typeof(k) IN ('text', 'real') AND k != 'mark'")
    a.sql("UPDATE t SET k = 'moved' WHERE k = 'mark'")
    wait_value(b, "SELECT count(*) FROM t WHERE k = 'moved'", 1)
    wait_equal([a, b])


def test_a_key_that_changes_its_class_only(cluster):
    """The same key to SQLite (1 = 1.0), yet other bytes: they must arrive."""
    a, b = cluster.run(2, "CREATE TABLE t(k PRIMARY KEY NOT NULL, v)")
    a.sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(b, "SELECT typeof(k) FROM t", "integer")
    b.sql("UPDATE t SET k = 1.0")
    wait_value(a, "SELECT typeof(k) FROM t", "real")
    wait_equal([a, b])


def test_defaults_do_not_replace_nulls(cluster):
    a, b = cluster.run(2, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT DEFAULT 'd', "
                          "at TEXT DEFAULT CURRENT_TIMESTAMP, r INTEGER DEFAULT (random()))")
    a.sql("INSERT INTO t(id, v) VALUES(1, NULL)")
    a.sql("INSERT INTO t(id) VALUES(2)")
    wait_value(b, "SELECT count(*) FROM t", 2)
    wait_equal([a, b])
    assert b.one("SELECT v FROM t WHERE id = 1") is None
