"""Snapshots in NATS that are listed and counted, and of which nothing comes: replicas may differ."""

import base64
import json

import pytest

from harness import wait_equal
from nats_client import NatsClient
from tcp_proxy import TcpProxy
from test_snapshots import listed, save

SCHEMA = "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)"


class LaggingReplica(TcpProxy):
    """A line to a server whose consumers find nothing on the subjects `lacks`: they are told another
    one, which nobody writes to. The server counts what is there, lives and delivers nothing, as a
    replica does that lacks it."""

    def __init__(self, port, lacks):
        super().__init__(port)
        self.lacks = lacks
        self.consumers = 0

    def passed(self, data):
        for subject in self.lacks:
            if b"CONSUMER.CREATE" in data and subject in data:
                self.consumers += 1
                data = data.replace(subject, subject[:-1] + b"-")
        return data


def parts_of(cluster, name):
    """The subject on which the parts of a snapshot are."""
    bucket = f"{cluster.prefix}-changes-snapshot-store"
    key = base64.urlsafe_b64encode(f"{name}.db.zst".encode()).decode()
    with NatsClient(cluster.server.port) as client:
        answer = client.api(f"STREAM.MSG.GET.OBJ_{bucket}",
                            {"last_by_subj": f"$O.{bucket}.M.{key}"})
    meta = json.loads(base64.b64decode(answer["message"]["data"]))
    assert meta["chunks"] > 1
    return f"$O.{bucket}.C.{meta['nuid']}".encode()


def with_snapshots(cluster, count):
    """A node that runs, and the names of its snapshots, oldest first."""
    node = cluster.add().create(SCHEMA).start()
    names = []
    for number in range(count):
        node.sql("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2000) "
                 "INSERT INTO t SELECT i + ?, hex(randomblob(200)) FROM c", number * 10_000)
        names.append(save(node))
    return node, names


def join_through(cluster, lacks):
    """A new node with such a line, and the line. It must have its tables within a minute."""
    line = LaggingReplica(cluster.server.port, lacks)
    return cluster.add(url=line.url).start(), line


def test_a_new_node_takes_an_older_one(cluster):
    a, (older, newest) = with_snapshots(cluster, 2)
    b, line = join_through(cluster, [parts_of(cluster, newest)])
    try:
        assert f"snapshot {newest} cannot be read now" in b.log(), b.tail()
        assert "a replica of stream" in b.log(), b.tail()
        assert f"restored snapshot {older}" in b.log(), b.tail()
        assert line.consumers >= 3, "another consumer was not tried"
        wait_equal([a, b])
        assert b.one("SELECT count(*) FROM t") == 4000
        assert [one["name"] for one in listed(a)] == [newest, older]
    finally:
        line.close()


@pytest.mark.long
def test_a_new_node_asks_for_another_one(cluster):
    a, (only,) = with_snapshots(cluster, 1)
    b, line = join_through(cluster, [parts_of(cluster, only)])
    try:
        assert f"snapshot {only} cannot be read now" in b.log(), b.tail()
        assert "there is no snapshot that can be read: asking the nodes" in b.log(), b.tail()
        made = listed(a)[0]["name"]
        assert made != only and f"restored snapshot {made}" in b.log(), b.tail()
        wait_equal([a, b])
        assert b.one("SELECT count(*) FROM t") == 2000
    finally:
        line.close()
