"""The sidecar down, killed or stopped; NATS away; the line cut or dead: everything arrives, and no
hand is needed."""

import random
import signal
import time

import pytest

import processes
from harness import wait_equal, wait_value
from wait import wait_until

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, n INTEGER, v TEXT)"


class Writers:
    """Hands out rows that say who wrote them, and knows what must be there in the end."""

    def __init__(self, nodes):
        self.nodes = nodes
        self.count = 0

    def write(self, rounds=1):
        for _ in range(rounds):
            self.count += 1
            for node in self.nodes:
                node.sql("INSERT INTO lines VALUES(?, ?, 'x')",
                         f"{node.node_id}-{self.count}", self.count)

    def write_during(self, duration, pause=0.05):
        """Writes at a steady rate for as long as a fault lasts."""
        end = time.monotonic() + duration
        while time.monotonic() < end:
            self.write()
            time.sleep(pause)

    def wait_all(self, deadline=90):
        """Every row of every writer is on every node, and all agree."""
        wait_value(self.nodes, "SELECT count(*) FROM lines", self.count * len(self.nodes), deadline)
        wait_equal(self.nodes)
        assert all(node.running for node in self.nodes)


def test_writing_with_the_sidecar_down(cluster):
    a, b = cluster.run(2, LINES)
    writers = Writers([a, b])
    writers.write(3)
    writers.wait_all()
    a.stop()
    writers.write(100)
    a.sql("UPDATE lines SET v = 'while away' WHERE id = '2-1'")
    a.sql("DELETE FROM lines WHERE id = '1-1'")
    a.sql("INSERT INTO lines VALUES('1-1', 1, 'again')")
    a.start()
    writers.wait_all()
    assert b.one("SELECT v FROM lines WHERE id = '2-1'") == "while away"
    assert b.one("SELECT v FROM lines WHERE id = '1-1'") == "again"


def test_all_sidecars_down_in_turns(cluster):
    nodes = cluster.run(3, LINES)
    writers = Writers(nodes)
    for node in nodes + nodes:
        node.stop()
        writers.write(10)
        node.start()
    writers.wait_all()


def test_both_write_one_row_while_apart(cluster):
    a, b = cluster.run(2, LINES)
    a.sql("INSERT INTO lines VALUES('k', 0, 'common')")
    wait_value(b, "SELECT v FROM lines", "common")
    a.stop()
    b.stop()
    a.sql("UPDATE lines SET v = 'a', n = 1")
    b.sql("UPDATE lines SET v = 'b', n = 2")
    a.start()
    b.start()
    # Which one wins is the versions' choice; that both show the same one is the promise.
    wait_until(lambda: a.one("SELECT v FROM lines") == b.one("SELECT v FROM lines"),
               what="agreement", explain=b.tail)
    assert a.one("SELECT v || n FROM lines") in ("a1", "b2")
    wait_equal([a, b])


NATS_OUTAGES = [1, 8, pytest.param(40, marks=pytest.mark.long),
                pytest.param(150, marks=pytest.mark.long)]


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("duration", NATS_OUTAGES)
def test_nats_is_away(cluster, own_nats, duration, how):
    nodes = cluster.run(3, LINES)
    writers = Writers(nodes)
    writers.write(20)
    getattr(own_nats, how)()
    writers.write_during(duration)
    own_nats.start()
    writers.write(5)
    writers.wait_all()


def test_nats_is_killed_again_and_again(cluster, own_nats):
    writers = Writers(cluster.run(2, LINES))
    for _ in range(6):
        writers.write_during(0.5, pause=0.01)
        own_nats.kill()
        writers.write(5)
        own_nats.start()
    writers.wait_all()


LINE_OUTAGES = [1, 8, pytest.param(40, marks=pytest.mark.long)]


@pytest.mark.parametrize("fault", ["cut", "swallow"])
@pytest.mark.parametrize("duration", LINE_OUTAGES)
def test_the_line_to_one_node_is_dead(cluster, proxy, duration, fault):
    nodes = [cluster.add(url=proxy.url).create(LINES), cluster.add().create(LINES)]
    for node in nodes:
        node.start()
    writers = Writers(nodes)
    writers.write(20)
    writers.wait_all()
    getattr(proxy, fault)()
    writers.write_during(duration)
    proxy.pass_on()
    writers.write(5)
    writers.wait_all()


