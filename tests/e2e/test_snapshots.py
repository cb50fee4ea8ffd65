"""Snapshots: made by a node that runs or by hand, kept, listed, checked, restored; never trusted."""

import json
import os
import sqlite3

import compare
from harness import wait_value
from wait import wait_until

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)"
MARK = "a-word-that-must-not-travel"


def stored_in(folder, **more):
    """Settings: snapshots go to this directory."""
    return {"snapshot": {"store": "file", "file": {"path": str(folder / "store")}, **more}}


def listed(node):
    code, output = node.run("snapshot", "list", "--json")
    assert code == 0, output
    return json.loads(output)


def save(node):
    code, output = node.run("snapshot", "save")
    assert code == 0, output
    return listed(node)[0]["name"]


def restored(node, path, *name):
    """Content of a snapshot, as an application finds it."""
    code, output = node.run("snapshot", "restore", *name, "--to", str(path))
    assert code == 0, output
    return compare.content(path)


def objects(folder):
    return sorted(path.name for path in (folder / "store").iterdir())


def leftovers(node):
    """Files beside the database that are neither SQLite's nor expected."""
    known = {"app.db", "app.db-wal", "app.db-shm", "app.db-harmonylite", "app.db-harmonylite.lock", "config.toml"}
    return [name for name in os.listdir(node.folder) if name not in known and not name.startswith("log.")]


def test_by_hand_while_a_node_runs_and_while_none_does(cluster, folder):
    node = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, 'one'), (2, NULL)")
    first = save(node)
    node.sql("INSERT INTO t VALUES(3, 'three')")
    node.stop()
    code, output = node.run("-save-snapshot")
    assert code == 0, output
    found = listed(node)
    assert [one["usable"] for one in found] == [True, True] and found[1]["name"] == first
    assert found[0]["node"] == str(node.node_id) and found[0]["progress"][0]["lseq"] > found[1]["progress"][0]["lseq"]
    code, output = node.run("snapshot", "verify")
    assert code == 0 and "is good" in output, output
    assert restored(node, folder / "new.db") == compare.content(node.database)
    assert len(restored(node, folder / "old.db", first)["t"]) == 2
    assert leftovers(node) == []


def test_by_hand_what_is_in_it_is_published_first(cluster, folder):
    one = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    two = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    one.sql("INSERT INTO t VALUES(1, 'one')")
    wait_value([two], "SELECT count(*) FROM t", 1)
    one.stop()
    one.sql("INSERT INTO t VALUES(2, 'two')")
    save(one)
    # Nobody runs on it, and the other gets the row all the same.
    wait_value([two], "SELECT count(*) FROM t", 2)
    assert len(restored(one, folder / "new.db")["t"]) == 2
    assert leftovers(one) == []


def test_by_hand_where_the_log_is_away(cluster, own_nats, folder):
    node = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, 'one')")
    node.stop()
    own_nats.kill()
    node.sql("INSERT INTO t VALUES(2, 'two')")
    code, output = node.run("snapshot", "save")
    assert code == 0 and "may not be in the log" in output and "verify --repair" in output, output
    assert len(restored(node, folder / "new.db")["t"]) == 2


def test_by_hand_of_an_old_copy(cluster, folder):
    """Its unpublished changes have numbers that its former life has given to others: it counts as another first."""
    one = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    two = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    one.sql("INSERT INTO t VALUES(1, 'one')")
    wait_value([two], "SELECT count(*) FROM t", 1)
    one.stop()
    backup = folder / "backup.db"
    one.sql("VACUUM INTO ?", str(backup))
    one.start()
    one.sql("INSERT INTO t VALUES(2, 'of its former life')")
    wait_value([two], "SELECT count(*) FROM t", 2)
    one.stop()
    one.close_app()
    for suffix in ("-wal", "-shm"):
        one.database.with_name(one.database.name + suffix).unlink(missing_ok=True)
    one.database.write_bytes(backup.read_bytes())
    one.sql("INSERT INTO t VALUES(3, 'of its new one')")
    save(one)
    three = cluster.add(settings=stored_in(folder)).start()
    one.start()
    wait_value([one, two, three], "SELECT count(*) FROM t", 3)


def test_restoring_never_replaces_rows(cluster, folder):
    node = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, 'one')")
    save(node)
    code, output = node.run("snapshot", "restore")
    assert code == 1 and "a node runs on" in output, output
    node.stop()
    code, output = node.run("snapshot", "restore")
    assert code == 1 and "is not empty" in output, output
    other = folder / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE mine(a)").connection.close()
    code, output = node.run("snapshot", "restore", "--to", str(other))
    assert code == 1 and "is not empty" in output, output
    assert compare.content(other) == {"mine": []}
    code, output = node.run("snapshot", "restore", "nosuch", "--to", str(folder / "new.db"))
    assert code == 1 and "there is no snapshot nosuch" in output, output


def test_an_application_may_have_the_empty_file_open(cluster, folder):
    node = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, 'one')")
    save(node)
    for done in ("PRAGMA journal_mode=wal", "PRAGMA journal_mode=delete", "CREATE TABLE gone(a); DROP TABLE gone"):
        target = folder / f"{done[-4:]}.db"
        app = compare.connect(target)
        app.executescript(done)
        assert restored(node, target)["t"]
        assert app.execute("SELECT v FROM t").fetchall() == [("one",)]
        app.execute("INSERT INTO t VALUES(2, 'two')")
        app.close()


