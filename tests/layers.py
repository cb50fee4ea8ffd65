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
# A class, not a line count, decides what a file holds. A struct without methods is a value, and may
# be long.
MAX_MEMBERS, MAX_METHODS = 18, 20
EXCEPTIONS = {
    ("adapters/nats/object_store.h", "JetStreamObjectStore"): "one method for each step to repeat",
    ("adapters/nats_server/server_supervisor.h", "ServerSupervisor"): "the life of one thread",
    ("adapters/stores/store_s3.h", "S3Store"): "an upload is many requests, each with its errors",
    ("apply/applier.h", "Applier"): "one row is decided with all that its batch has prepared",
    ("config/reader.h", "TableReader"): "one method for each kind of value",
    ("node/node.h", "Node"): "owns each worker and its connection",
    ("node/replication/consumer.h", "Consumer"): "reads, applies, repairs, keeps house and merges",
    ("node/replication/publisher.h", "Publisher"): "a batch at hand, and what is known of our subject",
    ("node/replication/replica.h", "Replica"): "each transaction on the database of the node",
    ("node/shared_state.h", "SharedState"): "everything that workers tell each other",
    ("snapshot/packed_file.h", "PackedFile"): "a file's methods, and those of its pieces",
    ("sqlite/connection.h", "Connection"): "all of SQLite's connection that we use",
    ("sqlite/content_vfs.cc", "ContentVfs::Calls"): "one function for each callback of SQLite",
    ("sqlite/door_vfs.cc", "DoorVfs::Calls"): "one function for each callback of SQLite",
    ("sqlite/statement.h", "Statement"): "all of SQLite's statement that we use",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
NAMESPACE = re.compile(r"^namespace (harmonylite\S*) \{")
# The first line of a header that only its own module may include.
PRIVATE = re.compile(r"^// Private to src/([\w/]+)")
# Comments and texts: what stands in them is no code.
NO_CODE = re.compile(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'
                     r"'(?:\\.|[^'\\\n])'", re.S)
CLASS = re.compile(r"(?<!enum )\b(?:class|struct)\s+(?:\[\[\w+\]\]\s*)?([\w:]+)(?:\s+final)?"
                   r"\s*(?::[^;{}()]*)?\{")
NO_MEMBER = re.compile(r"(using|friend|enum|class|struct|static_assert"
                       r"|template\s*<[^>]*>\s*(class|struct))\b")
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
    """The last folder names the namespace. What base has is everybody's. The rooms of node share theirs:
    they say each other's names all the time, and no name means two things in them.
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


def declarations(body):
    """The declarations in a class's body, without what stands in their braces."""
    depth, one = 0, ""
    for at, letter in enumerate(body):
        if letter == "{":
            depth += 1
            one += "=" if depth == 1 else ""
        elif letter == "}":
            depth -= 1
            # A function's body ends it; an initialiser and an inner type go on.
            if depth == 0 and re.match(r"\s*([A-Za-z_~#:\[]|$)", body[at + 1:]):
                yield one
                one = ""
        elif depth == 0 and letter == ";":
            yield one
            one = ""
        elif depth == 0:
            one += letter


def count(body):
    """Members and methods of a class. Constants and deleted or defaulted functions are neither."""
    members = methods = 0
    for one in declarations(body):
        one = re.sub(r"\b(public|private|protected)\s*:(?!:)", "", one).strip()
        plain, before = one, None
        while plain != before:
            before, plain = plain, re.sub(r"<[^<>]*>", "", plain)
        head = re.split("=", re.sub(r"operator\s*[=<>!]+", "operator", plain))[0]
        if not one or NO_MEMBER.match(one) or re.search(r"=\s*(delete|default)$", plain):
            continue
        if "(" in head:
            methods += 1
        elif not re.match(r"(inline )?static (inline )?const", head):
            members += 1 + head.count(",")
    return members, methods


def classes(text):
    """Name, members and methods of each class, inner ones too."""
    code = NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)
    for match in CLASS.finditer(code):
        depth, end = 1, match.end()
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        yield match.group(1), *count(code[match.end():end - 1])


def check_classes(files, exceptions):
    """No class has more members or methods than one can keep in mind, but for EXCEPTIONS."""
    offences, needed = [], set()
    for path, text in files.items():
        if not re.match(r"src/.*(?<!_test)\.(h|cc)$", path):
            continue
        for name, members, methods in classes(text):
            if methods == 0 or (members <= MAX_MEMBERS and methods <= MAX_METHODS):
                continue
            one = (path.removeprefix("src/"), name)
            needed.add(one)
            if one not in exceptions:
                offences.append(f"{path}: {name} has {members} members and {methods} methods, "
                                f"at most {MAX_MEMBERS} and {MAX_METHODS}: split it")
    return offences + [f"tests/layers.py: {name} in {path} needs no exception"
                       for path, name in sorted(exceptions.keys() - needed)]


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
    offences += check_classes(files, EXCEPTIONS)
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
