"""The layer check finds what it must find, and the tree passes it."""

import json
import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import layers  # noqa: E402


def entry(name, includes, **more):
    return {"name": name, "holds": "things", "includes": includes, "must_not": "matter", **more}


ENTRIES = [
    entry("base", []),
    entry("change", ["base"]),
    entry("sqlite", ["change"]),
    entry("ops", ["base"]),
    entry("ports", ["base"]),
    entry("adapters/wire", ["ports"]),
    entry("low", ["sqlite"], tests_include=["high"]),
    entry("high", ["low"]),
    entry("node/common", ["high"], folder="node", files=["step", "options"]),
    entry("node/room", ["node/common"]),
    entry("node", ["node/room", "ports"]),
]
MODULES = layers.Modules(ENTRIES)

BAD = [
    ("src/base/clock.cc", '#include "change/value.h"', "base must not know change"),
    ("src/change/codec.cc", '#include "sqlite/connection.h"', "change must not know sqlite"),
    ("src/low/reader_test.cc", '#include "node/room/worker.h"', "low must not know node/room"),
    ("src/low/reader.cc", '#include "high/writer.h"', "low must not know high"),
    ("src/node/node.cc", '#include "adapters/wire/log.h"', "node must not know adapters/wire"),
    ("src/adapters/wire/log.cc", '  #  include "low/reader.h"', "adapters/wire must not know low"),
    ("src/node/step.cc", '#include "node/room/worker.h"', "node/common must not know node/room"),
    ("src/node/options_test.cc", '#include "node/node.h"', "node/common must not know node"),
    ("src/node/room/worker.cc", '#include "node/node.h"', "node/room must not know node"),
    ("src/novel/thing.cc", '#include "base/result.h"', "is no module of cmake/modules.json"),
    ("src/adapters/stray.cc", '#include "base/result.h"', "is no module of cmake/modules.json"),
    ("src/low/reader.cc", '#include "novel/thing.h"', "is in no module"),
    ("src/low/reader.cc", '#include "support/temp_dir.h"', "is in no module"),
    ("src/low/reader.cc", "#include <sqlite3.h>", "belongs behind src/sqlite/"),
    ("src/node/node.cc", "#include <httplib.h>", "belongs behind src/ops/http_server.cc"),
    ("tests/sim/world.cc", "#include <httplib.h>", "belongs behind src/ops/http_server.cc"),
    ("src/sqlite/connection.cc", '#include "identifier.h"', "name a header by its folder"),
    ("src/base/clock.cc", "x\n" * 501, "501 lines"),
    ("tests/e2e/test_all.py", "x\n" * 501, "501 lines"),
    ("src/node/room/worker.cc", "namespace harmonylite::room {", "the namespace harmonylite::node"),
    ("src/base/clock.cc", "namespace harmonylite::base {", "has the namespace harmonylite"),
    ("src/base/clock.h", "#ifndef CLOCK_H", "a header begins with #pragma once"),
]
GOOD = [
    ("src/low/reader.cc", '#include "base/result.h"'),
    ("src/low/reader.cc", '#include "low/reader.h"'),
    ("src/low/reader.cc", "#include <vector>"),
    ("src/low/reader_test.cc", '#include "support/temp_dir.h"'),
    ("src/low/reader_test.cc", '#include "high/high_test_util.h"'),
    ("src/node/node.cc", '#include "sqlite/connection.h"'),
    ("src/node/node.cc", '#include "node/step.h"'),
    ("src/node/node.cc", '#include "node/room/worker.h"'),
    ("src/node/room/worker.cc", '#include "node/options.h"'),
    ("src/sqlite/connection.cc", "#include <sqlite3.h>"),
    ("src/ops/http_server.cc", "#include <httplib.h>"),
    ("tests/support/sqlite_file.cc", "#include <sqlite3.h>"),
    ("src/base/clock.cc", "namespace harmonylite {"),
    ("src/adapters/wire/log.cc", "namespace harmonylite::wire {"),
    ("src/node/room/worker.cc", "namespace harmonylite::node {"),
    ("src/base/clock.cc", '// #include "change/value.h"'),
    ("src/base/clock.cc", "x\n" * 500),
]


@pytest.mark.parametrize("path,text,why", BAD)
def test_an_offence_is_found(path, text, why):
    offences = layers.check_text(MODULES, path, text)
    assert len(offences) == 1
    assert why in offences[0]
    assert offences[0].startswith(path + ":")


@pytest.mark.parametrize("path,text", GOOD)
def test_what_is_allowed_passes(path, text):
    assert layers.check_text(MODULES, path, text) == []


def test_arrows_run_one_way():
    assert MODULES.offences() == []
    back = layers.Modules([entry("low", ["high"]), entry("high", ["low"])])
    assert back.offences() == [
        "cmake/modules.json: low includes high, which does not stand before it"]


def test_a_module_says_what_it_is_for():
    silent = layers.Modules([entry("low", [], must_not="")])
    assert silent.offences() == ["cmake/modules.json: low does not say what it must_not"]


