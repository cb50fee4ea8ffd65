"""Nodes that were away for too long: the log no longer has what they missed, and the others have forgotten
which rows were deleted meanwhile."""

import threading

import compare
from harness import wait_equal, wait_value
from nats_client import NatsClient
from wait import wait_until

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, v TEXT)"
QUERY = "SELECT group_concat(id) FROM (SELECT id FROM lines ORDER BY id)"
HORIZON = {"cluster": {"eviction_horizon_seconds": 8}}


def put(node, *names):
    for name in names:
        node.sql("INSERT INTO lines VALUES(?, 'x')", name)


def tombstones(node):
    """What is kept of deleted rows, in every version table."""
    tables = node.sql("SELECT 'v' || id FROM __harmonylite__tables")
    return sum(node.one(f"SELECT count(*) FROM __harmonylite__{name} WHERE gone = 1")
               for (name,) in tables)


def wait_forgotten(*nodes, deadline=120):
    for node in nodes:
        wait_until(lambda: tombstones(node) == 0, deadline,  # noqa: B023
                   f"no tombstone on {node.name}", node.tail)  # noqa: B023


def wait_members(nodes):
    """Everybody has heard everybody else, and written that down."""
    for node in nodes:
        wait_until(lambda: node.one("SELECT count(*) FROM __harmonylite__members") == len(nodes) - 1,  # noqa: B023
                   60, f"all others to be members on {node.name}", node.tail)  # noqa: B023


def forget_log(cluster, nats):
    """Nothing that was ever sent is in the log any more."""
    with NatsClient(nats.port) as client:
        stream = cluster.stream(client)
        client.api(f"STREAM.PURGE.{stream}")
        assert client.stream_state(stream)["messages"] == 0


class Application:
    """Writes to one node without a pause, with the timeout that Python's sqlite3 has by default."""

    def __init__(self, node, prefix):
        self.node, self.prefix = node, prefix
        self.written, self.errors = [], []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self):
        connection = self.node.connect(timeout=5)
        while not self._stop.is_set():
            name = f"{self.prefix}{len(self.written):06}"
            try:
                connection.execute("INSERT INTO lines VALUES(?, 'own')", (name,))
            except Exception as error:  # whatever it is, an application must not meet it
                self.errors.append(error)
                return
            self.written.append(name)
            self._stop.wait(0.005)
        connection.close()

    def stop(self):
        self._stop.set()
        self._thread.join()
        assert not self.errors, self.errors
        return self.written


def test_tombstones_go_when_all_have_them(cluster):
    nodes = a, b, c = cluster.run(3, LINES, {"cluster": {"eviction_horizon_seconds": 20}})
    put(a, *[f"a{i}" for i in range(50)])
    put(b, "b1")
    wait_until(lambda: c.one("SELECT count(*) FROM lines") == 51, 60, "all rows on c", c.tail)
    c.sql("DELETE FROM lines WHERE id LIKE 'a%'")
    wait_value(nodes, QUERY, "b1")
    wait_until(lambda: tombstones(c) == 50, 15, "tombstones on c", c.tail)
    wait_forgotten(*nodes)
    # Rows of the same keys are new rows.
    put(b, "a1")
    wait_value(nodes, QUERY, "a1,b1")
    wait_equal(nodes)


def test_a_silent_member_keeps_tombstones(cluster):
    nodes = a, b, c = cluster.run(3, LINES, {"cluster": {"eviction_horizon_seconds": 3600}})
    put(a, "a1", "a2")
    wait_value(nodes, QUERY, "a1,a2")
    wait_members(nodes)
    c.stop()
    a.sql("DELETE FROM lines WHERE id = 'a1'")
    wait_value([a, b], QUERY, "a2")
    a.restart()
    # Long enough for a to forget it if c did not count: what a and b delete between them stays as well.
    put(a, "a3")
    wait_value([a, b], QUERY, "a2,a3")
    c.start()
    wait_value(nodes, QUERY, "a2,a3")
    wait_forgotten(*nodes)
    wait_equal(nodes)


