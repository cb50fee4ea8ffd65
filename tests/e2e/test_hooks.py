"""Hooks: applications are told that rows of other nodes were written."""

import json
import os
import signal
import sys

from harness import wait_value
from test_observe import HEALTH, METRICS, health, metric
from wait import wait_later, wait_until

SCHEMA = """
CREATE TABLE notes(id INTEGER PRIMARY KEY, text);
CREATE TABLE "zone a"(name TEXT PRIMARY KEY, ttl INTEGER);
CREATE TABLE other(id INTEGER PRIMARY KEY, v);
"""
# One line of JSON for each run.
RECORD = """printf '{"tables": %s, "changes": %s, "rows": %s, "database": "%s", "node": %s}\\n' \
"$HARMONYLITE_TABLES" "$HARMONYLITE_CHANGES" "$HARMONYLITE_ROWS" "$HARMONYLITE_DATABASE" \
"$HARMONYLITE_NODE" >>$0/runs"""


def hook(node, script=RECORD, **more):
    """A hook that runs a script of the shell, in which $0 is the node's folder."""
    return {"tables": ["notes", "zone *"], "command": ["/bin/sh", "-c", script, str(node.folder)],
            "every": 20, **more}


def with_hooks(cluster, **more):
    node = cluster.add(settings={**HEALTH, **METRICS})
    node.settings["hooks"] = [hook(node, **more)]
    return node.create(SCHEMA)


def runs(node):
    path = node.folder / "runs"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def told(node):
    """How many rows were told of each table, by all runs."""
    out = {}
    for run in runs(node):
        for table, rows in run["changes"].items():
            out[table] = out.get(table, 0) + rows
    return out


def wait_told(node, expected):
    wait_until(lambda: told(node) == expected, 60, f"{expected} to be told to {node.name}",
               lambda: f"{runs(node)}\n{node.tail()}")


def wait_untold(node, rows):
    name = 'harmonylite_hook_untold_rows{hook="1"}'
    wait_until(lambda: metric(node, name) == rows, 60, f"{rows} rows to wait", node.tail)


def wait_file(node, name):
    """The content of a file that a command writes."""
    path = node.folder / name
    wait_until(lambda: path.exists() and path.read_text(), 60, f"{path}", node.tail)
    return path.read_text()


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_rows_of_other_nodes_are_told_and_own_ones_are_not(cluster):
    a, b = (with_hooks(cluster).start() for _ in range(2))
    for node in (a, b):  # the start tells of every table, as rows may have come while nobody told
        wait_told(node, {"notes": 0, "zone a": 0})
    for i in range(100):
        a.sql("INSERT INTO notes VALUES(?, 'x')", i)
        a.sql("INSERT INTO other VALUES(?, 'x')", i)
    wait_told(b, {"notes": 100, "zone a": 0})
    a.transaction(("INSERT INTO \"zone a\" VALUES(?, 60)", [("one",), ("two",)]),
                  "UPDATE notes SET text = 'y' WHERE id < 10", "DELETE FROM notes WHERE id >= 90")
    wait_told(b, {"notes": 120, "zone a": 2})
    others = 100
    wait_until(lambda: metric(b, "harmonylite_rows_applied_total") == 122 + others, 60, "the total")
    wait_untold(b, 0)
    assert told(a) == {"notes": 0, "zone a": 0}
    for run in runs(b):
        assert run["rows"] == sum(run["changes"].values())
        assert run["tables"] == list(run["changes"])
        assert run["database"] == str(b.database) and run["node"] == b.node_id
    assert metric(b, 'harmonylite_hook_runs_total{hook="1"}') == len(runs(b))
    assert metric(b, 'harmonylite_hook_failures_total{hook="1"}') == 0


def test_a_command_that_hangs_holds_nothing_up(cluster):
    a = cluster.add().create(SCHEMA).start()
    b = with_hooks(cluster, script="trap '' TERM; echo $$ >$0/pid; while :; do sleep 1; done",
                   timeout=600_000).start()
    pid = int(wait_file(b, "pid"))
    a.sql("INSERT INTO notes VALUES(1, 'x')")
    wait_value(b, "SELECT text FROM notes", "x")
    wait_untold(b, 1)
    assert is_alive(pid) and health(b)[0] == 200
    b.stop()
    assert not is_alive(pid)
    assert "hook 1 (/bin/sh) was ended: it runs again at the next start" in b.log()


