"""Schemas that need their application: functions and collations that it registers, or a later SQLite.
What the sidecar cannot write or read stays where it is, and is named; everything else flows."""

import sqlite3

import compare
from harness import wait_equal, wait_value
from test_observe import HEALTH, METRICS, health, metric
from wait import wait_until

SCHEMA = """
CREATE TABLE plain(k INTEGER PRIMARY KEY, v);
CREATE TABLE checked(k INTEGER PRIMARY KEY, v CHECK (positive(v)) DEFAULT (positive(1)));
CREATE TABLE indexed(k INTEGER PRIMARY KEY, v);
CREATE INDEX by_positive ON indexed(v) WHERE positive(v);
CREATE TABLE computed(k INTEGER PRIMARY KEY, v, g AS (positive(v)) STORED);
CREATE TABLE ordered(k TEXT PRIMARY KEY COLLATE backwards NOT NULL, v) WITHOUT ROWID;
"""
LEFT_OUT = ["computed", "indexed", "ordered"]
SETTINGS = {**HEALTH, **METRICS}


def with_parts(node):
    """The application's connection, which has what the schema needs."""
    node.app.create_function("positive", 1, lambda v: v is None or v > 0, deterministic=True)
    node.app.create_collation("backwards", lambda a, b: (a < b) - (a > b))
    return node


def pair(cluster, schema):
    nodes = [cluster.add(SETTINGS).create() for _ in range(2)]
    for node in nodes:
        with_parts(node).script(schema)
        node.launch()
    for node in nodes:
        node.wait_ready()
    return nodes


def refuses(node, text):
    try:
        node.sql(text)
    except sqlite3.IntegrityError:
        return True
    return False


def test_what_needs_the_application_stays_and_the_rest_flows(cluster):
    a, b = nodes = pair(cluster, SCHEMA)
    for node, number in ((a, 1), (b, 2)):
        for name in ("plain", "checked", "indexed", "computed"):
            node.sql(f"INSERT INTO {name}(k, v) VALUES(?, ?)", number, number)
        node.sql("INSERT INTO ordered VALUES(?, ?)", f"k{number}", number)
    for name in ("plain", "checked"):
        wait_value(nodes, f"SELECT count(*) FROM {name}", 2)
        wait_equal(nodes, only=[name])
    for name in LEFT_OUT:
        assert a.one(f"SELECT group_concat(v) FROM {name}") == "1"
    status, answer = health(a)
    assert status == 200 and sorted(answer["tables_left_out"]) == LEFT_OUT, answer
    assert "unknown function: positive()" in answer["tables_left_out"]["indexed"]
    assert "backwards" in answer["tables_left_out"]["ordered"]
    assert metric(b, "harmonylite_tables_left_out") == 3
    assert "table computed is not replicated: an index or generated column needs" in a.log()


def test_a_node_joins_and_its_application_finds_everything(cluster):
    a, _ = nodes = pair(cluster, SCHEMA)
    a.transaction(("INSERT INTO plain VALUES(?, ?)", [(n, n) for n in range(2000)]),
                  ("INSERT INTO checked VALUES(?, 1)", [(n,) for n in range(2000)]))
    for node in nodes:  # either may make the snapshot
        node.transaction(("INSERT INTO indexed VALUES(?, ?)", [(n, n - 1000) for n in range(2000)]),
                         ("INSERT INTO ordered VALUES(?, ?)", [(f"k{n:04}", n) for n in range(2000)]))
    wait_value(nodes, "SELECT count(*) FROM plain", 2000)
    c = cluster.add(SETTINGS)
    c.start()
    with_parts(c)
    wait_value(c, "SELECT count(*) FROM plain", 2000)
    assert c.one("PRAGMA integrity_check") == "ok"
    assert c.one("SELECT count(*) FROM indexed INDEXED BY by_positive WHERE positive(v)") == 999
    assert c.one("SELECT k FROM ordered ORDER BY k COLLATE backwards LIMIT 1") == "k1999"
    assert refuses(c, "INSERT INTO checked(v) VALUES(-1)")
    c.sql("INSERT INTO checked(k, v) VALUES(2000, 5)")
    wait_value(nodes, "SELECT v FROM checked WHERE k = 2000", 5)
    assert sorted(health(c)[1]["tables_left_out"]) == LEFT_OUT


