"""`harmonylite schema`: who changed what in the schema, what differs here and why, and what was set aside."""

import json

from harness import wait_equal, wait_value
from test_follow import FOLLOW, wait_columns, wait_object
from test_migrations import BOOKS, insert
from test_unique import listed
from wait import wait_until


def schema(node, *flags):
    status, said = node.run("schema", "--json", *flags)
    assert status == 0, said
    return json.loads(said)


def objects(node):
    return {one["name"]: one for one in schema(node)["objects"]}


def standing(node):
    """What the file has of each object, by name."""
    return {name: one["here"] for name, one in objects(node).items()}


def wait_standing(node, **expected):
    wait_until(lambda: {name: standing(node).get(name) for name in expected} == expected, 30, str(expected),
               lambda: str(schema(node)) + node.tail())


def text(node, *flags):
    status, said = node.run("schema", *flags)
    assert status == 0, said
    return said


def set_aside(a, b, rows):
    """Rows of b that a had not seen when it dropped their table; both are equal otherwise."""
    insert(a, "add", 1, False)
    wait_value([a, b], "SELECT count(*) FROM books", 1)
    b.freeze()
    for row in rows:
        insert(b, "add", row, False)
    a.sql("DROP TABLE books")
    b.thaw()
    wait_object([a, b], "books", there=0)
    wait_until(lambda: schema(b)["set_aside"] == [{"table": "books", "rows": len(rows), "there": False}], 30,
               "the rows to be set aside", b.tail)


def make_again(nodes, sql=BOOKS.split(";", maxsplit=1)[0]):
    nodes[0].sql(sql)
    wait_object(nodes, "books")
    for node in nodes:
        wait_until(lambda: node.run("-schema-status")[1].startswith("books: "), 30,  # noqa: B023
                   "the table to be taken over", node.tail)


def test_who_changed_what(cluster):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    a.script("CREATE TABLE notes(id INTEGER PRIMARY KEY, body); CREATE INDEX by_body ON notes(body);"
             "CREATE VIRTUAL TABLE words USING fts5(body, content='notes', content_rowid='id');"
             "CREATE VIEW short AS SELECT * FROM notes; PRAGMA user_version = 9")
    wait_object([b], "short")
    wait_value(b, "PRAGMA user_version", 9)
    b.script("ALTER TABLE other RENAME TO others; CREATE TRIGGER t AFTER INSERT ON others BEGIN SELECT 1; END;"
             "DROP VIEW short")
    wait_object([a], "t")
    wait_object([a], "short", there=0)
    for node in nodes:
        wait_standing(node, books="in line", notes="in line", by_body="in line", words="in line", others="in line",
                      t="in line", user_version="in line", short="dropped")
        seen = objects(node)
        assert {name: one["node"] for name, one in seen.items() if name != "books"} == {
            "notes": "1", "by_body": "1", "words": "1", "user_version": "1", "others": "2", "t": "2", "short": "2"}
        assert [seen[name]["kind"] for name in ("notes", "words", "by_body", "t", "user_version")] == [
            "table", "virtual table", "index", "trigger", "pragma"]
        assert seen["others"]["former_names"] == ["other"] and seen["t"]["table"] == "others"
        assert seen["user_version"]["sql"] == "9" and seen["short"]["sql"] is None
        assert seen["notes"]["changed_ms"] < seen["others"]["changed_ms"]
        assert schema(node)["journaled"] is True and schema(node)["follow"] == "all"
        said = text(node)
        assert "words_" not in said and "harmonylite__" not in said, said
        assert "short" not in said and "dropped: 1 (--all lists them)" in said, said
        assert "user_version = 9" in said and "set aside" not in said, said
        assert "short" in text(node, "--all")
    assert schema(a)["nodes"] is None


def test_a_node_that_does_not_follow_says_what_differs(cluster):
    a, = cluster.run(1, BOOKS, FOLLOW)
    b, = cluster.run(1, BOOKS)
    c, = cluster.run(1, BOOKS, {"schema": {"follow": "additive"}})
    a.script("ALTER TABLE books ADD COLUMN price; ALTER TABLE books DROP COLUMN year;"
             "ALTER TABLE books RENAME COLUMN title TO name; CREATE VIEW v AS SELECT 1; DROP TABLE other")
    wait_standing(b, books="differs", v="missing", other="kept")
    assert objects(b)["books"]["why"] == ("column title was renamed to name; column year was dropped; "
                                          "column price was added; [schema] follow is \"off\"")
    assert objects(b)["v"]["why"] == "[schema] follow is \"off\""
    assert "price" in objects(b)["books"]["sql"] and "price" not in objects(b)["books"]["sql_here"]
    wait_standing(c, books="differs", v="in line", other="kept")
    assert objects(c)["books"]["why"] == "column year was dropped"
    assert standing(a) == {"books": "in line", "v": "in line", "other": "dropped"}
    assert "[schema] follow is \"off\": this node carries out nothing" in text(b)


