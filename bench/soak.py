#!/usr/bin/env python3
"""Two nodes under load for a long time: memory, file descriptors and threads of the sidecars must not grow.

Both nodes are written to all the while, a transaction of many rows comes in the middle, and at the end both files must
be the same. Prints what was seen each twentieth of the time and a verdict; exit status 1 when something grew or differs.
Medians are compared, as a snapshot that is being made needs a thread, files and memory for some seconds.
"""

import argparse
import collections
import os
import statistics
import sys
import time

from cases import FAR_ID
from harness import Places, Program, Rig, remove_leftovers, say
from report import machine, machine_text

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE_ROWS = 20_000
PARTS = 20
BIG_AFTER = 10  # parts, then comes the large transaction
WARM = slice(4, BIG_AFTER)  # caches are filled
AFTER_BIG = slice(BIG_AFTER + 1, 15)  # what is made when it is first needed is there
LATE = slice(15, PARTS)
GROWTH_MB = 3


def open_files(pid):
    """By name, without the numbers of sockets."""
    found = collections.Counter()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[os.path.basename(os.readlink(f"/proc/{pid}/fd/{fd}")).split(":")[0]] += 1
        except FileNotFoundError:
            pass  # closed meanwhile
    return found


def counts(node):
    pid = node.process.pid
    return (node.memory_mb("VmRSS"), open_files(pid), len(os.listdir(f"/proc/{pid}/task")))


def look(rig, since):
    seen = [counts(node) for node in rig.nodes]
    minutes = (time.monotonic() - since) / 60
    say(f"  {minutes:5.1f} min   " + "   ".join(f"{m:6.1f} MB {f.total()} fds {t} threads" for m, f, t in seen))
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
            if part == BIG_AFTER:
                say(f"  one transaction of {big_rows:,} rows")
                rig.write(rig.nodes[0].db, mode="insert", rows=big_rows, tx_rows=big_rows, first_id=FAR_ID)
        rows = TABLE_ROWS + inserted + big_rows
        rig.settle(rows)
        say(f"  both nodes hold the same {rows:,} rows")
    return seen


def judge(node, seen):
    """Says what one node needed; True: more and more."""
    def median(parts, count):
        return statistics.median(count(counted) for counted in seen[parts])

    memory = [median(parts, lambda counted: counted[0]) for parts in (WARM, LATE)]
    fds = [median(parts, lambda counted: counted[1].total()) for parts in (AFTER_BIG, LATE)]
    threads = [median(parts, lambda counted: counted[2]) for parts in (AFTER_BIG, LATE)]
    bad = memory[1] > memory[0] + GROWTH_MB or fds[1] > fds[0] or threads[1] > threads[0]
    print(f"node {node + 1}: {memory[0]:.1f} MB after the warm-up, {memory[1]:.1f} MB at the end; "
          f"{fds[0]:.0f} file descriptors and {threads[0]:.0f} threads after the large transaction, "
          f"{fds[1]:.0f} and {threads[1]:.0f} at the end: {'GREW' if bad else 'ok'}")
    if fds[1] > fds[0]:
        more = seen[-1][1] - seen[AFTER_BIG][0][1]
        print("  open at the end, and not after the large transaction: " + (", ".join(more.elements()) or "nothing"))
    return bad


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
    grew = [judge(node, [part[node] for part in seen]) for node in range(2)]
    return 1 if any(grew) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
