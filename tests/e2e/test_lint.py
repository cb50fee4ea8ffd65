"""harmonylite lint FILE says before attaching what would be lost, what surprises, and what to do."""

import json
import sqlite3
import subprocess

import pytest

from harness import BINARY
from wait import seconds

KEYED = "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n);"


def lint(*arguments):
    done = subprocess.run([str(BINARY), "lint", *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds(60), check=False)
    return done.returncode, done.stdout, done.stderr


def make(folder, schema):
    path = folder / "app.db"
    db = sqlite3.connect(path)
    db.create_function("mine", 1, lambda x: x, deterministic=True)
    db.create_collation("mine", lambda a, b: (a > b) - (a < b))
    db.executescript("PRAGMA journal_mode=WAL;" + schema)
    db.close()
    return path


def findings(path, *arguments):
    """(status, {finding: (severity, [texts of the subjects])})"""
    code, out, err = lint(path, "--json", *arguments)
    assert not err
    found = json.loads(out)
    assert code == (1 if found["loss"] else 0)
    return code, {one["finding"]: (one["severity"], [subject["text"] for subject in one["subjects"]])
                  for one in found["findings"] if one["finding"] != "cost"}


UNKNOWN = ("t: an index or generated column needs what only the application has (unknown function: mine()): "
           "drop it, or define it without that")

# (schema, finding, severity, text of its only subject)
CASES = [
    ("CREATE TABLE t(a)", "identity", "advice", "t"),
    ("CREATE TABLE t(a); CREATE UNIQUE INDEX i ON t(a + 1)", "no-key", "loss", "t"),
    ("CREATE TABLE t(k TEXT COLLATE mine PRIMARY KEY)", "not-replicated", "loss",
     "t: its key uses the collation mine, which only the application has"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n, g AS (mine(n)) STORED)", "not-replicated", "loss",
     UNKNOWN),
    (KEYED + "CREATE INDEX i ON t(mine(n))", "not-replicated", "loss", UNKNOWN),
    ("CREATE TABLE t(k TEXT PRIMARY KEY); INSERT INTO t VALUES(NULL), ('a')", "null-in-key", "loss", "t (1)"),
    ("CREATE TABLE t(id INTEGER PRIMARY KEY)", "colliding-ids", "loss", "t(id)"),
    ("CREATE VIRTUAL TABLE s USING fts5(x)", "unfed-content", "loss", "s"),
    ("CREATE TABLE django_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, app, name, applied)", "migrations",
     "surprise", "django_migrations (Django)"),
    ("CREATE TABLE jobs(id INTEGER PRIMARY KEY AUTOINCREMENT, queue, payload, attempts, reserved_at, available_at,"
     " created_at)", "jobs", "surprise", "jobs (Laravel)"),
    (KEYED + "CREATE TABLE u(k TEXT PRIMARY KEY NOT NULL);"
     "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO u VALUES(NEW.k); INSERT INTO l VALUES(1); END;"
     "CREATE TABLE l(m); CREATE UNIQUE INDEX i ON l(m + 1)", "trigger-off", "surprise", "g on t writes to replicated and to other tables"),
    (KEYED + "CREATE VIRTUAL TABLE s USING fts5(n, content='t')", "unfed-index", "surprise", "s"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, e TEXT UNIQUE)", "unique", "surprise", "t(e)"),
    (KEYED + "CREATE TABLE c(k TEXT PRIMARY KEY NOT NULL, p TEXT REFERENCES t(k))", "foreign-key", "surprise",
     "c(p) → t"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY)", "nullable-key", "surprise", "t(k)"),
    ("CREATE TABLE sessions(token TEXT PRIMARY KEY NOT NULL, data, expiry)", "sessions", "advice", "sessions (scs)"),
    ("CREATE TABLE cache(key TEXT PRIMARY KEY NOT NULL, value, expiration)", "cache", "advice", "cache (Laravel)"),
    ("PRAGMA user_version = 7", "user-version", "advice", "7"),
    ("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)", "counted-ids", "advice", "t(id)"),
    (KEYED + "PRAGMA journal_mode=DELETE", "journal-mode", "advice", "delete"),
    ("PRAGMA encoding='UTF-16'", "encoding", "advice", "UTF-16le"),
    (KEYED + "CREATE VIRTUAL TABLE s USING fts5(x);"
     "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO s VALUES(NEW.k); END", "fed-table", "fine", "s"),
    (KEYED + "CREATE TABLE u(k TEXT PRIMARY KEY NOT NULL);"
     "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO u VALUES(NEW.k); END", "trigger-rests", "fine", "g on t"),
    ("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, at DEFAULT CURRENT_TIMESTAMP)", "default", "fine",
     "t(at): CURRENT_TIMESTAMP"),
]


