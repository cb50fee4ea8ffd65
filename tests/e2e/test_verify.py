"""`harmonylite verify`: equal clusters are found equal, rows that differ are named and ended."""

import json
import subprocess
import threading

from harness import BINARY, wait_equal, wait_value
from test_observe import fetch, url_of
from wait import seconds, wait_until

SCHEMA = "CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE \"a b\"(k TEXT PRIMARY KEY, v);"


def verify(node, *flags):
    """Exit status and what it printed."""
    node.command()  # writes the configuration
    done = subprocess.run([BINARY, "verify", *flags, "-config", node.config_file], capture_output=True,
                          text=True, timeout=seconds(120), check=False)
    return done.returncode, done.stdout + done.stderr


def verify_json(node, *flags):
    status, text = verify(node, "--json", *flags)
    return status, json.loads(text)


def fill(node, rows=200):
    node.transaction(("INSERT INTO t VALUES(?, ?)", [(n, f"row {n}") for n in range(rows)]),
                     ("INSERT INTO \"a b\" VALUES(?, ?)", [(f"key {n}", n) for n in range(rows)]))


def unseen(node, *statements):
    """Writes that no trigger sees, and that leave the schema as it was: as a damaged page would."""
    triggers = node.sql("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%harmonylite%'")
    node.app.execute("BEGIN IMMEDIATE")
    for name, _ in triggers:
        node.app.execute(f'DROP TRIGGER "{name}"')
    for statement in statements:
        node.app.execute(statement)
    for _, text in triggers:
        node.app.execute(text)
    node.app.execute("COMMIT")


def test_an_equal_cluster_is_equal(cluster):
    nodes = a, b, c = cluster.run(3, SCHEMA)
    fill(a)
    b.sql("DELETE FROM t WHERE id < 10")
    wait_value(nodes, "SELECT count(*) FROM \"a b\"", 200)
    wait_equal(nodes)
    status, result = verify_json(b)
    assert (status, result["result"], result["differences"]) == (0, "equal", []), result
    assert result["equal_progress"]
    assert [node["node"] for node in result["nodes"]] == ["1", "2", "3"]
    assert {table["table"]: table["rows"] for table in result["tables"]} == {
        "t": b.one("SELECT count(*) FROM t"), "a b": 200}
    status, text = verify(a)
    assert status == 0 and "nodes 1, 2, 3: equal, at the same progress" in text


def test_equal_under_load(cluster):
    """Changes that are on their way are no difference."""
    nodes = cluster.run(3, SCHEMA)
    over = threading.Event()

    def write(number):
        connection = nodes[number].connect()
        for n in range(1_000_000):
            if over.is_set():
                break
            connection.execute("INSERT OR REPLACE INTO t VALUES(?, ?)", ((n * 7 + number) % 3_000, f"{number} {n}"))
            connection.execute("DELETE FROM t WHERE id = ?", ((n * 5 + number) % 3_000,))
        connection.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        wait_until(lambda: nodes[0].one("SELECT count(*) FROM t") > 100, 60, "writers to be at it")
        for _ in range(3):
            status, result = verify_json(nodes[0])
            assert (status, result["result"]) == (0, "equal"), json.dumps(result)
            assert len(result["nodes"]) == 3
    finally:
        over.set()
        for writer in writers:
            writer.join()
    wait_equal(nodes)


def test_a_corrupted_row_is_named(cluster):
    nodes = a, b = cluster.run(2, SCHEMA)
    fill(a)
    wait_value(b, "SELECT count(*) FROM \"a b\"", 200)
    b.wait_log("replicating")
    unseen(b, "UPDATE t SET v = 'corrupted' WHERE id = 17", "DELETE FROM \"a b\" WHERE k = 'key 5'")
    status, result = verify_json(a)
    assert (status, result["result"]) == (1, "different"), result
    found = {(one["table"], one["key"]): one["nodes"] for one in result["differences"]}
    assert set(found) == {("t", "17"), ("a b", "'key 5'")}, result
    assert found["t", "17"]["2"]["damaged"] and not found["t", "17"]["1"]["damaged"]
    assert not found["a b", "'key 5'"]["2"]["exists"]
    status, text = verify(a)
    assert status == 1 and "DIFFERENT, 2 rows of 2 tables" in text and "--repair" in text, text


def test_without_other_nodes(cluster, own_nats):
    a = cluster.add().create(SCHEMA).start()
    fill(a)
    unseen(a, "INSERT INTO t VALUES(1000, 'unseen')")
    status, result = verify_json(a)
    assert status == 1 and [one["key"] for one in result["differences"]] == ["1000"], result
    own_nats.kill()
    status, text = verify(a)
    assert status == 1 and "1000" in text and "could not be asked" in text, text
    a.sql("DELETE FROM t WHERE id = 1000")
    a.stop()
    status, text = verify(a)
    assert status == 2 and "could not be asked" in text, text


