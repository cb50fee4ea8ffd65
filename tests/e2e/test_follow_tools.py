"""`[schema] follow` with the migration tools that applications use. docs/your-application.md claims what is seen here.

Each program in frameworks/migrations takes `DATABASE VERSION [NAME]`: it migrates as its tool does, prints which
migrations it ran, and writes a book with its author. The first migration makes the two tables; the others add a column,
change one by writing the table anew, rename one, make an index, and drop a column."""

import json
import os
import pathlib
import subprocess

import pytest

import processes
from harness import merged, wait_equal, wait_value
from test_follow import FOLLOW, columns, in_line, wait_columns, wait_object
from test_frameworks import node_modules
from test_observe import HEALTH, health
from test_pocketbase import NOTES, two_applications
from test_schema_command import schema
from test_unique import conflicts, listed
from wait import seconds, wait_until

PROGRAMS = pathlib.Path(__file__).with_name("frameworks") / "migrations"
SETTINGS = merged(FOLLOW, HEALTH)
FIRST = "CREATE TABLE first(id INTEGER PRIMARY KEY)"  # nodes with empty files wait for each other for some seconds
BEFORE = ["author_id", "id", "remark", "title", "year"]
AFTER = ["author_id", "id", "published", "stars", "title"]
LAST = 6
TITLES = "SELECT title FROM books ORDER BY title"
# Books that hang on another author than their own, or on none.
STRANGERS = "SELECT count(*) FROM books b LEFT JOIN authors a ON a.id = b.author_id WHERE a.name IS NOT b.title"


