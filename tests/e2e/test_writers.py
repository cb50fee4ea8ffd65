"""Many writers at once: nobody loses a commit, nobody reads an older value, all nodes agree."""

import random
import threading
import time

import pytest

from harness import wait_equal, wait_value
from wait import wait_until

COUNTER = "CREATE TABLE counter(id INTEGER PRIMARY KEY, n INTEGER NOT NULL); " \
          "INSERT INTO counter VALUES(1, 0)"


def in_threads(*works):
    """Runs every function in a thread of its own, and raises what one of them raised."""
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as error:  # noqa: B902: handed on below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_a_counter_on_a_lone_node(cluster):
    """The sidecar never puts back a value that its own application has replaced."""
    (node,) = cluster.run(1, COUNTER)
    for expected in range(300):
        assert node.one("SELECT n FROM counter") == expected
        node.sql("UPDATE counter SET n = n + 1")
        assert node.one("SELECT n FROM counter") == expected + 1
        time.sleep(0.003)  # the rhythm of the application, not a wait for anything
    node.restart()
    assert node.one("SELECT n FROM counter") == 300


def test_a_counter_on_a_node_with_peers(cluster):
    """Likewise while replicas listen, and one of them writes elsewhere."""
    nodes = a, b, c = cluster.run(3, COUNTER)
    for expected in range(300):
        assert a.one("SELECT n FROM counter WHERE id = 1") == expected
        a.sql("UPDATE counter SET n = n + 1 WHERE id = 1")
        if expected % 10 == 0:
            b.sql("INSERT INTO counter VALUES(?, 0)", 2 + expected)
        time.sleep(0.003)
    wait_value(nodes, "SELECT n FROM counter WHERE id = 1", 300)
    wait_value(nodes, "SELECT count(*) FROM counter", 31)
    wait_equal(nodes)


def test_a_replica_never_goes_back(cluster):
    a, b = cluster.run(2, COUNTER)
    done = threading.Event()
    seen = []

    def write():
        connection = a.connect()
        for _ in range(300):
            connection.execute("UPDATE counter SET n = n + 1")
        connection.close()
        done.set()

    def read():
        connection = b.connect()
        while not done.is_set() or len(seen) < 10:
            seen.append(connection.execute("SELECT n FROM counter").fetchone()[0])
        connection.close()

    in_threads(write, read)
    assert seen == sorted(seen)
    wait_value(b, "SELECT n FROM counter", 300)


@pytest.mark.parametrize("seed", [1, 2])
def test_concurrent_upserts_on_few_keys(cluster, seed):
    nodes = cluster.run(3, "CREATE TABLE t(k INTEGER PRIMARY KEY, who INTEGER, n INTEGER)")

    def writer(node):
        def work():
            choice = random.Random(seed * 100 + node.node_id)
            connection = node.connect()
            for number in range(300):
                key = choice.randrange(5)
                if choice.random() < 0.15:
                    connection.execute("DELETE FROM t WHERE k = ?", (key,))
                else:
                    connection.execute("INSERT INTO t VALUES(?, ?, ?) ON CONFLICT(k) DO UPDATE "
                                       "SET who = excluded.who, n = excluded.n",
                                       (key, node.node_id, number))
            connection.close()
        return work

    in_threads(*[writer(node) for node in nodes])
    # Rows of their own that come last in each node's order: when they are everywhere, all is.
    for node in nodes:
        node.sql("INSERT INTO t VALUES(?, ?, 0)", 1000 + node.node_id, node.node_id)
    wait_value(nodes, "SELECT count(*) FROM t WHERE k > 1000", 3)
    wait_equal(nodes)


def test_the_later_of_two_writes_wins_everywhere(cluster):
    """Later by what was seen: B has read A's value before it writes."""
    nodes = a, b, c = cluster.run(3, "CREATE TABLE t(k INTEGER PRIMARY KEY, v)")
    for turn in range(20):
        writer, reader = nodes[turn % 3], nodes[(turn + 1) % 3]
        writer.sql("INSERT INTO t VALUES(1, ?) ON CONFLICT DO UPDATE SET v = excluded.v", turn)
        wait_value(reader, "SELECT v FROM t", turn)
    wait_value(nodes, "SELECT v FROM t", 19)


