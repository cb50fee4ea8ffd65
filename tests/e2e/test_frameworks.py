"""Applications made with the usual frameworks, each on two nodes. docs/your-application.md claims what is seen here.

Each program in frameworks/ takes `DATABASE migrate VERSION`, which runs the framework's own migrations: 1 makes the
tables notes and tags, 2 adds a column; and `DATABASE write NAME COUNT`, which makes notes with one tag each, in the
framework's ordinary transactions: it reads before it writes."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import packages
import processes
from harness import wait_equal, wait_value
from test_unique import conflicts, listed
from wait import seconds, wait_until

pytestmark = pytest.mark.long

SOURCES = pathlib.Path(__file__).with_name("frameworks")
COUNTS = "SELECT (SELECT count(*) FROM notes) || '/' || (SELECT count(*) FROM tags)"
# Tags that hang on another note than the one that they were made for.
STRANGERS = "SELECT count(*) FROM tags t LEFT JOIN notes n ON n.id = t.note_id WHERE n.text IS NOT t.text"


class App:
    """A program of frameworks/, as `command` starts it. `ledger` is where it keeps which migrations it has run, if that
    is a row which travels: (a condition that finds the second migration there, a statement that takes it out)."""

    def __init__(self, *command, env=None, ledger=None):
        self.command = command
        self.env = {**os.environ, **(env or {})}
        self.ledger = ledger

    def start(self, node, *words):
        return processes.start([*self.command, node.database, *words], env=self.env,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, node, *words):
        finish(self.start(node, *words))

    def migrate(self, node, version):
        self.run(node, "migrate", version)


def finish(process):
    output = process.communicate(timeout=seconds(120))[0].decode(errors="replace")
    assert process.returncode == 0, output


def row(table, condition):
    """A ledger that is a row of a table."""
    return f"EXISTS(SELECT 1 FROM {table} WHERE {condition})", f"DELETE FROM {table} WHERE {condition}"


class Prisma(App):
    """Its migrations are a folder and a command of its own, which wants the file for itself alone
    (PRAGMA locking_mode = EXCLUSIVE). The schema engine is the one in JavaScript, because the other one is downloaded
    from elsewhere when it is first used."""

    def __init__(self, home):
        super().__init__("node", home / "app.js", ledger=row("_prisma_migrations", "migration_name = '2_add_stars'"))
        self.home = home

    def migrate(self, node, version):
        beside = node.running
        node.stop()
        node.close_app()
        self.deploy(node, version)
        if beside:
            node.start()

    def deploy(self, node, version):
        folder = node.folder / "migrations"
        for migration in sorted((SOURCES / "prisma").glob("[0-9]_*"))[:version]:
            shutil.copytree(migration, folder / migration.name, dirs_exist_ok=True)
        (folder / "migration_lock.toml").write_text('provider = "sqlite"\n')
        env = {**self.env, "DATABASE": str(node.database), "PRISMA_MIGRATIONS": str(folder)}
        finish(processes.start(["npx", "prisma", "migrate", "deploy", "--config", "prisma.config.js"], cwd=self.home,
                               env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))


def django():
    pytest.importorskip("django", reason="python3-django is not installed: ./dev setup installs it")
    return App(sys.executable, SOURCES / "django_notes.py",
               ledger=row("django_migrations", "app = 'notes' AND name = '0002_stars'"))


def knex():
    return node_app("knex_app.js", row("knex_migrations", "name = '2'"))


def drizzle():
    return node_app("drizzle_app.js", None)  # the key of its ledger is NULL in every row, so these stay on their node


def node_modules():
    home = packages.npm("frameworks-node", "better-sqlite3@12.11.1", "knex@3.3.0", "drizzle-orm@0.45.4")
    return home / "node_modules"


def node_app(program, ledger):
    return App("node", SOURCES / program, env={"NODE_PATH": str(node_modules())}, ledger=ledger)


def prisma():
    home = packages.npm("frameworks-prisma", "prisma@6.19.3", "@prisma/client@6.19.3",
                        "@prisma/adapter-better-sqlite3@6.19.3")
    for name in ("schema.prisma", "prisma.config.js", "app.js"):
        shutil.copy(SOURCES / "prisma" / name, home)
    made = subprocess.run(["npx", "prisma", "generate", "--config", "prisma.config.js"], cwd=home,
                          capture_output=True, text=True, timeout=seconds(120), check=False)
    assert made.returncode == 0, made.stderr
    return Prisma(home)


def sqlalchemy():
    python = packages.pip("frameworks-python", "sqlalchemy==2.1.9", "alembic==1.20.1")
    return App(python, SOURCES / "sqlalchemy_app.py", ledger=(
        "(SELECT version_num FROM alembic_version) = '2'", "UPDATE alembic_version SET version_num = '1'"))


def rails():
    return installed("ruby", "require 'active_record'; require 'sqlite3'", "ruby-activerecord ruby-sqlite3",
                     "rails_app.rb", row("schema_migrations", "version = '2'"))


def laravel():
    return installed("php", "require 'Illuminate/Database/autoload.php'; new PDO('sqlite::memory:');",
                     "php-laravel-framework php8.2-sqlite3", "laravel_app.php",
                     row("migrations", "migration LIKE '%add_stars'"))


def installed(program, check, debian_packages, source, ledger):
    packages.need(program)
    flag = "-r" if program == "php" else "-e"
    if subprocess.run([program, flag, check], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{source} needs Debian's {debian_packages}")
    return App(program, SOURCES / source, ledger=ledger)


def go_sql():
    return App(packages.go("frameworks-go", SOURCES / "go_sql" / "main.go", "modernc.org/sqlite@v1.32.0"))


ALL = [django, knex, drizzle, prisma, sqlalchemy, rails, laravel, go_sql]


@pytest.fixture(params=ALL, ids=lambda make: make.__name__)
def app(request):
    return request.param()


def both_write(nodes, app):
    """At once; everything is there afterwards, and every tag hangs on its note."""
    before = nodes[0].one("SELECT count(*) FROM notes")
    running = [app.start(node, "write", f"{node.name} after {before}", 25) for node in nodes]
    for one in running:
        finish(one)
    wait_value(nodes, COUNTS, f"{before + 50}/{before + 50}")
    wait_equal(nodes)
    assert [node.one(STRANGERS) for node in nodes] == [0, 0]
    assert not [one for node in nodes for one in listed(node) if one["table"] in ("notes", "tags")]


def share_ids(nodes):
    """Makes SQLAlchemy's keys AUTOINCREMENT; those of the others are. Waits until each node gives out ids of its
    own."""
    for node in nodes:
        code, output = node.run("ids", "--all")
        assert code == 0, output

    def blocks(table):
        found = [one["next"] // 4096 for node in nodes for one in json.loads(node.run("ids", "--json")[1])["tables"]
                 if one["table"] == table]
        return set(found)

    for table in ("notes", "tags"):
        wait_until(lambda: len(blocks(table)) == len(nodes), what=f"ids of {table} for each node",  # noqa: B023
                   explain=nodes[-1].tail)


def start_with_tables(cluster, app):
    """Application first: each node's own migration has made the tables before its sidecar starts."""
    nodes = [cluster.add().create() for _ in range(2)]
    for node in nodes:
        app.migrate(node, 1)
    for node in nodes:
        node.start()
    share_ids(nodes)
    return nodes


