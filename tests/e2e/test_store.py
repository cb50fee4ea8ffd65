"""A NATS store that forgets: wiped, replaced by an older copy, its stream deleted. The databases are
the truth, and make it whole again."""

import pathlib

import pytest

import compare
from harness import wait_equal, wait_value
from nats_client import NatsClient

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, v TEXT)"


def put(node, *names):
    for name in names:
        node.sql("INSERT INTO lines VALUES(?, 'x')", name)


def ids(*names):
    return ",".join(sorted(names))


QUERY = "SELECT group_concat(id) FROM (SELECT id FROM lines ORDER BY id)"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_wiped_under_running_nodes(cluster, own_nats, how):
    nodes = a, b, c = cluster.run(3, LINES)
    put(a, "a1", "a2")
    put(b, "b1")
    wait_value(nodes, QUERY, ids("a1", "a2", "b1"))
    getattr(own_nats, how)()
    own_nats.wipe()
    put(a, "a3")  # never was in the old store
    own_nats.start()
    put(b, "b2")
    put(c, "c1")
    wait_value(nodes, QUERY, ids("a1", "a2", "a3", "b1", "b2", "c1"))
    wait_equal(nodes)


def test_wiped_with_work_that_one_node_has_not_seen(cluster, own_nats):
    """C sleeps, A and B go on, the store is lost: what C missed is in A's and B's files only."""
    nodes = a, b, c = cluster.run(3, LINES)
    put(a, "a1")
    wait_value(nodes, QUERY, "a1")
    c.stop()
    put(a, "a2", "a3")
    put(b, "b1")
    a.sql("DELETE FROM lines WHERE id = 'a1'")
    wait_value([a, b], QUERY, ids("a2", "a3", "b1"))
    own_nats.kill()
    own_nats.wipe()
    put(c, "c1")
    own_nats.start()
    c.start()
    wait_value(nodes, QUERY, ids("a2", "a3", "b1", "c1"))
    wait_equal(nodes)


@pytest.mark.parametrize("running", [True, False])
def test_replaced_by_an_older_copy(cluster, own_nats, running):
    nodes = a, b, c = cluster.run(3, LINES)
    put(a, "a1")
    put(b, "b1")
    wait_value(nodes, QUERY, ids("a1", "b1"))
    own_nats.stop()
    own_nats.save()
    own_nats.start()
    put(a, "a2", "a3")
    put(b, "b2")
    wait_value(nodes, QUERY, ids("a1", "a2", "a3", "b1", "b2"))
    if not running:
        for node in nodes:
            node.stop()
    own_nats.stop()
    own_nats.put_back()
    put(c, "c1")
    own_nats.start()
    if not running:
        for node in nodes:
            node.start()
    put(a, "a4")
    put(b, "b3")
    wait_value(nodes, QUERY, ids("a1", "a2", "a3", "a4", "b1", "b2", "b3", "c1"))
    wait_equal(nodes)


def test_an_older_copy_and_a_node_that_had_slept(cluster, own_nats):
    """The records that C needs are in neither the store nor on their way."""
    nodes = a, b, c = cluster.run(3, LINES)
    put(a, "a1")
    wait_value(nodes, QUERY, "a1")
    own_nats.stop()
    own_nats.save()
    own_nats.start()
    c.stop()
    put(a, "a2", "a3")
    put(b, "b1")
    wait_value([a, b], QUERY, ids("a1", "a2", "a3", "b1"))
    own_nats.stop()
    own_nats.put_back()
    own_nats.start()
    c.start()
    put(b, "b2")
    wait_value(nodes, QUERY, ids("a1", "a2", "a3", "b1", "b2"))
    wait_equal(nodes)


def test_the_stream_is_deleted_under_running_nodes(cluster):
    nodes = a, b = cluster.run(2, LINES)
    put(a, "a1")
    wait_value(b, QUERY, "a1")
    with NatsClient(cluster.server.port) as client:
        client.delete_stream(cluster.stream(client))
    put(a, "a2")
    put(b, "b1")
    wait_value(nodes, QUERY, ids("a1", "a2", "b1"))
    wait_equal(nodes)


def test_the_stream_is_purged_while_a_node_is_away(cluster):
    nodes = a, b, c = cluster.run(3, LINES)
    put(a, "a1")
    wait_value(nodes, QUERY, "a1")
    c.stop()
    put(a, "a2", "a3")
    wait_value(b, QUERY, ids("a1", "a2", "a3"))
    with NatsClient(cluster.server.port) as client:
        client.api(f"STREAM.PURGE.{cluster.stream(client)}")
    c.start()
    put(a, "a4")
    wait_value(nodes, QUERY, ids("a1", "a2", "a3", "a4"))
    wait_equal(nodes)


def test_a_log_that_forgets_early(cluster):
    """max_entries is smaller than what a sleeping node missed."""
    settings = {"replication_log": {"max_entries": 16}}
    a, b, c = nodes = cluster.run(3, LINES, settings)
    put(a, "a-first")
    wait_value(nodes, QUERY, "a-first")
    c.stop()
    for number in range(60):
        put(a, f"a{number:02}")
        wait_value(b, f"SELECT count(*) FROM lines WHERE id = 'a{number:02}'", 1)
    c.start()
    wait_value(c, "SELECT count(*) FROM lines", 61)
    wait_equal(nodes)


def test_a_database_restored_from_an_older_copy(cluster):
    """It has forgotten some of its own writes, which others have: it gets them back like anyone's,
    and what it writes now is not mistaken for what it wrote then."""
    a, b = nodes = cluster.run(2, LINES)
    put(a, "a1")
    wait_value(b, QUERY, "a1")
    a.stop()
    a.close_app()
    copy = compare.connect(a.folder / "copy.db")
    source = compare.connect(a.database)
    source.backup(copy)
    source.close()
    copy.close()
    a.start()
    put(a, "a2", "a3")
    wait_value(b, QUERY, ids("a1", "a2", "a3"))
    a.stop()
    a.close_app()
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(f"{a.database}{suffix}").unlink(missing_ok=True)
    (a.folder / "copy.db").rename(a.database)
    put(a, "a4", "a5")  # takes the numbers that a2 and a3 had
    a.start()
    put(a, "a6")
    put(b, "b1")
    wait_value(nodes, QUERY, ids("a1", "a2", "a3", "a4", "a5", "a6", "b1"))
    wait_equal(nodes)
