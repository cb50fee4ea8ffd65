"""Ids that SQLite gives out (AUTOINCREMENT): no two nodes give out the same, connected or cut off."""

import json
import pathlib
import shutil
import sqlite3
import subprocess
import threading

import pytest

from harness import wait_equal, wait_value
from test_observe import METRICS, fetch, metric, url_of
from test_settings import node_modules  # noqa: F401
from test_unique import conflicts, listed
from wait import seconds, wait_later, wait_until

NOTES = """
    CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);
    CREATE TABLE tags(id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER REFERENCES notes(id), text TEXT);
"""
# Tags whose text is not that of their note, or whose note is not there.
STRANGERS = "SELECT count(*) FROM tags LEFT JOIN notes ON notes.id = tags.note WHERE notes.text IS NOT tags.text"


def slot(node):
    return node.one("SELECT value FROM __harmonylite__state WHERE key = 'id_slot' AND EXISTS(SELECT 1 FROM "
                    "__harmonylite__state WHERE key = 'id_claimed' AND value = 1)")


def wait_slots(nodes):
    """Every node has a slot of its own."""
    for node in nodes:
        wait_until(lambda: slot(node) is not None, what=f"a slot for {node.name}", explain=node.tail)  # noqa: B023
    assert len({slot(node) for node in nodes}) == len(nodes)


def note(db, text):
    with db:
        row = db.execute("INSERT INTO notes(text) VALUES(?)", (text,)).lastrowid
        for _ in range(2):
            db.execute("INSERT INTO tags(note, text) VALUES(?, ?)", (row, text))


def write_notes(node, count):
    db = sqlite3.connect(node.database, timeout=seconds(60))
    for number in range(count):
        note(db, f"{node.name} {number}")
    db.close()


