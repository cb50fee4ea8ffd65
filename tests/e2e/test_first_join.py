"""The first join: equal files join, others are merged with the cluster, or are stopped until somebody says whose rows
count ([cluster] first_join = "ask")."""

import re
import subprocess

import pytest

from harness import BINARY, wait_equal, wait_value
from test_observe import HEALTH, health
from test_unique import conflicts, listed
from wait import seconds, wait_until

SCHEMA = "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
ROWS = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i, 'old ' || i FROM n;"
STOPPED = "until you say whose rows count"
ASK = {"cluster": {"first_join": "ask"}}


def join(node, seed):
    node.command()
    done = subprocess.run([BINARY, "join", "-config", node.config_file, "--seed-from", seed],
                          capture_output=True, text=True, timeout=seconds(60), check=False)
    return done.returncode, done.stdout + done.stderr


def backups(node):
    return list(node.folder.glob("app.db.before-join-*"))


def losers(node, kind="first join"):
    return {one["loser"]["row"]["id"]: one["loser"]["row"]["v"] for one in listed(node) if one["kind"] == kind}


def wait_joined(node):
    wait_value(node, "SELECT value FROM __harmonylite__state WHERE key = 'joined'", 1)


def test_equal_files_join_without_copying(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(500)).start()
    b = cluster.add().create(SCHEMA + ROWS.format(500)).start()
    b.wait_log("joined without copying")
    a.sql("UPDATE t SET v = 'new' WHERE id = 3")
    b.sql("DELETE FROM t WHERE id = 4")
    wait_value([a, b], "SELECT count(*) FROM t", 499)
    wait_value([a, b], "SELECT v FROM t WHERE id = 3", "new")
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM __harmonylite__v1") == 2
    assert join(b, "self")[0] == 1


def test_the_cluster_has_moved_on(cluster):
    """Rows that were written in the cluster since come like any others."""
    a = cluster.add().create(SCHEMA + ROWS.format(100)).start()
    a.sql("UPDATE t SET v = 'new' WHERE id <= 10")
    a.sql("DELETE FROM t WHERE id = 50")
    a.sql("INSERT INTO t VALUES(1000, 'new')")
    b = cluster.add().create(SCHEMA + ROWS.format(100)).start()
    wait_value(b, "SELECT count(*) FROM t", 100)
    wait_equal([a, b])
    # It is a copy, but that cannot be known: what it had is listed, and nothing is copied.
    assert losers(b) == {number: f"old {number}" for number in range(1, 11)} and losers(b, "deleted") == {50: "old 50"}
    assert backups(b) == [], b.log()


def different(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(100)).start()
    wait_joined(a)
    a.sql("INSERT INTO t VALUES(2000, 'of a, new')")
    b = cluster.add(ASK).create(SCHEMA + ROWS.format(97) + "UPDATE t SET v = 'of b' WHERE id IN (5, 6);"
                             "INSERT INTO t VALUES(1000, 'of b')").launch()
    b.wait_log(STOPPED)
    log = b.log()
    assert "1 rows are only here (keys 1000)" in log and "3 rows are only on node 1" in log, log
    assert "2 rows differ (keys 5, 6)" in log and "--seed-from cluster" in log, log
    b.sql("INSERT INTO t VALUES(3000, 'of b, new')")  # the application works on
    assert b.one("SELECT count(*) FROM t WHERE id = 2000") == 0
    assert a.one("SELECT count(*) FROM t WHERE id = 3000") == 0
    return a, b


def test_different_rows_and_the_cluster_counts(cluster):
    a, b = different(cluster)
    assert join(b, "cluster")[0] == 0
    wait_value([a, b], "SELECT count(*) FROM t WHERE id >= 2000", 2)
    wait_value([a, b], "SELECT v FROM t WHERE id = 5", "old 5")
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM t") == 102
    copies = list(b.folder.glob("app.db.before-join-*"))
    assert len(copies) == 1
    assert subprocess.run(["sqlite3", copies[0], "SELECT v FROM t WHERE id IN (5, 1000)"], capture_output=True,
                          text=True, check=True).stdout == "of b\nof b\n"


def test_different_rows_and_this_file_counts(cluster):
    a, b = different(cluster)
    b.stop()
    assert join(b, "self")[0] == 0
    b.start()
    wait_value([a, b], "SELECT count(*) FROM t WHERE v LIKE 'of b%'", 4)
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM t") == 103


def test_without_nats_the_application_goes_on(cluster, own_nats):
    a = cluster.add().create(SCHEMA + ROWS.format(20)).start()
    a.stop()
    b = cluster.add().create(SCHEMA + ROWS.format(20)).launch()
    b.wait_log("no other node of the cluster runs")
    own_nats.kill()
    b.sql("INSERT INTO t VALUES(500, 'meanwhile')")
    own_nats.start()
    a.start()
    wait_value([a, b], "SELECT v FROM t WHERE id = 500", "meanwhile")
    wait_equal([a, b])


