#!/usr/bin/python3
"""Runs libFuzzer programs on both cores, and adds up what they did.

    run.py BUILD [--runs N] [--seconds S] [--jobs N] [TARGET]...

BUILD/tests/fuzz_TARGET are the programs. New inputs are kept in BUILD/corpus/TARGET and used by later runs, besides the
kept corpus in tests/fuzz/corpus/TARGET; inputs that break something go to BUILD/crashes. Exit status 1 when one did.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
# Small inputs: what a decoder does wrong it does wrong with few bytes, and many thousand times a second.
LENGTHS = {"decode": 512, "heartbeat": 512, "manifest": 512, "schema": 512, "config": 1024}
SECONDS_PER_INPUT = 20
MEMORY_MB = 1024
# What costs time and finds nothing more in runs of microseconds is left out: stacks of allocations (an input that breaks
# something is run again with them), a long quarantine, copies of stack frames.
SANITIZERS = {"ASAN_OPTIONS": "malloc_context_size=0:quarantine_size_mb=2:detect_stack_use_after_return=0",
              "UBSAN_OPTIONS": "print_stacktrace=1"}


def targets_in(build):
    return sorted(path.name.removeprefix("fuzz_") for path in (build / "tests").glob("fuzz_*")
                  if path.is_file() and os.access(path, os.X_OK))


def start(build, target, job, runs, seconds):
    corpus, crashes, logs = build / "corpus" / target, build / "crashes", build / "logs"
    for folder in (corpus, crashes, logs):
        folder.mkdir(parents=True, exist_ok=True)
    command = ["nice", build / "tests" / f"fuzz_{target}", corpus]
    kept = HERE / "corpus" / target
    if kept.is_dir():
        command.append(kept)
    command += [f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={LENGTHS.get(target, 512)}",
                f"-timeout={SECONDS_PER_INPUT}", f"-rss_limit_mb={MEMORY_MB}", "-print_final_stats=1",
                "-reload=30", "-entropic=0", f"-artifact_prefix={crashes}/{target}-"]
    words = HERE / f"{target}.dict"
    if words.exists():
        command.append(f"-dict={words}")
    environment = {**os.environ, **SANITIZERS}
    log = open(logs / f"{target}-{job}.log", "w+", encoding="utf-8", errors="replace")
    return subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, env=environment), log


def fuzz(build, target, options):
    """Runs one target on every job; the executions, and whether all ended well."""
    began = time.monotonic()
    runs = -1 if options.runs < 0 else -(-options.runs // options.jobs)
    jobs = [start(build, target, job, runs, options.seconds) for job in range(options.jobs)]
    executions, good = 0, True
    for process, log in jobs:
        status = process.wait()
        log.flush()
        log.seek(0)
        text = log.read()
        done = re.search(r"stat::number_of_executed_units:\s+(\d+)", text)
        executions += int(done.group(1)) if done else 0
        if status != 0:
            good = False
            print(f"{target}: ended with status {status}; {log.name} tells:")
            print("\n".join(text.splitlines()[-25:]))
        log.close()
    seconds = time.monotonic() - began
    print(f"{target}: {executions} executions in {seconds:.0f} s, {executions / max(seconds, 1e-3):.0f} a second, "
          f"{'no finding' if good else 'FINDINGS in ' + str(build / 'crashes')}", flush=True)
    return executions, good


def main(arguments):
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="decode, heartbeat, …; all when absent")
    parser.add_argument("--runs", type=int, default=-1, help="executions of each target (no bound)")
    parser.add_argument("--seconds", type=int, help="time for each target (60 without --runs, else no bound)")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (2)")
    options = parser.parse_intermixed_args(arguments)
    if options.seconds is None:
        options.seconds = 60 if options.runs < 0 else 0
    there = targets_in(options.build)
    targets = options.targets or there
    for target in targets:
        if target not in there:
            parser.error(f"no target '{target}'; there are {', '.join(there)}")
    results = [fuzz(options.build, target, options) for target in targets]
    good = all(well for _, well in results)
    print(f"{sum(count for count, _ in results)} executions, {'no finding' if good else 'FINDINGS'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
