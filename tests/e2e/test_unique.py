"""UNIQUE between nodes that write at once: nothing is lost, all show the same, losers come back."""

import json
import sqlite3
import subprocess

import pytest

import harness
from harness import wait_equal, wait_value
from wait import seconds, wait_later, wait_until

USERS = "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT UNIQUE, node INTEGER)"


def shadowed(node, table="users"):
    """Keys of the shadowed rows of a table whose key has one column."""
    number = node.one("SELECT id FROM __harmonylite__tables WHERE name = ?", table)
    return [key for (key,) in node.sql(f"SELECT k1 FROM __harmonylite__s{number} ORDER BY 1")]


def wait_shadowed(nodes, expected, table="users"):
    for node in nodes:
        wait_until(lambda: shadowed(node, table) == expected,  # noqa: B023
                   what=f"{expected} to be shadowed on {node.name}",
                   explain=lambda: f"{shadowed(node, table)}\n{node.tail()}")  # noqa: B023


def cut_off(cluster, schema, *writes):
    """Two nodes that write before either has heard of the other, then meet."""
    nodes = cluster.run(len(writes), schema)
    for node in nodes:
        node.stop()
    for node, statements in zip(nodes, writes):
        for statement in statements:
            node.sql(statement)
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready()
    return nodes


def test_sixty_inserts_of_thirty_unique_values(cluster):
    a, b = nodes = cut_off(
        cluster, USERS,
        [f"INSERT INTO users VALUES({n}, 'user{n % 30}@x', 1)" for n in range(30)],
        [f"INSERT INTO users VALUES({100 + n}, 'user{n % 30}@x', 2)" for n in range(30)])
    wait_value(nodes, "SELECT count(*) || '/' || count(DISTINCT email) FROM users", "30/30")
    for node in nodes:
        wait_until(lambda: len(shadowed(node)) == 30, what="30 shadowed rows",  # noqa: B023
                   explain=node.tail)
    wait_equal(nodes)
    losers = {}
    for node in nodes:
        lists = listed(node)
        assert len(lists) == 30 and {one["kind"] for one in lists} == {"shadowed"}
        found = {one["loser"]["row"]["email"]: one["key"]["id"] for one in lists}
        assert len(found) == 30 and found == (losers or found)
        losers = found
    winners = a.sql("SELECT id, email FROM users ORDER BY id")
    assert {email for _, email in winners} == set(losers)
    # Each comes back when its winner is deleted, wherever that happens, and no other does.
    for turn, (winner, email) in enumerate(winners):
        nodes[turn % 2].sql("DELETE FROM users WHERE id = ?", winner)
        wait_value(nodes, f"SELECT group_concat(id) FROM users WHERE email = '{email}'", str(losers[email]))
        assert [len(listed(node)) for node in nodes] == [29 - turn] * 2
    wait_shadowed(nodes, [])
    wait_equal(nodes)


def test_the_newer_row_is_shown_and_the_older_one_waits(cluster):
    a, b, c = nodes = cluster.run(3, USERS)
    a.sql("INSERT INTO users VALUES(1, 'x', 1)")
    wait_value(nodes, "SELECT count(*) FROM users", 1)
    b.stop()
    a.sql("UPDATE users SET email = 'y' WHERE id = 1")
    wait_later()
    b.sql("INSERT INTO users VALUES(2, 'y', 2)")  # it has not heard of the update
    b.start()
    wait_value(nodes, "SELECT id FROM users", 2)
    wait_shadowed(nodes, [1])
    b.restart()
    # The application moves the winner away: the loser is back, as it was.
    c.sql("UPDATE users SET email = 'z' WHERE id = 2")
    wait_value(nodes, "SELECT group_concat(email) FROM (SELECT email FROM users ORDER BY id)",
               "y,z")
    wait_shadowed(nodes, [])
    wait_equal(nodes)


def test_swaps_of_unique_values(cluster):
    nodes = a, b = cluster.run(2, USERS)
    a.transaction(("INSERT INTO users VALUES(?, ?, 1)", [(n, f"u{n}") for n in range(100)]))
    wait_value(nodes, "SELECT count(*) FROM users", 100)
    b.transaction("UPDATE users SET email = 'tmp' || id",
                  "UPDATE users SET email = 'u' || ((id + 1) % 100)")
    wait_value(nodes, "SELECT email FROM users WHERE id = 99", "u0")
    wait_equal(nodes)
    wait_shadowed(nodes, [])


