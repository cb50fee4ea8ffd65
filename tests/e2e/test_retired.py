"""Every restart of a machine leaves a former incarnation behind. Once all nodes have all of it, no vector names it
any more; what it wrote stays."""

import itertools
import time

from harness import wait_equal, wait_value
from wait import wait_until

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, v TEXT)"
# Members are known, and may be forgotten, after seconds and not after 30.
HORIZON = {"cluster": {"eviction_horizon_seconds": 8}}


def put(node, name):
    node.sql("INSERT INTO lines VALUES(?, 'x')", name)


def named(node):
    """How many incarnations of other origins the node's progress vector names."""
    return node.one("SELECT count(*) FROM __harmonylite__progress")


def restart_machine(node):
    node.stop()
    node.forget_sent()
    node.start()
    node.wait_ready()


def test_former_incarnations_leave_the_vectors(cluster):
    a, b = cluster.run(2, LINES, HORIZON)
    for name in ("b1", "b2", "b3", "b4"):
        put(b, name)
        wait_value(a, f"SELECT count(*) FROM lines WHERE id = '{name}'", 1)
        restart_machine(b)
    lives = a.one("SELECT count(*) FROM __harmonylite__nodes WHERE node = 2")
    assert lives == 4, "each restart of the machine was a new incarnation"
    # The newest incarnation states that the others write no more with a change of its own. So the application of
    # b goes on writing, now and then: the nodes look for origins to leave out while it is quiet.
    numbers = itertools.count(5)
    next_write = time.monotonic()

    def gone():
        nonlocal next_write
        if time.monotonic() >= next_write:
            put(b, f"b{next(numbers)}")
            next_write += 1
        # Node 1 has only told what its schema is.
        return named(a) == 1 and named(b) == 1

    wait_until(gone, 90, "only the newest incarnation in the vectors", b.tail)
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM lines WHERE id IN ('b1', 'b2', 'b3', 'b4')") == 4

    # A node that comes later gets everything, and what it writes is taken.
    c = cluster.add(HORIZON)
    c.create(LINES)
    c.start()
    c.wait_ready()
    wait_equal([a, b, c])
    put(c, "c1")
    wait_value([a, b], "SELECT count(*) FROM lines WHERE id = 'c1'", 1)
