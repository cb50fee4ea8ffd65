"""Child processes that never outlive the test run, and what /proc tells about them."""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess

from wait import seconds

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def start(arguments, **options):
    """A process that the kernel kills when this one ends. Call from the main thread only: the
    kernel watches the thread that started it."""
    return subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                            preexec_fn=_die_with_parent, **options)


def free_ports(count):
    """Ports that nobody uses at present."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def end(process, how=signal.SIGTERM, patience=20):
    """Ends a process by its id and returns its exit code; kills it when it does not listen."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds(patience))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{process.args[0]} ignored {signal.Signals(how).name}")
    return process.returncode


def _status(pid, field):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return value.strip()
    return None


def alive(pid):
    state = _status(pid, "State")
    return state is not None and not state.startswith(("Z", "X"))


def stands_still(pid):
    """True once SIGSTOP has reached all of its threads, which takes some milliseconds."""
    states = [_status(f"{pid}/task/{thread}", "State") for thread in os.listdir(f"/proc/{pid}/task")]
    return all(state is None or state.startswith("T") for state in states)


def peak_memory(pid):
    """Greatest resident size so far, in bytes."""
    return int(_status(pid, "VmHWM").split()[0]) * 1024


def children(pid):
    """Ids of the running processes that `pid` started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _status(entry, "PPid") == str(pid) and alive(entry):
            found.append(int(entry))
    return found


def name(pid):
    return _status(pid, "Name")


def command_line(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