@pytest.mark.parametrize("schema,finding,severity,text", CASES)
def test_it_finds(folder, schema, finding, severity, text):
    if "UTF-16" in schema:
        path = folder / "app.db"  # the encoding is chosen before anything else is written
        db = sqlite3.connect(path)
        db.executescript(schema + ";" + KEYED)
        db.close()
    else:
        path = make(folder, schema)
    _, found = findings(path)
    assert found[finding] == (severity, [text]), found


def test_names_alone_say_nothing(folder):
    """An application's own tables may have the names of known ones."""
    code, found = findings(make(folder, """
        CREATE TABLE migrations(species TEXT PRIMARY KEY NOT NULL, season);
        CREATE TABLE jobs(title TEXT PRIMARY KEY NOT NULL, salary);
        CREATE TABLE sessions(talk TEXT PRIMARY KEY NOT NULL, room);
        CREATE TABLE cache(coordinates TEXT PRIMARY KEY NOT NULL, hint)"""))
    assert (code, found) == (0, {})


def test_checks_are_not_judged_again(folder):
    assert findings(make(folder, "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, n CHECK(mine(n)))")) == (0, {})


def test_nothing_to_complain_about(folder):
    code, out, _ = lint(make(folder, KEYED + "INSERT INTO t VALUES('a', 1)"))
    assert code == 0
    assert "1 table with 1 row would be replicated" in out
    assert out.endswith("Nothing would be lost.\n")


def test_what_is_excluded_may_stay_on_its_node(folder):
    path = make(folder, "CREATE TABLE log(a); CREATE VIRTUAL TABLE s USING fts5(x);" + KEYED)
    assert lint(path)[0] == 1
    config = folder / "config.toml"
    config.write_text(f'db_path = "{path}"\n[tables]\nexclude = ["log", "s"]\n', encoding="utf-8")
    code, out, _ = lint("-config", config)
    assert code == 0 and "Nothing would be lost." in out


def test_it_changes_nothing(folder):
    path = make(folder, "PRAGMA journal_mode=DELETE; CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)")
    before = path.read_bytes()
    code, out, _ = lint(path)
    assert code == 1 and "Integer keys without AUTOINCREMENT (1)" in out
    assert path.read_bytes() == before
    assert [file.name for file in folder.iterdir()] == ["app.db"]


# A content management system: pages of many types, each with a table of its own, and what frameworks bring along.
LARGE = """
CREATE TABLE django_migrations(id INTEGER PRIMARY KEY AUTOINCREMENT, app, name, applied);
CREATE TABLE django_session(session_key TEXT NOT NULL PRIMARY KEY, session_data, expire_date);
CREATE TABLE my_cache(cache_key TEXT NOT NULL PRIMARY KEY, value, expires);
CREATE TABLE page(id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE, url_path, title DEFAULT CURRENT_TIMESTAMP);
CREATE VIRTUAL TABLE search USING fts5(title);
CREATE TRIGGER searched AFTER INSERT ON page BEGIN INSERT INTO search VALUES(NEW.title); END;
CREATE TABLE association(page_id, tag_id);
CREATE TABLE legacy(id INTEGER PRIMARY KEY, text);
""" + "".join(f"""
CREATE TABLE {kind}_page(page_ptr_id INTEGER NOT NULL PRIMARY KEY REFERENCES page(id), body TEXT);
CREATE TABLE {kind}_page_tags(id INTEGER PRIMARY KEY AUTOINCREMENT, page_id INTEGER NOT NULL REFERENCES page(id),
  tag_id, UNIQUE(page_id, tag_id));
CREATE INDEX {kind}_by_page ON {kind}_page_tags(page_id);
CREATE TABLE {kind}_revision(id INTEGER PRIMARY KEY AUTOINCREMENT, object_id INTEGER REFERENCES {kind}_page,
  slug UNIQUE);
CREATE INDEX {kind}_by_object ON {kind}_revision(object_id);
""" for kind in (f"application_section_{number}" for number in range(48)))


def test_a_large_schema_fits_on_a_screen(folder):
    path = make(folder, LARGE)
    code, out, _ = lint(path)
    lines = out.splitlines()
    assert code == 1
    assert len(lines) <= 40 and all(len(line) <= 100 for line in lines), out
    assert lines.index("WOULD BE LOST") < lines.index("SURPRISES") < lines.index("ADVICE")
    assert "UNIQUE indexes beside the key (97)" in out and "and 95 more" in out
    everything = lint(path, "--all")[1].splitlines()
    assert sum("application_section_" in line for line in everything) == 2 * 48 + 3 * 48 + 2 * 48


def test_what_it_cannot_look_at(folder):
    code, _, err = lint(folder / "none.db")
    assert code == 2 and "none.db does not exist" in err
    (folder / "text.db").write_text("no database at all, and long enough to be looked at as one")
    code, _, err = lint(folder / "text.db")
    assert code == 2 and "not a SQLite database" in err
    assert lint()[0] == 2
    assert lint("a", "b")[0] == 2
    assert lint("--jsn", "a")[0] == 2
