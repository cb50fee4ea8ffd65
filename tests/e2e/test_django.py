"""Django, as Debian has it, beside a sidecar."""

import pathlib
import subprocess
import sys

import pytest

from harness import wait_equal, wait_value
from test_ids import wait_slots
from test_unique import listed
from wait import seconds, wait_until

pytest.importorskip("django", reason="python3-django is not installed: ./dev setup installs it")

APP = pathlib.Path(__file__).with_name("django_app.py")
OWN_TABLE = "CREATE TABLE first(id INTEGER PRIMARY KEY)"
# Runs of the first start of an application: without the door nearly every second one failed.
RUNS = [1, 2, 3, *(pytest.param(run, marks=pytest.mark.long) for run in range(4, 21))]


@pytest.mark.parametrize("run", RUNS)
def test_a_first_start_beside_a_sidecar(cluster, run):
    node, = cluster.run(1, OWN_TABLE)
    done = subprocess.run([sys.executable, APP, node.database], capture_output=True, text=True,
                          timeout=seconds(120))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["20"]
    wait_until(lambda: node.one("SELECT count(*) FROM __harmonylite__tables WHERE name = 'auth_user'") == 1, 30,
               "the new tables to be taken over", node.tail)
    assert node.one("PRAGMA quick_check") == "ok"


def test_three_projects_with_first_rows_of_their_own_join(cluster):
    """Each was started without a sidecar and made 20 users with the same ids. No command is needed."""
    nodes = [cluster.add() for _ in range(3)]
    names = ("anna", "berta", "carla")
    for node, name in zip(nodes, names):
        done = subprocess.run([sys.executable, APP, node.database, name], capture_output=True, text=True,
                              timeout=seconds(120))
        assert done.returncode == 0, done.stderr
        node.start()
    wait_value(nodes, "SELECT group_concat(DISTINCT substr(username, 1, 5)) FROM auth_user", "anna0,anna1,anna2,anna3,"
               "anna4,anna5,anna6,anna7,anna8,anna9")
    wait_equal(nodes)
    kept = {one["loser"]["row"]["username"] for node in nodes[1:] for one in listed(node) if one["table"] == "auth_user"}
    assert kept == {f"{name}{number}" for name in names[1:] for number in range(20)}
    assert listed(nodes[0]) == []
    assert all(node.one("PRAGMA foreign_key_check") is None for node in nodes)


# Log entries and memberships that belong to another user than the one they were made for.
STRANGERS = """
    SELECT (SELECT count(*) FROM django_admin_log l LEFT JOIN auth_user u ON u.id = l.user_id
            WHERE u.username IS NOT l.object_repr)
         + (SELECT count(*) FROM auth_user_groups m LEFT JOIN auth_user u ON u.id = m.user_id
            LEFT JOIN auth_group g ON g.id = m.group_id WHERE u.username IS NOT g.name)"""
COUNTS = """
    SELECT (SELECT count(*) FROM auth_user) || '/' || (SELECT count(*) FROM auth_user_groups) || '/'
        || (SELECT count(*) FROM auth_group) || '/' || (SELECT count(*) FROM django_admin_log)"""


def members(node, count):
    return subprocess.Popen([sys.executable, APP, node.database, node.name, str(count)])


@pytest.mark.parametrize("cut_off", [False, True])
def test_users_made_on_two_nodes_at_once(cluster, cut_off):
    """Each with its log entry and its membership. Django lets SQLite give out all ids."""
    nodes = [cluster.add() for _ in range(2)]
    for node in nodes:
        assert members(node, 0).wait(seconds(120)) == 0  # migrates
        node.start()
    wait_value(nodes, "SELECT count(*) FROM django_migrations", nodes[0].one("SELECT count(*) FROM django_migrations"))
    wait_slots(nodes)
    if cut_off:
        for node in nodes:
            node.stop()
    running = [members(node, 50) for node in nodes]
    assert [one.wait(seconds(120)) for one in running] == [0, 0]
    if cut_off:
        for node in nodes:
            node.start()
    wait_value(nodes, COUNTS, "100/100/100/100")
    wait_equal(nodes)
    assert [node.one(STRANGERS) for node in nodes] == [0, 0]
    assert not [one for node in nodes for one in listed(node) if one["kind"] == "same automatic id"]
