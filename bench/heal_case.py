"""How long three nodes that go on writing need to be whole again after the log lost what it held."""

import shutil
import sqlite3
import statistics
import threading
import time

from harness import BenchError, say
from report import Mark, Row

WITHIN = Mark("value", "<=", 30, " s")
ROWS_APART = 1_000_000_000  # each node's ids
PAUSE_S = 0.002


class Writer(threading.Thread):
    """An application that inserts rows one by one until it is told to stop."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.rows, self.error = node, 0, None
        self.over = threading.Event()
        self.start()

    def run(self):
        try:
            db = sqlite3.connect(self.node.db, timeout=30, isolation_level=None)
            db.execute("PRAGMA synchronous=NORMAL")
            while not self.over.wait(PAUSE_S):
                db.execute("INSERT INTO books VALUES(?, 'A Title', 'Somebody', 1900, ?)",
                           (self.node.number * ROWS_APART + self.rows, "text " * 40))
                self.rows += 1
            db.close()
        except sqlite3.Error as error:
            self.error = error

    def finish(self):
        self.over.set()
        self.join()
        if self.error:
            raise BenchError(f"a writer met {self.error}")
        return self.rows


def _heal(plan, older):
    """Seconds from nats-server's return until all nodes have all rows."""
    phase = plan.size("heal")
    with plan.rig(nodes=3) as rig:
        writers = [Writer(node) for node in rig.nodes]
        time.sleep(phase)  # not a wait for anything: what is written meanwhile is what will be lost
        copy = rig.nats_store + ".older"
        if older:
            rig.kill_nats()
            shutil.copytree(rig.nats_store, copy)
            rig.start_nats_again()
            time.sleep(phase)
        rig.kill_nats()
        time.sleep(phase)
        shutil.rmtree(rig.nats_store)
        if older:
            shutil.move(copy, rig.nats_store)
        rig.start_nats_again()
        back = time.monotonic()
        time.sleep(phase / 2)  # they write while it heals
        rows = sum(writer.finish() for writer in writers)
        rig.settle(rows)
        return time.monotonic() - back


def heal(plan):
    """the log wiped, or set back to an older copy, under three writing nodes; from nats-server's return until all are equal"""
    out = []
    for name, older in (("heal_wiped", False), ("heal_older", True)):
        values = []
        for run in range(1, plan.runs + 1):
            say(f"{name}: run {run} of {plan.runs}")
            values.append(_heal(plan, older))
        out.append(Row(name, statistics.median(values), None, "s", WITHIN,
                       f"at worst {max(values):.1f} s; the writers stop after {plan.size('heal') / 2:g} s of it",
                       values=values))
    return out
