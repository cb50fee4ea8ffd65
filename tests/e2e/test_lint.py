"""harmonylite lint FILE says before attaching what will not replicate or will collide."""

import json
import sqlite3
import subprocess

import pytest

from harness import BINARY
from wait import seconds


def lint(*arguments):
    done = subprocess.run([str(BINARY), "lint", *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds(60), check=False)
    return done.returncode, done.stdout, done.stderr


def make(folder, schema):
    path = folder / "app.db"
    db = sqlite3.connect(path)
    db.create_function("mine", 1, lambda x: x, deterministic=True)
    db.executescript(schema)
    db.close()
    return path


def findings(path):
    code, out, err = lint(path, "--json")
    assert not err
    return code, json.loads(out)


# (schema, severity, table, words of the finding)
CASES = [
    ("CREATE TABLE t(a)", "note", "t", "has no key"),
    ("CREATE TABLE t(a, b); CREATE UNIQUE INDEX i ON t(a) WHERE b > 0", "problem", "t", "has no key"),
    ("CREATE TABLE t(id INTEGER PRIMARY KEY)", "warning", "t", "key id is a number that SQLite gives"),
    ("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", "note", "t", "numbers of its own"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY)", "warning", "t", "may be NULL"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, e TEXT UNIQUE)", "warning", "t", 'UNIQUE index over "e"'),
    ("CREATE TABLE p(k TEXT PRIMARY KEY NOT NULL);"
     "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES p(k))", "note", "t", "foreign key to p"),
    ("CREATE VIRTUAL TABLE t USING fts5(x)", "note", "t", "virtual tables are not replicated"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, at DEFAULT CURRENT_TIMESTAMP)", "fine", "t",
     "values travel"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n, g AS (mine(n)) STORED)", "problem", "t",
     "cannot be written"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n); CREATE INDEX i ON t(mine(n))", "problem", "t",
     "cannot be written"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL);"
     "CREATE VIRTUAL TABLE s USING fts5(x);"
     "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO s VALUES(NEW.k); END", "fine", "t",
     "trigger g writes only to what is not replicated"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL); CREATE TABLE u(k TEXT PRIMARY KEY NOT NULL);"
     "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO u VALUES(NEW.k); END", "fine", "t",
     "trigger g does not run"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL); CREATE TABLE u(k TEXT PRIMARY KEY NOT NULL);"
     "CREATE TABLE l(m); CREATE UNIQUE INDEX i ON l(m + 1);"
     "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO u VALUES(NEW.k); INSERT INTO l VALUES(1); END",
     "warning", "t", "trigger g writes to replicated and to other tables"),
    ("PRAGMA encoding='UTF-16'; CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL)", "note", "", "UTF-16"),
]


@pytest.mark.parametrize("schema,severity,table,words", CASES)
def test_it_finds(folder, schema, severity, table, words):
    code, found = findings(make(folder, schema))
    match = [f for f in found if f["table"] == table and words in f["what"]]
    assert [f["severity"] for f in match] == [severity], found
    assert code == (1 if any(f["severity"] == "problem" for f in found) else 0)


def test_checks_are_not_judged_again(folder):
    code, found = findings(make(folder, "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n CHECK(mine(n)))"))
    assert code == 0, found


def test_nothing_to_complain_about(folder):
    path = make(folder, "PRAGMA journal_mode=WAL;"
                        "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, v); INSERT INTO t VALUES('a', 1)")
    code, found = findings(path)
    assert code == 0
    assert [f["severity"] for f in found] == ["note"], found
    assert "1 rows" in found[0]["what"]


def test_it_changes_nothing(folder):
    path = make(folder, "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)")
    before = path.read_bytes()
    code, out, _ = lint(path)
    assert code == 0 and "0 problems, 1 warnings" in out
    assert path.read_bytes() == before
    assert [file.name for file in folder.iterdir()] == ["app.db"]


def test_what_it_cannot_look_at(folder):
    code, _, err = lint(folder / "none.db")
    assert code == 1 and "none.db does not exist" in err
    (folder / "text.db").write_text("no database at all, and long enough to be looked at as one")
    code, _, err = lint(folder / "text.db")
    assert code == 1 and "not a SQLite database" in err
    assert lint()[0] == 2
    assert lint("a", "b")[0] == 2
    assert lint("--jsn", "a")[0] == 2
