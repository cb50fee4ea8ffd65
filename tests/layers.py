#!/usr/bin/python3
"""Checks what no compiler does: which module may include which, and which door leads to a library.

    tests/layers.py [ROOT]      prints one line per offence; exit status 1 when there is one
    tests/layers.py --write     writes the tables of the modules into docs/design.md

cmake/modules.json says which module may include which: to this check, to CMake and to the tables in
docs/design.md. The other rules are below. tests/layers_test.py shows that offences are found.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent.parent

# Headers of other people's libraries, and the only folders that may name them.
DOORS = {
    re.compile(r"^sqlite3(ext)?\.h$"): ("src/sqlite/", "tests/", "bench/"),
    re.compile(r"^(nats/)?nats\.h$"): ("src/adapters/nats/",),
    re.compile(r"^httplib\.h$"): ("src/ops/http_server.cc",),
    re.compile(r"^curl/"): ("src/adapters/stores/",),
    re.compile(r"^pugixml"): ("src/adapters/stores/",),
}
MAX_LINES = 500

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
TABLES = re.compile(
    r"(<!-- modules: written by tests/layers.py --write -->\n).*?(<!-- end -->\n)", re.S)


class Modules:
    """cmake/modules.json."""

    def __init__(self, entries):
        self.entries = {entry["name"]: entry for entry in entries}
        self._parts = {}  # folder/stem → module, of modules that have only some files of a folder
        self._folders = {}
        for name, entry in self.entries.items():
            folder = entry.get("folder", name)
            if "files" in entry:
                self._parts.update({f"{folder}/{stem}": name for stem in entry["files"]})
            else:
                self._folders[folder] = name

    def of(self, path):
        """The module of a file below src/, or None."""
        folder, _, name = path.rpartition("/")
        stem = re.sub(r"(_test)?\.\w+$", "", name)
        return self._parts.get(f"{folder}/{stem}") or self._folders.get(folder)

    def reachable(self, module, tests=False):
        """Every module that `module` may include, itself among them."""
        seen, todo = set(), [module]
        if tests:
            todo += self.entries[module].get("tests_include", [])
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += self.entries[name]["includes"]
        return seen

    def offences(self):
        """What is wrong with the list itself."""
        out, before = [], set()
        for name, entry in self.entries.items():
            # In this order no arrow can run back.
            for other in entry["includes"]:
                if other not in before:
                    out.append(f"cmake/modules.json: {name} includes {other}, "
                               "which does not stand before it")
            for key in ("holds", "must_not"):
                if not entry.get(key):
                    out.append(f"cmake/modules.json: {name} does not say what it {key}")
            before.add(name)
        return out

    def tables(self):
        """For docs/design.md: what each module holds, and what it may include."""
        lines = ["| module | holds |", "|---|---|"]
        for name, entry in self.entries.items():
            lines.append(f"| `{name}` | {entry['holds']} |")
        lines += ["", "| module | may include | must not |", "|---|---|---|"]
        for name, entry in self.entries.items():
            may = ", ".join(entry["includes"]) or "nothing"
            lines.append(f"| `{name}` | {may} | {entry['must_not']} |")
        return "\n".join(lines) + "\n"


def load(root):
    text = (pathlib.Path(root) / "cmake/modules.json").read_text(encoding="utf-8")
    return Modules(json.loads(text))


def check_include(modules, path, bracket, header):
    """Why `path` (relative to the root) must not include `header`, or None."""
    for pattern, doors in DOORS.items():
        if pattern.match(header) and not path.startswith(doors):
            return f"<{header}> belongs behind {doors[0]}"
    if not path.startswith("src/") or bracket == "<":
        return None
    module, target = modules.of(path.removeprefix("src/")), modules.of(header)
    folder = path.removeprefix("src/").rpartition("/")[0]
    if module is None:
        return "its folder is no module of cmake/modules.json"
    if "/" not in header:
        return f'"{header}": name a header by its folder, as in "{folder}/{header}"'
    tests = path.endswith(("_test.cc", "_test_util.h"))
    if target is None:
        return None if tests and header.startswith("support/") else f'"{header}" is in no module'
    if target in modules.reachable(module, tests):
        return None
    return f'"{header}": {module} must not know {target}'


def includes(text):
    """Line number, bracket and header of each #include."""
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def check_text(modules, path, text):
    """Offences of one source file by itself, as lines for a person."""
    offences = []
    for number, bracket, header in includes(text):
        why = check_include(modules, path, bracket, header)
        if why:
            offences.append(f"{path}:{number}: {why}")
    lines = len(text.splitlines())
    if lines > MAX_LINES:
        offences.append(f"{path}: {lines} lines, at most {MAX_LINES}: split it")
    if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
        offences.append(f"{path}: a header begins with #pragma once")
    return offences


def check_page(modules, page):
    """The tables of the modules in docs/design.md."""
    match = TABLES.search(page)
    if not match or match.group(0) != match.group(1) + modules.tables() + match.group(2):
        return ["docs/design.md: its tables of modules differ from cmake/modules.json: "
                "run tests/layers.py --write"]
    return []


def sources(root):
    for folder in ("src", "tests", "bench", "demo"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cc", ".py", ".sh") and path.is_file():
                yield path


def check_tree(root):
    root = pathlib.Path(root)
    modules = load(root)
    files = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
             for path in sources(root)}
    offences = modules.offences()
    for path, text in files.items():
        offences += check_text(modules, path, text)
    return offences + check_page(modules, (root / "docs/design.md").read_text(encoding="utf-8"))


def write_page(root):
    page = root / "docs/design.md"
    text = page.read_text(encoding="utf-8")
    tables = load(root).tables()
    text = TABLES.sub(lambda match: match.group(1) + tables + match.group(2), text)
    page.write_text(text, encoding="utf-8")
    return 0


def main(arguments):
    if arguments == ["--write"]:
        return write_page(HERE)
    offences = check_tree(arguments[0] if arguments else HERE)
    print("\n".join(offences), end="\n" if offences else "")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
