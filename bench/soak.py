#!/usr/bin/env python3
"""Two nodes under load for a long time: memory, file descriptors and threads of the sidecars must not grow.

Both nodes are written to all the while, a transaction of many rows comes in the middle, and at the end both files must
be the same. Prints what was seen each twentieth of the time and a verdict; exit status 1 when something grew or differs.
"""

import argparse
import os
import sys
import time

from cases import FAR_ID
from harness import Places, Program, Rig, remove_leftovers, say
from report import machine, machine_text

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE_ROWS = 20_000
PARTS = 20
WARM_UP = 0.2  # of the time, until caches are filled
GROWTH_MB = 3  # over the rest, beyond what the large transaction needs for a moment


def counts(node):
    pid = node.process.pid
    return (node.memory_mb("VmRSS"), len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")))


def look(rig, since):
    seen = [counts(node) for node in rig.nodes]
    minutes = (time.monotonic() - since) / 60
    say(f"  {minutes:5.1f} min   " + "   ".join(f"{m:6.1f} MB {f} fds {t} threads" for m, f, t in seen))
    return seen


def load(rig, seconds, first_id):
    """Updates on node 1, inserts on node 2, for so long; how many rows were inserted."""
    updates = Program(rig, "writer", db=rig.nodes[0].db, mode="update", rows=400 * seconds,
                      table_rows=TABLE_ROWS, pause_us=2000)
    inserts = Program(rig, "writer", db=rig.nodes[1].db, mode="insert", seconds=seconds, first_id=first_id,
                      pause_us=5000)
    updates.result()
    return inserts.result()["rows"]


def soak(places, minutes, big_rows):
    seen, inserted = [], 0
    with Rig(places, nodes=2) as rig:
        rig.write(rig.nodes[0].db, mode="insert", rows=TABLE_ROWS, tx_rows=1000)
        since = time.monotonic()
        for part in range(PARTS):
            inserted += load(rig, max(1, minutes * 60 // PARTS), 2 * FAR_ID + inserted)
            seen.append(look(rig, since))
            if part == PARTS // 2:
                say(f"  one transaction of {big_rows:,} rows")
                rig.write(rig.nodes[0].db, mode="insert", rows=big_rows, tx_rows=big_rows, first_id=FAR_ID)
        rows = TABLE_ROWS + inserted + big_rows
        rig.settle(rows)
        say(f"  both nodes hold the same {rows:,} rows")
    return seen


def main(argv):
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--big-rows", type=int, default=1_000_000, help="rows of the large transaction")
    options = parser.parse_args(argv)
    temp = os.path.join(ROOT, "build", "bench-tmp")
    remove_leftovers(temp)
    places = Places(os.path.join(ROOT, "build", "release"), temp)
    print(machine_text(machine(places)))
    seen = soak(places, options.minutes, options.big_rows)
    warm = seen[int(len(seen) * WARM_UP)]
    failed = 0
    for number, (before, after) in enumerate(zip(warm, seen[-1]), 1):
        grown = after[0] - before[0]
        bad = grown > GROWTH_MB or after[1] > before[1] or after[2] > before[2]
        failed += bad
        print(f"node {number}: {before[0]:.1f} MB, {before[1]} file descriptors, {before[2]} threads after the "
              f"warm-up; {after[0]:.1f} MB, {after[1]}, {after[2]} at the end: {'GREW' if bad else 'ok'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