def test_a_command_that_takes_too_long_is_ended_and_repeated(cluster):
    a = cluster.add().create(SCHEMA).start()
    script = "[ -e $0/go ] || { sleep 1000 & echo $! >$0/pid; wait; }; " + RECORD
    b = with_hooks(cluster, script=script, timeout=300).start()
    a.sql("INSERT INTO notes VALUES(1, 'x')")
    b.wait_log(r"warning .*hook 1 \(/bin/sh\) failed: it took longer than 300 ms \(timeout\)")
    pid = int(wait_file(b, "pid"))
    wait_value(b, "SELECT text FROM notes", "x")
    (b.folder / "go").touch()
    wait_told(b, {"notes": 1, "zone a": 0})
    wait_until(lambda: not is_alive(pid), 60, "what the command started to end")


def test_a_command_that_fails_is_counted_and_said_and_repeated(cluster):
    a = cluster.add().create(SCHEMA).start()
    fails = "[ -e $0/go ] || { echo 'app is not there' >&2; exit 3; }; "
    b = with_hooks(cluster, script=fails + RECORD).start()
    a.sql("INSERT INTO notes VALUES(1, 'x')")
    b.wait_log(r"warning .*hook 1 \(/bin/sh\) failed: exit code 3; it said: app is not there; ")
    wait_value(b, "SELECT text FROM notes", "x")
    wait_untold(b, 1)
    status, answer = health(b)
    assert status == 200 and answer["reasons"] == []
    assert answer["hooks"][0]["error"] == "exit code 3" and answer["hooks"][0]["failures"] > 0
    assert metric(b, 'harmonylite_hook_failing{hook="1"}') == 1
    (b.folder / "go").touch()
    wait_told(b, {"notes": 1, "zone a": 0})
    b.wait_log(r"hook 1 \(/bin/sh\) works again")
    wait_until(lambda: metric(b, 'harmonylite_hook_failing{hook="1"}') == 0, 60, "it to work")
    assert "error" not in health(b)[1]["hooks"][0]
    assert b.log().count("failed: exit code 3") == 1, "it is said once in a minute"


def test_a_file_is_touched(cluster):
    a = cluster.add().create(SCHEMA).start()
    b = cluster.add()
    file = b.folder / "reload"
    b.settings["hooks"] = [{"tables": ["notes"], "touch": str(file), "every": 20}]
    b.create(SCHEMA).start()
    wait_until(file.exists, 60, "the file to be made", b.tail)
    os.utime(file, (1, 1))
    a.sql("INSERT INTO other VALUES(1, 'x')")
    wait_value(b, "SELECT v FROM other", "x")
    assert file.stat().st_mtime == 1
    a.sql("INSERT INTO notes VALUES(1, 'x')")
    wait_until(lambda: file.stat().st_mtime > 1, 60, "the file to be touched", b.tail)


def test_what_was_not_told_is_told_after_a_restart(cluster):
    a = cluster.add().create(SCHEMA).start()
    b = with_hooks(cluster, every=3_600_000).start()
    wait_told(b, {"notes": 0, "zone a": 0})
    a.sql("INSERT INTO notes VALUES(1, 'x')")
    wait_value(b, "SELECT text FROM notes", "x")
    wait_untold(b, 1)
    b.kill()
    assert len(runs(b)) == 1
    b.start()
    wait_until(lambda: len(runs(b)) == 2, 60, "the start to tell", b.tail)
    assert set(runs(b)[1]["tables"]) == {"notes", "zone a"}


def test_a_stop_tells_what_waits(cluster):
    a = cluster.add().create(SCHEMA).start()
    b = with_hooks(cluster, every=3_600_000).start()
    wait_told(b, {"notes": 0, "zone a": 0})
    a.sql("INSERT INTO notes VALUES(1, 'x')")
    wait_untold(b, 1)
    b.stop()
    assert told(b) == {"notes": 1, "zone a": 0}


def test_a_command_ends_with_a_sidecar_that_is_killed(cluster):
    b = with_hooks(cluster, script="echo $$ >$0/pid; exec sleep 1000").start()
    pid = int(wait_file(b, "pid"))
    b.kill()
    wait_until(lambda: not is_alive(pid), 60, "the command to end")


