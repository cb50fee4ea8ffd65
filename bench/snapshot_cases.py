"""The benches of snapshots: making one, and joining from one. Both against VACUUM INTO of the same file."""

import os
import sqlite3
import statistics
import time

from harness import BenchError, ask, end, say, spawn, tail_of
from report import Mark, Row

TX_ROWS = 1000
MEMORY = Mark("value", "<=", 256, " MB")


def _vacuum_into(db, target):
    """Seconds that SQLite itself takes for a copy."""
    os.sync()
    connection = sqlite3.connect(db)
    try:
        start = time.monotonic()
        connection.execute("VACUUM INTO ?", (target,))
        return time.monotonic() - start
    finally:
        connection.close()
        os.unlink(target)


def _fill(rig, rows):
    """Writes rows on node 1 and waits until they are folded, sent and trimmed, so that nothing else goes on."""
    node = rig.nodes[0]
    rig.write(node.db, mode="insert", rows=rows, tx_rows=TX_ROWS)
    rig.rest(node)
    return node


def _save(rig, node):
    """Seconds and peak memory in MB of `snapshot save`, into NATS."""
    os.sync()
    log = os.path.join(rig.folder, "save.log")
    with open(log, "wb") as out:
        start = time.monotonic()
        process = spawn([rig.places.daemon, "snapshot", "save", "-config", node.config], stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError(f"snapshot save ended with {process.returncode}: {tail_of(log)}")
    return took, usage.ru_maxrss * 1024 / 1e6


def snapshot_make(plan):
    """making a snapshot of a database and storing it in NATS; against VACUUM INTO"""
    rows, plain, real, peaks = plan.size("snapshot_make"), [], [], []
    with plan.rig(nodes=1) as rig:
        say(f"snapshot_make: {rows:,} rows")
        node = _fill(rig, rows)
        megabytes = ask(node.db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[0] / 1e6
        for run in range(1, plan.runs + 1):
            say(f"snapshot_make: run {run} of {plan.runs}")
            plain.append(_vacuum_into(node.db, os.path.join(rig.folder, "copy.db")))
            took, peak = _save(rig, node)
            real.append(took)
            peaks.append(peak)
    return [Row("snapshot_make", statistics.median(real), statistics.median(plain), "s",
                Mark("ratio", "<=", 2, "x"), f"a database of {megabytes:.0f} MB", values=real, baselines=plain),
            Row("snapshot_make_memory", max(peaks), None, "MB", MEMORY, values=peaks)]


def snapshot_join(plan):
    """a node without a database, from its start until it is a full replica; against VACUUM INTO"""
    rows, plain, real, peaks = plan.size("snapshot_join"), [], [], []
    with plan.rig(nodes=2, start=False) as rig:
        first, joining = rig.nodes
        first.start()
        first.wait_ready()
        say(f"snapshot_join: {rows:,} rows")
        _fill(rig, rows)
        _save(rig, first)
        for run in range(1, plan.runs + 1):
            say(f"snapshot_join: run {run} of {plan.runs}")
            plain.append(_vacuum_into(first.db, os.path.join(rig.folder, "copy.db")))
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(joining.db + suffix):
                    os.unlink(joining.db + suffix)
            os.sync()
            start = joining.start()
            joining.wait_ready()
            real.append((time.monotonic_ns() - start) / 1e9)
            peaks.append(joining.memory_mb("VmHWM"))
            if ask(joining.db, "SELECT count(*) FROM books")[0] != rows:
                raise BenchError("the node that joined does not have all rows")
            process, joining.process = joining.process, None
            end(process)
    return [Row("snapshot_join", statistics.median(real), statistics.median(plain), "s",
                Mark("ratio", "<=", 4, "x"), values=real, baselines=plain),
            Row("snapshot_join_memory", max(peaks), None, "MB", MEMORY, values=peaks)]
