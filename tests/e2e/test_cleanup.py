"""-cleanup leaves the file as it was."""

import pytest

import compare
from harness import wait_equal, wait_value

SCHEMA = """
PRAGMA user_version=7; PRAGMA application_id=4711;
CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT UNIQUE, body TEXT);
CREATE TABLE "od;d ""name" (a TEXT, b INT, PRIMARY KEY(b, a)) WITHOUT ROWID;
CREATE TABLE keyless(v);
CREATE INDEX by_body ON book(body) WHERE body IS NOT NULL;
CREATE VIEW titles AS SELECT title FROM book;
CREATE TRIGGER mine AFTER INSERT ON book BEGIN INSERT INTO keyless VALUES(NEW.id); END;
CREATE VIRTUAL TABLE search USING fts5(x);
"""


def portrait(node):
    """Everything an application can find out about its file."""
    return {
        "schema": node.sql("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"),
        "content": compare.content(node.database),
        "settings": [node.one(f"PRAGMA {name}") for name in
                     ("user_version", "application_id", "page_size", "encoding", "auto_vacuum",
                      "journal_mode", "integrity_check")],
    }


def hidden(node):
    return node.one("SELECT count(*) FROM sqlite_master "
                    "WHERE name LIKE '%harmonylite%' OR sql LIKE '%harmonylite%'")


@pytest.mark.parametrize("mode", ["wal", "delete", "truncate", "persist"])
def test_no_trace_is_left(cluster, mode):
    node = cluster.add().create(SCHEMA, mode)
    node.sql("INSERT INTO book VALUES(1, 't', 'b')")
    before = portrait(node)
    node.close_app()
    node.start()
    assert hidden(node) > 0
    node.stop()
    node.close_app()
    code, output = node.run("-cleanup")
    assert code == 0, output
    after = portrait(node)
    if mode in ("truncate", "persist"):
        # Which kind of rollback journal is a connection's choice; a file only knows WAL or not.
        before["settings"][5] = after["settings"][5] = "rollback"
    assert after == before
    assert hidden(node) == 0


def test_after_work_too(cluster):
    nodes = a, b = cluster.run(2, SCHEMA)
    a.sql("INSERT INTO book VALUES(1, 't', 'b'), (2, 'u', NULL)")
    b.sql("""INSERT INTO "od;d ""name" VALUES('x', 1)""")
    wait_value(b, "SELECT count(*) FROM book", 2)
    wait_value(a, """SELECT count(*) FROM "od;d ""name" """, 1)
    wait_equal(nodes, only=["book", 'od;d "name'])
    for node in nodes:
        before = compare.content(node.database)
        node.stop()
        node.close_app()
        code, output = node.run("-cleanup")
        assert code == 0, output
        assert hidden(node) == 0
        assert compare.content(node.database) == before
        assert node.one("PRAGMA integrity_check") == "ok"
        # The application goes on, alone.
        node.sql("INSERT INTO book VALUES(9, 'alone', 'again')")


def test_a_file_it_never_was_at(cluster):
    node = cluster.add().create(SCHEMA)
    before = portrait(node)
    code, output = node.run("-cleanup")
    assert code == 0, output
    assert portrait(node) == before


def test_twice(cluster):
    (node,) = cluster.run(1, SCHEMA)
    node.stop()
    assert node.run("-cleanup")[0] == 0
    assert node.run("-cleanup")[0] == 0
    assert hidden(node) == 0


def test_not_under_a_running_sidecar(cluster):
    (node,) = cluster.run(1, SCHEMA)
    code, output = node.run("-cleanup")
    assert code != 0, output
    assert hidden(node) > 0
    assert node.running


def test_attached_again(cluster):
    """A file that was cleaned joins as a newcomer."""
    a, b = cluster.run(2, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    a.sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(b, "SELECT count(*) FROM t", 1)
    a.stop()
    assert a.run("-cleanup")[0] == 0
    a.start()
    a.sql("INSERT INTO t VALUES(2, 'y')")
    b.sql("INSERT INTO t VALUES(3, 'z')")
    wait_value([a, b], "SELECT count(*) FROM t", 3)
    wait_equal([a, b])
