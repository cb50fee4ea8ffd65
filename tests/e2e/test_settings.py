"""Whatever the application sets on its own connection, and whatever it writes with, works."""

import json
import subprocess
import sys
import threading

import pytest

import packages
from harness import wait_equal, wait_value
from wait import seconds
from test_writers import in_threads

SCHEMA = """
CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id) ON DELETE CASCADE, v);
CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT);
CREATE TRIGGER note AFTER INSERT ON child BEGIN INSERT INTO log(what) VALUES('child ' || NEW.id); END;
"""

WORK = [
    "INSERT INTO parent VALUES(1, 'a'), (2, 'b'), (3, 'c')",
    "INSERT INTO child VALUES(1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z')",
    "UPDATE child SET v = 'new' WHERE id = 1",
    "REPLACE INTO parent VALUES(9, 'c')",
    "DELETE FROM parent WHERE id = 2",
    "UPDATE parent SET id = 8 WHERE id = 9",
]

PRAGMAS = [
    "trusted_schema=OFF", "recursive_triggers=ON", "foreign_keys=ON", "secure_delete=ON",
    "cell_size_check=ON", "legacy_alter_table=ON", "reverse_unordered_selects=ON",
    "case_sensitive_like=ON", "automatic_index=OFF", "temp_store=MEMORY", "cache_size=1",
    "synchronous=OFF", "synchronous=EXTRA", "fullfsync=ON", "ignore_check_constraints=ON",
    "mmap_size=268435456", "read_uncommitted=ON", "query_only=OFF", "wal_autocheckpoint=1",
    "full_column_names=ON", "short_column_names=OFF", "count_changes=ON", "journal_size_limit=0",
]


@pytest.mark.parametrize("pragma", [[p] for p in PRAGMAS] + [PRAGMAS[:3]],
                         ids=lambda p: " ".join(p))
def test_pragmas_of_the_application(cluster, pragma):
    a, b = cluster.run(2, SCHEMA)
    for one in pragma:
        a.sql(f"PRAGMA {one}")
    for statement in WORK:
        a.sql(statement)
    a.sql("INSERT INTO log(id, what) VALUES(100, 'end')")
    wait_value(b, "SELECT what FROM log WHERE id = 100", "end")
    wait_equal([a, b])


@pytest.mark.parametrize("layout", [
    "journal_mode=DELETE", "journal_mode=TRUNCATE", "journal_mode=PERSIST", "journal_mode=MEMORY",
    "page_size=512", "page_size=65536", "auto_vacuum=FULL", "auto_vacuum=INCREMENTAL"])
def test_layouts_of_the_file(cluster, layout):
    name, value = layout.split("=")
    first = f"PRAGMA {layout};"
    mode = value if name == "journal_mode" else "wal"
    nodes = []
    for _ in range(2):
        node = cluster.add()
        connection = node.connect()
        connection.executescript(first)
        connection.close()
        nodes.append(node.create(SCHEMA, mode))
    for node in nodes:
        node.start()
    a, b = nodes
    before = a.one(f"PRAGMA {name}")
    for statement in WORK:
        a.sql(statement)
    b.sql("INSERT INTO parent VALUES(50, 'from b')")
    a.sql("INSERT INTO log(id, what) VALUES(100, 'end')")
    wait_value(b, "SELECT what FROM log WHERE id = 100", "end")
    wait_value(a, "SELECT name FROM parent WHERE id = 50", "from b")
    wait_equal(nodes)
    # A guest does not change the house.
    assert a.one(f"PRAGMA {name}") == before


