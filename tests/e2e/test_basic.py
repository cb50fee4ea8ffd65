"""What an application does all day arrives on the other nodes."""

import json
import signal

import pytest

import compare
from harness import wait_equal, wait_value
from nats_client import NatsClient
from wait import wait_until

BOOKS = "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT, author TEXT, year INTEGER)"


def test_insert_update_delete(cluster):
    a, b, c = cluster.run(3, BOOKS)
    a.sql("INSERT INTO books VALUES(1, 'Momo', 'Ende', 1973), (2, 'Emma', 'Austen', 1815)")
    wait_value([b, c], "SELECT count(*) FROM books", 2)
    b.sql("UPDATE books SET year = 1816 WHERE id = 2")
    wait_value([a, c], "SELECT year FROM books WHERE id = 2", 1816)
    c.sql("DELETE FROM books WHERE id = 1")
    wait_value([a, b], "SELECT count(*) FROM books", 1)
    wait_equal([a, b, c])


def test_one_insert_followed_by_nothing(cluster):
    """Nothing waits for a second change to push the first one out. (How fast: ./dev bench.)"""
    a, b = cluster.run(2, BOOKS)
    for number in range(10):
        a.sql("INSERT INTO books(id) VALUES(?)", number)
        wait_value(b, f"SELECT count(*) FROM books WHERE id = {number}", 1)


def test_the_last_of_many_small_transactions(cluster):
    a, b = cluster.run(2, BOOKS)
    for number in range(500):
        a.sql("INSERT INTO books(id, title) VALUES(?, 'x')", number)
    wait_value(b, "SELECT count(*) FROM books", 500)
    wait_equal([a, b])


def test_a_database_that_does_not_exist_yet(cluster):
    nodes = [cluster.add(), cluster.add()]
    for node in nodes:
        node.start()
    for node in nodes:
        assert node.database.exists()
        node.script(BOOKS)
    a, b = nodes
    a.sql("INSERT INTO books(id, title) VALUES(1, 'late')")
    wait_value(b, "SELECT title FROM books", "late")


def test_rows_written_before_a_table_exists_elsewhere(cluster):
    """The schema is not replicated: rows wait on the replica until the table is there."""
    a, b = cluster.run(2, BOOKS)
    a.script("CREATE TABLE later(id INTEGER PRIMARY KEY, v TEXT)")
    a.sql("INSERT INTO later VALUES(1, 'patient')")
    # Something of another kind follows it, and must not get lost either.
    a.sql("INSERT INTO books(id, title) VALUES(1, 'after')")
    b.wait_log("later")
    b.script("CREATE TABLE later(id INTEGER PRIMARY KEY, v TEXT)")
    wait_value(b, "SELECT v FROM later", "patient")
    wait_value(b, "SELECT title FROM books", "after")
    wait_equal([a, b])


def test_an_update_of_the_key(cluster):
    a, b = cluster.run(2, BOOKS)
    a.sql("INSERT INTO books(id, title) VALUES(1, 'moves')")
    wait_value(b, "SELECT count(*) FROM books", 1)
    a.sql("UPDATE books SET id = 2 WHERE id = 1")
    wait_value(b, "SELECT group_concat(id) FROM books", "2")
    b.sql("UPDATE books SET id = id + 10")
    wait_value(a, "SELECT group_concat(id) FROM books", "12")
    wait_equal([a, b])


def test_keys_that_change_places(cluster):
    a, b = cluster.run(2, BOOKS)
    a.sql("INSERT INTO books(id, title) VALUES(1, 'one'), (2, 'two')")
    wait_value(b, "SELECT count(*) FROM books", 2)
    a.transaction("UPDATE books SET id = 3 WHERE id = 1", "UPDATE books SET id = 1 WHERE id = 2",
                  "UPDATE books SET id = 2 WHERE id = 3")
    wait_value(b, "SELECT group_concat(id || title) FROM (SELECT * FROM books ORDER BY id)",
               "1two,2one")
    wait_equal([a, b])


def test_insert_and_delete_many_times(cluster):
    a, b, c = nodes = cluster.run(3, BOOKS)
    for _ in range(200):
        a.sql("INSERT INTO books(id, title) VALUES(7, 'brief')")
        a.sql("DELETE FROM books WHERE id = 7")
    a.sql("INSERT INTO books(id, title) VALUES(8, 'mark')")  # comes after all of them
    wait_value([b, c], "SELECT count(*) FROM books WHERE id = 8", 1)
    for node in nodes:
        assert node.one("SELECT group_concat(id) FROM books") == "8"


