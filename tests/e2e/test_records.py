"""Records in the log that no node wrote: never a crash, never applied, and what they stand in the way
of arrives all the same."""

import ctypes
import random
import struct

import pytest

from harness import wait_equal, wait_value
from nats_client import NatsClient

LINES = "CREATE TABLE lines(id TEXT PRIMARY KEY, v TEXT)"
MAGIC_SIZE, CHECKSUM_SIZE = 4, 8


def sealed(frame):
    """The frame with its checksum made right again: damage that only deeper checks can find."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    body = bytes(frame[:-CHECKSUM_SIZE])
    return body + struct.pack("<Q", library.XXH3_64bits(body, len(body)))


def flipped(data, position, bit=0):
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


def newer(frame):
    """As a later version would write it: another format number, and bytes we cannot read."""
    return sealed(frame[:MAGIC_SIZE] + struct.pack("<I", 4711) + frame[MAGIC_SIZE + 4:])


BAD = {
    "empty": lambda frame: b"",
    "text": lambda frame: b"hello",
    "json": lambda frame: b'{"table":"lines","op":"insert"}',
    "noise": lambda frame: random.Random(1).randbytes(5000),
    "first half": lambda frame: frame[:len(frame) // 2],
    "all but the last byte": lambda frame: frame[:-1],
    "one byte too many": lambda frame: frame + b"\0",
    "a flipped bit in front": lambda frame: flipped(frame, 0),
    "a flipped bit in the middle": lambda frame: flipped(frame, len(frame) // 2),
    "a flipped bit at the end": lambda frame: flipped(frame, -1, 7),
    "a flipped bit, sealed": lambda frame: sealed(flipped(frame, len(frame) - 12)),
    "no body, sealed": lambda frame: sealed(frame[:24] + bytes(8)),
    "a newer format": newer,
}


@pytest.fixture
def stage(cluster):
    """Three nodes, a row of each, and the means to write to their log."""
    nodes = cluster.run(3, LINES)
    for node in nodes:
        node.sql("INSERT INTO lines VALUES(?, 'first')", f"first of {node.node_id}")
    wait_value(nodes, "SELECT count(*) FROM lines", 3)
    with NatsClient(cluster.server.port) as client:
        stream = cluster.stream(client)
        records = []
        for sequence in range(1, client.stream_state(stream)["last_seq"] + 1):
            record = client.record(stream, sequence)
            if record:
                records.append(record)
        yield nodes, client, records


def subject_of(records, node):
    """The subject of a node's own records."""
    return next(s for s, _ in records if s.split(".")[-2] == str(node.node_id))


def frame_of(records, node):
    return next(data for s, data in records if s.split(".")[-2] == str(node.node_id))


def stranger_subject(records):
    return ".".join(records[0][0].split(".")[:-2] + ["99", "1"])


def all_still_works(nodes, expected):
    for node in nodes:
        node.sql("INSERT INTO lines VALUES(?, 'last')", f"last of {node.node_id}")
    wait_value(nodes, "SELECT count(*) FROM lines WHERE v = 'last'", 3)
    wait_equal(nodes)
    assert nodes[0].one("SELECT count(*) FROM lines") == expected
    assert all(node.running for node in nodes)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_record_of_a_stranger(stage, kind):
    nodes, client, records = stage
    client.publish(stranger_subject(records), BAD[kind](frame_of(records, nodes[0])))
    for node in nodes:
        node.wait_log(r"\b(warning|error)\b.*\b99\b")
    all_still_works(nodes, 6)


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "a newer format"])
def test_a_bad_record_among_a_nodes_own(stage, kind):
    nodes, client, records = stage
    client.publish(subject_of(records, nodes[0]), BAD[kind](frame_of(records, nodes[0])))
    all_still_works(nodes, 6)
    for node in nodes[1:]:
        assert node.alarms()


def test_a_bad_record_read_after_a_start(stage):
    nodes, client, records = stage
    for node in nodes:
        node.stop()
    for kind in ("noise", "first half", "a flipped bit, sealed"):
        client.publish(subject_of(records, nodes[1]), BAD[kind](frame_of(records, nodes[1])))
    nodes[0].sql("INSERT INTO lines VALUES('offline', 'x')")
    for node in nodes:
        node.start()
    all_still_works(nodes, 7)


def test_a_record_under_another_nodes_name(stage):
    nodes, client, records = stage
    client.publish(subject_of(records, nodes[1]), frame_of(records, nodes[0]))
    client.publish(stranger_subject(records), frame_of(records, nodes[0]))
    all_still_works(nodes, 6)


def test_an_old_record_once_more(stage):
    """State, not commands: a repeated insert does not bring a deleted row back."""
    nodes, client, records = stage
    a, b, c = nodes
    a.sql("DELETE FROM lines WHERE id = 'first of 1'")
    b.sql("UPDATE lines SET v = 'second' WHERE id = 'first of 2'")
    wait_value(nodes, "SELECT group_concat(v) FROM (SELECT * FROM lines ORDER BY id)",
               "second,first")
    for subject, data in records:
        client.publish(subject, data)
    all_still_works(nodes, 5)
    for node in nodes:
        assert node.one("SELECT count(*) FROM lines WHERE id = 'first of 1'") == 0
        assert node.one("SELECT v FROM lines WHERE id = 'first of 2'") == "second"


def test_subjects_that_name_no_node(stage):
    nodes, client, records = stage
    root = ".".join(records[0][0].split(".")[:-2])
    stored = 0
    for tail in ("x.y", "1", "1.1.1", "-1.0", "99999999999999999999999.1", "1.99999999999"):
        try:
            client.publish(f"{root}.{tail}", frame_of(records, nodes[0]))
            stored += 1
        except (LookupError, ValueError):
            pass  # not a subject of the stream: even better
    print(f"{stored} were stored")
    all_still_works(nodes, 6)


@pytest.mark.parametrize("seed", range(3))
def test_damage_of_every_kind(stage, seed):
    """Random damage, half of it with a right checksum, under a stranger's name."""
    nodes, client, records = stage
    choice = random.Random(seed)
    subject = stranger_subject(records)
    for _ in range(100):
        data = bytearray(choice.choice(records)[1])
        for _ in range(choice.randrange(1, 6)):
            action = choice.randrange(3)
            at = choice.randrange(len(data))
            if action == 0:
                data[at] = choice.randrange(256)
            elif action == 1:
                del data[at:at + choice.randrange(1, 9)]
            else:
                data[at:at] = choice.randbytes(choice.randrange(1, 9))
            if len(data) < 32:
                data += bytes(32)
        client.publish(subject, sealed(data) if choice.random() < 0.5 else bytes(data))
    all_still_works(nodes, 6)
