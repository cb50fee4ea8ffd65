"""A file that was copied with everything in it, as machines are cloned: two nodes never share an identity."""

import pytest

import compare
from harness import merged, wait_equal, wait_value

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, v)"
QUERY = "SELECT group_concat(id, ' ') FROM (SELECT id FROM lines ORDER BY id)"


def put(node, *names):
    node.transaction(("INSERT INTO lines VALUES(?, ?)", [(name, node.name) for name in names]))


def clone(cluster, original, node_id):
    """A node on a copy of the original's file, as it was at one instant."""
    copy = cluster.add()
    target, source = compare.connect(copy.database), compare.connect(original.database)
    source.backup(target)
    source.close()
    target.execute("PRAGMA journal_mode=wal")
    target.close()
    if node_id is None:
        del copy.settings["node_id"]
    else:
        copy.settings = merged(copy.settings, {"node_id": node_id})
    return copy


@pytest.mark.parametrize("node_id", [None, 1])
def test_a_clone_with_the_same_id_is_refused_while_the_original_runs(cluster, node_id):
    original, other = cluster.run(2, LINES)
    put(original, "a1")
    wait_value(other, QUERY, "a1")
    copy = clone(cluster, original, node_id)
    code, output = copy.run(timeout=90)
    assert code != 0
    assert "another process already runs as node 1: give this one another node_id" in output
    # The one that was there first noticed nothing, and nothing of it is lost.
    put(original, "a2")
    put(other, "b1")
    wait_value([original, other], QUERY, "a1 a2 b1")
    assert original.running and other.running


def test_a_clone_with_another_id_is_told_how_to_go_on(cluster):
    original, other = cluster.run(2, LINES)
    put(original, "a1")
    wait_value(other, QUERY, "a1")
    copy = clone(cluster, original, 3)
    code, output = copy.run()
    assert code != 0
    assert "belongs to node 1, but node_id is 3" in output and "-cleanup" in output
    assert copy.run("-cleanup")[0] == 0
    copy.start()
    put(copy, "c1")
    put(original, "a2")
    wait_value([original, other, copy], QUERY, "a1 a2 c1")
    wait_equal([original, other, copy])


def test_a_clone_that_takes_the_place_of_its_original_is_a_new_life(cluster):
    """The original's later writes come to it from the others; its own do not pass for the original's."""
    original, other = cluster.run(2, LINES)
    put(original, "a1")
    wait_value(other, QUERY, "a1")
    copy = clone(cluster, original, 1)
    put(original, "a2", "a3")
    wait_value(other, QUERY, "a1 a2 a3")
    original.stop()
    put(copy, "c1", "c2")  # takes the numbers that a2 and a3 had
    copy.start()
    wait_value([other, copy], QUERY, "a1 a2 a3 c1 c2")
    wait_equal([other, copy])
