#!/usr/bin/env python3
"""Measures HarmonyLite against plain SQLite and prints a table; see docs/performance.md.

Needs the release build (./dev bench makes it) and nats-server. The exit status is 1 when a bench
could not be done, never because a figure is short of its mark.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import time

from cases import CASES, Plan
from harness import BenchError, Places, remove_leftovers, say
from report import Row, as_json, machine, machine_text, table

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def parse(argv):
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__.splitlines()[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["benches:"] + [f"  {name:14} {case.__doc__}"
                                         for name, case in CASES.items()]))
    add = parser.add_argument
    add("--only", metavar="NAME[,NAME]", help="these benches only")
    add("--runs", type=int, default=5, metavar="N", help="runs of each side (default 5)")
    add("--json", action="store_true", help="JSON with every run instead of the table")
    add("--quick", action="store_true", help="small sizes, one run: does it work at all?")
    add("--long", action="store_true", help="big_tx with twice the rows too")
    add("--keep", action="store_true", help="keep databases and logs of every run")
    add("--limit", type=int, default=900, metavar="S",
        help="give up waiting for rows after so many seconds (default 900)")
    add("--build", default=os.path.join(ROOT, "build", "release"), metavar="DIR",
        help="build folder to take the programs from")
    add("--daemon", metavar="FILE", help="another harmonylite binary, e.g. an older one")
    add("--nats-server", metavar="FILE", help="another nats-server")
    options = parser.parse_args(argv)
    options.names = options.only.split(",") if options.only else list(CASES)
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser.error(f"no bench is called {', '.join(unknown)}; there are {', '.join(CASES)}")
    if options.runs < 1:
        parser.error("--runs must be at least 1")
    return options


def measure(name, plan):
    start = time.monotonic()
    try:
        rows = CASES[name](plan)
    except (BenchError, OSError, sqlite3.Error) as error:
        say(f"  failed: {error}")
        rows = [Row(name, failed=str(error))]
    say(f"  {name} took {time.monotonic() - start:.0f} s")
    return rows


def stop(number, _frame):
    raise SystemExit(128 + number)  # the finally blocks on the way end every child


def main(argv):
    options = parse(argv)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    temp = os.path.join(ROOT, "build", "bench-tmp")
    remove_leftovers(temp)
    places = Places(options.build, temp, options.daemon, options.nats_server, options.limit,
                    options.keep)
    plan = Plan(places, 1 if options.quick else options.runs, options.quick, options.long)
    about = machine(places)
    say(machine_text(about))
    rows, status = [], 0
    try:
        for name in options.names:
            rows += measure(name, plan)
    except (KeyboardInterrupt, SystemExit):
        say("interrupted: what was measured until now follows")
        status = 130
    finally:
        if not options.keep and os.path.isdir(temp) and not os.listdir(temp):
            os.rmdir(temp)
    if options.json:
        print(json.dumps(as_json(rows, about, options.quick), indent=1))
    else:
        print(machine_text(about))
        if options.quick:
            print("A smoke test with small sizes: the figures mean nothing and are not judged.")
        else:
            print(f"Runs: {plan.runs} of each side, in turn; medians.")
        print(table(rows, options.quick))
    return status or (1 if any(row.failed for row in rows) else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
