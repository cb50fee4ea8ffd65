"""A node that has no room for what comes: it waits, says so, and takes it when there is room."""

import os
import resource

from harness import wait_value
from test_large import FILES, MB, noise


def leave_no_file(pid):
    """The process can open no file more; returns its former limits."""
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = next(number for number in range(len(used) + 1) if number not in used)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, limits[1]))
    return limits


def test_what_there_was_no_room_for_arrives_when_there_is(cluster):
    """Its writer is gone by then: only the log can bring it."""
    a, b, c = cluster.run(3, FILES)
    a.sql("INSERT INTO files VALUES(1, 'before', NULL)")
    wait_value([b, c], "SELECT count(*) FROM files", 1)
    limits = leave_no_file(b.pid)
    data = noise(20 * MB)
    a.sql("INSERT INTO files VALUES(2, 'large', ?)", data)
    b.wait_log(r"record \d+ of node 1\S* cannot be taken at the moment \(.*Too many open files")
    a.sql("INSERT INTO files VALUES(3, 'after', NULL)")
    wait_value(c, "SELECT count(*) FROM files", 3)  # the log has it all
    a.stop()
    c.stop()
    assert b.one("SELECT count(*) FROM files") == 1
    resource.prlimit(b.pid, resource.RLIMIT_NOFILE, limits)
    wait_value(b, "SELECT count(*) FROM files", 3, deadline=30)
    assert b.one("SELECT data FROM files WHERE id = 2") == data
    b.wait_log("records of the log can be taken again")
