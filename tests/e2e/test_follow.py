"""`[schema] follow`: what an application changes in the schema of one node reaches the others with the rows."""

import subprocess
import sys
import time

import pytest

from harness import wait_equal, wait_value
from test_django import APP
from test_migrations import BOOKS, MIGRATIONS, insert, key, table
from test_unique import listed
from wait import seconds, wait_until

FOLLOW = {"schema": {"follow": "all"}}
OBJECTS = """SELECT group_concat(type || ' ' || name) FROM (SELECT type, name FROM sqlite_schema WHERE name NOT LIKE
             '\\_\\_harmony%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2)"""


def columns(node, name):
    return sorted(row[1] for row in node.sql(f"PRAGMA table_info({name})"))


def wait_columns(nodes, name, expected):
    for node in nodes:
        wait_until(lambda: columns(node, name) == sorted(expected), 30,  # noqa: B023
                   f"{expected} in {name}", node.tail)


def wait_object(nodes, name, there=1):
    wait_value(nodes, f"SELECT count(*) FROM sqlite_schema WHERE name = '{name}'", there)


def in_line(nodes):
    """All nodes have the same objects, the same columns, and rows."""
    first = nodes[0]
    wait_value(nodes[1:], OBJECTS, first.one(OBJECTS))
    wait_equal(nodes)


def test_everything_that_is_made_on_one_node_is_on_the_others(cluster):
    nodes = cluster.run(3, BOOKS, FOLLOW)
    a, b, c = nodes
    a.script("""BEGIN;
        CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, book REFERENCES books(id));
        CREATE INDEX by_book ON notes(book);
        CREATE VIRTUAL TABLE words USING fts5(body, content='notes', content_rowid='id');
        CREATE TRIGGER indexed AFTER INSERT ON notes BEGIN
            INSERT INTO words(rowid, body) VALUES(NEW.id, NEW.body); END;
        CREATE VIEW long AS SELECT * FROM notes WHERE length(body) > 10;
        INSERT INTO notes(body) VALUES('the first note');
        PRAGMA user_version = 9;
        COMMIT""")
    wait_object(nodes, "long")
    wait_value(nodes, "SELECT body FROM long", "the first note")
    in_line(nodes)
    assert [node.one("PRAGMA user_version") for node in nodes] == [9, 9, 9]
    b.sql("INSERT INTO notes(body) VALUES('another one')")
    wait_value(nodes, "SELECT count(*) FROM words('another')", 1)
    b.sql("DROP VIEW long")
    c.sql("DROP TABLE other")
    a.sql("DROP INDEX by_book")
    wait_value(nodes, "SELECT count(*) FROM sqlite_schema WHERE name IN ('long', 'other', 'by_book')", 0)
    in_line(nodes)


def test_the_first_row_of_a_new_table_comes_at_once(cluster, record_property):
    a, b = cluster.run(2, BOOKS, FOLLOW)
    began = time.monotonic()
    a.script("CREATE TABLE notes(id INTEGER PRIMARY KEY, body); INSERT INTO notes VALUES(1, 'first')")
    wait_until(lambda: b.one("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'") == 1, 30, "the table",
               b.tail, pause=0.001)
    wait_until(lambda: b.one("SELECT count(*) FROM notes") == 1, 30, "the row", b.tail, pause=0.001)
    record_property("milliseconds", round(1000 * (time.monotonic() - began)))


@pytest.mark.parametrize("migration", MIGRATIONS)
def test_a_migration_on_one_node_only(cluster, migration):
    """Both write before and after. The other node's rows of the former shape are not held."""
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    insert(a, migration, 1, False)
    insert(b, migration, 2, False)
    wait_value(nodes, "SELECT count(*) FROM books", 2)
    b.freeze()
    insert(b, migration, 4, False)
    a.script(MIGRATIONS[migration])
    insert(a, migration, 3, True)
    b.thaw()
    name = table(migration)
    wait_object(nodes, name)
    wait_columns([b], name, columns(a, name))
    insert(b, migration, 5, True)
    wait_value(nodes, f"SELECT group_concat(k) FROM (SELECT {key(migration)} AS k FROM {name} ORDER BY k)",
               "1,2,3,4,5")
    in_line(nodes)


@pytest.mark.parametrize("migration", MIGRATIONS)
def test_the_same_migration_on_both_at_once(cluster, migration):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    insert(a, migration, 1, False)
    wait_value(nodes, "SELECT count(*) FROM books", 1)
    for node in nodes:
        node.freeze()
    for number, node in enumerate(nodes):
        node.script(MIGRATIONS[migration])
        insert(node, migration, 10 + number, True)
    for node in nodes:
        node.thaw()
    wait_object(nodes, table(migration))
    wait_value(nodes, f"SELECT count(*) FROM {table(migration)}", 3)
    in_line(nodes)
    assert listed(a) == listed(b) == []


