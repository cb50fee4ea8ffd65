"""The tools of the other tests do what they say."""

import math
import os
import socket
import threading

import pytest

import compare
import harness
import processes
from nats_client import NatsClient
from nats_server import NatsServer
from tcp_proxy import TcpProxy
from wait import wait_until

pytestmark = pytest.mark.no_sidecar


def test_waiting_gives_up_and_says_why():
    with pytest.raises(AssertionError, match="in vain for a miracle\nnone seen"):
        wait_until(lambda: False, 0.05, "a miracle", lambda: "none seen")
    assert wait_until(lambda: 7, 0) == 7


def test_toml_text():
    text = harness.toml({"a": 1, "s": {"x": True, "t": {"y": ["u\"v"]}}, "b": "ü"})
    assert text == 'a = 1\nb = "ü"\n[s]\nx = true\n[s.t]\ny = ["u\\"v"]\n'
    assert harness.merged({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}) == {"a": {"x": 1, "y": 3}}


def make_stream(client, name="S", subject="s.>"):
    answer = client.api(f"STREAM.CREATE.{name}", {"name": name, "subjects": [subject],
                                                  "storage": "file"})
    assert "error" not in answer, answer


def test_server_keeps_its_port_and_its_records(own_nats):
    port = own_nats.port
    with NatsClient(port) as client:
        make_stream(client)
        assert client.publish("s.1", b"\x00one") == 1
        assert client.record("S", 1) == ("s.1", b"\x00one")
        assert client.record("S", 2) is None
    own_nats.kill()
    with pytest.raises(OSError):
        NatsClient(port)
    own_nats.start()
    assert own_nats.port == port
    with NatsClient(port) as client:
        assert client.streams("S") == ["S"]
        assert client.stream_state("S")["messages"] == 1


def test_server_can_be_wiped_and_put_back(own_nats):
    with NatsClient(own_nats.port) as client:
        make_stream(client)
        client.publish("s.1", b"one")
    own_nats.stop()
    own_nats.save()
    own_nats.start()
    with NatsClient(own_nats.port) as client:
        client.publish("s.1", b"two")
    own_nats.stop()
    own_nats.put_back()
    own_nats.start()
    with NatsClient(own_nats.port) as client:
        assert client.stream_state("S")["last_seq"] == 1
    own_nats.stop()
    own_nats.wipe()
    own_nats.start()
    with NatsClient(own_nats.port) as client:
        assert client.streams("S") == []


def test_two_servers_side_by_side(folder):
    one, two = NatsServer(folder / "a").start(), NatsServer(folder / "b").start()
    try:
        assert one.port != two.port
    finally:
        one.kill()
        two.kill()


def test_client_without_an_answer(own_nats):
    with NatsClient(own_nats.port) as client:
        head, body = client.request("nobody.listens")
        assert (head.split()[1], body) == (b"503", b"")


class Echo:
    """A server that says back what it hears."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    @staticmethod
    def _echo(connection):
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)


@pytest.fixture
def line():
    echo = Echo()
    proxy = TcpProxy(echo.port)
    yield proxy
    proxy.close()
    echo.listener.close()


def dial(proxy):
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
    client.sendall(b"hello")
    assert client.recv(100) == b"hello"
    return client


def test_proxy_cuts_and_passes_again(line):
    client = dial(line)
    assert line.connections() == 1
    line.cut()
    assert client.recv(100) == b""
    with socket.create_connection(("127.0.0.1", line.port), timeout=30) as refused:
        assert refused.recv(100) == b""
    line.pass_on()
    dial(line).close()


def test_proxy_swallows_and_gives_back(line):
    client = dial(line)
    line.swallow()
    client.sendall(b"late")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(100)
    line.pass_on()
    client.settimeout(30)
    assert client.recv(100) == b"late"
    client.close()
    wait_until(lambda: line.connections() == 0, what="the proxy to hang up")


def test_child_processes(folder):
    child = processes.start(["sh", "-c", "sleep 60 & wait"])
    wait_until(lambda: processes.children(child.pid), what="the grandchild")
    (grandchild,) = processes.children(child.pid)
    assert processes.alive(grandchild)
    assert processes.peak_memory(child.pid) > 0
    processes.end(child)
    assert not processes.alive(child.pid)
    os.kill(grandchild, 9)
    wait_until(lambda: not processes.alive(grandchild), what="the grandchild's end")


VALUES = [None, 0, 1, -1, 2**63 - 1, 0.0, -0.0, 1.0, math.inf, "", "1", b"", b"1"]


@pytest.mark.parametrize("left", range(len(VALUES)))
def test_databases_differ_in_one_value(folder, left):
    nodes = [harness.Node(folder / name, number) for number, name in enumerate("ab", 1)]
    for node in nodes:
        node.create("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
        node.sql("INSERT INTO t VALUES(1, ?)", VALUES[left])
    assert compare.tables_equal(nodes)
    for right, value in enumerate(VALUES):
        nodes[1].sql("UPDATE t SET v=?", value)
        assert compare.tables_equal(nodes) == (left == right), (VALUES[left], value)
        assert bool(compare.explain(nodes)) == (left != right)
    for node in nodes:
        node.clear()


def test_databases_differ_in_text_that_is_no_text(folder):
    nodes = [harness.Node(folder / name, number) for number, name in enumerate("ab", 1)]
    for node in nodes:
        node.create("CREATE TABLE t(v)")
    nodes[0].sql("INSERT INTO t VALUES(CAST(X'61ff00' AS TEXT))")
    nodes[1].sql("INSERT INTO t VALUES(CAST(X'61ff01' AS TEXT))")
    assert not compare.tables_equal(nodes)
    nodes[1].sql("UPDATE t SET v=CAST(X'61ff00' AS TEXT)")
    assert compare.tables_equal(nodes)
    nodes[1].sql("CREATE TABLE more(x)")
    assert not compare.tables_equal(nodes)
    assert compare.tables_equal(nodes, only=["t"])
    for node in nodes:
        node.clear()


def test_hidden_tables_do_not_count(folder):
    nodes = [harness.Node(folder / name, number) for number, name in enumerate("ab", 1)]
    for node in nodes:
        node.create("CREATE TABLE t(v); CREATE VIRTUAL TABLE f USING fts5(v)")
    nodes[0].script("CREATE TABLE __harmonylite__x(v); INSERT INTO f VALUES('word')")
    assert compare.tables_equal(nodes)
    for node in nodes:
        node.clear()
