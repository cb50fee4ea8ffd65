#!/usr/bin/python3
"""Checks what no compiler does: which module may include which, and which door leads to a library.

    tests/layers.py [ROOT]      prints one line per offence; exit status 1 when there is one

The rules are the tables below. tests/layers_test.py shows that offences are found.
"""

import pathlib
import re
import sys

# What a module may include directly; what those may include is allowed too.
ALLOWED = {
    "base": [],
    "change": ["base"],
    "merge": ["change"],
    "sqlite": ["base", "change"],
    "schema": ["sqlite", "change"],
    "capture": ["schema"],
    "apply": ["capture", "merge"],
    "log": ["base"],
    "nats": ["log"],
    "snapshot": ["capture", "log"],
    "node": ["apply", "log", "snapshot"],
    "config": ["base"],
    "ops": ["base"],
}
# Modules that wire everything together.
EVERYTHING = {"cli"}

# Headers of other people's libraries, and the only folders that may name them.
DOORS = {
    re.compile(r"^sqlite3(ext)?\.h$"): ("src/sqlite/", "tests/", "bench/"),
    re.compile(r"^(nats/)?nats\.h$"): ("src/nats/",),
    re.compile(r"^httplib\.h$"): ("src/ops/http_server.cc",),
    re.compile(r"^curl/"): ("src/snapshot/store_",),
    re.compile(r"^pugixml"): ("src/snapshot/store_",),
}
MAX_LINES = 500

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def reachable(module):
    """Every module that `module` may include, itself among them."""
    seen, todo = set(), [module]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += ALLOWED[name]
    return seen


def check_include(path, bracket, header):
    """Why `path` (relative to the root) must not include `header`, or None."""
    for pattern, doors in DOORS.items():
        if pattern.match(header) and not path.startswith(doors):
            return f"<{header}> belongs behind {doors[0]}"
    parts = path.split("/")
    if parts[0] != "src" or len(parts) < 3 or bracket == "<":
        return None
    module, target = parts[1], header.split("/")[0]
    if "/" not in header:
        return f'"{header}": name a header by its folder, as in "{module}/{header}"'
    if module in EVERYTHING:
        return None
    if module not in ALLOWED:
        return f"module {module} is not in tests/layers.py"
    if path.endswith(("_test.cc", "_test_util.h")) and target == "support":
        return None
    if target in reachable(module):
        return None
    return f'"{header}": {module} must not know {target}'


def check_text(path, text):
    """Offences of one source file, as lines for a person."""
    offences = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            why = check_include(path, match.group(1), match.group(2))
            if why:
                offences.append(f"{path}:{number}: {why}")
    if len(lines) > MAX_LINES:
        offences.append(f"{path}: {len(lines)} lines, at most {MAX_LINES}: split it")
    return offences


def sources(root):
    for folder in ("src", "tests", "bench", "demo"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cc", ".py", ".sh") and path.is_file():
                yield path


def check_tree(root):
    root = pathlib.Path(root)
    offences = []
    for path in sources(root):
        text = path.read_text(encoding="utf-8", errors="replace")
        offences += check_text(path.relative_to(root).as_posix(), text)
    return offences


def main(arguments):
    root = arguments[0] if arguments else pathlib.Path(__file__).resolve().parent.parent
    offences = check_tree(root)
    print("\n".join(offences), end="\n" if offences else "")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
