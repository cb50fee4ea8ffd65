"""Nodes that bring their own nats-server."""

import os
import signal

import processes
from harness import wait_equal, wait_value
from wait import wait_until

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, v TEXT)"


def embedded_cluster(cluster, count, replicas=1):
    ports = processes.free_ports(count)
    nodes = []
    for port in ports:
        peers = ",".join(f"nats://127.0.0.1:{other}/" for other in ports if other != port)
        flags = ["-cluster-addr", f"127.0.0.1:{port}", "-cluster-peers", peers]
        node = cluster.add({"replication_log": {"replicas": replicas}}, flags=flags)
        nodes.append(node.create(LINES))
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready(120)
    return nodes


def server_of(node):
    """Process id of a node's nats-server."""
    def find():
        found = [pid for pid in processes.children(node.pid) if processes.name(pid) == "nats-server"]
        return found[0] if len(found) == 1 else None
    return wait_until(find, what=f"the nats-server of {node.name}", explain=node.tail)


def test_a_lone_node(cluster, embedded):
    node = cluster.add().create(LINES)
    node.start()
    server = server_of(node)
    assert (node.folder / "app.db-harmonylite").is_dir()
    assert (node.folder / "app.db-harmonylite.lock").exists()
    node.sql("INSERT INTO lines VALUES('1', 'x')")
    node.stop()
    assert not processes.alive(server)
    node.start()
    node.sql("INSERT INTO lines VALUES('2', 'y')")
    assert node.one("SELECT count(*) FROM lines") == 2


def test_three_nodes(cluster, embedded):
    nodes = a, b, c = embedded_cluster(cluster, 3, replicas=3)
    for node in nodes:
        node.sql("INSERT INTO lines VALUES(?, 'x')", str(node.node_id))
    wait_value(nodes, "SELECT count(*) FROM lines", 3)
    b.sql("UPDATE lines SET v = 'y' WHERE id = '1'")
    c.sql("DELETE FROM lines WHERE id = '2'")
    wait_value(nodes, "SELECT group_concat(id || v) FROM (SELECT * FROM lines ORDER BY id)",
               "1y,3x")
    wait_equal(nodes)


def test_one_of_three_dies_and_comes_back(cluster, embedded):
    nodes = embedded_cluster(cluster, 3, replicas=3)
    nodes[0].sql("INSERT INTO lines VALUES('first', 'x')")
    wait_value(nodes, "SELECT count(*) FROM lines", 1)
    total = 1
    for turn, victim in enumerate(nodes):
        rest = [node for node in nodes if node is not victim]
        server = server_of(victim)
        victim.kill()
        wait_until(lambda: not processes.alive(server), what="its server's end")  # noqa: B023
        for node in nodes:  # also into the file whose sidecar is dead
            for number in range(5):
                node.sql("INSERT INTO lines VALUES(?, 'x')", f"{turn}-{node.node_id}-{number}")
        total += 15
        wait_value(rest, "SELECT count(*) FROM lines", total - 5, deadline=120)
        victim.start()
        wait_value(nodes, "SELECT count(*) FROM lines", total, deadline=120)
    wait_equal(nodes)


def test_all_three_die(cluster, embedded):
    nodes = embedded_cluster(cluster, 3, replicas=3)
    for node in nodes:
        node.sql("INSERT INTO lines VALUES(?, 'before')", f"before {node.node_id}")
    for node in nodes:
        node.kill()
    for node in nodes:
        node.sql("INSERT INTO lines VALUES(?, 'after')", f"after {node.node_id}")
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready(120)
    wait_value(nodes, "SELECT count(*) FROM lines", 6, deadline=120)
    wait_equal(nodes)


def test_the_server_dies_and_is_started_again(cluster, embedded):
    nodes = embedded_cluster(cluster, 3, replicas=3)
    for turn in range(3):
        old = server_of(nodes[turn])
        os.kill(old, signal.SIGKILL)
        for node in nodes:
            node.sql("INSERT INTO lines VALUES(?, 'x')", f"{turn}-{node.node_id}")
        wait_value(nodes, "SELECT count(*) FROM lines", 3 * (turn + 1), deadline=120)
        assert server_of(nodes[turn]) != old
    assert all(node.running for node in nodes)
    wait_equal(nodes)


def test_the_server_of_a_lone_node_dies(cluster, embedded):
    node = cluster.add().create(LINES)
    node.start()
    old = server_of(node)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: server_of(node) != old, what="a new server", explain=node.tail)
    node.sql("INSERT INTO lines VALUES('1', 'x')")
    node.stop()


def test_the_server_ends_with_a_sidecar_that_is_killed(cluster, embedded):
    node = cluster.add().create(LINES)
    for _ in range(3):
        node.start()
        server = server_of(node)
        node.kill()
        wait_until(lambda: not processes.alive(server), what="its end")  # noqa: B023


def test_two_nodes_are_told_that_they_cannot_keep_a_quorum(cluster, embedded):
    ports = processes.free_ports(2)
    node = cluster.add(flags=["-cluster-addr", f"127.0.0.1:{ports[0]}", "-cluster-peers",
                              f"nats://127.0.0.1:{ports[1]}/"]).create(LINES)
    node.launch()
    node.wait_log("(?i)quorum")


def test_a_client_of_the_embedded_server(cluster, embedded):
    """Another node may use it as an ordinary server, at a port of the operator's choice."""
    (port,) = processes.free_ports(1)
    host = cluster.add({"nats": {"bind_address": f"127.0.0.1:{port}"}}).create(LINES)
    guest = cluster.add(url=f"nats://127.0.0.1:{port}").create(LINES)
    host.start()
    guest.start()
    guest.sql("INSERT INTO lines VALUES('1', 'x')")
    wait_value(host, "SELECT count(*) FROM lines", 1)
    host.restart()
    guest.sql("INSERT INTO lines VALUES('2', 'x')")
    wait_value(host, "SELECT count(*) FROM lines", 2)


def test_the_server_listens_on_loopback_only(cluster, embedded):
    node = cluster.add().create(LINES)
    node.start()
    server = server_of(node)
    inodes = set()
    for entry in os.listdir(f"/proc/{server}/fd"):
        target = os.readlink(f"/proc/{server}/fd/{entry}")
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    seen = 0
    for table, loopback in (("tcp", "0100007F"), ("tcp6", "00000000000000000000000001000000")):
        for line in open(f"/proc/net/{table}").read().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                seen += 1
                assert words[1].split(":")[0] == loopback, line
    assert seen > 0


def test_more_configuration_for_the_server(cluster, embedded):
    node = cluster.add().create(LINES)
    extra = node.folder / "extra.conf"
    extra.write_text("max_connections: 77\n")
    node.settings["nats"]["server_config"] = str(extra)
    node.start()
    node.stop()
    extra.write_text("no_such_setting_at_all: {\n")
    code, output = node.run()
    assert code != 0
    assert "extra.conf" in output
