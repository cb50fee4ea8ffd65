"""First starts of applications beside a sidecar that starts before them, with them or after them: none may fail that
would not fail alone. HARMONYLITE_STARTS says how many there are of each kind.

The sleeps say where in the first start of an application the sidecar's falls; none waits for anything."""

import contextlib
import os
import random
import shutil
import subprocess
import time
import uuid

import pytest

import harness
import packages
import processes
from harness import wait_equal, wait_value
from test_pocketbase import SOURCE, PocketBase
from wait import seconds, wait_until

pytestmark = pytest.mark.long

STARTS = int(os.environ.get("HARMONYLITE_STARTS", "5"))
# When the sidecar starts: before the application, so that the file is attached to when it comes; with it; or within its
# first second.
ORDERS = ["alone", "sidecar first", "together", "a moment later"]


@contextlib.contextmanager
def new_cluster(folder, server, number):
    """A cluster of its own, for one start."""
    home = folder / f"start{number}"
    cluster = harness.Cluster(home, "t" + uuid.uuid4().hex[:10], server)
    problems = []
    try:
        yield cluster
        problems = [problem for node in cluster.nodes for problem in node.check()]
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *(node.tail() for node in cluster.nodes)])) from error
    finally:
        cluster.clear()
        shutil.rmtree(home, ignore_errors=True)
    assert not problems, "\n".join(problems)


def count_starts(attempt):
    """Fails with what went wrong in each attempt that failed."""
    failures = []
    for number in range(STARTS):
        try:
            attempt(number)
        except AssertionError as error:
            failures.append(f"start {number}: {error}")
    figure = f"{STARTS - len(failures)} of {STARTS} starts went well"
    print(figure)
    assert not failures, "\n".join([figure, *failures])


def start_both(node, order, launch):
    """Starts the sidecar and, by `launch`, the application, without waiting for either."""
    if order == "sidecar first":
        node.launch()
        wait_until(node.database.exists, what="the sidecar to attach", explain=node.tail)
    if order == "together":
        node.launch()
    launched = launch()
    if order == "a moment later":
        time.sleep(random.random())
        node.launch()
    return launched


# --- PocketBase ---


@pytest.fixture(scope="module")
def program():
    return packages.go("frameworks-pocketbase", SOURCE, "github.com/pocketbase/pocketbase@v0.22.21")


@contextlib.contextmanager
def pocketbase(program, node):
    app = PocketBase(program, node)
    try:
        yield app
    finally:
        if app.process is not None:
            app.stop()


def use(app):
    """The application has made all its tables, and works."""
    assert "locked" not in app.log() and "rror" not in app.log(), app.log()
    app.make_admin()
    token = app.log_in()
    assert token is not None
    assert app.make_collection(token) == 204
    assert app.ask("POST", "/api/collections/notes/records", {"text": "one"}, token)[0] == 200
    assert "locked" not in app.log(), app.log()


@pytest.mark.parametrize("order", ORDERS)
def test_pocketbase(folder, shared_nats, program, order):
    def attempt(number):
        with new_cluster(folder, shared_nats, number) as cluster:
            node = cluster.add()
            with pocketbase(program, node) as app:
                start_both(node, order, app.launch)
                app.wait_up()
                use(app)
                if order != "alone":
                    node.wait_ready()
                    wait_value(node, "SELECT count(*) FROM __harmonylite__tables WHERE name IN ('_admins', 'notes')", 2)

    count_starts(attempt)


@pytest.mark.parametrize("order", ["together", "a moment later"])
def test_pocketbase_on_a_second_node(folder, shared_nats, program, order):
    """The cluster has an administrator and settings. Whatever the newcomer writes at its first start, and whether a
    snapshot comes before it or not, these are shown in the end."""
    settings = "SELECT value FROM _params WHERE key = 'settings'"

    def attempt(number):
        with new_cluster(folder, shared_nats, number) as cluster:
            nodes = a, b = cluster.add(), cluster.add()
            with pocketbase(program, a) as first, pocketbase(program, b) as second:
                first.start()
                a.start()
                first.make_admin()
                assert first.ask("PATCH", "/api/settings", {"meta": {"appName": "Ours"}}, first.log_in())[0] == 200
                shown = a.one(settings)
                start_both(b, order, second.launch)
                second.wait_up()
                b.wait_ready()
                wait_value(nodes, "SELECT count(*) FROM _admins", 1)
                wait_value(nodes, settings, shown)
                wait_equal(nodes, only=["_admins", "_collections", "_params", "users"])
                assert "locked" not in second.log() and "Ours" in shown, second.log()

    count_starts(attempt)


# --- Wagtail ---


@pytest.fixture(scope="module")
def wagtail(module_folder):
    """(Python, folder of a new project)."""
    python = packages.pip("frameworks-wagtail", "wagtail==8.0.1")
    project = module_folder / "pages"
    project.mkdir()
    subprocess.run([python.with_name("wagtail"), "start", "pages", project], check=True, capture_output=True,
                   timeout=seconds(60))
    settings = project / "pages" / "settings" / "base.py"
    settings.write_text(settings.read_text() + '\nimport os\nDATABASES["default"]["NAME"] = os.environ["DATABASE"]\n')
    return python, project


def manage(wagtail, node, *words):
    python, project = wagtail
    return processes.start([python, "manage.py", *words], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env={**os.environ, "DATABASE": str(node.database), "PYTHONWARNINGS": "ignore"})


def finish(process):
    output = process.communicate(timeout=seconds(600))[0].decode(errors="replace")
    assert process.returncode == 0, output


@pytest.mark.parametrize("order", ORDERS)
def test_wagtail(folder, shared_nats, wagtail, order):
    def attempt(number):
        with new_cluster(folder, shared_nats, number) as cluster:
            node = cluster.add()
            finish(start_both(node, order, lambda: manage(wagtail, node, "migrate", "--verbosity", "0")))
            finish(manage(wagtail, node, "migrate", "--check"))
            if order != "alone":
                node.wait_ready()
                tables = node.one("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
                                  "AND name NOT LIKE '__harmonylite__%'")
                assert tables > 40
                wait_value(node, "SELECT count(*) > 40 FROM __harmonylite__tables", 1)

    count_starts(attempt)