def test_insert_and_delete_in_one_transaction(cluster):
    a, b = cluster.run(2, BOOKS)
    a.transaction("INSERT INTO books(id) VALUES(1)", "DELETE FROM books",
                  "INSERT INTO books(id) VALUES(2)")
    wait_value(b, "SELECT group_concat(id) FROM books", "2")
    wait_equal([a, b])


def test_a_transaction_rolled_back(cluster):
    a, b = cluster.run(2, BOOKS)
    a.script("BEGIN; INSERT INTO books(id) VALUES(1); ROLLBACK")
    a.script("BEGIN; INSERT INTO books(id) VALUES(2); SAVEPOINT s; INSERT INTO books(id) VALUES(3);"
             "ROLLBACK TO s; COMMIT")
    wait_value(b, "SELECT group_concat(id) FROM books", "2")


USERS = """CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT UNIQUE, mail TEXT);
           CREATE UNIQUE INDEX by_mail ON users(lower(mail)) WHERE mail IS NOT NULL"""


@pytest.mark.parametrize("displacing,kept", [
    ("INSERT OR REPLACE INTO users VALUES(4, 'ann', NULL)", "2,3,4"),
    ("REPLACE INTO users VALUES(2, 'ann', 'bob@x')", "2,3"),
    ("REPLACE INTO users VALUES(5, 'new', 'ANN@x')", "2,3,5"),
    ("UPDATE OR REPLACE users SET name = 'ann' WHERE id = 2", "2,3"),
    ("UPDATE OR REPLACE users SET mail = 'Bob@x' WHERE id = 3", "1,3"),
    ("REPLACE INTO users VALUES(1, 'bob', 'cid@x')", "1"),
])
def test_displaced_rows_are_gone_everywhere(cluster, displacing, kept):
    a, b, c = nodes = cluster.run(3, USERS)
    a.sql("INSERT INTO users VALUES(1, 'ann', 'ann@x'), (2, 'bob', 'bob@x'), (3, 'cid', 'cid@x')")
    wait_value([b, c], "SELECT count(*) FROM users", 3)
    b.sql(displacing)
    ids = "SELECT group_concat(id) FROM (SELECT id FROM users ORDER BY id)"
    assert b.one(ids) == kept
    wait_value(nodes, ids, kept)
    wait_equal(nodes)


def test_upserts(cluster):
    a, b = cluster.run(2, USERS)
    for number in range(20):
        a.sql("INSERT INTO users VALUES(1, 'ann', ?) "
              "ON CONFLICT(id) DO UPDATE SET mail = excluded.mail", f"m{number}")
        a.sql("INSERT INTO users VALUES(9, 'ann', 'never') ON CONFLICT(name) DO NOTHING")
    wait_value(b, "SELECT mail FROM users", "m19")
    wait_equal([a, b])


def test_foreign_key_cascades(cluster):
    a, b = cluster.run(2, """
        CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id)
                           ON DELETE CASCADE ON UPDATE CASCADE);
        CREATE TABLE toy(id INTEGER PRIMARY KEY, c REFERENCES child(id) ON DELETE SET NULL)""")
    a.sql("PRAGMA foreign_keys=ON")
    a.transaction("INSERT INTO parent VALUES(1, 'x'), (2, 'y')",
                  "INSERT INTO child VALUES(10, 1), (20, 2), (21, 2)",
                  "INSERT INTO toy VALUES(100, 10), (200, 20)")
    wait_value(b, "SELECT count(*) FROM toy", 2)
    a.sql("UPDATE parent SET id = 5 WHERE id = 1")
    a.sql("DELETE FROM parent WHERE id = 2")
    wait_value(b, "SELECT group_concat(id || '-' || p) FROM child", "10-5")
    wait_value(b, "SELECT c IS NULL FROM toy WHERE id = 200", 1)
    wait_equal([a, b])


def test_no_echo(cluster):
    """Applying is not journaled as a new write: the log falls silent when the writers do."""
    a, b = cluster.run(2, BOOKS)
    for number in range(50):
        (a, b)[number % 2].sql("INSERT INTO books(id) VALUES(?)", number)
    wait_value([a, b], "SELECT count(*) FROM books", 50)
    with NatsClient(cluster.server.port) as client:
        stream = cluster.stream(client)
        assert client.stream_state(stream)["messages"] <= 60
        before = client.stream_state(stream)["last_seq"]
        # Three more writes; were there an echo, it would be in the log before they have gone round.
        for number in range(100, 103):
            a.sql("INSERT INTO books(id) VALUES(?)", number)
            wait_value(b, f"SELECT count(*) FROM books WHERE id = {number}", 1)
        assert client.stream_state(stream)["last_seq"] - before <= 3
    wait_equal([a, b])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(cluster, how):
    a, b = cluster.run(2, BOOKS)
    a.sql("INSERT INTO books(id) VALUES(1)")
    wait_value(b, "SELECT count(*) FROM books", 1)
    a.stop(how)
    b.stop(how)