def test_defensive_and_no_double_quoted_strings(cluster):
    """The sqlite3 program can set what no PRAGMA does."""
    a, b = cluster.run(2, SCHEMA)
    settings = [".timeout 60000", ".dbconfig defensive on", ".dbconfig dqs_dml off",
                ".dbconfig dqs_ddl off", ".dbconfig trusted_schema off",
                ".dbconfig enable_fkey on", ".dbconfig trigger_eqp off",
                "PRAGMA recursive_triggers=ON;", "PRAGMA cell_size_check=ON;"]
    command = ["sqlite3", "-bail"]
    for one in settings:
        command += ["-cmd", one]
    done = subprocess.run([*command, str(a.database), ";".join(WORK)], capture_output=True,
                          text=True, timeout=seconds(60), check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert a.one("SELECT count(*) FROM child") == 1  # the cascades did run
    a.sql("INSERT INTO log(id, what) VALUES(100, 'end')")
    wait_value(b, "SELECT what FROM log WHERE id = 100", "end")
    wait_equal([a, b])


def test_what_the_application_reads_about_its_own_writes(cluster):
    """changes(), last_insert_rowid() and RETURNING tell about its rows, not about ours."""
    (a,) = cluster.run(1, SCHEMA)
    a.sql("INSERT INTO parent VALUES(1, 'a'), (2, 'b'), (3, 'c')")
    assert (a.one("SELECT changes()"), a.one("SELECT last_insert_rowid()")) == (3, 3)
    assert a.sql("INSERT INTO parent VALUES(77, 'd') RETURNING id, name") == [(77, "d")]
    assert a.one("SELECT last_insert_rowid()") == 77
    cursor = a.app.execute("UPDATE parent SET name = name || '!' WHERE id < 3")
    assert cursor.rowcount == 2
    assert a.one("SELECT changes()") == 2
    assert a.app.execute("DELETE FROM parent").rowcount == 4
    # And a full-table REPLACE, with displaced rows.
    a.sql("INSERT INTO parent VALUES(1, 'a'), (2, 'b')")
    assert a.app.execute("REPLACE INTO parent VALUES(3, 'a')").rowcount == 1
    assert a.one("SELECT last_insert_rowid()") == 3


def test_vacuum_checkpoint_and_reindex(cluster):
    a, b = cluster.run(2, SCHEMA + "CREATE TABLE k(name TEXT PRIMARY KEY, v)")
    for turn, command in enumerate(["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "REINDEX", "ANALYZE",
                                    "PRAGMA optimize", "PRAGMA incremental_vacuum"] * 2):
        a.sql("INSERT INTO k VALUES(?, ?)", f"row {turn}", turn)
        a.sql("DELETE FROM k WHERE v = ?", turn - 3)  # gaps that VACUUM closes
        a.sql(command)
        b.sql("VACUUM")
        b.sql("INSERT INTO k VALUES(?, ?)", f"row of b {turn}", 1000 + turn)
    wait_value([a, b], "SELECT count(*) FROM k", 12 + 3)
    wait_equal([a, b])


def test_the_journal_mode_changes_while_the_sidecar_is_down(cluster):
    a, b = cluster.run(2, SCHEMA)
    a.sql("INSERT INTO parent VALUES(1, 'a')")
    wait_value(b, "SELECT count(*) FROM parent", 1)
    b.stop()
    assert b.one("PRAGMA journal_mode=DELETE") == "delete"
    b.sql("INSERT INTO parent VALUES(2, 'b')")
    b.close_app()
    b.start()
    a.sql("INSERT INTO parent VALUES(3, 'c')")
    wait_value([a, b], "SELECT count(*) FROM parent", 3)


PYTHON_WRITER = """
import sqlite3, sys
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(path, timeout=60)
for n in range(count):
    with db:
        db.execute("INSERT INTO parent(name) VALUES(?)", (f"{name} {n}",))
"""

NODE_WRITER = """
const [,, path, name, count] = process.argv;
const db = require('better-sqlite3')(path, {timeout: 60000});
console.log(db.prepare('SELECT sqlite_version()').pluck().get());
const insert = db.prepare('INSERT INTO parent(name) VALUES(?)');
for (let n = 0; n < Number(count); ++n) insert.run(`${name} ${n}`);
db.transaction(() => { for (let n = 0; n < 50; ++n) insert.run(`${name} in one ${n}`); })();
"""


@pytest.fixture(scope="session")
def node_modules():
    """A folder with the npm package better-sqlite3, a second, newer SQLite."""
    loads = ["node", "-e", "require('better-sqlite3')(':memory:')"]
    return packages.npm("npm-better-sqlite3", "better-sqlite3", then=[loads])


def run_writer(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds(120),
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell_writer(node, name, count):
    for number in range(count):
        node.shell(f"INSERT INTO parent(name) VALUES('{name} {number}')")


def test_python_and_the_sqlite3_program_at_once(cluster):
    a, b = cluster.run(2, SCHEMA)
    in_threads(
        lambda: run_writer([sys.executable, "-c", PYTHON_WRITER, str(a.database), "python", "200"]),
        lambda: run_writer([sys.executable, "-c", PYTHON_WRITER, str(a.database), "snake", "200"]),
        lambda: shell_writer(a, "shell", 40))
    wait_value([a, b], "SELECT count(*) FROM parent", 440)
    wait_equal([a, b])


def test_better_sqlite3_beside_python(cluster, node_modules):
    a, b = cluster.run(2, SCHEMA)
    script = node_modules / "writer.js"
    script.write_text(NODE_WRITER)
    in_threads(
        lambda: run_writer([sys.executable, "-c", PYTHON_WRITER, str(a.database), "python", "200"]),
        lambda: run_writer(["node", str(script), str(a.database), "node", "200"]),
        lambda: shell_writer(a, "shell", 20))
    wait_value([a, b], "SELECT count(*) FROM parent", 470)
    wait_equal([a, b])
    # From its side of the wire, too: deletes with cascades, keys displaced.
    script.write_text("const db = require('better-sqlite3')(process.argv[2], {timeout: 60000});"
                      + "".join(f"db.prepare({json.dumps(sql)}).run();" for sql in [
                          "INSERT INTO parent VALUES(1000, 'n')",
                          "INSERT INTO child VALUES(1, 1000, 'v')",
                          "REPLACE INTO parent VALUES(1001, 'python 1')",
                          "DELETE FROM parent WHERE id = 1000"]))
    run_writer(["node", str(script), str(a.database)])
    wait_value(b, "SELECT id FROM parent WHERE name = 'python 1'", 1001)
    wait_equal([a, b])


def test_a_reader_of_the_replica(cluster):
    """It never fails while rows are applied under it."""
    a, b = cluster.run(2, SCHEMA)
    failures = []
    stop = threading.Event()

    def read():
        connection = b.connect()
        connection.execute("PRAGMA query_only=ON")
        try:
            while not stop.is_set():
                connection.execute("SELECT count(*), max(name) FROM parent").fetchone()
        except Exception as error:  # noqa: B902: the assertion below shows it
            failures.append(error)
        connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(200):
        a.sql("INSERT INTO parent(name) VALUES(?)", f"n{number}")
    try:
        wait_value(b, "SELECT count(*) FROM parent", 200)
    finally:
        stop.set()
        thread.join()
    assert failures == []
