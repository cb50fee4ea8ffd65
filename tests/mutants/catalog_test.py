"""The catalog of mutants and the sources agree, and the report tells what is to be told."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import run  # noqa: E402


def test_catalog_and_sources_name_the_same_mutants():
    assert run.check_list() == []


def test_a_survivor_and_a_crash_are_bad():
    found = {"found": 3, "what": "history"}
    assert not run.is_bad("hole_ignored", found)
    assert run.is_bad("hole_ignored", {"found": None, "what": ""})
    assert run.is_bad("hole_ignored", {"found": None, "what": "", "broken": True})
    assert run.is_bad(run.NONE, found)
    assert not run.is_bad(run.NONE, {"found": None, "what": ""})


def test_the_report_names_survivors():
    survivor = {"found": None, "what": "", "histories": 5}
    found = {"found": 3, "what": "a | b", "histories": 5}
    text = run.report({"hole_ignored": survivor, "older_wins": found}, 1, 5)
    assert "1 of 2 found" in text
    assert "SURVIVED" in text
    assert "history 3: a | b" in text
    assert max(map(len, text.splitlines())) <= 100
