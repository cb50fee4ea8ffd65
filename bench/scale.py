#!/usr/bin/env python3
"""How the figures grow: with rows in the table, row width, tables, nodes and backlog. Draws one SVG for each.

Every point is measured like the bench of its name (cases.py); the numbers go to standard output as a table, and with
the plots into the folder --out (default docs/scale). What grows worse than linearly is a defect.
"""

import argparse
import json
import os
import sqlite3
import statistics
import sys
import time

from harness import BOOKS, BenchError, Places, Program, Rig, remove_leftovers, say
from report import machine, machine_text

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BULK_TX = 1000


def _rate(rig, nodes, rows, **flags):
    """Rows per second from the first write on node 1 until each of `nodes` holds all of them."""
    last = flags.get("first_id", 1) + rows - 1
    watches = [rig.watch(node, last, tables=flags.get("tables", 1)) for node in nodes]
    written = rig.write(rig.nodes[0].db, mode="insert", rows=rows, **flags)
    seen = [watch.result() for watch in watches]
    if not all(look["done"] for look in seen):
        raise BenchError(f"rows did not arrive: {seen}")
    return rows / ((max(look["at_ns"] for look in seen) - written["start_ns"]) / 1e9)


def _latency_ms(rig, first_id, samples):
    result = Program(rig, "latency", write_db=rig.nodes[0].db, read_db=rig.nodes[1].db,
                     samples=samples, first_id=first_id, pause_ms=20).result()
    return result["latency_us"]["p50"] / 1000


class Table:
    """Points of one series: x, and one y per name."""

    def __init__(self, name, x_label, names, log_y=True):
        self.name, self.x_label, self.names, self.log_y = name, x_label, names, log_y
        self.points = []

    def add(self, x, *ys):
        self.points.append((x, *ys))
        say(f"  {self.name}: {x:,}: " + ", ".join(f"{n} {y:,.3g}" for n, y in zip(self.names, ys)))

    def text(self):
        head = f"| {self.x_label} | " + " | ".join(self.names) + " |\n|" + "---|" * (1 + len(self.names))
        return head + "".join(f"\n| {x:,} | " + " | ".join(f"{y:,.3g}" for y in ys) + " |"
                              for x, *ys in self.points)

    def draw(self, folder):
        import matplotlib
        matplotlib.use("svg")
        matplotlib.rcParams["svg.hashsalt"] = "harmonylite"  # the same numbers, the same file
        from matplotlib import pyplot, ticker
        figure, axes = pyplot.subplots(figsize=(6.4, 3.6))
        for index, name in enumerate(self.names, 1):
            axes.plot([p[0] for p in self.points], [p[index] for p in self.points], marker="o", label=name)
        axes.set_xscale("log")
        axes.set_xticks([p[0] for p in self.points], [f"{p[0]:,}" for p in self.points])
        axes.xaxis.set_minor_locator(ticker.NullLocator())
        if self.log_y:
            axes.set_yscale("log")
        axes.set_ylim(bottom=None if self.log_y else 0)
        axes.set_xlabel(self.x_label)
        axes.grid(True, which="both", alpha=0.3)
        axes.legend()
        figure.tight_layout()
        figure.savefig(os.path.join(folder, self.name + ".svg"), metadata={"Date": None})
        pyplot.close(figure)


def rows(places, small):
    """rows in the table"""
    table = Table("rows", "rows in the table before", ["plain rows/s", "replicated rows/s", "one-row tx/s",
                                                        "latency ms"])
    bulk, single, samples = (20_000, 2_000, 20) if small else (100_000, 10_000, 100)
    for size in (10**4, 10**5) if small else (10**4, 10**5, 10**6, 10**7):
        with Rig(places) as plain:
            db = plain.database()
            plain.write(db, mode="insert", rows=size, tx_rows=BULK_TX)
            bare = bulk / plain.write(db, mode="insert", rows=bulk, tx_rows=BULK_TX, first_id=size + 1)["seconds"]
        with Rig(places, nodes=2) as rig:
            _rate(rig, rig.nodes[1:], size, tx_rows=BULK_TX)
            many = _rate(rig, rig.nodes[1:], bulk, tx_rows=BULK_TX, first_id=size + 1)
            ones = _rate(rig, rig.nodes[1:], single, first_id=size + bulk + 1)
            delay = _latency_ms(rig, size + bulk + single + 1, samples)
        table.add(size, bare, many, ones, delay)
    return table


