"""How long another node needs for a table that an application has made anew."""

import sqlite3
import statistics
import time

from harness import ask, say
from report import Mark, Row

BULK_TX = 1000
CONFIG = '\n[schema]\nfollow = "all"\n'
# What ALTER TABLE cannot do, as SQLite's documentation and migration tools do it.
MIGRATION = """
    BEGIN IMMEDIATE;
    CREATE TABLE made_anew(id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL,
                           year INTEGER NOT NULL CHECK(year > 0), body TEXT NOT NULL,
                           shelf TEXT NOT NULL DEFAULT 'none');
    INSERT INTO made_anew(id, title, author, year, body)
        SELECT id, title, author, year, body FROM books;
    DROP TABLE books;
    ALTER TABLE made_anew RENAME TO books;
    COMMIT;
"""


def _has_followed(node):
    return ask(node.db, "SELECT count(*) FROM pragma_table_info('books') WHERE name = 'shelf'")[0] == 1


def _rebuild(plan, rows, at_rest):
    """Seconds of the migration on node 1, and seconds from its commit until node 2 has followed."""
    with plan.rig(nodes=2, config=CONFIG) as rig:
        rig.write(rig.nodes[0].db, mode="insert", rows=rows, tx_rows=BULK_TX)
        rig.settle(rows)
        if at_rest:
            rig.rest(*rig.nodes)
        db = sqlite3.connect(rig.nodes[0].db, timeout=30, isolation_level=None)
        began = time.monotonic()
        db.executescript(MIGRATION)
        there = time.monotonic() - began
        db.close()
        committed = time.monotonic()
        rig.wait_until(lambda: _has_followed(rig.nodes[1]), lambda: "node 2 has not followed")
        took = time.monotonic() - committed
        rig.check_equal()
        return there, took


def _measure(plan, name, at_rest, mark):
    there, took = [], []
    for run in range(1, plan.runs + 1):
        say(f"{name}: run {run} of {plan.runs}")
        one, other = _rebuild(plan, plan.size("schema_rebuild"), at_rest)
        there.append(one)
        took.append(other)
        say(f"  {other:.3g} s against {one:.3g} s")
    return Row(name, statistics.median(took), statistics.median(there), "s", mark, "",
               values=took, baselines=there)


def schema_rebuild(plan):
    """a table made anew on node 1, from the commit until node 2 has followed; against what it took on node 1"""
    return [_measure(plan, "schema_rebuild", True, Mark("ratio", "<=", 3, "x")),
            _measure(plan, "schema_rebuild_fresh", False, None)]
