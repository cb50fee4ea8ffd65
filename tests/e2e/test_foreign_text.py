"""Texts in sqlite_schema that SQLite did not write: whoever may write the file, or a snapshot, must
not thereby run SQL as the sidecar."""

import os
import pathlib
import shutil

import pytest

from harness import wait_value

SEARCH = """
CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT);
CREATE VIRTUAL TABLE search USING fts5(title);
CREATE TRIGGER book_ai AFTER INSERT ON book BEGIN
  INSERT INTO search(rowid, title) VALUES(NEW.id, NEW.title); END;
"""
MADE = "made-by-the-sidecar"  # relative to the folder in which the sidecar was started
TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, a)"


def forge(node, change, *parameters):
    """Changes the schema as if it were a table. All that SQLite checks stays content."""
    connection = node.connect()
    version = connection.execute("PRAGMA schema_version").fetchone()[0]
    connection.execute("PRAGMA writable_schema=ON")
    connection.execute(f"UPDATE sqlite_schema SET {change}", parameters)
    connection.execute(f"PRAGMA schema_version={version + 1}")
    connection.execute("PRAGMA writable_schema=OFF")
    connection.close()
    fresh = node.connect()
    assert fresh.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    fresh.close()


def attack(target):
    """Text that makes a file, if anybody runs it."""
    return f"; ATTACH '{target}' AS evil; CREATE TABLE evil.made(x)"


def pair(cluster, schema, change, *parameters):
    """A node with a sound file and, beside it, one whose file is forged before its first start."""
    sound = cluster.add().create(schema).start()
    forged = cluster.add().create(schema)
    forge(forged, change, *parameters)
    forged.start()
    return sound, forged


def test_what_stands_behind_a_trigger_does_not_run(cluster, folder):
    target = folder / "made-by-the-sidecar"
    sound, forged = pair(cluster, SEARCH, "sql = sql || ? WHERE name = 'book_ai'", attack(target))
    sound.sql("INSERT INTO book VALUES(1, 'Momo')")
    wait_value(forged, "SELECT title FROM book", "Momo")
    forged.wait_log("the stored text of trigger book_ai is more than one statement")
    assert not target.exists()
    # A trigger that is made again runs again.
    forged.script("DROP TRIGGER book_ai;" + SEARCH[SEARCH.index("CREATE TRIGGER"):])
    sound.sql("INSERT INTO book VALUES(2, 'Emma')")
    wait_value(forged, "SELECT count(*) FROM search WHERE search MATCH 'emma'", 1)


def test_nor_when_it_comes_while_the_node_runs(cluster, folder):
    target = folder / "made-by-the-sidecar"
    a, b = cluster.run(2, SEARCH)
    forge(b, "sql = sql || ? WHERE name = 'book_ai'", attack(target))
    b.wait_log("the stored text of trigger book_ai is more than one statement")
    a.sql("INSERT INTO book VALUES(1, 'Momo')")
    wait_value(b, "SELECT title FROM book", "Momo")
    assert not target.exists()


@pytest.mark.parametrize("head", ["create  trigger ", "CREATE\nTRIGGER "])
def test_a_text_that_begins_in_another_way_ends_nobody(cluster, head):
    sound, forged = pair(cluster, SEARCH, "sql = ? || substr(sql, 16) WHERE name = 'book_ai'", head)
    forged.wait_log("the stored text of trigger book_ai does not begin as SQLite begins")
    sound.sql("INSERT INTO book VALUES(1, 'Momo')")
    wait_value(forged, "SELECT title FROM book", "Momo")
    forged.restart()
    sound.sql("INSERT INTO book VALUES(2, 'Emma')")
    wait_value(forged, "SELECT count(*) FROM book", 2)


def test_what_stands_behind_an_index_becomes_no_trigger(cluster, folder):
    """The terms and the condition of a UNIQUE index are parts of the capture triggers."""
    target = folder / "made-by-the-sidecar"
    node = cluster.add().create(TABLE + "; CREATE UNIQUE INDEX i ON t(abs(a)); CREATE TABLE u(k PRIMARY KEY)")
    forge(node, "sql = sql || ? WHERE name = 'i'",
          "; WHERE (SELECT a FROM t) OR 1); END" + attack(target) + "; CREATE TRIGGER IF NOT EXISTS x AFTER INSERT ON t BEGIN SELECT (1")
    node.start()
    node.wait_log("table t is not replicated: its index i cannot be used here: the stored text of index i is "
                  "more than one statement")
    assert not target.exists()
    assert node.sql("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 't'") == []


def test_cleanup_runs_nothing_that_the_file_says(cluster):
    node = cluster.add().create(TABLE).start()
    node.stop()
    node.sql("UPDATE __harmonylite__state SET value = 'delete; CREATE TABLE made(x)' WHERE key = 'journal_mode'")
    node.close_app()
    code, output = node.run("-cleanup")
    assert code == 0, output
    assert node.sql("SELECT name FROM sqlite_schema") == [("t",)]


def test_a_forged_file_gives_no_snapshot(cluster, folder):
    settings = {"snapshot": {"store": "file", "file": {"path": str(folder / "store")}}}
    node = cluster.add(settings).create(SEARCH).start()
    forge(node, "sql = sql || ? WHERE name = 'book_ai'", attack(folder / "made-by-the-sidecar"))
    code, output = node.run("snapshot", "save")
    assert code != 0
    assert "the stored text of trigger book_ai is more than one statement" in output


@pytest.fixture
def forged_store(folder):
    """A store with a snapshot whose maker did not look: the trigger book_ai has `attack(MADE)` behind it."""
    shutil.copytree(pathlib.Path(__file__).parent / "forged_snapshot", folder / "store")
    pathlib.Path(MADE).unlink(missing_ok=True)
    yield {"snapshot": {"store": "file", "file": {"path": str(folder / "store")}}}
    pathlib.Path(MADE).unlink(missing_ok=True)


def test_a_node_does_not_join_from_a_forged_snapshot(cluster, forged_store):
    a = cluster.add().create(SEARCH).start()
    b = cluster.add(forged_store).launch()
    b.wait_log("cannot be used: .*the stored text of trigger book_ai is more than one statement")
    assert not b.database.exists() or b.sql("SELECT name FROM sqlite_schema WHERE name = 'book'") == []
    assert not os.path.exists(MADE)
    assert a.running and b.running


def test_nor_is_one_restored_by_hand(cluster, folder, forged_store):
    node = cluster.add(forged_store).create(TABLE)
    code, output = node.run("snapshot", "restore", "--to", str(folder / "restored.db"))
    assert code != 0
    assert "the stored text of trigger book_ai is more than one statement" in output
    assert not (folder / "restored.db").exists()


def test_lint_names_it(cluster, folder):
    node = cluster.add().create(SEARCH)
    forge(node, "sql = sql || ? WHERE name = 'book_ai'", attack(folder / "made-by-the-sidecar"))
    code, output = node.run("lint")
    assert code != 0
    assert "the stored text of trigger book_ai is more than one statement" in output