def test_application_first(cluster, app):
    both_write(start_with_tables(cluster, app), app)


def test_a_late_node(cluster, app):
    """Sidecar first, on a path where no file is: it comes from a snapshot, with the ledger of migrations."""
    first = cluster.add().create()
    app.migrate(first, 1)
    share_ids([first.start()])
    app.run(first, "write", first.name, 5)
    late = cluster.add().start()
    app.migrate(late, 1)
    nodes = [first, late]
    share_ids(nodes)
    both_write(nodes, app)


def test_a_later_migration(cluster, app):
    """With the sidecars stopped, on every node; the applications write meanwhile."""
    nodes = start_with_tables(cluster, app)
    both_write(nodes, app)
    for node in nodes:
        node.stop()
        app.run(node, "write", f"{node.name} waiting", 5)
    for node in nodes:
        app.migrate(node, 2)
        node.sql("UPDATE notes SET stars = ? WHERE text LIKE ?", node.node_id, f"{node.name} waiting%")
    for node in nodes:
        node.start()
    wait_value(nodes, "SELECT count(*) || '/' || sum(stars) FROM notes", "60/15")
    both_write(nodes, app)
    for node in nodes:
        app.migrate(node, 2)  # finds nothing to do
    wait_equal(nodes)


def test_a_migration_beside_running_sidecars(cluster, app):
    """Where the ledger is a row, it arrives before the migration of the second node, which then finds nothing to do:
    the row must be taken out of the ledger there. Where it is not, nothing special is needed."""
    nodes = a, b = start_with_tables(cluster, app)
    app.migrate(a, 2)
    if app.ledger is not None:
        there, take_out = app.ledger
        wait_until(lambda: b.one(f"SELECT {there}"), what="the ledger's row", explain=b.tail)
        app.migrate(b, 2)
        assert "stars" not in b.one("SELECT group_concat(name) FROM pragma_table_info('notes')")
    app.run(a, "write", a.name, 1)
    b.wait_log("table notes: column stars does not exist here")
    if app.ledger is not None:
        b.stop()
        b.sql(take_out)
    app.migrate(b, 2)
    if not b.running:
        b.start()
    wait_value(nodes, COUNTS, "1/1")
    both_write(nodes, app)


def test_application_first_with_rows(cluster, app):
    """Each application has made rows of its own, with the same ids: the cluster's are shown, the others are listed, and
    come back under new ids with their tags."""
    nodes = [cluster.add().create() for _ in range(2)]
    for node in nodes:
        app.migrate(node, 1)
        app.run(node, "write", node.name, 3)
    for node in nodes:
        node.start()
    wait_equal(nodes)
    assert nodes[0].one(COUNTS) == "3/3" and nodes[1].one("SELECT min(text) FROM notes") == "node 1 0"
    kept = [one for one in listed(nodes[1]) if one["table"] == "notes"]
    assert {one["loser"]["row"]["text"] for one in kept} == {f"node 2 {number}" for number in range(3)}
    for one in kept:
        code, output = conflicts(nodes[1], "--restore", one["id"], "--new-ids")
        assert code == 0, output
    wait_value(nodes, COUNTS, "6/6")
    wait_equal(nodes)
    assert [node.one(STRANGERS) for node in nodes] == [0, 0]
