"""Packages of other people, installed by their ordinary clients into build/, for the tests that need them. Where a
client or its registry is out of reach, the test is skipped and says so."""

import os
import pathlib
import shutil
import subprocess

import pytest

import processes
from harness import ROOT

PATIENCE = 900  # seconds; SQLite's sources and Go's standard library are compiled


def attempt(home, commands, env=None):
    """Runs commands in a new folder, once in the life of build/: True if all ended well. Their output is kept in
    `install.log`."""
    done, log = home / "installed", home / "install.log"
    if done.exists() or log.exists():
        return done.exists()
    home.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        for command in commands:
            child = processes.start(command, cwd=home, env={**os.environ, **(env or {})}, stdout=out, stderr=out)
            try:
                code = child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
            if code != 0:
                return False
    done.touch()
    return True


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def install(name, commands, env=None):
    """The folder build/NAME, in which the commands were run."""
    home = ROOT / "build" / name
    if not attempt(home, commands, env):
        pytest.skip(f"{name} cannot be had here: see {home / 'install.log'}")
    return home


def npm(name, *packages, then=()):
    """A folder with packages of npm; `then` are commands to run there afterwards."""
    need("node", "npm")
    env = {"npm_config_fetch_retries": "0"}
    if pathlib.Path("/usr/include/node/node.h").exists():
        env["npm_config_nodedir"] = "/usr"
    if shutil.which("ccache"):
        env.update(CC="ccache gcc", CXX="ccache g++")
    commands = [["npm", "init", "--yes"], ["npm", "install", "--no-audit", "--no-fund", *packages], *then]
    return install(name, commands, env)


def pip(name, *packages):
    """The Python of a new environment with packages of PyPI."""
    need("python3")
    home = install(name, [["python3", "-m", "venv", "venv"],
                          ["venv/bin/python", "-m", "pip", "install", "--quiet", *packages]])
    return home / "venv" / "bin" / "python"


def go(name, source, *modules):
    """A program made of one Go file and of modules at their versions."""
    need("go")
    home = install(name, [["go", "mod", "init", "app"], ["go", "get", *modules]])
    shutil.copy(source, home / "main.go")
    build = ["go", "build", "-mod=mod", "-p", "2", "-o", "app", "."]
    done = subprocess.run(build, cwd=home, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return home / "app"
