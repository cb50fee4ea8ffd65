"""Schema changes of the application: never an error for it, never a lost write. The schema itself is
not replicated: each node runs its own migration, at its own time."""

import pytest

from harness import wait_equal, wait_value
from wait import wait_until

BOOKS = "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT, year INTEGER);" \
        "CREATE TABLE other(id INTEGER PRIMARY KEY, v)"

ADD = "ALTER TABLE books ADD COLUMN price REAL DEFAULT 1.5"
DROP = "ALTER TABLE books DROP COLUMN year"
RENAME_COLUMN = "ALTER TABLE books RENAME COLUMN year TO published"
RENAME_TABLE = "ALTER TABLE books RENAME TO works"
REBUILD = """
BEGIN;
CREATE TABLE books_new(id INTEGER PRIMARY KEY, title TEXT NOT NULL DEFAULT '', year INTEGER, extra);
INSERT INTO books_new(id, title, year) SELECT id, title, year FROM books;
DROP TABLE books;
ALTER TABLE books_new RENAME TO books;
COMMIT"""
RENAME_KEY = "ALTER TABLE books RENAME COLUMN id TO number"
INDEX = "CREATE UNIQUE INDEX by_title ON books(title)"

MIGRATIONS = {"add": ADD, "drop": DROP, "rename column": RENAME_COLUMN, "rename key": RENAME_KEY,
              "rename table": RENAME_TABLE, "rebuild": REBUILD, "unique index": INDEX}


def table(migration):
    return "works" if migration == "rename table" else "books"


def key(migration):
    return "number" if migration == "rename key" else "id"


def insert(node, migration, number, migrated):
    """A row in whatever the table is called on that node at present."""
    name = table(migration) if migrated else "books"
    column = key(migration) if migrated else "id"
    node.sql(f"INSERT INTO {name}({column}, title) VALUES(?, ?)", number, f"title {number}")


@pytest.mark.parametrize("migration", MIGRATIONS)
def test_a_migration_on_every_node_in_turn(cluster, migration):
    """Both nodes write before, between and after; the rows of a node that is ahead wait."""
    a, b = nodes = cluster.run(2, BOOKS)
    insert(a, migration, 1, False)
    insert(b, migration, 2, False)
    wait_value(nodes, "SELECT count(*) FROM books", 2)
    a.script(MIGRATIONS[migration])
    insert(a, migration, 3, True)
    insert(b, migration, 4, False)
    a.sql(f"UPDATE {table(migration)} SET title = 'changed' WHERE {key(migration)} = 1")
    b.sql("DELETE FROM books WHERE id = 2")
    b.script(MIGRATIONS[migration])
    insert(b, migration, 5, True)
    name = table(migration)
    ids = f"SELECT group_concat(k) FROM (SELECT {key(migration)} AS k FROM {name} ORDER BY k)"
    wait_value(nodes, ids, "1,3,4,5")
    wait_value(b, f"SELECT title FROM {name} WHERE {key(migration)} = 1", "changed")
    wait_equal(nodes)


@pytest.mark.parametrize("migration", MIGRATIONS)
def test_a_migration_while_the_sidecar_is_down(cluster, migration):
    a, b = nodes = cluster.run(2, BOOKS)
    insert(a, migration, 1, False)
    insert(b, migration, 2, False)
    wait_value(nodes, "SELECT count(*) FROM books", 2)
    a.stop()
    insert(a, migration, 3, False)
    a.script(MIGRATIONS[migration])
    insert(a, migration, 4, True)
    a.sql(f"DELETE FROM {table(migration)} WHERE {key(migration)} = 2")
    a.start()
    b.script(MIGRATIONS[migration])
    insert(b, migration, 5, True)
    ids = f"SELECT group_concat(k) FROM (SELECT {key(migration)} AS k FROM {table(migration)} ORDER BY k)"
    wait_value(nodes, ids, "1,3,4,5")
    wait_equal(nodes)


