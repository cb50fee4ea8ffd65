"""The benches: each measures one thing and returns the rows of the table that it fills.

Both sides of a ratio are measured in turn, in fresh files; medians of all runs are compared.
"""

import os
import statistics
import time

from follow_case import schema_rebuild
from harness import HIDDEN, BenchError, Program, Rig, ask, say
from heal_case import heal
from report import Mark, Row
from snapshot_cases import snapshot_join, snapshot_make
from space import hidden_bytes
from transaction_cases import application_transactions

MB = 1_000_000
BULK_TX = 1000  # rows in a transaction of the bulk benches
FAR_ID = 1_000_000_000  # of rows that a second writer makes

# name: (size, size with --quick). Rows, except where said.
SIZES = {
    "write_single": (100_000, 2_000),
    "write_bulk": (300_000, 10_000),
    "write_beside": (100_000, 2_000),
    "update_single": (100_000, 2_000),
    "lock_errors": (30, 2),  # seconds
    "commit_under_stream": (10, 1),  # seconds
    "application_transactions": (10_000, 100),
    "latency": (100, 10),  # samples of a run
    "stream_bulk": (500_000, 10_000),
    "stream_single": (50_000, 1_000),
    "catch_up": (1_000_000, 10_000),
    "big_tx": (1_000_000, 10_000),
    "blob": (100 * MB, 2 * MB),  # bytes
    "size": (1_000_000, 10_000),
    "snapshot_make": (3_000_000, 10_000),
    "snapshot_join": (3_000_000, 10_000),
    "schema_rebuild": (1_000_000, 10_000),
    "heal": (10, 2),  # seconds of each phase
    "idle": (60, 5),  # seconds
    "merge": (1_000_000, 10_000),
}


class Plan:
    """What was asked for on the command line."""

    def __init__(self, places, runs=5, quick=False, long=False):
        self.places, self.runs, self.quick, self.long = places, runs, quick, long

    def size(self, name):
        return SIZES[name][1 if self.quick else 0]

    def rig(self, nodes=0, start=True, config=""):
        return Rig(self.places, nodes, start, config)

    def in_turn(self, name, baseline, ours):
        """Runs plain, ours, plain, ours, …; the numbers of both."""
        plain, real = [], []
        for run in range(1, self.runs + 1):
            say(f"{name}: run {run} of {self.runs}: plain SQLite")
            plain.append(baseline())
            say(f"{name}: run {run} of {self.runs}: with HarmonyLite")
            real.append(ours())
            say(f"  {real[-1]:.6g} against {plain[-1]:.6g}")
        return plain, real


def _compared(name, unit, mark, plain, real, note=""):
    return Row(name, statistics.median(real), statistics.median(plain), unit, mark, note,
               values=real, baselines=plain)


def _us_per(result, count):
    return result["seconds"] * 1e6 / result[count]


# --- the application's own writes ---

def _write(plan, name, mark, count, beside, prepare=None, **flags):
    """µs per row or transaction of the writer: plain, and with triggers alone or sidecars beside."""
    unit = "µs/row" if count == "rows" else "µs/tx"
    tails = []

    def write(rig, db):
        if prepare:
            rig.write(db, **prepare)
        return rig.write(db, **flags)

    def plain():
        with plan.rig() as rig:
            return _us_per(write(rig, rig.database()), count)

    def ours():
        with plan.rig(nodes=2 if beside else 1) as rig:
            node = rig.nodes[0]
            if not beside:
                node.stop()
            _check_triggers(node.db)
            watch = rig.watch(rig.nodes[1], flags["rows"], interval_us=20_000) if beside else None
            result = write(rig, node.db)
            if watch:
                rig.arrival(watch, flags["rows"])
            elif ask(node.db, f"SELECT count(*) FROM {HIDDEN}journal")[0] < flags["rows"]:
                raise BenchError("the triggers did not journal every row")
            tails.append(result["commit_us"])
            return _us_per(result, count)

    plain_us, our_us = plan.in_turn(name, plain, ours)
    p99, worst = (statistics.median(tail[key] for tail in tails) for key in ("p99", "worst"))
    return [_compared(name, unit, mark, plain_us, our_us,
                      f"a commit took {p99:.0f} µs at p99, {worst / 1000:.1f} ms at worst")]


def _check_triggers(db):
    found = ask(db, "SELECT count(*) FROM sqlite_schema WHERE type='trigger' AND tbl_name='books'"
                    " AND instr(sql, ?)", HIDDEN)
    if found[0] == 0:
        raise BenchError("the sidecar left no triggers on the table: nothing would be measured")


