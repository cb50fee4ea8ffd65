"""Applications with SQLite libraries from 3.8 to today, beside a sidecar that has another one: what the triggers are
written in must be known to all of them, and the door must keep none of them from working.

The libraries are compiled from the sources that Go's module mattn/go-sqlite3 carries at several versions."""

import json
import pathlib
import subprocess
import sys
import threading
import time

import pytest

import packages
import processes
from harness import wait_equal, wait_value
from sqlite_app import SCHEMA
from test_door import forced
from test_observe import METRICS
from wait import seconds

pytestmark = pytest.mark.long

APP = pathlib.Path(__file__).with_name("sqlite_app.py")
# Versions of the module, and of the SQLite in them.
AGES = {"v1.0.0": "3.8.5", "v1.2.0": "3.15.1", "v1.10.0": "3.25.2", "v1.14.8": "3.36.0", "v1.14.33": "3.51.1"}
TRANSACTIONS, ROWS = 200, 100


def library(module_version):
    """A shared library of that age, compiled once."""
    packages.need("go", "gcc")
    module = f"github.com/mattn/go-sqlite3@{module_version}"
    home = packages.install(f"sqlite-{module_version}", [["go", "mod", "init", "app"], ["go", "mod", "download", module]])
    out = home / "libsqlite3.so"
    if not out.exists():
        cache = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
        source = min(pathlib.Path(cache, module).rglob("sqlite3-binding.c"))
        compiler = ["gcc", "-O1", "-w", "-shared", "-fPIC", "-DSQLITE_THREADSAFE=1", "-o", out, source, "-ldl", "-lpthread",
                    "-lm"]
        subprocess.run(compiler, check=True, timeout=seconds(300))
    return out


@pytest.fixture(params=AGES, ids=AGES.values())
def sqlite(request):
    return library(request.param)


def application(*words):
    return processes.start([sys.executable, APP, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def report(process):
    output = process.communicate(timeout=seconds(180))[0].decode(errors="replace")
    assert process.returncode == 0, output
    return json.loads(output) if output else None


def test_deferred_transactions(cluster, sqlite, request):
    """Node 1's application writes all the while. Each file is made by the library that goes on with it."""
    nodes = a, b = cluster.add(METRICS), cluster.add(METRICS)
    for node in nodes:
        report(application(sqlite, node.database))
        node.start()
    app = application(sqlite, b.database, "b", TRANSACTIONS, ROWS)
    for number in range(ROWS):
        a.sql("INSERT INTO orders VALUES(?, 'new')", number)
        time.sleep(0.01)  # its rhythm
    met = report(app)
    assert met["version"] == AGES[request.node.callspec.params["sqlite"]]
    # Only a transaction that the sidecar could not put off any longer may cost one of the application's.
    assert sum(met["errors"].values()) <= forced(b), met
    assert (met["done"], met["seen"], met["check"]) == (TRANSACTIONS, str(ROWS), "ok")
    wait_value(nodes, "SELECT n FROM totals", TRANSACTIONS)
    wait_value(nodes, "SELECT count(*) FROM notes", TRANSACTIONS)
    wait_equal(nodes)
    assert a.one("SELECT count(*) FROM lines") == 5
    print(met)


def test_alone(cluster, sqlite):
    """What the same application meets without a sidecar."""
    node = cluster.add()
    report(application(sqlite, node.database))
    met = report(application(sqlite, node.database, "b", TRANSACTIONS, 0))
    assert met["errors"] == {}


@pytest.mark.parametrize("module", ["v1.14.8", "v1.14.33"])
def test_a_unique_index_and_its_column_are_dropped(cluster, module):
    """In one transaction, as Drizzle and PocketBase do it: SQLite refuses if a trigger names the column."""
    node = cluster.add()
    sqlite = library(module)
    report(application(sqlite, node.database, "run", *SCHEMA, "CREATE UNIQUE INDEX by_v ON notes(v)"))
    node.start()
    report(application(sqlite, node.database, "run", "INSERT INTO notes(name, v) VALUES('a', 1), ('b', 2)", "BEGIN",
                       "DROP INDEX by_v", "ALTER TABLE notes DROP COLUMN v", "INSERT OR REPLACE INTO notes(name) VALUES('a')",
                       "COMMIT"))
    assert node.sql("SELECT id, name FROM notes") == [(2, "b"), (3, "a")]


def test_all_ages_on_one_file(cluster):
    """Each file is made by one library, written by the sidecar's and Python's, and read by the next one."""
    libraries = [library(version) for version in AGES]
    nodes = [cluster.add(METRICS) for _ in libraries]
    for node, sqlite in zip(nodes, libraries):
        report(application(sqlite, node.database))
        node.start()
    for node in nodes:
        node.sql("INSERT INTO orders VALUES(?, 'new')", node.node_id)
    for node, other in zip(nodes, libraries[1:] + libraries[:1]):
        assert report(application(other, node.database, f"of {node.node_id}", 0, len(nodes)))["seen"] == str(len(nodes))
    wait_equal(nodes)