class Tool:
    """A program in frameworks/migrations. `ledger` says how many migrations were run."""

    def __init__(self, program, ledger):
        self.program = PROGRAMS / program
        self.ledger = ledger
        self.env = {**os.environ, "NODE_PATH": str(node_modules())}

    def start(self, node, version, *name):
        return processes.start(["node", self.program, node.database, version, *name], env=self.env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def migrate(self, node, version, *name):
        """Which migrations it ran."""
        return finished(self.start(node, version, *name))


def finished(process):
    output, problems = process.communicate(timeout=seconds(120))
    assert process.returncode == 0, problems.decode(errors="replace")
    return json.loads(output)


def numbers(first, last):
    return [str(number) for number in range(first, last + 1)]


def knex():
    return Tool("knex_app.js", "SELECT count(*) FROM knex_migrations")


def user_version():
    return Tool("user_version_app.js", "PRAGMA user_version")


@pytest.fixture(params=[knex, user_version], ids=["Knex", "user_version"])
def tool(request):
    return request.param()


def titles(node):
    return [title for (title,) in node.sql(TITLES)]


def wait_titles(nodes, expected):
    for node in nodes:
        wait_until(lambda: titles(node) == sorted(expected), 30, f"{sorted(expected)}",  # noqa: B023
                   lambda: f"{titles(node)}\n{node.tail()}")  # noqa: B023


def wait_migrated(nodes, tool, expected, version):
    wait_columns(nodes, "books", expected)
    wait_value(nodes, tool.ledger, version)


def wait_journaled(node):
    """Its sidecar has seen what was migrated. Until then ids of a table that was written anew go on where its rows end,
    and these may be other nodes' (docs/limits.md)."""
    wait_until(lambda: schema(node)["journaled"], 30, "the schema to be journaled", node.tail)


def with_tables(cluster, tool, count):
    """Nodes with the first migration, which only the first one ran, and with a row of each."""
    nodes = cluster.run(count, FIRST, SETTINGS)
    assert tool.migrate(nodes[0], 1) == ["1"]
    wait_migrated(nodes, tool, BEFORE, 1)
    for number, node in enumerate(nodes, 1):
        assert tool.migrate(node, 1, f"before {number}") == []
    wait_titles(nodes, [f"before {number}" for number in range(1, count + 1)])
    return nodes


def write_before(node, name, remark):
    """A row of the application's former version."""
    node.transaction(("INSERT INTO authors(name) VALUES(?)", [(name,)]),
                     ("INSERT INTO books(title, year, remark, author_id) "
                      "VALUES(?, 1990, ?, (SELECT id FROM authors WHERE name = ?))", [(name, remark, name)]))


def all_is_well(nodes, expected):
    """All rows are everywhere in the new shape, with their values, and nothing is held."""
    wait_titles(nodes, expected)
    in_line(nodes)
    for node in nodes:
        assert columns(node, "books") == AFTER
        assert node.one("SELECT count(*) FROM books WHERE stars IS NOT 3") == 0
        assert node.one("SELECT count(*) FROM books WHERE published IS NOT iif(title LIKE 'between%', 1990, 2000)") == 0
        assert node.one(STRANGERS) == 0 and node.one("PRAGMA foreign_key_check") is None
        assert node.one("SELECT count(*) FROM sqlite_schema WHERE name = 'books_published'") == 1
        wait_healthy(node)
        wait_until(lambda: {one["here"] for one in schema(node)["objects"]} == {"in line"}, 30,  # noqa: B023
                   "all objects to be in line", lambda: str(schema(node)))  # noqa: B023


def wait_healthy(node):
    wait_until(lambda: health(node)[0] == 200, 30, "a healthy node", lambda: f"{health(node)}\n{node.tail()}")


def kept(node):
    """What is listed, but for writes of two nodes that wrote the same. That is how it is with the rows of a table in
    which both renamed one column and dropped another between two looks, and with Knex's lock."""
    return [one for one in listed(node)
            if (one["kind"], one["loser"]["row"]) != ("overwritten", one["winner"]["row"])]


def lost_remarks(node):
    """(title, remark) of books that are listed because another node had not seen them when it dropped a column."""
    found = kept(node)
    assert {one["kind"] for one in found} <= {"dropped with its table"}
    return [(one["loser"]["row"]["title"], one["loser"]["row"]["remark"]) for one in found]


def test_one_node_migrates_first(cluster, tool):
    """The others' own migration finds nothing to do. A row that one of them wrote in the former shape meanwhile is not
    held, and what it had in a column that is gone is listed."""
    a, b, c = nodes = with_tables(cluster, tool, 3)
    a.sql("UPDATE books SET remark = 'seen' WHERE title = 'before 1'")
    wait_value(nodes, "SELECT remark FROM books WHERE title = 'before 1'", "seen")
    b.freeze()
    write_before(b, "between 2", "unseen")
    assert tool.migrate(a, LAST) == numbers(2, LAST)
    wait_journaled(a)
    assert tool.migrate(a, LAST, "after 1") == []
    b.thaw()
    wait_migrated(nodes, tool, AFTER, LAST)
    for number, node in ((2, b), (3, c)):
        assert tool.migrate(node, LAST, f"after {number}") == []
    all_is_well(nodes, ["before 1", "before 2", "before 3", "between 2", "after 1", "after 2", "after 3"])
    assert [lost_remarks(node) for node in nodes] == [[], [("between 2", "unseen")], []]


@pytest.mark.parametrize("apart", [False, True], ids=["connected", "apart"])
def test_all_nodes_migrate_at_once(cluster, tool, apart):
    """Whoever is late finds some or all of it done, unless they are apart: then all run all of it. Each has a row that
    the others may not have seen, or have not."""
    nodes = with_tables(cluster, tool, 3)
    if apart:
        for node in nodes:
            node.freeze()
    for number, node in enumerate(nodes, 1):
        write_before(node, f"between {number}", None)
    running = [tool.start(node, LAST) for node in nodes]
    ran = [finished(process) for process in running]
    assert {number for one in ran for number in one} == set(numbers(2, LAST))
    if apart:
        assert ran == [numbers(2, LAST)] * 3
        for node in nodes:
            node.thaw()
    for number, node in enumerate(nodes, 1):
        wait_journaled(node)
        assert tool.migrate(node, LAST, f"after {number}") == []
    all_is_well(nodes, [f"{when} {number}" for when in ("before", "between", "after") for number in (1, 2, 3)])
    for node in nodes:
        assert {title[:7] for title, _ in lost_remarks(node)} <= {"between"}


def test_a_node_that_was_down_and_one_from_nothing(cluster, tool):
    a, b = nodes = with_tables(cluster, tool, 2)
    b.stop()
    write_before(b, "between 2", None)
    assert tool.migrate(a, LAST) == numbers(2, LAST)
    wait_journaled(a)
    assert tool.migrate(a, LAST, "after 1") == []
    b.start()
    wait_migrated(nodes, tool, AFTER, LAST)
    assert tool.migrate(b, LAST, "after 2") == []
    c = cluster.add(SETTINGS).start()
    wait_migrated([c], tool, AFTER, LAST)
    assert tool.migrate(c, LAST, "after 3") == []
    all_is_well([a, b, c], ["before 1", "before 2", "between 2", "after 1", "after 2", "after 3"])
    # A row that has nothing in the dropped column loses nothing.
    assert [lost_remarks(node) for node in (a, b, c)] == [[], [], []]


def test_a_row_in_the_moment_of_a_migration(cluster, tool):
    """Ids of a table that was just written anew go on where its rows end, in another node's block. A row that got such
    an id and lost it is listed, and comes back under a new one."""
    a, b = nodes = with_tables(cluster, tool, 2)
    write_before(b, "last", None)  # has the greatest id
    wait_titles(nodes, ["before 1", "before 2", "last"])
    for node in nodes:
        node.freeze()
    write_before(b, "between 2", None)
    assert tool.migrate(a, LAST, "after 1") == numbers(2, LAST)
    ids = [node.one("SELECT max(id) FROM books") for node in nodes]
    assert ids[0] == ids[1]
    for node in nodes:
        node.thaw()
    wait_migrated(nodes, tool, AFTER, LAST)
    found = wait_until(lambda: [(node, one["id"]) for node in nodes for one in kept(node)
                                if (one["kind"], one["key"]["id"]) == ("same automatic id", ids[0])],
                       30, "the loser to be listed", lambda: f"{[listed(node) for node in nodes]}")
    node, loser = found[0]
    status, said = conflicts(node, "--restore", loser, "--new-ids")
    assert status == 0, said
    wait_titles(nodes, ["after 1", "before 1", "before 2", "between 2", "last"])
    in_line(nodes)
    assert [node.one(STRANGERS) for node in nodes] == [0, 0]


# --- PocketBase ---


@pytest.fixture
def applications(cluster):
    with two_applications(cluster, SETTINGS) as made:
        yield made


def write(app, **values):
    status, answer = app.ask("POST", "/api/collections/notes/records", values)
    assert status == 200, answer


def records(app):
    status, answer = app.ask("GET", "/api/collections/notes/records")
    return answer["items"] if status == 200 else status


def alter(app, token, *fields, **changes):
    status, answer = app.ask("PATCH", "/api/collections/notes", {"schema": list(fields), **changes}, token)
    assert status == 200, answer


def restart(app):
    """It keeps the collections in memory, and does not see that they have changed."""
    app.stop()
    app.start()


@pytest.mark.long  # Go compiles PocketBase, once, for minutes
def test_pocketbase(cluster, applications):
    """A collection that is made at run time on one node works on the other, and so does what is changed in it."""
    nodes, (a, b) = cluster.nodes, applications
    a.make_admin()
    wait_value(nodes, "SELECT count(*) FROM _admins", 1)
    token = a.log_in()
    assert a.make_collection(token) == 204
    write(a, text="a 1")
    wait_object(nodes, "notes")
    wait_value(nodes, "SELECT count(*) FROM notes", 1)
    write(b, text="b 1")
    wait_value(nodes, "SELECT count(*) FROM notes", 2)
    assert {one["text"] for one in records(b)} == {"a 1", "b 1"} == {one["text"] for one in records(a)}

    text, stars = NOTES["schema"][0], {"id": "stars001", "name": "stars", "type": "number"}
    alter(a, token, text, stars, indexes=["CREATE INDEX by_stars ON notes (stars)"])
    wait_object(nodes, "by_stars")
    write(a, text="a 2", stars=2)
    write(b, text="b 2")  # it does not know the field before it is started again
    wait_value(nodes, "SELECT group_concat(stars) FROM (SELECT stars FROM notes ORDER BY text)", "0,2,0,0")
    restart(b)
    write(b, text="b 3", stars=3)
    wait_value(nodes, "SELECT sum(stars) FROM notes", 5)

    alter(b, token, {**text, "name": "title"}, {**stars, "name": "rank"}, indexes=[])
    wait_columns(nodes, "notes", ["created", "id", "rank", "title", "updated"])
    wait_object(nodes, "by_stars", there=0)
    restart(a)
    write(a, title="a 4", rank=4)
    write(b, title="b 4", rank=5)
    wait_value(nodes, "SELECT sum(rank) FROM notes", 14)
    in_line(nodes)
    for app in applications:
        assert sorted((one["title"], one["rank"]) for one in records(app)) == [
            ("a 1", 0), ("a 2", 2), ("a 4", 4), ("b 1", 0), ("b 2", 0), ("b 3", 3), ("b 4", 5)]

    assert b.ask("DELETE", "/api/collections/notes", token=token)[0] == 204
    wait_object(nodes, "notes", there=0)
    restart(a)
    assert [records(app) for app in applications] == [404, 404]
    wait_equal(nodes)
    for node in nodes:
        wait_healthy(node)
        # What both had from their first starts is listed: their tables' first rows, and their settings.
        assert [one for one in kept(node) if one["kind"] != "first join" and one["table"] != "_params"] == []