def test_causal_order(cluster):
    """Who shows an answer shows the question: B answers what it saw from A, C never sees it alone."""
    a, b, c = nodes = cluster.run(3, "CREATE TABLE question(id INTEGER PRIMARY KEY);"
                                     "CREATE TABLE answer(id INTEGER PRIMARY KEY)")
    rounds = 60
    orphans = []
    stop = threading.Event()

    def ask():
        connection = a.connect()
        for number in range(rounds):
            connection.execute("INSERT INTO question VALUES(?)", (number,))
        connection.close()

    def answer():
        connection = b.connect()

        def reply():
            connection.execute("INSERT INTO answer SELECT id FROM question "
                               "WHERE id NOT IN (SELECT id FROM answer)")
            return connection.execute("SELECT count(*) FROM answer").fetchone()[0] == rounds
        try:
            wait_until(reply, what="all answers", explain=b.tail)
        finally:
            connection.close()

    def watch():
        connection = c.connect()
        while not stop.is_set():
            orphans.extend(connection.execute(
                "SELECT id FROM answer WHERE id NOT IN (SELECT id FROM question)").fetchall())
        connection.close()

    def lead():
        try:
            in_threads(ask, answer)
            wait_value_in_thread(c, "SELECT count(*) FROM answer", rounds)
        finally:
            stop.set()

    in_threads(watch, lead)
    assert orphans == []
    wait_equal(nodes)


def wait_value_in_thread(node, text, expected):
    connection = node.connect()
    try:
        wait_until(lambda: connection.execute(text).fetchone()[0] == expected, what=text,
                   explain=node.tail)
    finally:
        connection.close()


def test_transfers_between_accounts(cluster):
    """Whole transactions only: the sum is the same in every look at a replica."""
    a, b, c = nodes = cluster.run(3, """
        CREATE TABLE account(id INTEGER PRIMARY KEY, cents INTEGER NOT NULL);
        CREATE TABLE transfer(id INTEGER PRIMARY KEY, source, target, cents)""")
    a.transaction(("INSERT INTO account VALUES(?, 1000)", [(n,) for n in range(10)]))
    wait_value(nodes, "SELECT count(*) FROM account", 10)
    wrong, looks = [], [0]
    stop = threading.Event()

    def transfer():
        choice = random.Random(5)
        connection = a.connect()
        for number in range(1000):
            source, target = choice.sample(range(10), 2)
            cents = choice.randrange(1, 50)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE account SET cents = cents - ? WHERE id = ?", (cents, source))
            connection.execute("INSERT INTO transfer VALUES(?,?,?,?)",
                               (number, source, target, cents))
            connection.execute("UPDATE account SET cents = cents + ? WHERE id = ?", (cents, target))
            connection.execute("COMMIT")
        connection.close()
        try:
            for replica in (b, c):
                wait_value_in_thread(replica, "SELECT count(*) FROM transfer", 1000)
        finally:
            stop.set()

    def audit(node):
        def work():
            connection = node.connect()
            while not stop.is_set():
                (total,) = connection.execute("SELECT sum(cents) FROM account").fetchone()
                looks[0] += 1
                if total != 10_000:
                    wrong.append((node.name, total))
                connection.execute("BEGIN")
                (moved,) = connection.execute("SELECT count(*) FROM transfer").fetchone()
                (kept,) = connection.execute(
                    "SELECT count(*) FROM account WHERE cents != 1000 - "
                    "(SELECT ifnull(sum(cents), 0) FROM transfer WHERE source = account.id) + "
                    "(SELECT ifnull(sum(cents), 0) FROM transfer WHERE target = account.id)"
                ).fetchone()
                connection.execute("COMMIT")
                if kept:
                    wrong.append((node.name, f"{kept} accounts disagree with {moved} transfers"))
            connection.close()
        return work

    in_threads(transfer, audit(b), audit(c))
    assert wrong == []
    assert looks[0] > 20
    wait_equal(nodes)
