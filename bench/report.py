"""Rows of the result, the machine in words, the table and the JSON."""

import dataclasses
import datetime
import os
import platform
import re
import subprocess

NOTHING = "–"


@dataclasses.dataclass
class Mark:
    """The mark of a bench: `of` (ratio or value) compared with `limit`."""

    of: str
    sense: str  # "<=" or ">="
    limit: float
    unit: str

    def text(self):
        return f"{'≤' if self.sense == '<=' else '≥'} {self.limit:g}{self.unit}"

    def reached(self, row):
        number = row.ratio() if self.of == "ratio" else row.value
        return number <= self.limit if self.sense == "<=" else number >= self.limit


@dataclasses.dataclass
class Row:
    """One line of the table. `failed` and `skipped` say why there is no value."""

    name: str
    value: float = None
    baseline: float = None
    unit: str = ""
    mark: Mark = None
    note: str = ""
    values: list = dataclasses.field(default_factory=list)
    baselines: list = dataclasses.field(default_factory=list)
    failed: str = ""
    skipped: str = ""

    def ratio(self):
        if self.value is None or not self.baseline:
            return None
        return self.value / self.baseline

    def verdict(self, quick):
        if self.failed:
            return "FAILED"
        if self.skipped:
            return "skipped"
        if quick or self.mark is None:
            return NOTHING
        return "ok" if self.mark.reached(self) else "SHORT"


def number(value):
    """Three figures or so, as one reads them."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    if abs(value) >= 0.1:
        return f"{value:.2f}"
    return f"{value:.2g}"


def _with_unit(value, unit):
    return NOTHING if value is None else f"{number(value)} {unit}".strip()


def table(rows, quick):
    head = ("name", "value", "baseline", "ratio", "mark", "verdict")
    lines = [head]
    for row in rows:
        ratio = row.ratio()
        lines.append((row.name, _with_unit(row.value, row.unit), _with_unit(row.baseline, row.unit),
                      NOTHING if ratio is None else number(ratio) + "x",
                      row.mark.text() if row.mark else NOTHING, row.verdict(quick)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = []
    for index, line in enumerate(lines):
        cells = [cell.ljust(width) if column in (0, 4, 5) else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(line, widths))]
        text.append("| " + " | ".join(cells) + " |")
        if index == 0:
            text.append("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for row in rows:
        for remark in (row.failed, row.skipped, row.note):
            if remark:
                text.append(f"{row.name}: {remark}")
    return "\n".join(text)


def as_json(rows, about, quick):
    items = []
    for row in rows:
        items.append({"name": row.name, "value": row.value, "unit": row.unit,
                      "baseline": row.baseline, "ratio": row.ratio(),
                      "mark": row.mark.text() if row.mark else None,
                      "verdict": row.verdict(quick), "note": row.note, "values": row.values,
                      "baselines": row.baselines, "failed": row.failed, "skipped": row.skipped})
    return {"machine": about, "quick": quick, "results": items}


def _first_match(path, pattern, otherwise):
    try:
        with open(path) as file:
            match = re.search(pattern, file.read(), re.M)
            return match.group(1).strip() if match else otherwise
    except OSError:
        return otherwise


def _output(args):
    try:
        done = subprocess.run(args, capture_output=True, text=True, timeout=20)
        return (done.stdout or done.stderr).strip().splitlines()[0]
    except (OSError, subprocess.TimeoutExpired, IndexError):
        return "unknown"


def machine(places):
    """What the figures depend on, as a dictionary of words."""
    memory_kb = int(_first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)", "0"))
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$", platform.machine()),
        "memory_gb": round(memory_kb * 1024 / 1e9, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "sqlite": _output([places.program("writer"), "--db", "-", "--mode", "version"]),
        "nats_server": _output([places.nats_server, "--version"]).replace("nats-server: ", ""),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def machine_text(about):
    text = (f"{about['date']}, {about['cores']} cores of {about['cpu']}, {about['memory_gb']} GB, "
            f"{about['kernel']}, SQLite {about['sqlite']}, nats-server {about['nats_server']}")
    if about["load_at_start"] > 0.3:
        text += (f"\nLoad at the start: {about['load_at_start']}. Other work on the machine makes "
                 "the figures worse (a build that has just ended does no harm).")
    return text