def write_single(plan):
    """one-row transactions, triggers installed, sidecar stopped; against no triggers"""
    return _write(plan, "write_single", Mark("ratio", "<=", 1.8, "x"), "transactions", False,
                  mode="insert", rows=plan.size("write_single"))


def write_bulk(plan):
    """1000-row transactions, likewise"""
    return _write(plan, "write_bulk", Mark("ratio", "<=", 2.0, "x"), "rows", False,
                  mode="insert", rows=plan.size("write_bulk"), tx_rows=BULK_TX)


def write_beside(plan):
    """one-row transactions while sidecars replicate them to node 2; against no sidecar"""
    return _write(plan, "write_beside", Mark("ratio", "<=", 2.5, "x"), "transactions", True,
                  mode="insert", rows=plan.size("write_beside"))


def update_single(plan):
    """one-row updates of random rows, triggers installed, sidecar stopped (no mark)"""
    rows = plan.size("update_single")
    return _write(plan, "update_single", None, "transactions", False,
                  prepare={"mode": "insert", "rows": rows, "tx_rows": BULK_TX},
                  mode="update", rows=rows, table_rows=rows)


def lock_errors(plan):
    """writer with busy_timeout=0 on a publishing node: share of calls refused with SQLITE_BUSY"""
    seconds = plan.size("lock_errors")
    say(f"lock_errors: {seconds} s of one-row transactions, busy_timeout=0, no sidecar and with")
    with plan.rig() as rig:
        plain = rig.write(rig.database(), mode="insert", seconds=max(seconds // 10, 1),
                          busy_timeout=0)
    with plan.rig(nodes=2) as rig:
        real = rig.write(rig.nodes[0].db, mode="insert", seconds=seconds, busy_timeout=0)
        rig.arrival(rig.watch(rig.nodes[1], real["rows"]), real["rows"])

    def share(result):
        return 100 * result["busy"] / (result["busy"] + result["transactions"])

    met = 100 * real["busy_spells"] / max(real["transactions"], 1)
    note = (f"every refused call counts, and the writer asks again at once: {real['busy']:,} refused "
            f"in {real['busy_spells']:,} stretches, the longest "
            f"{real['longest_busy_us'] / 1000:.1f} ms; {met:.2g} % of {real['transactions']:,} "
            "transactions met one")
    mark = Mark("value", "<=", 0.1, " %")
    return [Row("lock_errors", share(real), share(plain), "%", mark, note)]


def commit_under_stream(plan):
    """one-row commits, 2 ms apart, on a node that applies a stream at full speed; against no sidecar"""
    seconds, tails = plan.size("commit_under_stream"), {"plain": [], "real": []}

    def commits(rig, db, busy_db, kind):
        stream = Program(rig, "writer", db=busy_db, mode="insert", seconds=seconds + 1,
                         tx_rows=BULK_TX)
        result = rig.write(db, mode="insert", seconds=seconds, first_id=FAR_ID, pause_us=2000)
        tails[kind].append(result["commit_us"])
        return result, stream.result()

    for run in range(1, plan.runs + 1):
        say(f"commit_under_stream: run {run} of {plan.runs}: {seconds} s without sidecars")
        with plan.rig() as rig:
            commits(rig, rig.database(), rig.database("other.db"), "plain")
        say(f"commit_under_stream: run {run} of {plan.runs}: {seconds} s on node 2")
        with plan.rig(nodes=2) as rig:
            own, streamed = commits(rig, rig.nodes[1].db, rig.nodes[0].db, "real")
            rig.settle(own["rows"] + streamed["rows"])
        say(f"  {tails['real'][-1]} against {tails['plain'][-1]}")

    def row(name, key, note=""):
        plain, real = ([tail[key] / 1000 for tail in tails[kind]] for kind in ("plain", "real"))
        return Row(name, statistics.median(real), statistics.median(plain), "ms", None, note,
                   values=real, baselines=plain)

    return [row("commit_under_stream_p50", "p50",
                "beside it node 1 writes transactions of 1000 rows without a pause; baseline: the "
                "same two writers on two files without sidecars"),
            row("commit_under_stream_p99", "p99"), row("commit_under_stream_worst", "worst")]


# --- from node 1 to node 2 ---

def latency(plan):
    """idle cluster, one row: from the commit on node 1 until a reader on node 2 sees it"""
    samples, plain, real = plan.size("latency"), [], []
    for run in range(1, plan.runs + 1):
        say(f"latency: run {run} of {plan.runs}: {samples} rows, about 100 ms apart")
        with plan.rig() as rig:
            db = rig.database()
            plain += Program(rig, "latency", write_db=db, read_db=db, samples=20,
                             pause_ms=10).result()["samples_us"]
        with plan.rig(nodes=2) as rig:
            result = Program(rig, "latency", write_db=rig.nodes[0].db, read_db=rig.nodes[1].db,
                             samples=samples).result()
            real += result["samples_us"]
            say(f"  p50 {result['latency_us']['p50'] / 1000:.2f} ms, "
                f"p99 {result['latency_us']['p99'] / 1000:.2f} ms")

    def percentile(numbers, percent):
        return sorted(numbers)[max(-(-len(numbers) * percent // 100), 1) - 1] / 1000

    note = (f"{len(real)} samples, worst {max(real) / 1000:.1f} ms; "
            "baseline: another reader of one file")
    return [Row("latency_p50", percentile(real, 50), percentile(plain, 50), "ms",
                Mark("value", "<=", 2, " ms"), note, values=real),
            Row("latency_p99", percentile(real, 99), percentile(plain, 99), "ms",
                Mark("value", "<=", 8, " ms"))]


def _bare_rate(plan, amount, **flags):
    with plan.rig() as rig:
        return amount / rig.write(rig.database(), **flags)["seconds"]


def _stream(plan, name, mark, amount, unit, flags):
    """`amount` per second from the first write until node 2 holds all, against a bare insert."""
    rows = flags.get("rows", 1)
    shares = []

    def ours():
        with plan.rig(nodes=2) as rig:
            watch = rig.watch(rig.nodes[1], rows)
            written = rig.write(rig.nodes[0].db, **flags)
            seconds = (rig.arrival(watch, rows)["at_ns"] - written["start_ns"]) / 1e9
            shares.append(written["seconds"] / seconds)
            return amount / seconds

    plain, real = plan.in_turn(name, lambda: _bare_rate(plan, amount, **flags), ours)
    note = f"the writer itself took {100 * statistics.median(shares):.0f} % of the time"
    return [_compared(name, unit, mark, plain, real, note)]


def stream_bulk(plan):
    """1000-row transactions, from the first until node 2 holds all; against a bare insert"""
    rows = plan.size("stream_bulk")
    return _stream(plan, "stream_bulk", Mark("ratio", ">=", 0.35, "x"), rows, "rows/s",
                   {"mode": "insert", "rows": rows, "tx_rows": BULK_TX})


def stream_single(plan):
    """one-row transactions, likewise"""
    rows = plan.size("stream_single")
    return _stream(plan, "stream_single", Mark("ratio", ">=", 0.5, "x"), rows, "rows/s",
                   {"mode": "insert", "rows": rows})


def blob(plan):
    """one row with a 100 MB blob that does not compress; against a bare insert of it"""
    size = plan.size("blob")
    return _stream(plan, "blob", Mark("ratio", ">=", 0.3, "x"), size / MB, "MB/s",
                   {"mode": "blob", "bytes": size})


def catch_up(plan):
    """node 2 off while rows are written; from its start until it has all; against a bare insert"""
    rows = plan.size("catch_up")
    flags = {"mode": "insert", "rows": rows, "tx_rows": BULK_TX}

    def ours():
        with plan.rig(nodes=2) as rig:
            rig.nodes[1].stop()
            rig.write(rig.nodes[0].db, **flags)
            watch = rig.watch(rig.nodes[1], rows)
            start_ns = rig.nodes[1].start()
            return rows / ((rig.arrival(watch, rows)["at_ns"] - start_ns) / 1e9)

    plain, real = plan.in_turn("catch_up", lambda: _bare_rate(plan, rows, **flags), ours)
    return [_compared("catch_up", "rows/s", Mark("ratio", ">=", 0.4, "x"), plain, real)]


# --- memory, disk, rest ---

def _big_tx_peak(plan, rows):
    """Peak memory of the hungrier sidecar, in MB, and that of idle ones."""
    with plan.rig(nodes=2) as rig:
        rest = max(node.memory_mb("VmHWM") for node in rig.nodes)
        watch = rig.watch(rig.nodes[1], rows)
        written = rig.write(rig.nodes[0].db, mode="insert", rows=rows, tx_rows=rows)
        seen = rig.arrival(watch, rows)
        if seen["partial"]:
            raise BenchError(f"{seen['partial']} looks at node 2 saw a part of the transaction")
        peaks = [node.memory_mb("VmHWM") for node in rig.nodes]
        took = (seen["at_ns"] - written["start_ns"]) / 1e9
        say(f"  node 1 {peaks[0]:.0f} MB, node 2 {peaks[1]:.0f} MB, {took:.1f} s")
        return rest, max(peaks)


def big_tx(plan):
    """one transaction of 1,000,000 rows (--long: and 2,000,000): peak memory of either sidecar"""
    rows, lines, smaller = plan.size("big_tx"), [], None
    for name, count in [("big_tx", rows)] + ([("big_tx_twice", 2 * rows)] if plan.long else []):
        runs = []
        for run in range(1, min(plan.runs, 3) + 1):
            say(f"{name}: run {run} of {min(plan.runs, 3)}: one transaction of {count:,} rows")
            runs.append(_big_tx_peak(plan, count))
        worst = max(peak for _, peak in runs)
        baseline = smaller or max(rest for rest, _ in runs)
        note = f"worst of {len(runs)} runs; baseline: " + (
            "the half as large transaction" if smaller else "the same sidecars before it")
        lines.append(Row(name, worst, baseline, "MB", Mark("value", "<=", 256, " MB"), note,
                         values=[peak for _, peak in runs]))
        if smaller:
            lines.append(Row("big_tx_growth", worst, smaller, "MB", Mark("ratio", "<=", 1.1, "x")))
        smaller = worst
    return lines


def size(plan):
    """hidden tables after the rows have been replicated and trimmed; baseline: the table itself"""
    rows = plan.size("size")
    say(f"size: {rows:,} rows, then until the journal is trimmed")
    with plan.rig(nodes=2) as rig:
        watch = rig.watch(rig.nodes[1], rows)
        rig.write(rig.nodes[0].db, mode="insert", rows=rows, tx_rows=BULK_TX)
        rig.arrival(watch, rows)
        left = max(_wait_trimmed(rig, node) for node in rig.nodes)
        for node in rig.nodes:
            node.stop()
        found = [hidden_bytes(node.db) for node in rig.nodes]
    hidden, own = max(found)
    note = (f"node 1 {found[0][0] / rows:.1f}, node 2 {found[1][0] / rows:.1f} bytes a row; "
            f"{left:,} journal entries left")
    return [Row("size", hidden / rows, own / rows, "B/row", Mark("value", "<=", 36, " B"), note)]


def _wait_trimmed(rig, node):
    """Waits until the journal has stopped shrinking for ten seconds; its entries then."""
    left, since = None, time.monotonic()
    while left is None or (left > 1 and time.monotonic() - since < 10):
        rig.check_alive()
        now = ask(node.db, f"SELECT count(*) FROM {HIDDEN}journal")[0]
        if now != left:
            left, since = now, time.monotonic()
        time.sleep(0.5)
    return left


def idle(plan):
    """an idle node: CPU and resident memory of the sidecar, without nats-server"""
    seconds = plan.size("idle")
    with plan.rig(nodes=2) as rig:
        watch = rig.watch(rig.nodes[1], 1000)
        rig.write(rig.nodes[0].db, mode="insert", rows=1000)
        rig.arrival(watch, 1000)
        time.sleep(3)  # not a wait for anything: the rows just written are not part of idling
        say(f"idle: {seconds} s")
        before, start = [node.cpu_s() for node in rig.nodes], time.monotonic()
        time.sleep(seconds)
        rig.check_alive()
        spent = time.monotonic() - start
        cpu = [100 * (node.cpu_s() - cpu) / spent for node, cpu in zip(rig.nodes, before)]
        memory = [node.memory_mb("VmRSS") for node in rig.nodes]
    return [Row("idle_cpu", max(cpu), None, "%", Mark("value", "<=", 0.1, " %"),
                "the busier of two nodes, in per cent of one core", values=cpu),
            Row("idle_memory", max(memory), None, "MB", Mark("value", "<=", 20, " MB"),
                values=memory)]


def merge(plan):
    """pure merge of row versions in memory"""
    mark = Mark("value", ">=", 5, " M rows/s")
    if not os.path.exists(plan.places.program("merge")):
        return [Row("merge", mark=mark, skipped="bench_merge has not been built")]
    rates = []
    with plan.rig() as rig:
        for run in range(1, plan.runs + 1):
            say(f"merge: run {run} of {plan.runs}")
            result = Program(rig, "merge", rows=plan.size("merge")).result()
            rates.append(result["rows"] / result["seconds"] / 1e6)
    return [Row("merge", statistics.median(rates), None, "M rows/s", mark, values=rates)]


CASES = {case.__name__: case for case in (
    write_single, write_bulk, write_beside, update_single, lock_errors, commit_under_stream,
    application_transactions, latency,
    stream_bulk, stream_single, catch_up, big_tx, blob, size, snapshot_make, snapshot_join, schema_rebuild, heal, idle,
    merge)}