def test_what_cannot_be_made_here_and_why(cluster):
    a, = cluster.run(1, BOOKS, FOLLOW)
    b, = cluster.run(1, BOOKS, {"schema": {"follow": "all", "code": False}})
    b.freeze()
    for row in (1, 2):
        b.sql("INSERT INTO books VALUES(?, 'the same', 1)", row)
    b.script("CREATE INDEX taken ON other(v)")
    a.script("CREATE UNIQUE INDEX one_title ON books(title) WHERE year > 0; CREATE TABLE taken(x PRIMARY KEY);"
             "CREATE TRIGGER t AFTER INSERT ON books BEGIN SELECT 1; END")
    b.thaw()
    wait_standing(b, one_title="in line", t="left out")
    assert b.one("SELECT count(*) FROM books WHERE title = 'the same'") == 1, "the older one gives way"
    assert objects(b)["t"]["why"] == "[schema] code is false"

    def taken(kind):
        return next((one for one in schema(b)["objects"] if (one["kind"], one["name"]) == (kind, "taken")), {})
    wait_until(lambda: taken("index").get("here") == "missing", 30, "the name to be the table's", lambda: str(schema(b)))
    assert taken("table")["here"] == "in line"
    assert "there is already a table named taken" in taken("index")["why"], taken("index")
    b.script("DROP TABLE taken")
    wait_until(lambda: taken("index")["here"] == "in line", 30, "the index once more", lambda: str(schema(b)))


def test_what_is_not_journaled_yet(cluster):
    node = cluster.run(1, BOOKS, FOLLOW)[0]
    wait_standing(node, books="in line")
    node.stop()
    node.script("ALTER TABLE books ADD COLUMN price; CREATE TABLE notes(id INTEGER PRIMARY KEY); DROP TABLE other")
    assert schema(node)["journaled"] is False
    assert {name: one["why"] for name, one in objects(node).items()} == {
        "books": "changed here", "notes": "new here", "other": "dropped or renamed here"}
    assert set(standing(node).values()) == {"not journaled"}
    assert "something here is not journaled yet" in text(node)
    node.start()
    wait_standing(node, books="in line", notes="in line", other="dropped")
    assert schema(node)["journaled"] is True and "not journaled" not in text(node)


def test_tables_that_are_left_out(cluster):
    a, b = cluster.run(1, BOOKS, FOLLOW) + cluster.run(1, BOOKS, {**FOLLOW, "tables": {"exclude": ["secret", "other"]}})
    a.sql("CREATE INDEX by_v ON other(v)")
    wait_standing(b, other="left out", by_v="left out")
    assert objects(b)["by_v"]["why"] == "[tables] leaves the table out"


def test_which_nodes_have_the_same_tables(cluster):
    a, b = cluster.run(2, BOOKS, FOLLOW)
    c, = cluster.run(1, BOOKS)

    def nodes():
        return {one["node"]: one["tables"] for one in schema(a, "--nodes")["nodes"]}

    wait_until(lambda: nodes() == {"2": "same", "3": "same"}, 30, "all to be registered",
               lambda: str(nodes()))
    a.sql("ALTER TABLE books ADD COLUMN price")
    wait_until(lambda: nodes() == {"2": "same", "3": "other columns"}, 30, "the others to tell",
               lambda: str(nodes()))
    assert "node 3: DIFFERS from here" in text(a, "--nodes")