def test_killed_while_it_waits(cluster):
    a, b = different(cluster)
    b.kill()
    b.launch()
    b.wait_log(STOPPED)
    assert join(b, "1")[0] == 0
    wait_value([a, b], "SELECT count(*) FROM t WHERE id >= 2000", 2)
    wait_equal([a, b])


def test_two_files_at_once(cluster):
    """One of them is first, the other one is compared with it."""
    nodes = cluster.run(3, SCHEMA + ROWS.format(30))
    nodes[2].sql("INSERT INTO t VALUES(100, 'new')")
    wait_value(nodes, "SELECT count(*) FROM t", 31)
    wait_equal(nodes)


def test_rows_that_differ_are_merged(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(100)).start()
    wait_joined(a)
    a.sql("UPDATE t SET v = 'new' WHERE id = 7")
    a.sql("DELETE FROM t WHERE id = 8")
    b = cluster.add().create(SCHEMA + ROWS.format(97) + "UPDATE t SET v = 'of b' WHERE id IN (5, 6, 8);"
                             "INSERT INTO t VALUES(1000, 'of b')").start()
    wait_value([a, b], "SELECT v FROM t WHERE id = 1000", "of b")
    wait_value([a, b], "SELECT count(*) FROM t", 100)
    wait_value([a, b], "SELECT v FROM t WHERE id = 7", "new")
    wait_equal([a, b])
    assert a.one("SELECT count(*) FROM t WHERE v = 'of b'") == 1
    assert losers(b) == {5: "of b", 6: "of b", 7: "old 7"} and losers(b, "deleted") == {8: "of b"}
    assert listed(a) == []
    number = next(one["id"] for one in listed(b) if one["key"] == {"id": 5})
    shown = conflicts(b, "--show", number)[1]
    assert "written before HarmonyLite" in shown and "winner: node 1" in shown and "in its table" in shown, shown
    assert conflicts(b, "--restore", number)[0] == 0
    wait_value([a, b], "SELECT v FROM t WHERE id = 5", "of b")
    (copy,) = backups(b)
    assert subprocess.run(["sqlite3", copy, "SELECT v FROM t WHERE id IN (5, 1000)"], capture_output=True,
                          text=True, check=True).stdout == "of b\nof b\n"
    assert subprocess.run([BINARY, "verify", "-config", a.config_file], timeout=seconds(90), check=False).returncode == 0


def test_three_applications_with_first_rows_of_their_own(cluster):
    """No command is needed, each row is on all nodes, and what gave way is listed."""
    schema = "CREATE TABLE user(id INTEGER PRIMARY KEY, v UNIQUE); CREATE TABLE setting(id TEXT PRIMARY KEY, v);"
    nodes = [cluster.add().create(schema + f"INSERT INTO user VALUES(1, 'admin {i}'), ({10 + i}, 'only {i}');"
                                  f"INSERT INTO setting VALUES('name', 'node {i}'), ('same', 1)") for i in range(3)]
    for node in nodes:
        node.launch()
    wait_value(nodes, "SELECT group_concat(id) FROM (SELECT id FROM user ORDER BY id)", "1,10,11,12")
    wait_equal(nodes)
    shown = nodes[0].one("SELECT v FROM user WHERE id = 1")
    assert sorted([shown] + [losers(node)[1] for node in nodes if losers(node)]) == ["admin 0", "admin 1", "admin 2"]
    shown = nodes[0].one("SELECT v FROM setting WHERE id = 'name'")
    assert sorted([shown] + [losers(node)["name"] for node in nodes if losers(node)]) == ["node 0", "node 1", "node 2"]
    nodes[2].sql("INSERT INTO user VALUES(20, 'later')")
    wait_value(nodes, "SELECT v FROM user WHERE id = 20", "later")


def test_a_unique_value_stays_with_the_cluster(cluster):
    """The newcomer's administrator has another key and the same name. It is the newer row by the clock."""
    schema = "CREATE TABLE user(id TEXT PRIMARY KEY, v UNIQUE, mail);"
    a = cluster.add().create(schema + "INSERT INTO user VALUES('k1', 'admin', 'of a')").start()
    wait_joined(a)
    a.sql("INSERT INTO user VALUES('k2', 'operator', 'of a')")
    b = cluster.add().create(schema + "INSERT INTO user VALUES('k3', 'admin', 'of b'), ('k4', 'operator', 'of b'),"
                             "('k5', 'guest', 'of b')").start()
    for name, mail in (("admin", "of a"), ("operator", "of a"), ("guest", "of b")):
        wait_value([a, b], f"SELECT mail FROM user WHERE v = '{name}'", mail)
    wait_equal([a, b])
    assert [one["loser"]["row"]["mail"] for one in listed(b) if one["kind"] == "shadowed"] == ["of b", "of b"]


