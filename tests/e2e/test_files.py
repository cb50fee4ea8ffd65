"""Files that the sidecar makes: nobody may read a copy who may not read the original."""

import os
import subprocess

import pytest

import harness
from harness import wait_value
from wait import seconds

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.fixture(autouse=True)
def open_umask():
    """What a distribution sets: others may read new files."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("bits", [0o600, 0o660, 0o644])
def test_a_restored_file_is_as_the_database(cluster, folder, bits):
    settings = {"snapshot": {"store": "file", "file": {"path": str(folder / "store")}}}
    node = cluster.add(settings).create(TABLE)
    node.database.chmod(bits)
    node.start()
    node.sql("INSERT INTO t VALUES(1, 'x')")
    assert node.run("snapshot", "save")[0] == 0
    code, output = node.run("snapshot", "restore", "--to", str(folder / "restored.db"))
    assert code == 0, output
    assert mode(folder / "restored.db") == bits


def test_a_restore_follows_no_link(cluster, folder):
    settings = {"snapshot": {"store": "file", "file": {"path": str(folder / "store")}}}
    node = cluster.add(settings).create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, 'x')")
    assert node.run("snapshot", "save")[0] == 0
    (folder / "link.db").symlink_to(folder / "elsewhere.db")
    code, output = node.run("snapshot", "restore", "--to", str(folder / "link.db"))
    assert code != 0 and "link.db exists already" in output, output
    assert not (folder / "elsewhere.db").exists()


def test_the_copy_before_a_join_is_as_the_database(cluster):
    rows = "; INSERT INTO t VALUES(1, '{}')"
    a = cluster.add().create(TABLE + rows.format("a")).start()
    b = cluster.add().create(TABLE + rows.format("b"))
    b.database.chmod(0o600)
    b.start()
    wait_value([a, b], "SELECT v FROM t", "a")
    (copy,) = b.folder.glob("app.db.before-join-*")
    assert mode(copy) == 0o600


def test_the_lock_follows_no_link(cluster, folder):
    node = cluster.add().create(TABLE)
    (node.folder / "app.db-harmonylite.lock").symlink_to(folder / "elsewhere")
    code, output = node.run()
    assert code != 0 and "app.db-harmonylite.lock is a link" in output, output
    assert not (folder / "elsewhere").exists()
