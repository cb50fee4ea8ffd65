"""-schema-status and -schema-status-cluster: which nodes have other tables, or other definitions of them."""

import re

from harness import wait_equal, wait_value
from nats_client import NatsClient
from test_observe import HEALTH, health
from wait import wait_until

SMALL = "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT, w)"
STRICTER = "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE, w CHECK (w <> 7))"
OTHER = "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT, w, more)"

SAME = "same as here"
DEFINITIONS = "rows flow; types, defaults or constraints DIFFER"
DIFFERS = "DIFFERS from here: rows of tables with other columns or keys wait"


def said(node):
    """What -schema-status-cluster says of each node, by its number."""
    code, output = node.run("-schema-status-cluster")
    assert code == 0, output
    return {int(number): text for number, text in
            re.findall(r"^node (\d+): [0-9a-f]{16} (.*)$", output, re.MULTILINE)}


def pair(cluster, first, second):
    nodes = [cluster.add(HEALTH).create(schema) for schema in (first, second)]
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready()
    return nodes


def test_other_definitions_are_told_and_hold_nothing(cluster):
    a, b = nodes = pair(cluster, SMALL, STRICTER)
    wait_until(lambda: sorted(said(a)) == [1, 2], 30, "both nodes to be registered")
    assert said(a)[1] == SAME and DEFINITIONS in said(a)[2], said(a)
    assert DEFINITIONS in said(b)[1], said(b)
    a.sql("INSERT INTO t VALUES(1, 'one', 7)")
    b.sql("INSERT INTO t(k) VALUES(2)")
    wait_value(nodes, "SELECT group_concat(v) FROM (SELECT * FROM t ORDER BY k)", "one,x")
    wait_equal(nodes)
    assert [health(node)[0] for node in nodes] == [200, 200]
    assert health(a)[1]["schema"]["hash"] == health(b)[1]["schema"]["hash"]
    assert health(a)[1]["schema"]["definitions"] != health(b)[1]["schema"]["definitions"]
    code, output = a.run("-schema-status")
    assert code == 0 and re.search(r"t: 3 columns, key \(k\), definition [0-9a-f]{16}\n", output), output
    b.script(f"DROP TABLE t; {SMALL};")
    wait_until(lambda: said(a) == {1: SAME, 2: SAME}, 30, "equal definitions", lambda: str(said(a)))


def test_other_columns_are_told_apart_from_other_definitions(cluster):
    a, _ = pair(cluster, SMALL, OTHER)
    wait_until(lambda: sorted(said(a)) == [1, 2], 30, "both nodes to be registered")
    assert said(a) == {1: SAME, 2: DIFFERS}


def test_a_node_of_an_earlier_version_is_no_alarm(cluster):
    """Its heartbeat does not tell what its definitions are."""
    a = cluster.add(HEALTH).create(SMALL).start()
    wait_until(lambda: 1 in said(a), 30, "the node to be registered")
    bucket = f"$KV.{cluster.prefix}-changes-v2-meta"
    schema = int(health(a)[1]["schema"]["hash"], 16)
    with NatsClient(cluster.server.port) as client:
        client.publish(f"{bucket}.node.9", "harmonylite-heartbeat 1\norigin 9 1\nsession 5\nwall 1\n"
                                           f"published 0\nschema {schema}\n".encode())
    wait_until(lambda: 9 in said(a), 30, "the other node to be registered")
    assert said(a)[9] == "same columns and keys as here (its version tells no more)"