def test_other_tables_of_an_origin_that_waits_arrive_with_it(cluster):
    """Order within an origin is kept: its later rows wait too, and nothing is lost."""
    a, b = nodes = cluster.run(2, BOOKS)
    a.script(ADD)
    a.sql("INSERT INTO books VALUES(1, 't', 2000, 9.5)")
    a.sql("INSERT INTO other VALUES(1, 'after')")
    b.wait_log("books")  # it says which table it waits for
    b.sql("INSERT INTO other VALUES(2, 'from b')")
    wait_value(a, "SELECT count(*) FROM other", 2)
    b.script(ADD)
    wait_value(b, "SELECT price FROM books", 9.5)
    wait_value(b, "SELECT count(*) FROM other", 2)
    wait_equal(nodes)


def test_many_migrations_in_a_row(cluster):
    a, b = nodes = cluster.run(2, BOOKS)
    steps = [ADD, "ALTER TABLE books RENAME COLUMN price TO cost",
             "ALTER TABLE books ADD COLUMN note TEXT", "ALTER TABLE books DROP COLUMN cost",
             "CREATE INDEX i ON books(note)", "DROP INDEX i",
             "ALTER TABLE books RENAME TO volumes", "ALTER TABLE volumes RENAME TO books"]
    table_now = "books"
    for number, step in enumerate(steps):
        a.sql(f"INSERT INTO {table_now}(id, title) VALUES(?, 'a')", 2 * number)
        for node in nodes:
            node.script(step)
        table_now = "volumes" if step.endswith("volumes") else "books"
        b.sql(f"INSERT INTO {table_now}(id, title) VALUES(?, 'b')", 2 * number + 1)
    wait_value(nodes, "SELECT count(*) FROM books", 2 * len(steps))
    wait_equal(nodes)


def test_tables_come_and_go(cluster):
    """Keys differ from turn to turn: a table that is dropped and made within one look of the sidecar
    is a rebuilt one to it, and the rows it lost are rows that were deleted."""
    a, b = nodes = cluster.run(2, BOOKS)
    for turn in range(5):
        for node in nodes:
            node.script(f"CREATE TABLE brief(k TEXT PRIMARY KEY, v{turn})")
        a.sql("INSERT INTO brief VALUES(?, 1)", f"a{turn}")
        b.sql("INSERT INTO brief VALUES(?, 2)", f"b{turn}")
        wait_value(nodes, f"SELECT group_concat(k || v{turn}) FROM (SELECT * FROM brief ORDER BY k)",
                   f"a{turn}1,b{turn}2")
        for node in nodes:
            node.script("DROP TABLE brief")
    a.sql("INSERT INTO other VALUES(1, 'still here')")
    wait_value(b, "SELECT v FROM other", "still here")


def test_a_table_dropped_while_its_rows_are_on_their_way(cluster):
    a, b = nodes = cluster.run(2, BOOKS)
    b.stop()
    a.sql("INSERT INTO books(id, title) VALUES(1, 'x')")
    a.script("DROP TABLE books")
    a.sql("INSERT INTO other VALUES(1, 'after')")
    b.start()
    b.script("DROP TABLE books")
    wait_value(b, "SELECT v FROM other", "after")
    assert all(node.running for node in nodes)


def test_writes_during_a_migration(cluster):
    """The application's statements fail by no fault of ours, whatever the sidecar does meanwhile."""
    a, b = nodes = cluster.run(2, BOOKS)
    for number in range(40):
        a.sql("INSERT INTO books(id, title) VALUES(?, 'x')", number)
        if number % 10 == 5:
            for node in nodes:
                node.script(f"ALTER TABLE books ADD COLUMN c{number}")
        if number % 10 == 9:
            for node in nodes:
                node.script(f"ALTER TABLE books DROP COLUMN c{number - 4}")
    wait_value(b, "SELECT count(*) FROM books", 40)
    wait_equal(nodes)