@pytest.mark.parametrize("empty", [True, False])
def test_what_was_written_before_joining_counts_as_older(cluster, empty):
    """An application that starts late on a new node writes its default settings while nobody can be compared with."""
    schema = "CREATE TABLE t(id TEXT PRIMARY KEY, v); CREATE TABLE other(id INTEGER PRIMARY KEY, v UNIQUE);"
    a = cluster.add().create(schema + "INSERT INTO t VALUES('old', 'of a'); INSERT INTO other VALUES(1, 'x')").start()
    wait_joined(a)
    a.sql("INSERT INTO t VALUES('new', 'of a')")
    a.sql("INSERT INTO other VALUES(2, 'y')")
    a.stop()
    b = cluster.add().create(schema + ("" if empty else "INSERT INTO t VALUES('mine', 'of b')")).launch()
    b.wait_log("attached to")
    b.sql("INSERT INTO t VALUES('old', 'default'), ('new', 'default'), ('more', 'default')")
    b.sql("INSERT INTO other VALUES(7, 'x'), (8, 'y'), (9, 'z')")
    assert b.one("SELECT value FROM __harmonylite__state WHERE key = 'joined'") == 0
    a.start()
    wait_value([a, b], "SELECT v FROM t WHERE id = 'more'", "default")
    wait_value([a, b], "SELECT v FROM t WHERE id = 'new'", "of a")
    wait_value([a, b], "SELECT group_concat(id || v) FROM (SELECT * FROM other ORDER BY id)", "1x,2y,9z")
    wait_value([a, b], "SELECT v FROM t WHERE id = 'old'", "of a")
    wait_equal([a, b])
    assert {one["key"]["id"] for one in listed(b) if one["table"] == "t"} == {"new", "old"}, listed(b)


def test_an_application_that_starts_late_on_a_node_without_tables(cluster):
    """The node cannot get the cluster's tables, so its application makes its own: its first rows count as older."""
    apart = {"snapshot": {"enabled": False, "leader_ttl": 1000}}
    table = "CREATE TABLE t(id TEXT PRIMARY KEY, v)"
    a = cluster.add(apart).create(f"{table};").start()
    a.sql("INSERT INTO t VALUES('setting', 'of a')")
    b = cluster.add({**apart, **HEALTH}).launch()
    b.wait_log("table t does not exist")
    wait_until(lambda: "catching up" in str(health(b)), what="the reason in health", explain=b.tail)
    assert health(b)[0] == 503
    b.transaction(table, "INSERT INTO t VALUES('setting', 'default'), ('own', 'of b')")
    b.wait_ready()
    wait_value([a, b], "SELECT group_concat(id || ' ' || v) FROM (SELECT * FROM t ORDER BY id)",
               "own of b,setting of a")
    assert losers(b, "overwritten") == {"setting": "default"} and health(b)[0] == 200


def catching_up(cluster):
    """A node that is compared and cannot apply all that the cluster had: its migration has not got that far."""
    schema = "CREATE TABLE t(id TEXT PRIMARY KEY, v);"
    a = cluster.add().create(schema + "CREATE TABLE late(id INTEGER PRIMARY KEY, v);").start()
    wait_joined(a)
    a.sql("INSERT INTO t VALUES('seen', 'of a')")
    wait_value(a, "SELECT value >= (SELECT max(id) FROM __harmonylite__journal) FROM __harmonylite__state "
                  "WHERE key = 'published_to'", 1)  # so that what follows is another batch
    a.transaction("INSERT INTO t VALUES('unseen', 'of a')", "INSERT INTO late VALUES(1, 'of a')")
    b = cluster.add(HEALTH).create(schema).launch()
    wait_value(b, "SELECT v FROM t WHERE id = 'seen'", "of a")
    wait_value(b, "SELECT value FROM __harmonylite__state WHERE key = 'catching_up'", 1)
    b.sql("INSERT INTO t VALUES('unseen', 'default'), ('own', 'of b')")
    b.sql("UPDATE t SET v = 'of b, 1' WHERE id = 'seen'")
    b.sql("UPDATE t SET v = 'of b, 2' WHERE id = 'seen'")
    return a, b