def test_an_index_with_a_function_comes_and_goes(cluster):
    """While it is there, the table stays where it is; then everything that was written arrives."""
    a, b = nodes = pair(cluster, "CREATE TABLE plain(k INTEGER PRIMARY KEY, v);"
                                 "CREATE TABLE t(k INTEGER PRIMARY KEY, v)")
    a.transaction(("INSERT INTO t VALUES(?, ?)", [(n, n) for n in range(1, 6)]))
    wait_value(nodes, "SELECT count(*) FROM t", 5)
    for node in nodes:
        node.sql("CREATE INDEX i ON t(positive(v))")
        node.wait_log("table t is not replicated: an index")
    a.transaction("INSERT INTO t VALUES(6, 6)", "UPDATE t SET v = 11 WHERE k = 1",
                  "DELETE FROM t WHERE k = 2", "INSERT INTO plain VALUES(1, 'a')")
    b.transaction("INSERT INTO t VALUES(7, 7)", "INSERT INTO plain VALUES(2, 'b')")
    wait_value(nodes, "SELECT count(*) FROM plain", 2)
    assert a.one("SELECT count(*) FROM t") == 5 and b.one("SELECT count(*) FROM t") == 6
    assert health(a)[0] == 200 and list(health(a)[1]["tables_left_out"]) == ["t"]
    for node in nodes:
        node.sql("DROP INDEX i")
    wait_value(nodes, "SELECT group_concat(k || '=' || v) FROM (SELECT * FROM t ORDER BY k)",
               "1=11,3=3,4=4,5=5,6=6,7=7")
    wait_until(lambda: health(a)[1]["tables_left_out"] == {}, 30, "the table to be back")
    wait_equal(nodes)


def later_sqlite(node):
    """The application's connection, made to read what a later SQLite wrote."""
    connection = compare.connect(node.database)
    connection.execute("PRAGMA writable_schema=ON")
    return node.use(connection)


def forge(node, text, kind, name):
    """Puts a definition into the file that the SQLite of this machine does not understand."""
    version = node.one("PRAGMA schema_version")
    node.sql("UPDATE sqlite_schema SET sql = ? WHERE type = ? AND name = ?", text, kind, name)
    node.sql(f"PRAGMA schema_version={version + 1}")
    later_sqlite(node)


def test_definitions_of_another_sqlite(cluster):
    small = "CREATE TABLE wide(k INTEGER PRIMARY KEY, v)"
    large = small[:-1] + "".join(f", c{i}" for i in range(2100)) + ")"
    trigger = "CREATE TRIGGER noted AFTER INSERT ON plain BEGIN SELECT 1{}; END"
    a, b = nodes = pair(cluster, f"CREATE TABLE plain(k INTEGER PRIMARY KEY, v); {small};"
                                 f"CREATE INDEX wide_v ON wide(v); {trigger.format('')}")
    a.sql("INSERT INTO wide VALUES(1, 'one')")
    wait_value(nodes, "SELECT v FROM wide", "one")
    for node in nodes:
        later_sqlite(node)
        forge(node, trigger.format(" ==> 2"), "trigger", "noted")
        forge(node, large, "table", "wide")
        node.wait_log("table wide is not replicated: SQLite .* cannot read its definition")
        node.wait_log("trigger noted of table plain cannot be read here")
    a.sql("INSERT INTO plain VALUES(1, 'flows')")
    wait_value(nodes, "SELECT v FROM plain", "flows")
    b.restart()
    b.sql("INSERT INTO plain VALUES(2, 'both ways')")
    wait_value(nodes, "SELECT v FROM plain WHERE k = 2", "both ways")
    assert list(health(b)[1]["tables_left_out"]) == ["wide"]
    c = cluster.add(SETTINGS)
    c.start()
    later_sqlite(c)
    wait_value(c, "SELECT count(*) FROM plain", 2)
    assert c.one("SELECT sql FROM sqlite_schema WHERE name = 'wide'") == large
    c.stop()
    code, output = c.run("-cleanup")
    assert code == 0, output
    assert c.one("SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%harmonylite%'") == 0
    for node in (a, b, c):
        forge(node, small, "table", "wide")
        forge(node, trigger.format(""), "trigger", "noted")
        node.close_app()
        assert node.one("SELECT v FROM wide") == "one"
        assert node.one("PRAGMA integrity_check") == "ok"
    a.sql("UPDATE wide SET v = 'two'")
    wait_value(nodes, "SELECT v FROM wide", "two")
    wait_equal(nodes)


def test_a_damaged_table_is_named(cluster):
    a = cluster.add(SETTINGS).create("CREATE TABLE t(k INTEGER PRIMARY KEY, v);"
                                     "CREATE TABLE plain(k INTEGER PRIMARY KEY, v)").start()
    a.transaction(("INSERT INTO t VALUES(?, ?)", [(n, f"row {n}") for n in range(5000)]))
    a.stop()
    a.sql("UPDATE t SET v = 'changed' WHERE k = 4999")
    a.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    page = a.one("SELECT max(pageno) FROM dbstat WHERE name = 't' AND pagetype = 'leaf'")
    size = a.one("PRAGMA page_size")
    a.close_app()
    with open(a.database, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 16)
    a.launch()
    a._expected_end = True  # it cannot start with such a file
    wait_until(lambda: a.process.poll() is not None, 30, "it to end", a.tail)
    assert "table t is damaged (PRAGMA integrity_check tells where)" in a.log(), a.log()