def test_the_line_is_cut_while_a_lot_is_under_way(cluster, proxy):
    nodes = a, b = [cluster.add(url=proxy.url).create(LINES), cluster.add().create(LINES)]
    for node in nodes:
        node.start()
    for turn in range(5):
        a.transaction(("INSERT INTO lines VALUES(?, ?, hex(randomblob(500)))",
                       [(f"{turn}-{n}", n) for n in range(3000)]))
        # The cut falls anywhere between the first frame and the last ack.
        wait_until(lambda: proxy.connections() > 0, what="a line")
        proxy.cut()
        proxy.pass_on()
    wait_value(b, "SELECT count(*) FROM lines", 15_000)
    wait_equal(nodes)


@pytest.mark.parametrize("sleeper", ["writer", "reader"])
def test_a_stopped_process_under_80_mb_of_changes(cluster, sleeper):
    a, b = nodes = cluster.run(2, LINES)
    a.sql("INSERT INTO lines VALUES('first', 0, '')")
    wait_value(b, "SELECT count(*) FROM lines", 1)
    stopped = a if sleeper == "writer" else b
    stopped.freeze()
    for turn in range(40):
        a.transaction(("INSERT INTO lines VALUES(?, ?, hex(randomblob(1000)))",
                       [(f"{turn}-{n}", n) for n in range(1000)]))
    if sleeper == "reader":
        b.sql("INSERT INTO lines VALUES('own', 1, 'written while it slept')")
    stopped.thaw()
    total = 40_001 + (sleeper == "reader")
    wait_value(nodes, "SELECT count(*) FROM lines", total, deadline=180)
    wait_equal(nodes, deadline=180)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_9_at_any_time(cluster, seed):
    choice = random.Random(seed)
    nodes = cluster.run(3, LINES)
    writers = Writers(nodes)
    for _ in range(8):
        victim = choice.choice(nodes)
        writers.write_during(choice.random() * 0.4, pause=0.005)
        victim.kill()
        writers.write(choice.randrange(5))
        # Killed once more before it is ready, too.
        if choice.random() < 0.4:
            victim.launch()
            time.sleep(choice.random() * 0.2)  # where the blow falls is the seed's choice
            victim.kill()
        victim.start()
    writers.wait_all()


def test_kill_9_of_everything_at_once(cluster, own_nats):
    nodes = cluster.run(3, LINES)
    writers = Writers(nodes)
    for _ in range(3):
        writers.write_during(0.5, pause=0.005)
        for node in nodes:
            node.kill()
        own_nats.kill()
        writers.write(3)
        own_nats.start()
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()
    writers.wait_all()


def test_kill_9_in_a_large_transaction(cluster):
    a, b = nodes = cluster.run(2, LINES)
    for turn in range(4):
        victim = nodes[turn % 2]
        a.transaction(("INSERT INTO lines VALUES(?, ?, hex(randomblob(300)))",
                       [(f"{turn}-{n}", n) for n in range(20_000)]))
        victim.kill()
        assert b.one("SELECT count(*) FROM lines") % 20_000 == 0
        victim.start()
    wait_value(b, "SELECT count(*) FROM lines", 80_000)
    wait_equal(nodes)


def test_it_starts_while_nats_is_away(cluster, own_nats):
    a, b = cluster.run(2, LINES)
    a.sql("INSERT INTO lines VALUES('1', 1, 'x')")
    wait_value(b, "SELECT count(*) FROM lines", 1)
    b.stop()
    own_nats.kill()
    b.settings["nats"]["connect_retries"] = 1000
    b.settings["nats"]["reconnect_wait_seconds"] = 1
    b.launch()
    b.sql("INSERT INTO lines VALUES('2', 2, 'alone')")
    own_nats.start()
    b.wait_ready()
    wait_value(a, "SELECT count(*) FROM lines", 2)
    wait_equal([a, b])


def test_stopping_takes_less_than_five_seconds_in_any_state(cluster, own_nats):
    """The deadline is generous for a loaded machine; a hang is what it finds."""
    a, b = cluster.run(2, LINES)
    a.transaction(("INSERT INTO lines VALUES(?, 1, hex(randomblob(500)))",
                   [(str(n),) for n in range(20_000)]))
    a.stop(signal.SIGTERM)
    own_nats.process.send_signal(signal.SIGSTOP)  # there, but deaf
    b.sql("INSERT INTO lines VALUES('b', 1, 'x')")
    b.stop(signal.SIGTERM)
    own_nats.process.send_signal(signal.SIGCONT)
    assert processes.alive(own_nats.process.pid)
    a.start()
    b.start()
    wait_value([a, b], "SELECT count(*) FROM lines", 20_001)