# Writes the environment, and what the open descriptors are, in the order of their numbers.
LOOK_AROUND = """
import json, os, sys
def link(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:  # that of the folder itself
        return None
links = [link(number) for number in sorted(map(int, os.listdir("/proc/self/fd")))]
with open(sys.argv[1] + "/found", "w") as file:
    json.dump([dict(os.environ), [one for one in links if one]], file)
"""


def test_a_command_gets_no_secrets_and_no_descriptors(cluster):
    b = cluster.add(env={"NATS_PASSWORD": "swordfish", "LC_TIME": "C"})
    b.settings["nats"].update(user_name="app", user_password="${NATS_PASSWORD}")
    b.settings["hooks"] = [hook(b, command=[sys.executable, "-c", LOOK_AROUND, str(b.folder)])]
    b.create(SCHEMA).start()
    environment, links = json.loads(wait_file(b, "found"))
    assert "swordfish" not in str(environment) and environment["LC_TIME"] == "C"
    assert links[0] == "/dev/null" and links[1].startswith("pipe:"), links
    assert links[2:] == [links[1]], links


def test_a_new_node_is_told_of_the_snapshot_that_it_fetched(cluster):
    a = cluster.add().create(SCHEMA).start()
    a.sql("INSERT INTO notes VALUES(1, 'x')")
    b = cluster.add()
    b.settings["hooks"] = [hook(b)]
    b.start()
    wait_value(b, "SELECT text FROM notes", "x")
    wait_until(lambda: runs(b) and set(runs(b)[0]["tables"]) == {"notes", "zone a"}, 60,
               "the tables to be told", b.tail)


def test_a_first_join_and_a_restored_conflict_are_told(cluster):
    a = cluster.add().create(SCHEMA + "INSERT INTO notes VALUES(1, 'cluster')").start()
    a.sql("INSERT INTO notes VALUES(2, 'cluster')")
    b = with_hooks(cluster)
    b.script("INSERT INTO notes VALUES(1, 'own'), (3, 'own')")
    b.start()
    wait_value(b, "SELECT group_concat(text) FROM (SELECT text FROM notes ORDER BY id)",
               "cluster,cluster,own")
    wait_until(lambda: told(b).get("notes", 0) >= 2, 60, "the cluster's rows to be told", b.tail)
    # A loser that node 1 writes back is an ordinary write for node 2.
    a.stop()
    a.sql("UPDATE notes SET text = 'old' WHERE id = 2")
    wait_later()
    b.sql("UPDATE notes SET text = 'new' WHERE id = 2")
    a.start()
    wait_value(a, "SELECT text FROM notes WHERE id = 2", "new")
    before = told(b)["notes"]
    conflict = a.sql("SELECT id FROM __harmonylite__conflicts")[-1][0]
    code, output = a.run("conflicts", "--restore", str(conflict))
    assert code == 0, output
    wait_value(b, "SELECT text FROM notes WHERE id = 2", "old")
    wait_until(lambda: told(b)["notes"] > before, 60, "the row to be told", b.tail)


def test_a_pattern_that_matches_nothing_is_said(cluster):
    b = cluster.add()
    b.settings["hooks"] = [hook(b, tables=["notes", "note"])]
    b.create(SCHEMA).start()
    b.wait_log('warning .*hook 1: no replicated table matches "note" yet')
    assert '"notes"' not in b.log()


def test_mistakes_are_refused(cluster):
    b = cluster.add()
    b.settings["hooks"] = [{"tables": [], "touch": "x", "command": ["x"], "evry": 1}]
    code, output = b.create(SCHEMA).run()
    assert code == 2
    for words in ('hooks[1]: tables names no table', "hooks[1]: command and touch are both given",
                  'unknown key "evry" in [hooks]; did you mean "every"?'):
        assert words in output, output


def test_a_command_has_a_process_group_of_its_own(cluster):
    """Ctrl-C in a terminal is the sidecar's, which ends its commands in its own way."""
    b = with_hooks(cluster, script="ps -o pgid= -p $$ >$0/group").start()
    assert int(wait_file(b, "group")) != os.getpgid(b.pid)
    b.stop(signal.SIGINT)