def test_an_evicted_node_returns(cluster, own_nats):
    nodes = a, b, c = cluster.run(3, LINES, HORIZON)
    put(a, "a1", "a2", "a3")
    put(b, "b1")
    wait_value(nodes, QUERY, "a1,a2,a3,b1")
    wait_members(nodes)
    b.stop()
    a.sql("DELETE FROM lines WHERE id IN ('a1', 'b1')")
    a.sql("UPDATE lines SET v = 'new' WHERE id = 'a2'")
    put(c, "c1")
    put(b, "b2", "b3")
    b.sql("UPDATE lines SET v = 'b' WHERE id = 'a3'")
    b.sql("DELETE FROM lines WHERE id = 'b3'")
    a.wait_log("node 2 has been silent")
    wait_forgotten(a, c)
    forget_log(cluster, own_nats)
    b.start()
    wait_value(nodes, QUERY, "a2,a3,b2,c1", deadline=120)
    wait_value(nodes, "SELECT v FROM lines WHERE id = 'a3'", "b")
    wait_value(nodes, "SELECT v FROM lines WHERE id = 'a2'", "new")
    assert "merged a snapshot" in b.log()
    put(b, "b4")
    wait_value(nodes, QUERY, "a2,a3,b2,b4,c1")
    wait_equal(nodes)


def test_offline_until_the_log_is_trimmed(cluster, own_nats):
    """An application writes on b all the while: before, during and after it catches up."""
    nodes = a, b, c = cluster.run(3, LINES, HORIZON)
    put(a, *[f"a{i:04}" for i in range(200)])
    put(b, "b-early")
    wait_until(lambda: [n.one("SELECT count(*) FROM lines") for n in nodes] == [201] * 3, 60, "all rows")
    wait_members(nodes)
    b.stop()
    application = Application(b, "own")
    a.sql("DELETE FROM lines WHERE id < 'a0100'")
    c.sql("DELETE FROM lines WHERE id = 'b-early'")
    a.transaction(("INSERT INTO lines VALUES(?, 'x')", [(f"more{i:06}",) for i in range(20_000)]))
    wait_until(lambda: c.one("SELECT count(*) FROM lines") == 20_100, 60, "all rows on c", c.tail)
    a.wait_log("node 2 has been silent")
    wait_forgotten(a, c)
    forget_log(cluster, own_nats)
    b.start()
    b.wait_log("merged a snapshot", 120)
    wait_until(lambda: b.one("SELECT count(*) FROM lines WHERE id NOT LIKE 'own%'") == 20_100, 120,
               "b to be complete", b.tail)
    written = application.stop()
    wait_until(lambda: a.one("SELECT count(*) FROM lines WHERE id LIKE 'own%'") == len(written), 120,
               "the application's rows on a", a.tail)
    wait_equal(nodes)
    assert b.one("SELECT count(*) FROM lines WHERE id = 'b-early' OR id < 'a0100'") == 0


def test_a_node_with_an_empty_table_joins_after_the_log_is_trimmed(cluster, own_nats):
    a, c = cluster.run(2, LINES, HORIZON)
    put(a, "a1", "a2", "a3")
    a.sql("DELETE FROM lines WHERE id = 'a1'")
    wait_value([a, c], QUERY, "a2,a3")
    wait_forgotten(a, c)
    forget_log(cluster, own_nats)
    joins = cluster.add(HORIZON).create(LINES)
    joins.start()
    put(joins, "j1")
    wait_value([a, c, joins], QUERY, "a2,a3,j1", deadline=120)
    wait_equal([a, c, joins])


def test_two_clusters_on_one_server_do_not_see_each_other(cluster, own_nats):
    a, b = cluster.run(2, LINES)
    other = {"nats": {"subject_prefix": "other-log", "stream_prefix": "other-changes"}}
    x, y = cluster.run(2, LINES, other)
    put(a, "a1")
    put(x, "x1")
    wait_value([a, b], QUERY, "a1")
    wait_value([x, y], QUERY, "x1")
    put(b, "b1")
    put(y, "y1")
    wait_value([a, b], QUERY, "a1,b1")
    wait_value([x, y], QUERY, "x1,y1")
    for node, foreign in ((a, 3), (b, 4), (x, 1), (y, 2)):
        assert node.one("SELECT count(*) FROM __harmonylite__nodes WHERE node = ?", foreign) == 0
    assert compare.tables_equal([a, b]) and not compare.tables_equal([a, x])