def width(places, small):
    """bytes in a row"""
    table = Table("width", "bytes in a row's body", ["plain MB/s", "replicated MB/s"])
    for body in (50, 200, 1_000, 10_000, 100_000):
        count = min(100_000, (20 if small else 200) * 1_000_000 // body)
        flags = {"tx_rows": max(1, min(BULK_TX, 1_000_000 // body)), "body_bytes": body}
        with Rig(places) as plain:
            seconds = plain.write(plain.database(), mode="insert", rows=count, **flags)["seconds"]
        with Rig(places, nodes=2) as rig:
            rate = _rate(rig, rig.nodes[1:], count, **flags)
        table.add(body, count * body / seconds / 1e6, rate * body / 1e6)
    return table


def tables(places, small):
    """tables in the schema"""
    table = Table("tables", "tables written in turn", ["plain rows/s", "replicated rows/s", "start ms",
                                                       "idle CPU %"])
    for count in (1, 10, 50) if small else (1, 10, 50, 200, 500):
        total = 10_000 if small else 100_000
        with Rig(places) as plain:
            db = plain.database()
            _more_tables(db, count)
            seconds = plain.write(db, mode="insert", rows=total, tx_rows=BULK_TX, tables=count)["seconds"]
        with Rig(places, nodes=2, start=False) as rig:
            for node in rig.nodes:
                _more_tables(node.db, count)
                node.start()
            for node in rig.nodes:
                node.wait_ready()
            rate = _rate(rig, rig.nodes[1:], total, tx_rows=BULK_TX, tables=count)
            node = rig.nodes[1]
            node.stop()
            start = node.start()
            node.wait_ready()
            took = (time.monotonic_ns() - start) / 1e6
            time.sleep(3)  # not a wait for anything: what is left of the work is not part of idling
            cpu, since = node.cpu_s(), time.monotonic()
            time.sleep(5 if small else 20)
            idle = 100 * (node.cpu_s() - cpu) / (time.monotonic() - since)
        table.add(count, total / seconds, rate, took, idle)
    return table


def _more_tables(path, count):
    db = sqlite3.connect(path)
    with db:
        for number in range(2, count + 1):
            db.execute(BOOKS.replace("books", f"books{number}"))
    db.close()


def nodes(places, small):
    """nodes on one machine, all writes on the first"""
    table = Table("nodes", "nodes on one machine", ["rows/s until all hold them", "rows/s times receivers"])
    for count in (2, 3) if small else (2, 3, 4, 6, 8, 10):
        total = 20_000 if small else 200_000
        with Rig(places, nodes=count) as rig:
            rate = _rate(rig, rig.nodes[1:], total, tx_rows=BULK_TX)
            rig.check_equal()
        table.add(count, rate, rate * (count - 1))
    return table


def backlog(places, small):
    """rows that node 2 lacks when it starts"""
    table = Table("backlog", "rows that wait in the log", ["rows/s from start to all"])
    for total in (10_000, 30_000) if small else (10_000, 100_000, 1_000_000, 3_000_000):
        rates = []
        for _ in range(1 if small or total >= 1_000_000 else 3):
            with Rig(places, nodes=2) as rig:
                rig.nodes[1].stop()
                rig.write(rig.nodes[0].db, mode="insert", rows=total, tx_rows=BULK_TX)
                watch = rig.watch(rig.nodes[1], total)
                start = rig.nodes[1].start()
                rates.append(total / ((rig.arrival(watch, total)["at_ns"] - start) / 1e9))
        table.add(total, statistics.median(rates))
    return table


SERIES = {series.__name__: series for series in (rows, width, tables, nodes, backlog)}


def main(argv):
    parser = argparse.ArgumentParser(prog="./dev scale", description=__doc__.splitlines()[0],
                                     epilog="series: " + ", ".join(f"{n} ({s.__doc__})" for n, s in SERIES.items()))
    parser.add_argument("--only", metavar="NAME[,NAME]", help="these series only")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work at all?")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "scale"), metavar="DIR")
    parser.add_argument("--limit", type=int, default=900, metavar="S", help="give up waiting after so many seconds")
    options = parser.parse_args(argv)
    names = options.only.split(",") if options.only else list(SERIES)
    unknown = [name for name in names if name not in SERIES]
    if unknown:
        parser.error(f"no series is called {', '.join(unknown)}; there are {', '.join(SERIES)}")
    temp = os.path.join(ROOT, "build", "bench-tmp")
    remove_leftovers(temp)
    places = Places(os.path.join(ROOT, "build", "release"), temp, limit_s=options.limit)
    about = machine_text(machine(places))
    say(about)
    os.makedirs(options.out, exist_ok=True)
    print(about)
    for name in names:
        table = SERIES[name](places, options.quick)
        table.draw(options.out)
        with open(os.path.join(options.out, table.name + ".json"), "w") as file:
            json.dump({"machine": about, "x": table.x_label, "names": table.names, "points": table.points},
                      file, indent=1)
            file.write("\n")
        print(f"\n{table.name}\n\n{table.text()}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