def test_a_private_header_stays_in_its_module():
    files = {
        "src/adapters/wire/session.h": "// Private to src/adapters/wire: a connection.\n",
        "src/adapters/wire/log.cc": '#include "adapters/wire/session.h"\n',
        "tests/support/wire.h": '#include "adapters/wire/session.h"\n',
    }
    assert layers.check_private(MODULES, files) == []
    files["src/node/node.cc"] = '\n#include "adapters/wire/session.h"\n'
    assert layers.check_private(MODULES, files) == [
        'src/node/node.cc:2: "adapters/wire/session.h" is private to src/adapters/wire']
    files = {"src/high/row.h": "// Private to src/low: a row.\n"}
    assert layers.check_private(MODULES, files) == [
        "src/high/row.h:1: private to src/low, it says, and is not there"]


def test_files_that_need_each_other_are_found():
    files = {
        "src/low/a.h": '#include "low/b.h"\n',
        "src/low/b.h": "",
        "src/low/b.cc": '#include "low/b.h"\n#include "low/c.h"\n',
        "src/low/c_test.cc": '#include "low/a.h"\n',
        "src/low/c.h": "",
    }
    assert layers.check_cycles(files) == []
    files["src/low/c.h"] = '#include "low/a.h"\n'
    (offence,) = layers.check_cycles(files)
    assert offence == "src/low/a.h: these files need each other: low/a → low/b → low/c → low/a"


def test_a_module_uses_what_it_includes_and_has_files():
    modules = layers.Modules([entry("low", []), entry("high", ["low"]), entry("empty", [])])
    files = {"src/low/a.h": "", "src/high/b.h": '#include "low/a.h"\n'}
    assert layers.check_use(modules, files) == ["cmake/modules.json: empty has no files"]
    files = {"src/low/a.h": "", "src/high/b.h": "", "src/empty/c.h": ""}
    assert layers.check_use(modules, files) == [
        "cmake/modules.json: no file of high includes one of low"]


CLASSES = """
// class Quoted { int a; };
struct Value {
  int a = 0;
  std::map<int, int> b, c;
};
class Worker final : public Base {
 public:
  explicit Worker(std::string name) : name_{std::move(name)}, call_([this] { Run(); }) {}
  Worker(const Worker&) = delete;
  ~Worker() { Stop("};"); }
  bool operator==(const Worker&) const = default;
  template <typename... Args>
  void Say(Args&&... args) { if (on_) Write(args...); }
  static constexpr int kMost = 3;
  enum class Kind { kOne, kTwo };
  struct Inner { int x; int y; void Go(); };

 private:
  using Map = std::map<int, int>;
  std::string name_;
  std::function<void(int)> call_;
  std::atomic<bool> on_{false};
  int64_t horizon_ = int64_t{7} * 24 * 3'600'000;
};
enum class Colour { kRed };
"""


def test_members_and_methods_are_counted():
    assert list(layers.classes(CLASSES)) == [
        ("Value", 3, 0), ("Worker", 4, 3), ("Inner", 2, 1)]


def test_a_large_class_needs_a_reason():
    members = "".join(f"int m{i}_;" for i in range(19))
    files = {
        "src/low/a.h": f"class A {{ void Go(); {members} }};\n",
        "src/low/b.h": f"struct B {{ {members} }};\n",
    }
    (offence,) = layers.check_classes(files, {})
    assert offence.startswith("src/low/a.h: A has 19 members and 1 methods, ")
    assert layers.check_classes(files, {("low/a.h", "A"): "why"}) == []
    assert layers.check_classes(files, {("low/a.h", "A"): "why", ("low/b.h", "B"): "why"}) == [
        "tests/layers.py: B in low/b.h needs no exception"]


def page(table):
    mark = "<!-- modules: written by tests/layers.py --write -->"
    return f"# Design\n{mark}\n{table}<!-- end -->\nmore\n"


def test_the_page_says_the_same():
    assert layers.check_page(MODULES, page(MODULES.tables())) == []
    other = MODULES.tables().replace("things", "other things")
    assert len(layers.check_page(MODULES, page(other))) == 1
    assert len(layers.check_page(MODULES, "# Design\n")) == 1


def test_an_offence_in_a_folder_fails_the_check(tmp_path, capsys):
    for path, text in {
        "src/base/clock.h": '#pragma once\n#include "high/writer.h"\n',
        "src/high/writer.h": "#pragma once\n",
        "cmake/modules.json": json.dumps([entry("base", []), entry("high", [])]),
        "docs/design.md": page(layers.Modules([entry("base", []), entry("high", [])]).tables()),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert layers.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert 'src/base/clock.h:2: "high/writer.h": base must not know high\n' in out


def test_each_promise_is_cited_where_it_is_kept():
    root = HERE.parent
    promises = re.findall(r"^- \*\*P(\d)\.\*\* ", (root / "docs/design.md").read_text(), re.M)
    assert promises == list("123456789")
    comments = "\n".join(line.split("//", 1)[1] for path in (root / "src").rglob("*.[hc]*")
                         for line in path.read_text().splitlines() if "//" in line)
    assert [p for p in promises if not re.search(rf"\bP{p}\b", comments)] == []


def test_the_tree_passes(capsys):
    status = layers.main([])
    assert (capsys.readouterr().out, status) == ("", 0)
