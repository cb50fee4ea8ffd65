#!/usr/bin/python3
"""Switches on one deliberate bug after the other and lets the simulator hunt for it.

    run.py SIM_RUN [--only NAME]... [--histories N] [--seed S] [--jobs N] [--report FILE] [--again]

SIM_RUN is a sim_run built with HARMONYLITE_MUTANTS. Results are kept beside it and used again by a later run, until it
is built anew or --again is given. Prints a table; exit status 1 when a bug survives, or the product without a bug fails.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

from catalog import MUTANTS

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NONE = "(none)"
CONTROL_HISTORIES = 200
SECONDS_PER_HISTORY = 5  # more, on average, is a hang
LEAST_SECONDS = 300
VIOLATION = re.compile(r"^history (\d+): --replay (\d+): (.*)$")


def mutants_in_sources():
    names = set()
    for path in (ROOT / "src").rglob("*"):
        if path.suffix in (".h", ".cc") and path.name != "mutant.h" and not path.name.endswith("_test.cc"):
            names.update(re.findall(r"\bHL_MUTANT\((\w+)\)", path.read_text(encoding="utf-8")))
    return names


def check_list():
    """The list and the sources name the same mutants."""
    there = mutants_in_sources()
    wrong = [f"{name}: listed, but not in src/" for name in sorted(MUTANTS.keys() - there)]
    wrong += [f"{name}: in src/, but not listed" for name in sorted(there - MUTANTS.keys())]
    return wrong


def end(process):
    """With the processes that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def hunt(sim_run, name, seed, histories):
    """One mutant: a dict of what happened."""
    environment = dict(os.environ)
    environment.pop("HARMONYLITE_MUTANT", None)
    if name != NONE:
        environment["HARMONYLITE_MUTANT"] = name
    command = ["nice", sim_run, "--seed", str(seed), "--histories", str(histories)]
    began = time.monotonic()
    limit = max(LEAST_SECONDS, SECONDS_PER_HISTORY * histories)
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True,
                                   errors="replace", start_new_session=True)
        timer = threading.Timer(limit, end, [process])
        timer.start()
        match, last = None, ""
        for line in process.stdout:
            last = line
            match = VIOLATION.match(line)
            if match:  # the first is enough
                break
        timer.cancel()
        end(process)
        status = process.wait()
        complaints.seek(0)
        err = complaints.read()
    result = {"seed": seed, "histories": histories, "seconds": round(time.monotonic() - began, 1),
              "met": name == NONE or f"mutant {name} is met" in err, "found": None, "what": ""}
    if match:
        result.update(found=int(match.group(1)) + 1, replay=match.group(2), what=match.group(3))
    elif not last.startswith("seed "):  # its last line is the sum
        said = [line for line in err.splitlines() if line and "is met" not in line]
        result.update(broken=True, what=f"sim_run ended with {status}: " + " ".join(said[-2:]))
    return result


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def wrapped(text, first="", rest=""):
    """`text` as lines of at most 100 columns."""
    return textwrap.wrap(text, 100, initial_indent=first, subsequent_indent=rest,
                         break_long_words=False, break_on_hyphens=False)


def verdict(name, result):
    if result.get("broken"):
        return "broken"
    if name == NONE:
        return "failed" if result["found"] else "clean"
    return str(result["found"]) if result["found"] else "SURVIVED"


def is_bad(name, result):
    return verdict(name, result) in ("broken", "failed", "SURVIVED")


def report(results, seed, histories):
    """A list in Markdown."""
    found = sorted(r["found"] for n, r in results.items() if n != NONE and r["found"])
    summary = (f"Seed {seed}, at most {histories} histories for each. {len(found)} of "
               f"{len(results) - (NONE in results)} found"
               + (f", half of them within {found[(len(found) - 1) // 2]} histories, the last in "
                  f"history {found[-1]}." if found else "."))
    lines = ["# Mutants", "",
             *wrapped("Made by `./dev mutants`: each deliberate bug, and the history in which the "
                      "simulator found it."), "", *wrapped(summary), ""]
    if NONE in results:
        clean = verdict(NONE, results[NONE]) == "clean"
        lines += [*wrapped(f"Without a mutant: {results[NONE]['histories']} histories, "
                           f"{'no violation' if clean else one_line(results[NONE]['what'])}."), ""]
    for name, what in MUTANTS.items():
        if name in results:
            result = results[name]
            end = verdict(name, result)
            lines += wrapped(f"`{name}`: {what}", "- ", "  ")
            lines += wrapped((f"history {end}" if result["found"] else end)
                             + (f": {one_line(result['what'])[:160]}" if result["what"] else ""),
                             "  - ", "    ")
    return "\n".join(lines) + "\n"


class Cache:
    """Results by name, of one build, seed and length."""

    def __init__(self, path, key, again):
        self.path, self.key, self.lock = path, key, threading.Lock()
        self.results = {}
        if not again and path.exists():
            kept = json.loads(path.read_text())
            if kept.get("key") == key:
                self.results = kept["results"]

    def put(self, name, result):
        with self.lock:
            self.results[name] = result
            self.path.write_text(json.dumps({"key": self.key, "results": self.results}, indent=1))


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev mutants", description=__doc__.split("\n")[0])
    parser.add_argument("sim_run", help=argparse.SUPPRESS)
    parser.add_argument("--only", action="append", metavar="NAME", help="this mutant; may be repeated")
    parser.add_argument("--histories", type=int, default=2000, help="at most so many for each (2000)")
    parser.add_argument("--seed", type=int, default=20240101)
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (2)")
    parser.add_argument("--report", type=pathlib.Path, help="write the results here too, as Markdown")
    parser.add_argument("--again", action="store_true", help="forget what an earlier run found")
    options = parser.parse_args(arguments)

    wrong = check_list()
    if wrong:
        print("\n".join(wrong))
        return 1
    names = options.only or [NONE, *MUTANTS]
    unknown = [name for name in names if name not in MUTANTS and name != NONE]
    if unknown:
        parser.error("no such mutant: " + ", ".join(unknown))

    binary = pathlib.Path(options.sim_run)
    key = [hashlib.sha256(binary.read_bytes()).hexdigest(), options.seed, options.histories]
    cache = Cache(binary.parent / "mutants.json", key, options.again)

    def one(name):
        if name not in cache.results:
            count = CONTROL_HISTORIES if name == NONE else options.histories
            cache.put(name, hunt(options.sim_run, name, options.seed, count))
        result = cache.results[name]
        note = "" if result["met"] else "  (its line was never reached)"
        print(f"{verdict(name, result):>9}  {result['seconds']:7.1f} s  {name}: "
              f"{one_line(result['what'])[:200]}{note}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for _ in pool.map(one, names):
            pass
    results = {name: cache.results[name] for name in names}
    if options.report:
        options.report.write_text(report(results, options.seed, options.histories))
    bad = [name for name in names if is_bad(name, results[name])]
    print(f"{len(names) - len(bad)} of {len(names)} as they should be" + (": not " + ", ".join(bad) if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
