"""Django, as Debian has it, beside a sidecar."""

import pathlib
import subprocess
import sys

import pytest

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