def test_two_nodes_that_add_different_columns_while_apart(cluster):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    for number, node in enumerate(nodes):
        insert(node, "add", number, False)
    wait_value(nodes, "SELECT count(*) FROM books", 2)
    for node in nodes:
        node.freeze()
    a.script("ALTER TABLE books ADD COLUMN price REAL; UPDATE books SET price = 2.5 WHERE id = 0")
    b.script("ALTER TABLE books RENAME COLUMN title TO name; ALTER TABLE books ADD COLUMN isbn;"
             "UPDATE books SET isbn = 'x' WHERE id = 1")
    for node in nodes:
        node.thaw()
    wait_columns(nodes, "books", ["id", "name", "year", "price", "isbn"])
    wait_value(nodes, "SELECT (SELECT price FROM books WHERE id = 0) || (SELECT isbn FROM books WHERE id = 1)", "2.5x")
    in_line(nodes)


def test_a_dropped_table_sets_aside_what_its_dropper_had_not_seen(cluster):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    insert(a, "add", 1, False)
    wait_value(nodes, "SELECT count(*) FROM books", 1)
    b.freeze()
    insert(b, "add", 2, False)
    a.sql("DROP TABLE books")
    b.thaw()
    wait_object(nodes, "books", there=0)
    wait_until(lambda: [one["loser"]["row"]["id"] for one in listed(b)] == [2], 30, "the row to be listed", b.tail)
    assert b.wait_log("1 rows that other nodes had not seen went with their tables")
    a.script(BOOKS.split(";")[0])
    wait_object(nodes, "books")
    wait_value(nodes, "SELECT count(*) FROM books", 0)
    status, said = b.run("conflicts", "--restore", listed(b)[0]["id"])
    assert status == 0, said
    wait_value(nodes, "SELECT title FROM books", "title 2")


def test_a_node_that_was_down_and_one_from_nothing(cluster):
    a, b = cluster.run(2, BOOKS, FOLLOW)
    b.stop()
    a.script("ALTER TABLE books ADD COLUMN price; CREATE TABLE notes(id INTEGER PRIMARY KEY, body);"
             "INSERT INTO notes VALUES(1, 'a')")
    insert(b, "add", 2, False)
    b.start()
    wait_object([b], "notes")
    wait_value([a, b], "SELECT (SELECT count(*) FROM notes) || (SELECT count(*) FROM books)", "11")
    c = cluster.add(FOLLOW)
    c.start()
    wait_object([c], "notes")
    in_line([a, b, c])


def test_nodes_that_follow_and_one_that_does_not(cluster):
    """A rolling upgrade: rows of the nodes that migrated wait at the one that does not follow; its rows do not."""
    a, b = cluster.run(2, BOOKS, FOLLOW)
    old, = cluster.run(1, BOOKS)
    a.script("ALTER TABLE books ADD COLUMN price DEFAULT 3")
    insert(a, "add", 1, True)
    wait_columns([a, b], "books", ["id", "title", "year", "price"])
    wait_value(b, "SELECT price FROM books WHERE id = 1", 3)
    insert(old, "add", 2, False)
    wait_value([a, b], "SELECT group_concat(id || ':' || price) FROM (SELECT * FROM books ORDER BY id)", "1:3,2:3")
    assert columns(old, "books") == ["id", "title", "year"]
    old.script("ALTER TABLE books ADD COLUMN price DEFAULT 3")
    wait_value(old, "SELECT count(*) FROM books", 2)
    in_line([a, b, old])


def django(node, *arguments):
    return subprocess.Popen([sys.executable, APP, node.database, *arguments], stderr=subprocess.PIPE, text=True)


def finished(process):
    _, problems = process.communicate(timeout=seconds(180))
    assert process.returncode == 0, problems


@pytest.mark.parametrize("order", ["one after the other", "at once"])
def test_django_migrates(cluster, order):
    """The second node's own `migrate` finds nothing to do, and its tables are there."""
    pytest.importorskip("django", reason="python3-django is not installed: ./dev setup installs it")
    nodes = a, b = cluster.run(2, "CREATE TABLE first(id INTEGER PRIMARY KEY)", FOLLOW)
    if order == "at once":
        both = [django(node, name, "3") for node, name in zip(nodes, ("anna", "berta"))]
        for process in both:
            finished(process)
    else:
        finished(django(a, "anna", "3"))
        wait_object([b], "django_migrations")
        wait_value(b, "SELECT count(*) FROM django_migrations", a.one("SELECT count(*) FROM django_migrations"))
        finished(django(b, "berta", "3"))
    wait_value(nodes, "SELECT count(*) FROM auth_user", 6)
    in_line(nodes)
    if order != "at once":  # else some rows are children of parents that gave way to the other node's
        assert [node.one("PRAGMA foreign_key_check") for node in nodes] == [None, None]
    c = cluster.add(FOLLOW)
    c.start()
    wait_object([c], "auth_user")
    wait_value(c, "SELECT count(*) FROM auth_user", 6)
    in_line([a, b, c])
