"""Waiting for a condition, never for a time."""

import os
import time

# Sanitizers make everything slower; a deadline only says when to give up hope.
SLOWNESS = {"": 1, "address": 3, "thread": 6}[os.environ.get("HARMONYLITE_SANITIZE", "")]


def seconds(plain):
    return plain * SLOWNESS


def wait_later():
    """Waits until a stamp made now is later than one made before, on whichever node: stamps of different nodes are
    ordered by the millisecond, and within one by chance."""
    start = time.time_ns() // 1_000_000
    wait_until(lambda: time.time_ns() // 1_000_000 > start, what="the next millisecond", pause=0.0005)


def wait_until(condition, deadline=60, what="the condition", explain=None, pause=0.02):
    """Returns the first true value of condition(). Fails after `deadline` seconds, and says why:
    `explain()` is asked for the state of things at that moment."""
    end = time.monotonic() + seconds(deadline)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            break
        time.sleep(pause)
    reason = f"\n{explain()}" if explain else ""
    raise AssertionError(f"waited {seconds(deadline)} s in vain for {what}{reason}")
