"""What comes from a database must not act on the operator's terminal."""

import re
import subprocess

import harness
from harness import wait_value
from wait import seconds, wait_until

# Clears the screen; the same as one C1 character; writes from right to left; goes back to the line's beginning.
EVIL = "x\x1b[2J\x9b2J\u202e\rok"
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def test_names_and_values_are_shown_and_do_nothing(cluster):
    schema = f"""CREATE TABLE {quoted(EVIL)}(id INTEGER PRIMARY KEY, {quoted('c' + EVIL)} TEXT);
                 CREATE TABLE {quoted('k' + EVIL)}(a);
                 CREATE UNIQUE INDEX stays_local ON {quoted('k' + EVIL)}(a + 1);"""
    a, b = nodes = cluster.run(2, schema)
    a.sql(f"INSERT INTO {quoted(EVIL)} VALUES(1, ?)", EVIL)
    wait_value(b, f"SELECT count(*) FROM {quoted(EVIL)}", 1)
    b.freeze()
    a.sql(f"UPDATE {quoted(EVIL)} SET {quoted('c' + EVIL)} = ?", EVIL + "a")
    b.sql(f"UPDATE {quoted(EVIL)} SET {quoted('c' + EVIL)} = ?", EVIL + "b")
    b.thaw()
    kept = "SELECT count(*) FROM __harmonylite__conflicts"
    a = wait_until(lambda: next((node for node in nodes if node.one(kept) == 1), None), 60, "a conflict")

    def run(*command):
        done = subprocess.run([str(part) for part in (harness.BINARY, *command)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=seconds(60))
        return done.stdout.decode()

    outputs = [run("conflicts", a.database), run("conflicts", a.database, "--show", "1"),
               run("conflicts", a.database, "--json"), run("lint", a.database), run("lint", a.database, "--json"),
               a.run("-schema-status")[1], a.run("verify")[1], a.logs()]
    for output in outputs:
        assert "[2J" in output, output
        assert not ACTS.search(output), repr(output)