KINDS = {
    "nocase": ("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE UNIQUE)",
               "'Ann@X'", "'ann@x'", "'bob@x'"),
    "partial": ("CREATE TABLE users(id INTEGER PRIMARY KEY, email);"
                "CREATE UNIQUE INDEX i ON users(email) WHERE email > 5", "7", "7", "3"),
    "expression": ("CREATE TABLE users(id INTEGER PRIMARY KEY, email);"
                   "CREATE UNIQUE INDEX i ON users(trim(lower(email)))", "' X'", "'x '", "'y'"),
    "several columns": ("CREATE TABLE users(id INTEGER PRIMARY KEY, email, n DEFAULT 1,"
                        " UNIQUE(n, email))", "1", "1", "2"),
    "generated": ("CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT,"
                  " h AS (substr(email, 1, 1)) UNIQUE)", "'abc'", "'axy'", "'bcd'"),
    "text key": ("CREATE TABLE users(id TEXT PRIMARY KEY, email UNIQUE) WITHOUT ROWID",
                 "1", "1", "2"),
    "on conflict replace": ("CREATE TABLE users(id INTEGER PRIMARY KEY,"
                            " email UNIQUE ON CONFLICT REPLACE)", "1", "1", "2"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_index(cluster, kind):
    schema, one, same, other = KINDS[kind]
    nodes = a, b = cut_off(cluster, schema,
                           [f"INSERT INTO users(id, email) VALUES(1, {one}), (3, {other})",
                            "INSERT INTO users(id, email) VALUES(5, NULL)"],
                           [f"INSERT INTO users(id, email) VALUES(2, {same})",
                            "INSERT INTO users(id, email) VALUES(6, NULL)"])
    wait_value(nodes, "SELECT count(*) FROM users", 4)
    wait_equal(nodes)
    (loser,) = {str(key) for node in nodes for key in shadowed(node)}
    winner = {"1": "2", "2": "1"}[loser]
    assert a.one("SELECT count(*) FROM users WHERE id = ?", winner) == 1
    b.sql("DELETE FROM users WHERE id = ?", winner)
    wait_value(nodes, f"SELECT count(*) FROM users WHERE id = {loser}", 1)
    wait_equal(nodes)


def test_cleanup_removes_shadow_tables(cluster):
    a, b = cut_off(cluster, USERS, ["INSERT INTO users VALUES(1, 'x', 1)"],
                   ["INSERT INTO users VALUES(2, 'x', 2)"])
    wait_until(lambda: shadowed(a) and shadowed(b), what="a shadowed row", explain=a.tail)
    a.stop()
    a.close_app()
    code, output = a.run("-cleanup")
    assert code == 0, output
    assert a.one("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%harmonylite%'") == 0


def conflicts(node, *arguments):
    """Runs `harmonylite conflicts` on the node's database, beside its sidecar: (exit code, output)."""
    done = subprocess.run([str(harness.BINARY), "conflicts", str(node.database), *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=seconds(60))
    return done.returncode, done.stdout.decode()


def listed(node):
    code, output = conflicts(node, "--json")
    assert code == 0, output
    return json.loads(output)


def test_two_inserts_that_took_the_same_id(cluster):
    schema = "CREATE TABLE note(id INTEGER PRIMARY KEY, text, at DEFAULT CURRENT_TIMESTAMP)"
    nodes = a, b = cut_off(cluster, schema, ["INSERT INTO note(text) VALUES('from a')"],
                           ["INSERT INTO note(text) VALUES('from b')"])
    wait_until(lambda: any(listed(node) for node in nodes), what="a conflict", explain=a.tail)
    wait_value(nodes, "SELECT count(*) FROM note", 1)
    wait_equal(nodes)
    winner = a.one("SELECT text FROM note")
    loser = {"from a": "from b", "from b": "from a"}[winner]
    # A node that heard of the other's row before it sent its own is the only one that lists it.
    met = [node for node in nodes if listed(node)]
    for node in met:
        (one,) = listed(node)
        assert (one["kind"], one["table"], one["key"]) == ("same automatic id", "note", {"id": 1})
        assert one["loser"]["row"]["text"] == loser
        assert one["winner"]["row"]["text"] == winner
        assert {one["loser"]["node"], one["winner"]["node"]} == {"1", "2"}
    code, table = conflicts(met[0])
    assert code == 0 and "same automatic id" in table and "note" in table
    (one,) = listed(met[0])
    code, shown = conflicts(met[0], "--show", one["id"])
    assert code == 0 and f"* text: '{loser}' | '{winner}'" in shown and "  id: 1 | 1" in shown
    # Written back under an id of its own, it goes to everybody, and leaves the list of this node.
    code, output = conflicts(met[0], "--restore", one["id"], "--set", "id=2")
    assert code == 0, output
    wait_value(nodes, "SELECT text FROM note WHERE id = 2", loser)
    wait_equal(nodes)
    assert conflicts(met[0], "--clear")[0] == 0
    assert listed(met[0]) == [] and [len(listed(node)) for node in met[1:]] == [1] * (len(met) - 1)


def test_the_table_of_a_shadowed_row_has_lost_its_triggers(cluster):
    a, b = cut_off(cluster, USERS, ["INSERT INTO users VALUES(1, 'x', 1)"],
                   ["INSERT INTO users VALUES(2, 'x', 2)"])
    wait_until(lambda: listed(a), what="a shadowed row", explain=a.tail)
    (one,) = listed(a)
    assert conflicts(a, "--show", one["id"])[0] == 0
    a.stop()
    for (name,) in a.sql("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'users'"):
        a.sql(f'DROP TRIGGER "{name}"')
    for arguments in (("--show", one["id"]), ("--restore", one["id"], "--set", "email=y")):
        code, output = conflicts(a, *arguments)
        assert code == 1 and "start the node once" in output, output
    a.start()
    wait_until(lambda: [it["id"] for it in listed(a)] == [one["id"]], what="the same list", explain=a.tail)


def test_a_deleted_row_written_back(cluster):
    a, b = nodes = cluster.run(2, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    a.sql("INSERT INTO t VALUES(1, 'base'), (2, 'base')")
    wait_value(nodes, "SELECT count(*) FROM t", 2)
    for node in nodes:
        node.stop()
    a.sql("UPDATE t SET v = 'edited' WHERE id = 1")
    wait_later()
    b.sql("DELETE FROM t WHERE id = 1")
    for node in nodes:
        node.start()
    wait_value(nodes, "SELECT count(*) FROM t", 1)
    # At least one of them lists it: if b has heard of the update before it sends its delete, only b does.
    wait_until(lambda: listed(a) + listed(b), what="a conflict", explain=a.tail)
    who = a if listed(a) else b
    (one,) = listed(who)
    assert one["kind"] == "deleted" and one["winner"]["row"] is None
    assert conflicts(who, "--restore", one["id"])[0] == 0
    wait_value(nodes, "SELECT v FROM t WHERE id = 1", "edited")
    wait_equal(nodes)


def test_shadowed_rows_are_listed_and_given_another_value(cluster):
    nodes = a, b = cut_off(cluster, USERS, ["INSERT INTO users VALUES(1, 'x', 1)"],
                           ["INSERT INTO users VALUES(2, 'x', 2)"])
    for node in nodes:
        wait_until(lambda: len(listed(node)) == 1, what="a shadowed row", explain=node.tail)  # noqa: B023
    (one,) = listed(a)
    assert one["kind"] == "shadowed" and one["id"] == listed(b)[0]["id"]
    assert one["loser"]["row"]["email"] == one["winner"]["row"]["email"] == "x"
    code, output = conflicts(a, "--restore", one["id"])
    assert code == 1 and "--set" in output
    assert a.one("SELECT count(*) FROM users") == 1
    code, output = conflicts(a, "--restore", one["id"], "--set", "email=y")
    assert code == 0, output
    wait_value(nodes, "SELECT group_concat(email) FROM (SELECT email FROM users ORDER BY email)",
               "x,y")
    wait_shadowed(nodes, [])
    assert listed(a) == [] and listed(b) == []


def test_conflicts_says_what_is_wrong(cluster, folder):
    (a,) = cluster.run(1, USERS)
    assert conflicts(a, "--show", "99")[0] == 1
    assert conflicts(a, "--frobnicate")[0] == 2
    assert conflicts(a, "--set", "a=b")[0] == 2
    assert conflicts(a, "--clear", "--show", "1")[0] == 2
    code, output = a.run("conflicts")
    assert code == 0 and "LOSER" in output
    plain = cluster.add().create(USERS)
    code, output = conflicts(plain)
    assert code == 1 and "not attached" in output


def test_an_index_made_later_on_rows_that_clash(cluster):
    nodes = a, b = cluster.run(2, "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT COLLATE NOCASE)")
    a.sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(nodes, "SELECT v FROM t", "x")
    b.sql("CREATE UNIQUE INDEX i ON t(v)")
    a.sql("INSERT INTO t VALUES(2, 'X')")
    # Each shows the function of its own indexes.
    wait_value(b, "SELECT group_concat(id) FROM t", "2")
    wait_shadowed([b], [1], table="t")
    assert a.one("SELECT count(*) FROM t") == 2
    with pytest.raises(sqlite3.IntegrityError):
        a.sql("CREATE UNIQUE INDEX i ON t(v)")
    a.sql("UPDATE t SET v = 'y' WHERE id = 2")
    wait_value(b, "SELECT group_concat(id) FROM (SELECT id FROM t ORDER BY id)", "1,2")
    a.sql("CREATE UNIQUE INDEX i ON t(v)")
    a.wait_log("table t has its triggers written anew")
    wait_shadowed(nodes, [], table="t")
    wait_equal(nodes)
    # Swapped in one transaction, through a third value.
    a.transaction("UPDATE t SET v = NULL WHERE id = 1", "UPDATE t SET v = 'x' WHERE id = 2",
                  "UPDATE t SET v = 'Y' WHERE id = 1")
    wait_value(nodes, "SELECT group_concat(v) FROM (SELECT v FROM t ORDER BY id)", "Y,x")
    wait_equal(nodes)
