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
NAMESPACE = re.compile(r"^namespace (harmonylite\S*) \{")
# The first line of a header that only its own module may include.
PRIVATE = re.compile(r"^// Private to src/([\w/]+)")
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


def namespace_of(module):
    """The namespace is named as the last folder. What base has is everybody's. The rooms of node share
    theirs: they say each other's names all the time, and no name means two things in them.
    """
    if module == "base":
        return "harmonylite"
    return "harmonylite::" + ("node" if module.startswith("node/") else module.rpartition("/")[2])


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
    module = modules.of(path.removeprefix("src/")) if path.startswith("src/") else None
    if module and not path.endswith("_test.cc"):
        for number, line in enumerate(text.splitlines(), 1):
            match = NAMESPACE.match(line)
            if match and match.group(1) != namespace_of(module):
                offences.append(
                    f"{path}:{number}: {module} has the namespace {namespace_of(module)}")
    lines = len(text.splitlines())
    if lines > MAX_LINES:
        offences.append(f"{path}: {lines} lines, at most {MAX_LINES}: split it")
    if path.endswith(".h") and not re.search(r"^#pragma once$", text, re.M):
        offences.append(f"{path}: a header begins with #pragma once")
    return offences


def check_private(modules, files):
    """A private header is included by its own module alone, and by helpers of tests.

    `files`: texts by path.
    """
    owners, offences = {}, []
    for path, text in files.items():
        match = PRIVATE.match(text)
        if not match:
            continue
        below = path.removeprefix("src/")
        if match.group(1) != modules.of(below):
            offences.append(f"{path}:1: private to src/{match.group(1)}, it says, and is not there")
        owners[below] = modules.of(below)
    for path, text in files.items():
        if path.startswith("tests/support/"):
            continue
        module = modules.of(path.removeprefix("src/")) if path.startswith("src/") else None
        for number, _, header in includes(text):
            if header in owners and owners[header] != module:
                offences.append(f'{path}:{number}: "{header}" is private to src/{owners[header]}')
    return offences


def check_cycles(files):
    """No two files of src/ need each other, directly or through others.

    A .h and its .cc are one file here; tests do not count.
    """
    graph = {}
    for path, text in files.items():
        if not re.match(r"src/.*(?<!_test)\.(h|cc)$", path):
            continue
        file = path.removeprefix("src/").rpartition(".")[0]
        needs = graph.setdefault(file, set())
        needs.update(header.rpartition(".")[0] for _, kind, header in includes(text) if kind == '"')
        needs.discard(file)
    offences, done = [], set()

    def visit(file, way):
        if file in way:
            cycle = way[way.index(file):] + [file]
            offences.append(f"src/{file}.h: these files need each other: {' → '.join(cycle)}")
        elif file not in done:
            for other in sorted(graph.get(file, ())):
                visit(other, way + [file])
            done.add(file)

    for file in sorted(graph):
        visit(file, [])
    return offences


def check_page(modules, page):
    """The tables of the modules in docs/design.md."""
    match = TABLES.search(page)
    if not match or match.group(0) != match.group(1) + modules.tables() + match.group(2):
        return ["docs/design.md: its tables of modules differ from cmake/modules.json: "
                "run tests/layers.py --write"]
    return []


def check_use(modules, files):
    """Each module has files, and uses what it says that it includes."""
    used, there = {}, set()
    for path, text in files.items():
        module = modules.of(path.removeprefix("src/")) if path.startswith("src/") else None
        if module is None:
            continue
        there.add(module)
        for _, bracket, header in includes(text):
            if bracket == '"':
                used.setdefault(module, set()).add(modules.of(header))
    offences = []
    for name, entry in modules.entries.items():
        if name not in there:
            offences.append(f"cmake/modules.json: {name} has no files")
            continue
        for other in sorted(set(entry["includes"]) - used.get(name, set())):
            offences.append(f"cmake/modules.json: no file of {name} includes one of {other}")
    return offences


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
    offences += check_private(modules, files) + check_cycles(files) + check_use(modules, files)
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
