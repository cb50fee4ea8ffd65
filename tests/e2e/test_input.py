"""What files and triggers say is input: it ends no process."""

from harness import wait_value
from test_unique import conflicts
from wait import wait_until

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"


def test_a_trigger_that_leaves_out_what_is_written_back(cluster):
    a, b = nodes = cluster.run(2, TABLE)
    a.sql("INSERT INTO t VALUES(1, 'first')")
    wait_value(b, "SELECT v FROM t", "first")
    b.freeze()
    a.sql("UPDATE t SET v = 'of a'")
    b.sql("UPDATE t SET v = 'of b'")
    b.thaw()
    kept = "SELECT count(*) FROM __harmonylite__conflicts"
    node = wait_until(lambda: next((one for one in nodes if one.one(kept) == 1), None), 60, "a conflict")
    number = node.one("SELECT id FROM __harmonylite__conflicts")
    for event in ("INSERT", "UPDATE"):
        node.sql(f"CREATE TRIGGER no_{event} BEFORE {event} ON t BEGIN SELECT RAISE(IGNORE); END")
    code, output = conflicts(node, "--restore", str(number))
    assert code == 1 and "a trigger of table t leaves the row out" in output, (code, output)
