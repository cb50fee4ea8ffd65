"""The installed program: stripped, with its debug data beside it."""

import os
import shutil
import subprocess

import pytest

from harness import BINARY

pytestmark = pytest.mark.no_sidecar


def sections(path):
    return subprocess.run(["readelf", "--sections", "--wide", path], check=True, capture_output=True,
                          text=True).stdout


@pytest.mark.skipif(bool(os.environ.get("HARMONYLITE_SANITIZE")), reason="nobody installs such a build")
def test_the_program_is_stripped_and_its_debug_data_lie_beside_it(folder):
    subprocess.run(["cmake", "--install", BINARY.parent, "--prefix", folder], check=True,
                   capture_output=True)
    program, debug = folder / "bin" / "harmonylite", folder / "bin" / "harmonylite.debug"
    assert program.stat().st_size < 5_000_000 < debug.stat().st_size
    assert ".debug_line" not in sections(program) and ".debug_line" in sections(debug)
    assert subprocess.run([program, "-version"], capture_output=True, check=True).stdout == \
        subprocess.run([BINARY, "-version"], capture_output=True, check=True).stdout
    # A reader of stacks finds the names through the link alone.
    entry = subprocess.run(["nm", debug], check=True, capture_output=True, text=True).stdout
    address = next(line.split()[0] for line in entry.splitlines() if line.endswith(" T main"))
    names = ["addr2line", "-e", program, address]
    assert "main.cc:" in subprocess.run(names, check=True, capture_output=True, text=True).stdout
    shutil.move(debug, folder / "elsewhere")
    assert "main.cc:" not in subprocess.run(names, capture_output=True, text=True).stdout