@pytest.mark.parametrize("happens", ["nothing", "killed", "killed while the others are away"])
def test_what_is_written_while_a_node_catches_up_counts_as_older(cluster, happens):
    a, b = catching_up(cluster)
    wait_until(lambda: "late" in str(health(b)), what="the reason in health", explain=b.tail)
    assert health(b)[0] == 503 and b.one("SELECT value FROM __harmonylite__state WHERE key = 'joined'") == 0
    assert join(b, "cluster")[0] == 1
    if happens == "killed while the others are away":
        a.stop()
    if happens != "nothing":
        b.kill()
        b.launch()
        b.wait_log("attached to")
        wait_until(lambda: "late" in str(health(b)), what="the reason in health", explain=b.tail)
    b.sql("CREATE TABLE late(id INTEGER PRIMARY KEY, v)")
    b.wait_ready()
    if happens == "killed while the others are away":
        a.start()
    wait_value([a, b], "SELECT group_concat(id || ' ' || v) FROM (SELECT * FROM t ORDER BY id)",
               "own of b,seen of b, 2,unseen of a")
    wait_equal([a, b])
    assert losers(b, "overwritten") == {"unseen": "default"} and health(b)[0] == 200
    b.sql("UPDATE t SET v = 'later' WHERE id = 'unseen'")
    wait_value(a, "SELECT v FROM t WHERE id = 'unseen'", "later")


@pytest.mark.long
def test_what_does_not_come_is_not_waited_for_for_ever(cluster):
    a, b = catching_up(cluster)
    b.wait_log("takes part although it does not have everything", deadline=120)
    wait_value(a, "SELECT group_concat(v) FROM (SELECT v FROM t WHERE id IN ('own', 'seen') ORDER BY id)", "of b,of b, 2")
    b.sql("CREATE TABLE late(id INTEGER PRIMARY KEY, v)")
    wait_value([a, b], "SELECT v FROM t WHERE id = 'unseen'", "of a")
    wait_equal([a, b])


def test_a_copy_is_written_to_before_it_joins(cluster):
    """The file may be no copy, so the cluster's row counts, and the write is listed."""
    a = cluster.add().create(SCHEMA + ROWS.format(20)).start()
    wait_joined(a)
    a.stop()
    b = cluster.add().create(SCHEMA + ROWS.format(20)).launch()
    b.wait_log("attached to")
    b.sql("UPDATE t SET v = 'of b' WHERE id = 4")
    b.sql("INSERT INTO t VALUES(100, 'of b')")
    a.start()
    wait_value([a, b], "SELECT v FROM t WHERE id = 100", "of b")
    wait_value([a, b], "SELECT v FROM t WHERE id = 4", "old 4")
    wait_equal([a, b])
    assert backups(b) == [] and losers(b, "overwritten") == {4: "of b"}


def test_empty_tables_get_rows_from_before(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(300)).start()
    wait_joined(a)
    b = cluster.add().create(SCHEMA).start()
    wait_value(b, "SELECT count(*) FROM t", 300)
    wait_equal([a, b])
    assert listed(b) == [] and backups(b) == []


def test_empty_tables_while_the_first_node_is_away(cluster):
    """New nodes work together, and get the old rows when the node that has them is back."""
    a = cluster.add().create(SCHEMA + ROWS.format(300)).start()
    wait_joined(a)
    a.stop()
    nodes = b, c = cluster.run(2, SCHEMA)
    b.sql("INSERT INTO t VALUES(1000, 'of b')")
    c.sql("INSERT INTO t VALUES(1001, 'of c')")
    wait_value(nodes, "SELECT count(*) FROM t", 2)
    a.start()
    wait_value([a, b, c], "SELECT count(*) FROM t", 302)
    wait_equal([a, b, c])
    wait_value(nodes, "SELECT value FROM __harmonylite__state WHERE key = 'compared'", 1)


def test_killed_while_it_merges(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(2000)).start()
    wait_joined(a)
    b = cluster.add().create(SCHEMA + ROWS.format(1900) + "UPDATE t SET v = 'of b' WHERE id % 3 = 0;"
                             "INSERT INTO t SELECT id + 5000, 'of b' FROM t WHERE id % 5 = 0").launch()
    for moment in ("attached to", "copy of this file", "replicating"):
        b.wait_log(moment)
        b.kill()
        b.launch()
    b.wait_ready()
    wait_value([a, b], "SELECT count(*) FROM t", 2380)
    wait_value([a, b], "SELECT count(*) FROM t WHERE id < 5000 AND v = 'of b'", 0)
    wait_equal([a, b])
    assert len(losers(b)) == 633


def test_health_waits_for_the_first_join(cluster):
    a = cluster.add().create(SCHEMA + ROWS.format(3)).start()
    wait_joined(a)
    a.stop()
    b = cluster.add(HEALTH).create(SCHEMA + ROWS.format(3)).launch()
    b.wait_log("attached to")
    code, answer = health(b)
    assert code == 503 and re.search("compared with the cluster|no other node", str(answer)), answer
    a.start()
    wait_until(lambda: health(b)[0] == 200, what="a healthy node", explain=b.tail)
