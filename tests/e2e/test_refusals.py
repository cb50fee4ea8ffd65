"""What it refuses, it refuses at once, with an exit code and words that say what to do."""

import os
import re
import socket
import subprocess

import pytest

import processes
from harness import BINARY, wait_value
from nats_server import PROGRAM, NatsServer
from wait import seconds, wait_until

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"


def refused(node, *patterns, flags=()):
    code, output = node.run(*flags)
    assert code != 0, output
    for pattern in patterns:
        assert re.search(pattern, output, re.IGNORECASE), f"no {pattern!r} in:\n{output}"
    return output


def run_text(folder, text):
    """Runs it with a configuration given as text."""
    file = folder / "given.toml"
    file.write_text(text)
    file.chmod(0o600)
    done = subprocess.run([str(BINARY), "-config", str(file)], capture_output=True, text=True,
                          timeout=seconds(60), check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("text,patterns", [
    ('db_pth = "x.db"', [r"given\.toml:1:1", "db_pth", "db_path"]),
    ('db_path = "x.db"\n\n[nats]\nurl = ["nats://h:1"]', [r"given\.toml:4:1", "urls"]),
    ('db_path = "x.db"\npublish = "yes"', [r"given\.toml:2:\d+", "publish"]),
    ('db_path = "x.db"\nnode_id = -1', [r"given\.toml:2:\d+", "node_id"]),
    ('db_path = "x.db"\n[replication_log]\nreplicas = 9', [r"given\.toml:3:\d+", "replicas"]),
    ('db_path = ', [r"given\.toml:1:\d+"]),
    ('db_path = "x.db"\n[nats', [r"given\.toml:2:\d+"]),
    ('publish = true', ["db_path"]),
    ('', ["db_path"]),
])
def test_a_bad_configuration(folder, text, patterns):
    code, output = run_text(folder, text)
    assert code != 0
    for pattern in patterns:
        assert re.search(pattern, output), f"no {pattern!r} in:\n{output}"


def test_a_configuration_that_is_not_there(folder):
    done = subprocess.run([str(BINARY), "-config", str(folder / "none.toml")], capture_output=True,
                          text=True, timeout=seconds(60), check=False)
    assert done.returncode != 0
    assert "none.toml" in done.stdout + done.stderr


@pytest.mark.parametrize("arguments,pattern,code", [
    (["-version"], r"^harmonylite \d+\.\d+\.\d+\n"
     r"commit (unknown|[0-9a-f]{12}(-dirty)?), built \d{4}-\d\d-\d\d\n"
     r"compiler .*\d\nSQLite 3\.\d+\.\d+\nlibnats \d+\.\d+\.\d+\n$", 0),
    (["--help"], "-config", 0),
    (["-no-such-flag"], "no-such-flag", None),
    (["-config"], "-config", None),
    (["-pprof", "127.0.0.1:1"], "perf", None),
    (["-node-id", "many"], "node-id", None),
    (["conflicts", "-help"], r"--restore ID .*\n", 0),
    (["-config", "/nowhere.toml", "snapshot", "--help"], r"--to DB ", 0),
    (["-help", "verify"], r"--repair ", 0),
    (["conflicts", "--shw", "3"], r"--shw; did you mean --show\? \('harmonylite conflicts -help'", 2),
    (["snapshot", "save"], r"add -config FILE", 2),
    (["lint"], r"which database", 2),
])
def test_flags(arguments, pattern, code):
    done = subprocess.run([str(BINARY), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=seconds(60), check=False)
    assert re.search(pattern, done.stdout + done.stderr)
    assert done.returncode == code if code is not None else done.returncode != 0


def test_a_missing_folder(cluster):
    node = cluster.add()
    node.settings["db_path"] = str(node.folder / "nowhere" / "app.db")
    refused(node, "nowhere")


def test_a_folder_instead_of_a_file(cluster):
    node = cluster.add()
    node.database.mkdir()
    refused(node, r"app\.db")


@pytest.mark.parametrize("content", [b"this is a letter, not a database\n" * 100,
                                     b"SQLite format 3\0" + b"\xff" * 4000, b"short"])
def test_not_a_database(cluster, content):
    node = cluster.add()
    node.database.write_bytes(content)
    refused(node, r"app\.db")
    assert node.database.read_bytes() == content


@pytest.mark.skipif(os.geteuid() != 0, reason="switches to another user, which takes root")
@pytest.mark.parametrize("mode,folder_mode", [(0o000, 0o777), (0o444, 0o777), (0o666, 0o755)])
def test_a_file_or_folder_it_may_not_write(cluster, mode, folder_mode):
    node = cluster.add().create(TABLE, "delete")
    node.database.chmod(mode)
    command = [str(a) for a in node.command()]
    node.folder.parent.chmod(0o755)
    node.folder.chmod(folder_mode)
    node.config_file.chmod(0o644)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds(60), user="nobody", group="nogroup", extra_groups=[],
                              check=False)
    except PermissionError:
        pytest.skip("the program's folder is closed to other users")
    assert done.returncode > 0
    assert str(node.folder) in done.stdout + done.stderr
    assert "permission" in (done.stdout + done.stderr).lower()


def test_a_newer_format(cluster):
    """A file that a later version has been at is left alone."""
    (node,) = cluster.run(1, TABLE)
    node.stop()
    changed = node.app.execute("UPDATE __harmonylite__state SET value = value + 1000 "
                               "WHERE key = 'format'").rowcount
    assert changed == 1
    before = node.sql("SELECT * FROM __harmonylite__state ORDER BY 1")
    refused(node, "newer|format")
    assert node.sql("SELECT * FROM __harmonylite__state ORDER BY 1") == before


def test_a_file_that_belongs_to_another_node(cluster):
    (node,) = cluster.run(1, TABLE)
    node.stop()
    node.settings["node_id"] = 77
    refused(node, "77")


def test_a_second_sidecar_on_one_file(cluster):
    (node,) = cluster.run(1, TABLE)
    output = refused(node, r"app\.db")
    assert "panic" not in output
    assert node.running
    node.sql("INSERT INTO t VALUES(1, 'x')")
    # After a kill -9 the lock is free: it is the kernel's, not a left-over file.
    node.kill()
    node.start()


def test_one_node_id_twice(cluster):
    (a,) = cluster.run(1, TABLE)
    twin = cluster.add().create(TABLE)
    twin.settings["node_id"] = a.node_id
    refused(twin, str(a.node_id))
    assert a.running


def test_nobody_at_the_address(cluster):
    node = cluster.add().create(TABLE)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    node.settings["nats"].update(urls=[f"nats://127.0.0.1:{port}"], connect_retries=1,
                                 reconnect_wait_seconds=1)
    refused(node, str(port))


def test_something_else_at_the_address(cluster):
    """A server that accepts and says nothing."""
    node = cluster.add().create(TABLE)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        node.settings["nats"].update(urls=[f"nats://127.0.0.1:{mute.getsockname()[1]}"],
                                     connect_retries=1, reconnect_wait_seconds=1)
        refused(node, "nats")


def test_a_port_in_use(cluster, embedded):
    node = cluster.add().create(TABLE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        node.settings["nats"]["bind_address"] = f"127.0.0.1:{port}"
        refused(node, str(port), "in use")


def test_no_nats_server(cluster, embedded):
    node = cluster.add().create(TABLE)
    node.settings["nats"]["server_binary"] = "/nonexistent/nats-server"
    refused(node, "/nonexistent/nats-server")
    node.settings["nats"]["server_binary"] = "/bin/true"
    refused(node, "/bin/true", "nats-server")


def test_a_wrong_password(cluster, embedded, folder):
    secret = "Tr0ub4dor"
    server = NatsServer(folder / "nats", 'authorization { user: ann, password: "right" }').start()
    try:
        node = cluster.add(url=server.url).create(TABLE)
        node.settings["nats"].update(user_name="ann", user_password=secret, connect_retries=1,
                                     reconnect_wait_seconds=1)
        assert secret not in refused(node, "user|password|login|auth")
    finally:
        server.kill()


def test_a_server_without_jetstream(cluster, embedded, folder):
    server = NatsServer(folder / "nats")
    server.start()
    server.stop()
    config = folder / "nats" / "plain.conf"
    config.write_text(f"host: 127.0.0.1\nport: {server.port}\n")
    plain = processes.start([PROGRAM, "-c", config], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    try:
        def listening():
            try:
                socket.create_connection(("127.0.0.1", server.port), 5).close()
                return True
            except OSError:
                return False
        wait_until(listening, what="the plain server")
        node = cluster.add(url=server.url).create(TABLE)
        node.settings["nats"].update(connect_retries=1, reconnect_wait_seconds=1)
        refused(node, "jetstream")
    finally:
        processes.end(plain)


def test_a_database_of_the_go_version(cluster):
    """Recognised, named, never run beside; -cleanup takes it away."""
    a, b = cluster.add(), cluster.add().create(TABLE)
    a.create(TABLE + """;
        CREATE TABLE __harmonylite__t_change_log(id INTEGER PRIMARY KEY AUTOINCREMENT,
          val_id INTEGER, type TEXT, created_at INTEGER, state INTEGER);
        CREATE TRIGGER __harmonylite__t_change_log_on_insert AFTER INSERT ON t BEGIN
          INSERT INTO __harmonylite__t_change_log(val_id, type, created_at, state)
          VALUES(NEW.id, 'insert', 0, 0); END;
        INSERT INTO t VALUES(1, 'x')""")
    refused(a, "cleanup", r"1\.x")
    code, output = a.run("-cleanup")
    assert code == 0, output
    assert a.one("SELECT count(*) FROM sqlite_master WHERE name LIKE '%harmonylite%'") == 0
    a.start()
    b.start()
    a.sql("INSERT INTO t VALUES(2, 'y')")
    wait_value(b, "SELECT v FROM t WHERE id = 2", "y")