def test_damaged_ones_are_refused_and_the_old_one_is_still_good(cluster, folder):
    node = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    node.sql("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<3000) "
             "INSERT INTO t SELECT i, hex(randomblob(20)) FROM c")
    good, bad = save(node), save(node)
    path = folder / "store" / f"{bad}.db.zst"
    whole = path.read_bytes()
    for damaged, said in ((whole[:len(whole) // 2], "bytes, not"), (whole + b"x", "bytes, not"),
                          (whole[:999] + bytes([whole[999] ^ 1]) + whole[1000:], "checksum differs")):
        path.write_bytes(damaged)
        code, output = node.run("snapshot", "verify", bad)
        assert code == 1 and said in output, output
        code, output = node.run("snapshot", "restore", bad, "--to", str(folder / "new.db"))
        assert code == 1 and said in output, output
        assert not (folder / "new.db").exists()
    path.write_bytes(whole[:10])
    manifest = folder / "store" / f"{good}.manifest"
    text = manifest.read_text()
    manifest.write_text(text.replace("progress", "progress 1", 1))
    assert [one["usable"] for one in listed(node)] == [False, False]
    manifest.write_text(text)
    # The newest that can be used.
    assert restored(node, folder / "good.db") == compare.content(node.database)


def test_excluded_tables_leave_no_byte(cluster, folder):
    node = cluster.add(settings={**stored_in(folder), "tables": {"exclude": ["secret*"]}})
    node.create(TABLE + "; CREATE TABLE secret(id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE secret2(v)")
    node.sql(f"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<5000) "
             f"INSERT INTO secret SELECT i, '{MARK}' || i FROM c")
    node.sql(f"INSERT INTO secret2 VALUES('{MARK}')")
    node.sql("DROP TABLE secret2")
    node.start()
    node.sql("DELETE FROM secret WHERE id > 100")
    node.sql("INSERT INTO t SELECT id, 'x' FROM secret")
    save(node)
    target = folder / "new.db"
    assert list(restored(node, target)) == ["t"]
    assert MARK.encode() not in target.read_bytes()
    assert node.one("SELECT count(*) FROM secret") == 100


def test_only_so_many_are_kept(cluster, folder):
    node = cluster.add(settings=stored_in(folder, keep=2)).create(TABLE).start()
    names = [save(node) for _ in range(4)]
    assert objects(folder) == sorted(f"{name}.{kind}" for name in names[2:] for kind in ("db.zst", "manifest"))


def test_a_full_disk_is_said_and_leaves_nothing(cluster, folder):
    node = cluster.add(settings=stored_in(folder)).create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, hex(randomblob(3000000)))")
    name = save(node)
    # What a full disk does to a file that grows, for the command alone.
    command = " ".join(f"'{part}'" for part in node.command("snapshot", "save"))
    node_output = folder / "output"

    def fails(why):
        code = os.waitstatus_to_exitcode(os.system(f"trap '' XFSZ; ulimit -f 4000; {command} >{node_output} 2>&1"))
        output = node_output.read_text()
        assert code == 1 and why in output, output
        assert [one["name"] for one in listed(node)] == [name]
        assert leftovers(node) == [] and len(objects(folder)) == 2
        assert node.running

    fails("MB are needed ")
    # More than the copy may have in memory.
    node.sql("WITH RECURSIVE c(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 70) "
             "INSERT INTO t SELECT i, hex(randomblob(500000)) FROM c")
    fails("MB are needed beside it")


def test_by_interval(cluster, folder):
    settings = stored_in(folder, interval=1000, keep=2)
    a, b = (cluster.add(settings=settings).create(TABLE).start() for _ in range(2))
    a.sql("INSERT INTO t VALUES(1, 'one')")
    wait_value(b, "SELECT v FROM t", "one")
    wait_until(lambda: (a.logs() + b.logs()).count("is stored") >= 3, 60, "three snapshots")
    makers = [node for node in (a, b) if "is stored" in node.logs()]
    assert len(makers) == 1, "both make snapshots"
    assert len({name.split(".")[0] for name in objects(folder)}) <= 3


def test_another_one_leads_when_the_leader_dies(cluster, folder):
    settings = stored_in(folder, interval=1000, leader_ttl=3000)
    nodes = [cluster.add(settings=settings).create(TABLE).start() for _ in range(2)]

    def maker():
        return next((node for node in nodes if "is stored" in node.log()), None)

    first = wait_until(maker, 60, "a snapshot")
    second = next(node for node in nodes if node is not first)
    first.kill()
    wait_until(lambda: "is stored" in second.log(), 60, "the other one to make snapshots", second.tail)


def test_before_the_log_forgets(cluster, folder):
    node = cluster.add(settings={**stored_in(folder), "replication_log": {"max_entries": 20}}).create(TABLE).start()

    def write_on():
        node.sql("INSERT INTO t(v) VALUES('x')")
        return "the log will soon forget" in node.log()

    wait_until(write_on, 60, "the node to notice", node.tail)
    node.wait_log("is stored")


def test_sleep_timeout_makes_one(cluster, folder):
    node = cluster.add(settings={**stored_in(folder), "sleep_timeout": 1000}).create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, 'one')")
    node._expected_end = True
    wait_until(lambda: node.process.poll() is not None, 60, "the node to end", node.tail)
    assert node.process.returncode == 0, node.tail()
    assert restored(node, folder / "new.db")["t"]
    # Nothing new: no further one.
    node.process = None
    node.launch()
    node._expected_end = True
    wait_until(lambda: node.process.poll() is not None, 60, "the node to end", node.tail)
    assert len(listed(node)) == 1


def test_in_nats_by_an_embedded_server(embedded, cluster):
    node = cluster.add().create(TABLE).start()
    node.sql("INSERT INTO t VALUES(1, 'one')")
    save(node)
    assert restored(node, cluster.folder / "new.db")["t"]
    node.stop()
    assert len(listed(node)) == 1
