"""What -version says of a build: cmake/BuildInfo.cmake in folders with and without a repository."""

import os
import pathlib
import re
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "cmake" / "BuildInfo.cmake"
OTHERS = ("GIT_", "SOURCE_DATE_EPOCH")  # a hook or a packager may have set them


def environment(**more):
    return {**{k: v for k, v in os.environ.items() if not k.startswith(OTHERS)}, **more}


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-C", folder, *words],
                   check=True, capture_output=True, env=environment())


def repository(folder):
    git(folder, "init", "-q")
    (folder / "file").write_text("1")
    git(folder, "add", "file")
    git(folder, "commit", "-q", "-m", "first")


def info(source, output, epoch="", git_program="git"):
    """Runs the script; returns commit and date as it wrote them."""
    subprocess.run(["cmake", f"-DSOURCE={source}", f"-DOUTPUT={output}", f"-DGIT={git_program}",
                    "-DCOMPILER=GNU 12", "-P", SCRIPT], check=True,
                   env=environment(**({"SOURCE_DATE_EPOCH": epoch} if epoch else {})))
    return re.search(r'"(.+)", "(\d{4}-\d\d-\d\d)", "GNU 12"', output.read_text()).groups()


def test_sources_without_a_repository(tmp_path):
    repository(tmp_path)  # of somebody else, who has unpacked the sources in it
    sources = tmp_path / "sources"
    sources.mkdir()
    assert info(sources, tmp_path / "out.cc", "86400") == ("unknown", "1970-01-02")
    assert info(tmp_path, tmp_path / "out.cc", git_program="")[0] == "unknown"


def test_the_commit_and_what_was_changed_since(tmp_path):
    repository(tmp_path)
    commit, _ = info(tmp_path, tmp_path / "out.cc")
    assert re.fullmatch("[0-9a-f]{12}", commit)
    (tmp_path / "file").write_text("2")
    assert info(tmp_path, tmp_path / "out.cc")[0] == commit + "-dirty"


def test_the_same_commit_leaves_the_file_alone(tmp_path):
    repository(tmp_path)
    out = tmp_path / "out.cc"
    first = info(tmp_path, out, "86400")
    os.utime(out, (1, 1))
    assert info(tmp_path, out) == first  # the day on which this folder first saw the commit
    assert out.stat().st_mtime == 1
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "second")
    second = info(tmp_path, out)
    assert second[0] != first[0] and second[1] != first[1]


def test_a_given_day_counts(tmp_path):
    repository(tmp_path)
    commit, _ = info(tmp_path, tmp_path / "out.cc")
    assert info(tmp_path, tmp_path / "out.cc", "86400") == (commit, "1970-01-02")
