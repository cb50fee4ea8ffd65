"""What an application's transactions meet beside the writes of another node."""

from harness import Program, end, say
from report import Mark, Row

GAPS_MS = (0, 1, 5, 20)  # between the read and the write of a transaction
RATES = (5, 50, 300)  # commits of the other node in a second
ROW_ID = 2_000_000_000  # of the row that the application reads and writes
READS = 3_000  # of the plain reader


class _OtherNode:
    """A writer of one-row transactions on node 1, for as long as the context lasts."""

    def __init__(self, rig, rate):
        self.rig, self.rate = rig, rate

    def __enter__(self):
        self.writer = Program(self.rig, "writer", db=self.rig.nodes[0].db, mode="insert",
                              seconds=36_000, pause_us=1_000_000 // self.rate)

    def __exit__(self, *_):
        end(self.writer.process)


def _failed(plan, gap_ms, rate, count):
    """Failed transactions of the application, its transactions in a second, and node 2's forced."""
    with plan.rig(nodes=2) as rig:
        with _OtherNode(rig, rate):
            result = Program(rig, "transactions", db=rig.nodes[1].db, count=count, id=ROW_ID,
                             gap_us=gap_ms * 1000).result()
        say(f"  gap {gap_ms} ms beside {rate}/s: {result['failed']} of {count:,} failed, "
            f"{count / result['seconds']:.0f} a second")
        return result["failed"]


def _reads(plan, nodes, rate):
    """The 99th percentile of a plain reader's reads, in ms."""
    with plan.rig(nodes=nodes) as rig:
        db = rig.nodes[1].db if nodes else rig.database()
        flags = {"db": db, "mode": "read", "count": READS, "id": ROW_ID, "gap_us": 1000}
        if not nodes:
            return Program(rig, "transactions", **flags).result()["first_read_us"]["p99"] / 1000
        with _OtherNode(rig, rate):
            return Program(rig, "transactions", **flags).result()["first_read_us"]["p99"] / 1000


def application_transactions(plan):
    """deferred read-then-write transactions beside the writes of another node: how many fail"""
    count = plan.size("application_transactions")
    say(f"application_transactions: {count:,} transactions for each of {len(GAPS_MS)} gaps and "
        f"{len(RATES)} rates")
    failed = {(gap, rate): _failed(plan, gap, rate, count) for gap in GAPS_MS for rate in RATES}

    def row(name, limit, gaps):
        shares = [100 * failed[gap, rate] / count for gap in gaps for rate in RATES]
        return Row(name, max(shares), None, "%", Mark("value", "<=", limit, " %"),
                   f"the worst of gaps {', '.join(map(str, gaps))} ms beside "
                   f"{', '.join(map(str, RATES))} commits a second; none fails without sidecars",
                   values=shares)

    alone, beside = _reads(plan, 0, 0), _reads(plan, 2, RATES[-1])
    return [row("application_transactions", 0, GAPS_MS[:-1]),
            row("application_transactions_20ms", 0.1, GAPS_MS[-1:]),
            Row("application_reads_p99", beside, alone, "ms",
                Mark("value", "<=", alone + 2, " ms"),
                f"a plain reader beside {RATES[-1]} commits a second; baseline: no sidecar")]
