"""A machine with a node and the cluster's only nats-server loses power: the database and the log come
back as they were some time ago, while the other nodes have what came after."""

import os
import random
import shutil
import signal

import pytest

import processes
from harness import wait_equal
from test_embedded import server_of
from wait import wait_until

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, v)"
DATABASE_FILES = ("app.db", "app.db-wal")


def run_cluster(cluster):
    """Node 1 runs the server; nodes 2 and 3 use it."""
    port = processes.free_ports(1)[0]
    first = cluster.add({"nats": {"bind_address": f"127.0.0.1:{port}"}}).create(LINES)
    first.start()
    others = [cluster.add(url=f"nats://127.0.0.1:{port}").create(LINES) for _ in range(2)]
    for node in others:
        node.launch()
    for node in others:
        node.wait_ready()
    return first, others


def ids(node):
    return {row[0] for row in node.sql("SELECT id FROM lines")}


class Writer:
    """Inserts rows with ids that are never used again."""

    def __init__(self):
        self.count = 0

    def write(self, node, rows):
        made = []
        for _ in range(rows):
            self.count += 1
            made.append(f"{node.node_id}-{self.count}")
            node.sql("INSERT INTO lines VALUES(?, 'x')", made[-1])
        return set(made)


def take_image(node, image):
    """What the disk of the node's machine has now. Nothing writes meanwhile."""
    server = server_of(node)
    node.freeze()
    os.kill(server, signal.SIGSTOP)
    image.mkdir()
    for name in DATABASE_FILES:
        if (node.folder / name).exists():
            shutil.copyfile(node.folder / name, image / name)
    shutil.copytree(node.folder / "app.db-harmonylite", image / "app.db-harmonylite")
    os.kill(server, signal.SIGCONT)
    node.thaw()


def cut_power(node, image, restarts):
    """Ends everything on the machine and puts the image in place of its disk. Memory of what was sent is
    gone only if the machine restarts; else this is an operator who restores a backup of everything."""
    server = server_of(node)
    if restarts:
        node.forget_sent()
    node.close_app()
    node.kill()
    os.kill(server, signal.SIGKILL)
    wait_until(lambda: not processes.alive(server), what="its server's end")
    for name in (*DATABASE_FILES, "app.db-shm"):
        (node.folder / name).unlink(missing_ok=True)
    shutil.rmtree(node.folder / "app.db-harmonylite")
    for name in DATABASE_FILES:
        if (image / name).exists():
            shutil.copyfile(image / name, node.folder / name)
    shutil.copytree(image / "app.db-harmonylite", node.folder / "app.db-harmonylite")
    shutil.rmtree(image)


def numbers(node):
    """Which row each number stands for that this node knows: (node, incarnation, lseq) to the row's key."""
    table = node.one("SELECT '__harmonylite__v' || id FROM __harmonylite__tables WHERE name = 'lines'")
    return {tuple(row[:3]): row[3] for row in node.sql(
        f"SELECT o.node, o.incarnation, v.lseq, v.k1 FROM {table} v JOIN __harmonylite__nodes o ON o.n = v.n")}


def note_numbers(known, nodes):
    for node in nodes:
        for number, key in numbers(node).items():
            assert known.setdefault(number, key) == key, f"{number} stands for {known[number]} and {key}"


def one_cut(cluster, first, others, writer, known, chance):
    writer.write(first, chance.randint(1, 6))
    image = cluster.folder / "image"
    take_image(first, image)
    late = writer.write(first, chance.randint(1, 12))
    writer.write(chance.choice(others), chance.randint(0, 3))
    seen = chance.choice(sorted(late))
    wait_until(lambda: all(seen in ids(node) for node in others), what=f"row {seen} on the other nodes",
               explain=first.tail)
    note_numbers(known, others)
    kept = ids(others[0]) | ids(others[1])
    cut_power(first, image, restarts=chance.random() < 0.7)
    kept |= writer.write(first, chance.randint(0, 8))
    kept |= writer.write(others[0], chance.randint(0, 3))
    first.start()
    kept |= writer.write(first, chance.randint(1, 8))
    for node in (first, *others):
        wait_until(lambda: kept <= ids(node), 90,  # noqa: B023
                   f"every kept row on {node.name}",
                   lambda: f"missing: {sorted(kept - ids(node))}\n{node.tail()}")  # noqa: B023
    wait_equal([first, *others])
    note_numbers(known, [first, *others])


@pytest.mark.parametrize("cuts", [3, pytest.param(50, marks=pytest.mark.long)])
def test_nothing_that_a_peer_has_is_lost_and_no_number_is_used_twice(cluster, embedded, cuts):
    chance = random.Random(20261129)
    first, others = run_cluster(cluster)
    writer, known = Writer(), {}
    for _ in range(cuts):
        one_cut(cluster, first, others, writer, known, chance)
    assert len(known) >= cuts


def test_a_restart_of_the_sidecar_alone_is_no_new_incarnation(cluster, embedded):
    node = cluster.add().create(LINES)
    node.start()
    origin = "SELECT incarnation FROM __harmonylite__nodes"
    before = node.sql(origin)
    Writer().write(node, 3)
    node.restart()
    node.kill()
    node.start()
    node.sql("INSERT INTO lines VALUES('last', 'x')")
    wait_until(lambda: node.one("SELECT value FROM __harmonylite__state WHERE key = 'published_to'") >= 4,
               what="all changes to be sent", explain=node.tail)
    assert node.sql(origin) == before