def test_rows_of_a_dropped_table_come_back_at_once(cluster):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    set_aside(a, b, [2, 3, 4])
    status, said = b.run("schema", "restore", "books")
    assert status == 1 and "3 rows of table books wait, and it is not there: make it first" in said, said
    assert "id, title, year" in said, said
    assert "3 rows of books, which is not there: make it first" in text(b)
    make_again(nodes)
    assert "  3 rows of books\n" in text(b)
    b.sql("INSERT INTO books VALUES(3, 'another', 0)")
    b.sql("INSERT INTO books SELECT 4, 'title 4', NULL")
    status, said = b.run("schema", "restore", "BOOKS")
    assert status == 1 and "not written back: id=3 is in the table with other values" in said, said
    assert "written back to books: 1; there already: 1" in said, said
    wait_value(nodes, "SELECT group_concat(title) FROM (SELECT * FROM books ORDER BY id)",
               "title 2,another,title 4")
    assert [one["loser"]["row"]["id"] for one in listed(b)] == [3]
    status, said = b.run("schema", "restore", "books", "--overwrite")
    assert status == 0 and "written back to books: 1; there already: 0" in said, said
    wait_value(nodes, "SELECT title FROM books WHERE id = 3", "title 3")
    wait_equal(nodes)
    assert listed(b) == [] and schema(b)["set_aside"] == []
    status, said = b.run("schema", "restore", "books")
    assert status == 1 and "no rows of table books are set aside on this node" in said, said


def test_what_the_table_lacks_now_stays_on_the_list(cluster):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    set_aside(a, b, [2])
    make_again(nodes, "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT)")
    status, said = b.run("schema", "restore", "books")
    assert status == 0 and "written back to books: 1" in said, said
    wait_value(nodes, "SELECT title FROM books", "title 2")
    assert "year" in listed(b)[0]["loser"]["row"]
    assert b.run("schema", "restore", "books")[0] == 0
    a.sql("ALTER TABLE books ADD COLUMN year")
    wait_columns(nodes, "books", ["id", "title", "year"])
    wait_until(lambda: b.run("schema", "restore", "books")[0] == 0 and listed(b) == [], 30,
               "the list to be empty", lambda: str(listed(b)) + b.tail())


def test_a_row_that_cannot_be_written_leaves_the_others_alone(cluster):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    set_aside(a, b, [2, 3])
    make_again(nodes, "CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT CHECK (title <> 'title 3'), year)")
    status, said = b.run("schema", "restore", "books")
    assert status == 1 and "not written back: id=3: " in said and "CHECK" in said, said
    wait_value(nodes, "SELECT group_concat(id) FROM books", "2")
    kept, = listed(b)
    assert kept["loser"]["row"]["id"] == 3
    status, said = b.run("conflicts", "--restore", kept["id"], "--set", "title=another")
    assert status == 0, said
    wait_value(nodes, "SELECT title FROM books WHERE id = 3", "another")
    assert listed(b) == []


def test_a_column_that_was_dropped_has_its_values_on_the_list(cluster):
    a, b = nodes = cluster.run(2, BOOKS, FOLLOW)
    insert(a, "add", 1, False)
    wait_value(nodes, "SELECT count(*) FROM books", 1)
    b.freeze()
    b.sql("INSERT INTO books VALUES(2, 'title 2', 1984)")
    a.sql("ALTER TABLE books DROP COLUMN year")
    b.thaw()
    wait_columns(nodes, "books", ["id", "title"])
    wait_until(lambda: schema(b)["set_aside"] == [{"table": "books", "rows": 1, "there": True}], 30,
               "the row to be kept", b.tail)
    status, said = b.run("schema", "restore", "books")
    assert status == 0 and "written back to books: 0; there already: 1" in said, said
    assert listed(b)[0]["loser"]["row"]["year"] == 1984
    a.sql("ALTER TABLE books ADD COLUMN year INTEGER")
    wait_columns(nodes, "books", ["id", "title", "year"])
    wait_until(lambda: b.run("schema", "restore", "books")[0] == 1, 30, "the column to be taken over", b.tail)
    status, said = b.run("schema", "restore", "books", "--overwrite")
    assert status == 0 and "written back to books: 1" in said, said
    wait_value(nodes, "SELECT year FROM books WHERE id = 2", 1984)
    assert listed(b) == []


def test_what_it_refuses(cluster):
    node = cluster.add(FOLLOW).create(BOOKS)
    status, said = node.run("schema")
    assert status == 1 and "is not attached yet: start harmonylite on it once" in said, said
    status, said = node.run("schema", "restore", "books")
    assert status == 1 and "is not attached yet" in said, said
    node.start()
    node.stop()
    node.sql("DELETE FROM __harmonylite__state WHERE key = 'seen_schema_version'")
    status, said = node.run("schema")
    assert status == 1 and "no node has looked at the schema of this file yet: start this version" in said, said
    for words in (["restor", "books"], ["restore"], ["--overwrite"], ["restore", "books", "--json"]):
        status, said = node.run("schema", *words)
        assert status == 2, said
    assert "did you mean restore?" in node.run("schema", "restor", "books")[1]