def at_once(nodes, work):
    threads = [threading.Thread(target=work, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def check_notes(nodes, notes):
    wait_value(nodes, "SELECT (SELECT count(*) FROM notes) || '/' || (SELECT count(*) FROM tags)",
               f"{notes}/{2 * notes}")
    wait_equal(nodes)
    assert [node.one(STRANGERS) for node in nodes] == [0] * len(nodes)
    for node in nodes:
        assert listed(node) == []


@pytest.mark.parametrize("count", [2, 3])
def test_notes_made_at_once(cluster, count):
    nodes = cluster.run(count, NOTES)
    wait_slots(nodes)
    at_once(nodes, lambda node: write_notes(node, 50))
    check_notes(nodes, 50 * count)


def test_notes_made_while_cut_off(cluster):
    nodes = cluster.run(3, NOTES)
    wait_slots(nodes)
    write_notes(nodes[0], 3)
    wait_value(nodes, "SELECT count(*) FROM notes", 3)
    for node in nodes:
        node.stop()
    at_once(nodes, lambda node: write_notes(node, 50))
    for node in nodes:
        node.launch()
    for node in nodes:
        node.wait_ready()
    check_notes(nodes, 153)


def test_nodes_that_insert_in_turns(cluster):
    a, b = nodes = cluster.run(2, NOTES)
    wait_slots(nodes)
    for number in range(1, 6):
        note(a.app, f"a {number}")
        wait_value(nodes, "SELECT count(*) FROM notes", 2 * number - 1)
        note(b.app, f"b {number}")
        wait_value(nodes, "SELECT count(*) FROM notes", 2 * number)
    ids = [row for (row,) in a.sql("SELECT id FROM notes ORDER BY id")]
    assert {number // 4096 % 64 for number in ids} == {slot(a), slot(b)}
    check_notes(nodes, 10)


def test_a_restored_file_gives_out_other_ids(cluster, folder):
    a, b = nodes = cluster.run(2, NOTES)
    wait_slots(nodes)
    write_notes(a, 3)
    wait_value(nodes, "SELECT count(*) FROM notes", 3)
    a.stop()
    a.close_app()
    backup = shutil.copy(a.database, folder / "backup.db")
    a.start()
    write_notes(a, 3)
    wait_value(nodes, "SELECT count(*) FROM notes", 6)
    a.stop()
    b.stop()
    a.close_app()
    a.forget_sent()
    for suffix in ("-wal", "-shm"):
        pathlib.Path(f"{a.database}{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, a.database)
    # The other node is away, so that what it knows of the ids that were given out cannot arrive.
    a.start()
    a.wait_log(r"started incarnation", deadline=60)
    write_notes(a, 3)
    b.start()
    check_notes(nodes, 9)


def test_a_transaction_beyond_its_block_is_told(cluster):
    node, = cluster.run(1, NOTES, settings=METRICS)
    wait_slots([node])
    node.transaction(*["INSERT INTO notes(text) VALUES('many')"] * 4500)
    wait_until(lambda: metric(node, "harmonylite_id_blocks_left_total") == 1, what="the count", explain=node.tail)
    node.wait_log("table notes: the application has written ids up to 4500, beyond this node's block")
    node.sql("INSERT INTO notes(text) VALUES('next')")
    assert node.one("SELECT max(id) FROM notes") % (4096 * 64) // 4096 == slot(node)
    assert metric(node, "harmonylite_id_slot") == slot(node) == 0
    assert metric(node, "harmonylite_id_slot_claimed") == 1


def test_ids_that_are_not_shared_out(cluster):
    a, b = cluster.run(2, NOTES, settings={"ids": {"share": False}})
    note(a.app, "a")
    wait_value([a, b], "SELECT max(id) FROM notes", 1)
    note(b.app, "b")
    wait_value([a, b], "SELECT max(id) FROM notes", 2)


def test_other_numbers_on_another_node_are_told(cluster):
    a = cluster.add().create(NOTES).start()
    b = cluster.add(settings={"ids": {"block": 64, "slots": 16}}).create(NOTES).start()
    b.wait_log(r"shares out ids by other numbers")
    a.wait_log(r"shares out ids by other numbers")


def ids(node, *flags):
    return node.run("ids", *flags)


def test_a_plain_key_is_made_autoincrement_while_all_run(cluster):
    nodes = cluster.run(2, NOTES.replace(" AUTOINCREMENT", "") + "CREATE TABLE words(word TEXT PRIMARY KEY);"
                        "CREATE TABLE urgent(note INTEGER PRIMARY KEY REFERENCES notes)")
    wait_slots(nodes)
    write_notes(nodes[0], 3)
    wait_value(nodes, "SELECT count(*) FROM notes", 3)
    code, text = ids(nodes[0])
    assert code == 0 and "this node gives out the ids of slot" in text
    assert "notes   id    colliding    4" in text and "words   word  application  -" in text
    assert "urgent  note  application  -" in text  # its keys are those of notes
    assert "\ncolliding: two nodes" in text
    for node in nodes:
        assert ids(node, "notes") == (0, "the key of table notes is AUTOINCREMENT now; do the same on every node\n")
        assert ids(node, "--all") == (0, "the key of table tags is AUTOINCREMENT now; do the same on every node\n")
        assert ids(node, "--all") == (0, "nothing to do\n")
        wait_until(lambda: {one["next"] // 4096 for one in json.loads(ids(node, "--json")[1])["tables"][:2]}  # noqa: B023
                   <= {slot(node), slot(node) + 64}, what="ids of its own", explain=node.tail)  # noqa: B023
    at_once(nodes, lambda node: write_notes(node, 50))
    check_notes(nodes, 103)
    assert nodes[0].one("PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("flags, words", [
    (["nothing"], "has no table nothing that is replicated"),
    (["words"], "table words has no INTEGER PRIMARY KEY"),
])
def test_keys_that_cannot_be_autoincrement(cluster, flags, words):
    node = cluster.add().create("CREATE TABLE words(word TEXT PRIMARY KEY)")
    code, text = ids(node, *flags)
    assert code == 1 and words in text
    assert ids(node, "words", "--all")[0] == 2


def who_lists(nodes, count):
    """A node that met the conflicts: one that knew the other's rows before it sent its own, or both."""
    return wait_until(lambda: next((node for node in nodes if len(listed(node)) == count), None), what="the losers",
                      explain=nodes[0].tail)


def collide(cluster, count):
    """Two nodes that gave out the same ids: the newer note of each pair is left, and its tags. With the node that
    lists the others."""
    nodes = cluster.run(2, NOTES.replace(" AUTOINCREMENT", ""))
    for node in nodes:
        node.stop()
    for node in nodes:
        write_notes(node, count)
    for node in nodes:
        node.start()
    wait_value(nodes, "SELECT count(*) FROM notes", count)
    return nodes, who_lists(nodes, 3 * count)


def test_rows_that_lost_their_ids_get_new_ones(cluster):
    nodes, a = collide(cluster, 20)
    assert {one["kind"] for one in listed(a)} == {"same automatic id"}
    code, text = conflicts(a, "--restore", listed(a)[0]["id"])
    assert code == 1 and "another row has this id now" in text
    code, text = conflicts(a, "--restore-all", "--new-ids")
    assert (code, text) == (0, "written back under new ids: 60; rows that refer to them and follow: 0\n")
    assert listed(a) == []
    wait_value(nodes, "SELECT (SELECT count(*) FROM notes) || '/' || (SELECT count(*) FROM tags)", "40/80")
    wait_equal(nodes)
    assert [node.one(STRANGERS) for node in nodes] == [0, 0]


def metrics(node):
    return fetch(url_of(node, "prometheus"))[1]


def test_a_row_takes_its_children_along(cluster):
    """Only the notes collide: the tags have keys of their own, and hang on strangers."""
    schema = """
        CREATE TABLE notes(id INTEGER PRIMARY KEY, text TEXT);
        CREATE TABLE tags(id TEXT PRIMARY KEY DEFAULT (hex(randomblob(8))), note INTEGER REFERENCES notes(id), text TEXT);
    """
    nodes = cluster.run(2, schema, METRICS)
    for node in nodes:
        node.stop()
    for node in nodes:
        write_notes(node, 5)
    for node in nodes:
        node.start()
    wait_value(nodes, "SELECT (SELECT count(*) FROM notes) || '/' || (SELECT count(*) FROM tags)", "5/20")
    b = who_lists(nodes, 5)
    assert b.one(STRANGERS) == 10
    counted = 'harmonylite_lost_children{table="tags"}'
    wait_until(lambda: f"{counted} 10" in metrics(b), what="the count", explain=b.tail)
    one = listed(b)[0]
    code, text = conflicts(b, "--show", one["id"])
    assert code == 0 and "refer to the winner now: 2" in text
    code, text = conflicts(b, "--restore", one["id"], "--new-ids")
    assert (code, text) == (0, "written back under new ids: 1; rows that refer to them and follow: 2\n")
    wait_value(nodes, STRANGERS, 8)
    assert conflicts(b, "--restore-all", "--new-ids")[0] == 0
    wait_value(nodes, STRANGERS, 0)
    wait_until(lambda: counted not in metrics(b), what="no lost child", explain=b.tail)
    assert "writes theirs back" in b.log()
    wait_value(nodes, "SELECT count(*) FROM notes", 10)
    wait_equal(nodes)


def test_what_a_later_write_of_its_node_made_good_is_not_lost(cluster):
    nodes = a, b = cluster.run(2, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
    for node in nodes:
        node.stop()
    published = "SELECT value FROM __harmonylite__state WHERE key = 'published_to'"
    before = b.one(published)
    b.sql("INSERT INTO t(v) VALUES('b, first')")
    b.start()
    b.wait_log("replicating")
    wait_until(lambda: b.one(published) > before, what="its sending", explain=b.tail)
    b.stop()
    wait_later()
    a.sql("INSERT INTO t(v) VALUES('a')")
    wait_later()
    b.sql("UPDATE t SET v = 'b, second'")
    for node in nodes:
        node.start()
    wait_value(nodes, "SELECT v FROM t WHERE id = 1", "b, second")
    wait_until(lambda: any(one["loser"]["row"]["v"] == "b, first" for one in listed(a)), what="the conflict", explain=a.tail)
    code, text = conflicts(a, "--restore-all", "--new-ids")
    assert code == 1 and "written by the same node" in text
    wait_equal(nodes)
    assert a.one("SELECT count(*) FROM t WHERE v = 'b, first'") == 0


def test_a_row_that_cannot_be_written_back_is_told(cluster):
    schema = "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT UNIQUE)"
    nodes = cluster.run(2, schema)
    for node in nodes:
        node.stop()
    for node in nodes:
        node.sql("INSERT INTO users(name) VALUES(?), ('both')", node.name)
    for node in nodes:
        node.start()
    a = who_lists(nodes, 2)
    code, text = conflicts(a, "--restore-all", "--new-ids")
    assert code == 1 and "UNIQUE constraint failed: users.name" in text and "not written back: 1 of 2" in text
    wait_value(nodes, "SELECT count(*) FROM users", 3)
    assert len(listed(a)) == 1


BETTER = """
const db = require('better-sqlite3')(process.argv[2], {timeout: 60000});
const note = db.prepare('INSERT INTO notes(text) VALUES(?)'), tag = db.prepare('INSERT INTO tags(note, text) VALUES(?, ?)');
const write = db.transaction(text => {
  const {lastInsertRowid} = note.run(text);
  for (let i = 0; i < 2; ++i) tag.run(lastInsertRowid, text);
});
for (let i = 0; i < 50; ++i) write(process.argv[3] + ' ' + i);
"""


def test_notes_made_by_better_sqlite3(cluster, node_modules):  # noqa: F811
    nodes = cluster.run(2, NOTES)
    wait_slots(nodes)
    running = [subprocess.Popen(["node", "-e", BETTER, "-", node.database, node.name], cwd=node_modules)
               for node in nodes]
    assert [one.wait(seconds(60)) for one in running] == [0, 0]
    check_notes(nodes, 100)