def test_a_node_that_does_not_answer(cluster):
    nodes = a, b = cluster.run(2, SCHEMA)
    fill(a)
    wait_value(b, "SELECT count(*) FROM \"a b\"", 200)
    verify(a)
    b.freeze()
    status, result = verify_json(a)
    b.thaw()
    assert (status, result["result"]) == (2, "incomplete"), result


def test_a_corrupted_replica_row_is_repaired(cluster):
    """The row that its writer left comes back, under its version; what was there is kept."""
    nodes = a, b, c = cluster.run(3, SCHEMA + "CREATE TABLE u(id INTEGER PRIMARY KEY, mail TEXT UNIQUE);")
    fill(a)
    a.sql("INSERT INTO u VALUES(1, 'ann'), (2, 'bob')")
    wait_value(nodes, "SELECT count(*) FROM u", 2)
    wait_equal(nodes)
    wait_until(lambda: a.one("SELECT (SELECT max(id) FROM __harmonylite__journal) = value FROM __harmonylite__state "
                             "WHERE key = 'folded_to'"), 60, "node 1 to have folded everything")
    versions = b.sql("SELECT * FROM __harmonylite__v1 WHERE k1 IN (17, 18)")
    unseen(b, "UPDATE t SET v = 'corrupted' WHERE id = 17", "DELETE FROM t WHERE id = 18",
           "DELETE FROM \"a b\" WHERE k = 'key 5'", "UPDATE u SET mail = 'eve' WHERE id = 2")
    unseen(a, "UPDATE t SET v = zeroblob(9) WHERE id = 30")  # its writer's own copy
    status, result = verify_json(c, "--repair")
    assert (status, result["result"]) == (0, "equal") and result["repaired_rows"] >= 5, json.dumps(result)
    wait_equal(nodes)
    assert a.one("SELECT v FROM t WHERE id = 17") == "row 17" and a.one("SELECT v FROM t WHERE id = 30") == "row 30"
    assert b.sql("SELECT * FROM __harmonylite__v1 WHERE k1 IN (17, 18)") == versions
    kept = subprocess.run([BINARY, "conflicts", b.database, "--json"], capture_output=True, text=True, check=True)
    assert ("altered unseen", "corrupted") in [(one["kind"], (one["loser"]["row"] or {}).get("v"))
                                               for one in json.loads(kept.stdout)], kept.stdout
    assert verify(a)[0] == 0


def test_a_write_without_triggers_is_settled(cluster):
    """Where no node has what the version says, what is there is a write that nobody saw."""
    nodes = a, b = cluster.run(2, SCHEMA)
    fill(a)
    wait_value(b, "SELECT count(*) FROM \"a b\"", 200)
    unseen(b, "INSERT INTO t VALUES(1000, 'unseen')", "INSERT INTO t VALUES(1001, 'unseen')")
    for node in nodes:
        unseen(node, f"UPDATE t SET v = 'by {node.node_id}' WHERE id = 3")
    status, result = verify_json(a)
    assert (status, len(result["differences"])) == (1, 3), json.dumps(result)
    status, result = verify_json(a, "--repair")
    assert (status, result["result"]) == (0, "equal"), json.dumps(result)
    wait_equal(nodes)
    assert a.one("SELECT count(*) FROM t WHERE v = 'unseen'") == 2
    assert a.one("SELECT v FROM t WHERE id = 3").startswith("by ")


def test_triggers_dropped_by_hand(cluster):
    """The audit finds such rows by itself, as soon as the schema has changed."""
    nodes = a, b = cluster.run(2, SCHEMA)
    fill(a)
    wait_value(b, "SELECT count(*) FROM \"a b\"", 200)
    names = [name for name, in b.sql("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 't'")]
    b.transaction(*[f'DROP TRIGGER "{name}"' for name in names],
                  "UPDATE t SET v = 'unseen' WHERE id = 7", "DELETE FROM t WHERE id = 8")
    wait_value(a, "SELECT v FROM t WHERE id = 7", "unseen")
    wait_equal(nodes)
    assert verify(a)[0] == 0


def test_the_background_check_raises_an_alarm(cluster):
    settings = {"verify": {"interval": 500}, "health_check": {"enable": True, "bind": "127.0.0.1:-1"},
                "prometheus": {"enable": True, "bind": "127.0.0.1:-1"}}
    nodes = a, b = cluster.run(2, SCHEMA, settings)
    fill(a)
    wait_value(b, "SELECT count(*) FROM \"a b\"", 200)
    unseen(b, "UPDATE t SET v = 'corrupted' WHERE id = 17")
    a.sql("INSERT INTO t VALUES(1000, 'something to look at')")
    a.wait_log("the same changes but not the same rows in t")
    b.wait_log("harmonylite verify -config")
    status, body = fetch(url_of(b, "health_check"))
    assert status == 503 and "harmonylite verify" in body
    assert "harmonylite_divergence_damaged_rows 1" in fetch(url_of(b, "prometheus"))[1]
    assert "harmonylite_divergence_tables 1" in fetch(url_of(a, "prometheus"))[1]
    assert verify(a, "--repair")[0] == 0
    a.sql("DELETE FROM t WHERE id = 1000")
    a.wait_log("rows are equal again")
