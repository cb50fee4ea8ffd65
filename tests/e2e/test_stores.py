"""The stores for snapshots against real servers: what every store must do (store_run runs the same
tests for all), and what is said and kept when something is wrong."""

import os
import re
import subprocess
from urllib.parse import quote

import pytest

import harness
import processes
from store_client import (MEMORY_MIB, MIB, STORE_RUN, BreakingProxy, Store, s3_settings,
                          sftp_settings, webdav_settings)
from store_servers import Apache, Sshd
from tcp_proxy import TcpProxy


@pytest.fixture(scope="module")
def kinds():
    return {"webdav": ("apache", webdav_settings), "sftp": ("sshd", sftp_settings),
            "s3": ("swift", s3_settings)}


@pytest.fixture(params=["webdav", "sftp", "s3"])
def remote(request, kinds):
    """(server, settings) of one kind."""
    name, settings = kinds[request.param]
    return request.getfixturevalue(name), settings


def test_every_store_does_what_it_must(remote, folder):
    server, settings = remote
    Store(folder, settings(server)).contract()


def test_large_objects_need_little_memory(remote, folder):
    server, settings = remote
    store = Store(folder, settings(server))
    data = os.urandom(MIB) * 100  # in parts, on S3
    try:
        output = store.must_put("large", data)
        assert int(re.search(r"(\d+) MiB of memory", output).group(1)) < MEMORY_MIB, output
        assert store.get("large") == data
    finally:
        store.run("delete", "large")


def test_a_line_that_breaks_once_is_tried_again(remote, folder):
    server, settings = remote
    proxy = BreakingProxy(server.port, 3 * MIB, 1)
    store = Store(folder, settings(server, port=proxy.port))
    data = os.urandom(8 * MIB)
    try:
        store.must_put("x", data)
        assert proxy.broken == 1
        proxy.times = 2
        assert store.get("x") == data
        assert proxy.broken == 2
    finally:
        proxy.close()
        Store(folder, settings(server)).run("delete", "x")


def test_a_line_that_always_breaks_leaves_the_old_object(remote, folder):
    server, settings = remote
    straight = Store(folder, settings(server))
    straight.must_put("x", b"old")
    proxy = BreakingProxy(server.port, 3 * MIB, 1000)
    try:
        broken = folder / "broken"
        broken.mkdir()
        code, output = Store(broken, settings(server, port=proxy.port)).put("x", os.urandom(8 * MIB))
        assert code == 1 and output.startswith("retry later: cannot put x"), output
        assert proxy.broken == 5, "attempts"
        assert straight.get("x") == b"old"
        assert straight.run("list") == (0, "x 3\n")
    finally:
        proxy.close()
        straight.run("delete", "x")


def test_nobody_there_is_for_later(remote, folder):
    server, settings = remote
    port = processes.free_ports(1)[0]
    store = Store(folder, settings(server, port=port))
    store.fails("retry later", f"127.0.0.1.*{port}", "list")


@pytest.mark.parametrize("kind", ["webdav", "sftp"])
def test_parts_of_killed_writers_are_removed_once_they_are_old(request, kinds, kind, folder):
    server = request.getfixturevalue(kinds[kind][0])
    store = Store(folder, kinds[kind][1](server))
    store.must_put("x", b"1")
    place = server.files / "a" / "b c"
    (place / "~harmonylite-part-1000000000-00").write_text("x")
    (place / "~harmonylite-part-9000000000-00").write_text("x")
    for path in place.glob("~*"):
        path.chmod(0o666)
    assert store.run("list") == (0, "x 1\n")
    store.must_put("x", b"2")
    assert sorted(path.name for path in place.iterdir()) == ["x", "~harmonylite-part-9000000000-00"]
    (place / "~harmonylite-part-9000000000-00").unlink()
    store.run("delete", "x")


@pytest.fixture
def small_disk(folder):
    """A folder on a file system of 8 MiB."""
    place = folder / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0777", "tmpfs", place],
                      capture_output=True).returncode != 0:
        pytest.skip("cannot mount a small file system (not root?)")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("kind", ["webdav", "sftp", "file"])
def test_a_full_disk_is_for_later_and_the_old_object_stays(folder, small_disk, kind):
    if kind == "file":
        server = None
        settings = f'[snapshot]\nstore = "file"\n[snapshot.file]\npath = "{small_disk}/snapshots"\n'
    else:
        server = {"webdav": Apache, "sftp": Sshd}[kind](folder / "server")
        server.files = small_disk
        server.start()
        settings = {"webdav": webdav_settings, "sftp": sftp_settings}[kind](server)
    try:
        store = Store(folder, settings)
        store.must_put("x", b"old")
        code, output = store.put("x", os.urandom(20 * MIB))
        assert code == 1 and output.startswith("retry later"), output
        assert store.get("x") == b"old"
        assert store.run("list") == (0, "x 3\n")
        # Nothing of it stays in the way of a smaller one.
        store.must_put("y", os.urandom(6 * MIB))
    finally:
        if server:
            server.stop()


def test_no_credential_is_on_a_command_line(apache, folder):
    """And no helper program is started, which would have one."""
    proxy = TcpProxy(apache.port)
    proxy.swallow()
    store = Store(folder, webdav_settings(apache, port=proxy.port))
    process = processes.start([STORE_RUN, store.config, "list"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        harness.wait_until(proxy.connections, what="a connection")
        assert processes.children(process.pid) == []
        line = b" ".join(processes.command_line(process.pid)).decode()
        assert Apache.PASSWORD not in line and quote(Apache.PASSWORD, safe="") not in line
    finally:
        process.kill()
        process.wait()
        proxy.close()


@pytest.mark.long
def test_a_silent_server_is_given_up(apache, folder):
    proxy = TcpProxy(apache.port)
    proxy.swallow()
    try:
        Store(folder, webdav_settings(apache, port=proxy.port)).fails("retry later", "too slow|slow", "list")
    finally:
        proxy.close()
