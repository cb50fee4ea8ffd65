"""The layer check finds what it must find, and the tree passes it."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import layers  # noqa: E402

BAD = [
    ("src/base/clock.cc", '#include "change/value.h"', "base must not know change"),
    ("src/change/codec.cc", '#include "sqlite/connection.h"', "change must not know sqlite"),
    ("src/merge/resolve.cc", '#include "schema/table.h"', "merge must not know schema"),
    ("src/capture/reader.cc", '#include "apply/applier.h"', "capture must not know apply"),
    ("src/capture/reader_test.cc", '#include "apply/applier.h"', "capture must not know apply"),
    ("src/node/publisher.cc", '#include "nats/jetstream_log.h"', "node must not know nats"),
    ("src/nats/jetstream_log.cc", '  #  include "apply/applier.h"', "nats must not know apply"),
    ("src/novel/thing.cc", '#include "base/result.h"', "not in tests/layers.py"),
    ("src/apply/applier.cc", "#include <sqlite3.h>", "belongs behind src/sqlite/"),
    ("src/cli/main.cc", "#include <nats/nats.h>", "belongs behind src/nats/"),
    ("tests/sim/world.cc", "#include <nats/nats.h>", "belongs behind src/nats/"),
    ("src/sqlite/connection.cc", '#include "identifier.h"', "name a header by its folder"),
    ("src/base/clock.cc", "x\n" * 501, "501 lines"),
    ("tests/e2e/test_all.py", "x\n" * 501, "501 lines"),
]
GOOD = [
    ("src/apply/applier.cc", '#include "base/result.h"'),
    ("src/apply/applier.cc", '#include "apply/applier.h"'),
    ("src/apply/applier.cc", '#include "merge/resolve.h"'),
    ("src/apply/applier.cc", "#include <vector>"),
    ("src/apply/applier_test.cc", '#include "support/temp_dir.h"'),
    ("src/node/node.cc", '#include "sqlite/connection.h"'),
    ("src/cli/main.cc", '#include "nats/server.h"'),
    ("src/sqlite/connection.cc", "#include <sqlite3.h>"),
    ("src/nats/jetstream_log.cc", "#include <nats/nats.h>"),
    ("tests/support/sqlite_file.cc", "#include <sqlite3.h>"),
    ("src/base/clock.cc", '// #include "change/value.h"'),
    ("src/base/clock.cc", "x\n" * 500),
]


@pytest.mark.parametrize("path,text,why", BAD)
def test_an_offence_is_found(path, text, why):
    offences = layers.check_text(path, text)
    assert len(offences) == 1
    assert why in offences[0]
    assert offences[0].startswith(path + ":")


@pytest.mark.parametrize("path,text", GOOD)
def test_what_is_allowed_passes(path, text):
    assert layers.check_text(path, text) == []


def test_an_offence_in_a_folder_fails_the_check(tmp_path, capsys):
    source = tmp_path / "src" / "log" / "reader.h"
    source.parent.mkdir(parents=True)
    source.write_text('#pragma once\n#include "node/node.h"\n')
    assert layers.main([str(tmp_path)]) == 1
    assert "src/log/reader.h:2: " in capsys.readouterr().out


def test_the_tree_passes(capsys):
    status = layers.main([])
    assert (capsys.readouterr().out, status) == ("", 0)