def test_it_ends_in_order_while_nats_is_away(cluster, own_nats):
    a, b = cluster.run(2, BOOKS)
    own_nats.kill()
    a.sql("INSERT INTO books(id) VALUES(1)")
    a.stop()
    b.stop()


def test_a_read_replica_and_a_node_that_only_publishes(cluster):
    a, b = cluster.run(1, BOOKS) + cluster.run(1, BOOKS, {"publish": False})
    (c,) = cluster.run(1, BOOKS, {"replicate": False})
    a.sql("INSERT INTO books(id, title) VALUES(1, 'a')")
    wait_value(b, "SELECT count(*) FROM books", 1)
    b.sql("INSERT INTO books(id, title) VALUES(2, 'private')")
    c.sql("INSERT INTO books(id, title) VALUES(3, 'c')")
    wait_value(a, "SELECT count(*) FROM books WHERE id = 3", 1)
    wait_value(b, "SELECT count(*) FROM books", 3)
    assert a.one("SELECT count(*) FROM books") == 2
    assert c.one("SELECT group_concat(id) FROM books") == "3"


def test_include_and_exclude(cluster):
    schema = "".join(f"CREATE TABLE {name}(id INTEGER PRIMARY KEY, v);"
                     for name in ("data_one", "data_tmp", "other"))
    settings = {"tables": {"include": ["data_*"], "exclude": ["*_tmp"]}}
    a, b = cluster.run(2, schema, settings)
    a.transaction("INSERT INTO other VALUES(1, 1)", "INSERT INTO data_tmp VALUES(1, 1)",
                  "INSERT INTO data_one VALUES(1, 1)")
    wait_value(b, "SELECT count(*) FROM data_one", 1)
    assert b.one("SELECT (SELECT count(*) FROM other) + (SELECT count(*) FROM data_tmp)") == 0


def test_two_clusters_on_one_server(cluster):
    a, b = cluster.run(2, BOOKS)
    stranger = {"nats": {"subject_prefix": cluster.prefix + "x-log",
                         "stream_prefix": cluster.prefix + "x-changes"}}
    c, d = cluster.run(2, BOOKS, stranger)
    a.sql("INSERT INTO books(id, title) VALUES(1, 'first')")
    c.sql("INSERT INTO books(id, title) VALUES(1, 'second')")
    wait_value(b, "SELECT title FROM books", "first")
    wait_value(d, "SELECT title FROM books", "second")
    assert compare.tables_equal([a, b]) and compare.tables_equal([c, d])


def test_a_table_that_cannot_be_replicated_stays_local_and_is_named(cluster):
    a, b = cluster.run(2, BOOKS + "; CREATE TABLE keyless(v, w); "
                                  "CREATE UNIQUE INDEX half ON keyless(v) WHERE w > 0")
    a.sql("INSERT INTO keyless VALUES('local', 1)")
    a.sql("INSERT INTO books(id) VALUES(1)")
    wait_value(b, "SELECT count(*) FROM books", 1)
    assert b.one("SELECT count(*) FROM keyless") == 0
    for node in (a, b):
        assert any("keyless" in line for line in node.log().splitlines())


def test_json_logs(cluster):
    a, b = cluster.run(2, BOOKS, {"logging": {"format": "json"}})
    a.sql("INSERT INTO books(id) VALUES(1)")
    wait_value(b, "SELECT count(*) FROM books", 1)
    for line in b.log().splitlines():
        assert {"time", "level", "message"} <= json.loads(line).keys()


def test_the_node_id_flag_and_a_drawn_one(cluster):
    nodes = [cluster.add().create(BOOKS) for _ in range(2)]
    for node in nodes:
        del node.settings["node_id"]
    nodes[0].start("-node-id", "4711")
    nodes[1].start()
    assert "4711" in nodes[0].log()
    nodes[0].sql("INSERT INTO books(id) VALUES(1)")
    wait_value(nodes[1], "SELECT count(*) FROM books", 1)
    nodes[1].sql("INSERT INTO books(id) VALUES(2)")
    wait_value(nodes[0], "SELECT count(*) FROM books", 2)
    # It keeps the id it has drawn: nothing of its own comes back as a stranger's.
    nodes[1].restart()
    nodes[1].sql("INSERT INTO books(id) VALUES(3)")
    wait_until(lambda: nodes[0].one("SELECT count(*) FROM books") == 3, what="the third row")
    wait_equal(nodes)
