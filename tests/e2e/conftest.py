"""Fixtures: a folder, an nats-server shared by a file's tests, a cluster of nodes per test."""

import os
import pathlib
import shutil
import sys
import tempfile
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import harness  # noqa: E402
from nats_server import NatsServer  # noqa: E402
from store_servers import Apache, Sshd, Swift  # noqa: E402
from tcp_proxy import TcpProxy  # noqa: E402

# Set it to keep the databases and logs of a run.
KEEP = os.environ.get("HARMONYLITE_KEEP")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests that wait for minutes, too")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: waits for minutes; runs with --long only")
    config.addinivalue_line("markers", "no_sidecar: tests the harness itself")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_collection_finish(session):
    needed = any(not item.get_closest_marker("no_sidecar") for item in session.items)
    if needed and not session.config.option.collectonly and not harness.BINARY.exists():
        pytest.exit(f"{harness.BINARY} is not built: ./dev build", returncode=3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and report.when == "call" and cluster is not None:
        for node in cluster.nodes:
            report.sections.append((f"log of {node.name}", node.tail(60)))


def _make_folder():
    return pathlib.Path(tempfile.mkdtemp(prefix="harmonylite-e2e-"))


def _drop_folder(path):
    if KEEP:
        print(f"kept {path}")
    else:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def folder():
    """A folder that is gone after the test."""
    path = _make_folder()
    yield path
    _drop_folder(path)


@pytest.fixture(scope="module")
def shared_nats():
    """One nats-server for all tests of a file that leave it in peace."""
    path = _make_folder()
    server = NatsServer(path).start()
    yield server
    server.kill()
    _drop_folder(path)


@pytest.fixture
def own_nats(folder):
    """An nats-server that the test may mistreat."""
    server = NatsServer(folder / "nats").start()
    yield server
    server.kill()


def _cluster(folder, server):
    cluster = harness.Cluster(folder, "t" + uuid.uuid4().hex[:10], server)
    yield cluster
    problems = cluster.clear()
    if server is not None and server.process is not None and server.process.poll() is not None:
        problems.insert(0, f"nats-server ended by itself with {server.process.poll()}\n{server.tail(60)}")
    assert not problems, "\n".join(problems)


@pytest.fixture
def cluster(request, folder):
    """Nodes of one test. They use own_nats when the test asks for it, else the file's server;
    with `embedded` beside it, none."""
    names = request.fixturenames
    if "embedded" in names:
        server = None
    else:
        server = request.getfixturevalue("own_nats" if "own_nats" in names else "shared_nats")
    yield from _cluster(folder, server)


@pytest.fixture
def embedded():
    """Asked for by tests whose nodes run their own nats-servers."""


@pytest.fixture
def proxy(request):
    """A line to the cluster's server that can be cut."""
    server = request.getfixturevalue("cluster").server
    line = TcpProxy(server.port)
    yield line
    line.close()


@pytest.fixture(scope="module")
def module_folder():
    path = _make_folder()
    yield path
    _drop_folder(path)


def _served(server):
    started = server.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def apache(module_folder):
    yield from _served(Apache(module_folder / "apache"))


@pytest.fixture(scope="module")
def sshd(module_folder):
    yield from _served(Sshd(module_folder / "sshd"))


@pytest.fixture(scope="module")
def swift(module_folder):
    yield from _served(Swift(module_folder / "swift"))
