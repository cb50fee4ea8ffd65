"""A file that was copied with everything in it, as machines are cloned: two nodes never share an identity."""

import base64
import re

import pytest

import compare
from harness import merged, wait_equal, wait_value
from nats_client import NatsClient
from wait import wait_until

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


REFUSAL = "another process already runs as node 1: give this one another node_id"


def test_of_two_that_start_at_once_one_ends(cluster):
    original, other = cluster.run(2, LINES)
    put(original, "a1")
    wait_value(other, QUERY, "a1")
    original.stop()
    copy = clone(cluster, original, 1)
    both = [original.launch(), copy.launch()]

    def ended():
        return [node for node in both if not node.running]

    loser, = wait_until(ended, 60, "one of them to end",
                        lambda: "\n".join(node.tail() for node in both))
    assert loser.process.returncode != 0 and REFUSAL in loser.log()
    loser.process = None
    winner, = [node for node in both if node is not loser]
    put(winner, "w1")
    put(other, "b1")
    wait_value(other, "SELECT count(*) FROM lines", 3)
    assert winner.running


def entry(cluster, node):
    """The node's entry in the registry: (session of the process that has put it, revision), or None."""
    bucket = cluster.prefix + "-changes-v2-meta"
    with NatsClient(cluster.server.port) as client:
        answer = client.api(f"STREAM.MSG.GET.KV_{bucket}",
                            {"last_by_subj": f"$KV.{bucket}.node.{node.node_id}"})
    if "error" in answer:
        return None
    text = base64.b64decode(answer["message"]["data"]).decode()
    return int(re.search(r"^session (\d+)$", text, re.MULTILINE).group(1)), answer["message"]["seq"]


def wait_entry(cluster, node, other_than, session=None):
    """The first entry that is none of those; of this session, if one is given."""
    def found():
        now = entry(cluster, node)
        return now is not None and now not in other_than and session in (None, now[0]) and now
    return wait_until(found, 60, "its next entry", node.tail)


def test_a_former_process_in_an_older_store_is_nobody(cluster, own_nats):
    """The registry goes back to what it was before the sidecar started anew."""
    a, b = cluster.run(2, LINES)
    for number in range(3):
        wait_entry(cluster, a, [])
        own_nats.stop()
        own_nats.save()
        own_nats.start()
        old = entry(cluster, a)
        last = wait_entry(cluster, a, [old], old[0])
        a.restart()
        first = wait_until(lambda: (now := entry(cluster, a))[0] != last[0] and now,  # noqa: B023
                           60, "the new process's entry", a.tail)
        wait_entry(cluster, a, [first], first[0])
        own_nats.stop()
        own_nats.put_back()
        own_nats.start()
        assert entry(cluster, a)[0] == old[0]
        spoken = wait_entry(cluster, a, [], first[0])
        wait_entry(cluster, a, [spoken], first[0])
        put(a, f"a{number}")
        wait_value(b, "SELECT count(*) FROM lines", number + 1)
        assert a.running