def test_a_write_right_after_a_rebuild(cluster):
    """The new table has no triggers for an instant; what was written then is found all the same."""
    a, b = nodes = cluster.run(2, BOOKS)
    a.sql("INSERT INTO books(id, title, year) VALUES(1, 'old', 1), (2, 'gone', 1), (3, 'kept', 1)")
    wait_value(b, "SELECT count(*) FROM books", 3)
    b.script(REBUILD)
    a.script(REBUILD + ";INSERT INTO books(id, title) VALUES(4, 'at once');"
             "UPDATE books SET title = 'new' WHERE id = 1; DELETE FROM books WHERE id = 2")
    wait_value(nodes, "SELECT group_concat(id || title) FROM (SELECT * FROM books ORDER BY id)",
               "1new,3kept,4at once")
    wait_equal(nodes)


def test_a_rebuild_that_changes_values(cluster):
    """Another declared type turns 1 into '1': writes like any other, and all nodes agree on them."""
    a, b = nodes = cluster.run(2, BOOKS)
    a.sql("INSERT INTO books(id, title, year) VALUES(1, 'one', 1), (2, 'two', 2), (3, NULL, NULL)")
    wait_value(b, "SELECT count(*) FROM books", 3)
    converting = REBUILD.replace("year INTEGER", "year TEXT").replace("NOT NULL DEFAULT ''", "")
    b.script(converting)
    a.script(converting)
    a.sql("INSERT INTO books(id, year) VALUES(4, 4)")
    b.sql("INSERT INTO books(id, year) VALUES(5, 5)")
    wait_value(nodes, "SELECT group_concat(id || typeof(year)) FROM (SELECT * FROM books ORDER BY id)",
               "1text,2text,3null,4text,5text")
    wait_equal(nodes)


def test_a_rebuild_publishes_no_row_that_did_not_change(cluster):
    a, b = nodes = cluster.run(2, BOOKS)
    a.transaction(("INSERT INTO books(id, title, year) VALUES(?, 'x', 1)", [(n,) for n in range(500)]))
    wait_value(b, "SELECT count(*) FROM books", 500)
    # Rows that are not folded yet when their table is rebuilt count as written by the rebuild.
    wait_value(a, "SELECT value >= (SELECT max(id) FROM __harmonylite__journal) "
                  "FROM __harmonylite__state WHERE key = 'folded_to'", 1)
    same = REBUILD.replace("title TEXT NOT NULL DEFAULT '', year INTEGER, extra", "title TEXT, year INTEGER")
    a.script(same)
    # While A's copies are looked at, B's write of one of them is newer and must stay.
    b.sql("UPDATE books SET title = 'newer' WHERE id = 7")
    wait_value(a, "SELECT title FROM books WHERE id = 7", "newer")
    a.sql("INSERT INTO other VALUES(1, 'mark')")
    wait_value(b, "SELECT count(*) FROM other", 1)
    wait_equal(nodes)
    assert b.one("SELECT title FROM books WHERE id = 7") == "newer"


def test_triggers_dropped_by_another_tool(cluster):
    """A dump and restore, or a careless hand, removes triggers: they come back, with the writes."""
    a, b = nodes = cluster.run(2, BOOKS)
    a.sql("INSERT INTO books(id, title) VALUES(1, 'x'), (2, 'y')")
    wait_value(b, "SELECT count(*) FROM books", 2)
    names = [row[0] for row in a.sql("SELECT name FROM sqlite_master WHERE type = 'trigger' "
                                     "AND tbl_name = 'books'")]
    assert names
    a.sql("BEGIN IMMEDIATE")
    for name in names:
        a.sql(f'DROP TRIGGER "{name}"')
    a.sql("UPDATE books SET title = 'unseen' WHERE id = 1")
    a.sql("DELETE FROM books WHERE id = 2")
    a.sql("INSERT INTO books(id, title) VALUES(3, 'unseen too')")
    a.sql("COMMIT")
    wait_value(b, "SELECT group_concat(id || title) FROM (SELECT * FROM books ORDER BY id)",
               "1unseen,3unseen too")
    wait_until(lambda: a.one("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' "
                             "AND tbl_name = 'books'") == len(names), what="the triggers")
    a.sql("INSERT INTO books(id, title) VALUES(4, 'seen')")
    wait_value(b, "SELECT count(*) FROM books", 3)
    wait_equal(nodes)
