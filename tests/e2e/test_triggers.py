"""The application's own triggers: what they write to shared tables happens once, what they keep beside
them (a search index) happens on every node."""

from harness import wait_equal, wait_value

AUDIT = """
CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT, cents INTEGER);
CREATE TABLE audit(id INTEGER PRIMARY KEY, what TEXT, account INTEGER, before, after);
CREATE TRIGGER account_i AFTER INSERT ON account BEGIN
  INSERT INTO audit(id, what, account, after) VALUES(random(), 'insert', NEW.id, NEW.cents); END;
CREATE TRIGGER account_u AFTER UPDATE ON account BEGIN
  INSERT INTO audit VALUES(random(), 'update', NEW.id, OLD.cents, NEW.cents); END;
CREATE TRIGGER account_d AFTER DELETE ON account BEGIN
  INSERT INTO audit(id, what, account, before) VALUES(random(), 'delete', OLD.id, OLD.cents); END;
"""


def test_an_audit_trail_has_the_same_rows_everywhere(cluster):
    a, b, c = nodes = cluster.run(3, AUDIT)
    a.sql("INSERT INTO account VALUES(1, 'ann', 100), (2, 'bob', 200)")
    wait_value(nodes, "SELECT count(*) FROM account", 2)
    b.sql("UPDATE account SET cents = cents + 5")
    wait_value(nodes, "SELECT sum(cents) FROM account", 310)
    c.sql("DELETE FROM account WHERE id = 1")
    wait_value(nodes, "SELECT count(*) FROM account", 1)
    wait_value(nodes, "SELECT count(*) FROM audit", 5)
    wait_equal(nodes)


def test_a_trigger_that_counts(cluster):
    """It must not count again where the row is applied, or the sums drift apart."""
    a, b = nodes = cluster.run(2, """
        CREATE TABLE post(id INTEGER PRIMARY KEY, topic INTEGER);
        CREATE TABLE topic(id INTEGER PRIMARY KEY, posts INTEGER NOT NULL DEFAULT 0);
        INSERT INTO topic VALUES(1, 0);
        CREATE TRIGGER post_i AFTER INSERT ON post BEGIN
          UPDATE topic SET posts = posts + 1 WHERE id = NEW.topic; END""")
    for number in range(30):
        a.sql("INSERT INTO post VALUES(?, 1)", number)
    wait_value(nodes, "SELECT count(*) FROM post", 30)
    wait_value(nodes, "SELECT posts FROM topic", 30)
    wait_equal(nodes)


def test_a_trigger_that_refuses(cluster):
    """RAISE is for the application. A row it let in elsewhere is not refused here."""
    schema = """CREATE TABLE t(id INTEGER PRIMARY KEY, v);
                CREATE TRIGGER {} BEFORE INSERT ON t WHEN NEW.v = 'bad'
                BEGIN SELECT RAISE(ABORT, 'refused'); END"""
    a = cluster.add().create("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").start()
    b = cluster.add().create(schema.format("guard")).start()
    a.sql("INSERT INTO t VALUES(1, 'bad'), (2, 'good')")
    wait_value(b, "SELECT count(*) FROM t", 2)
    wait_equal([a, b])


FTS = """
CREATE TABLE book(id INTEGER PRIMARY KEY, title TEXT, body TEXT);
CREATE VIRTUAL TABLE search USING fts5(title, body, content='book', content_rowid='id');
CREATE TRIGGER book_ai AFTER INSERT ON book BEGIN
  INSERT INTO search(rowid, title, body) VALUES(NEW.id, NEW.title, NEW.body); END;
CREATE TRIGGER book_ad AFTER DELETE ON book BEGIN
  INSERT INTO search(search, rowid, title, body) VALUES('delete', OLD.id, OLD.title, OLD.body); END;
CREATE TRIGGER book_au AFTER UPDATE ON book BEGIN
  INSERT INTO search(search, rowid, title, body) VALUES('delete', OLD.id, OLD.title, OLD.body);
  INSERT INTO search(rowid, title, body) VALUES(NEW.id, NEW.title, NEW.body); END;
"""


def found(node, word):
    return [row[0] for row in node.sql(
        "SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid", word)]


def test_a_search_index_finds_rows_on_replicas(cluster):
    a, b, c = nodes = cluster.run(3, FTS)
    a.sql("INSERT INTO book VALUES(1, 'Momo', 'grey men steal time'), (2, 'Emma', 'a clever girl')")
    wait_value(nodes, "SELECT count(*) FROM book", 2)
    for node in nodes:
        assert (found(node, "steal"), found(node, "clever")) == ([1], [2])
    b.sql("UPDATE book SET body = 'grey men lend time' WHERE id = 1")
    wait_value(nodes, "SELECT count(*) FROM book WHERE body LIKE '%lend%'", 1)
    c.sql("DELETE FROM book WHERE id = 2")
    wait_value(nodes, "SELECT count(*) FROM book", 1)
    a.sql("INSERT INTO book VALUES(1, 'Momo again', 'tortoise') ON CONFLICT(id) "
          "DO UPDATE SET title = excluded.title, body = excluded.body")
    wait_value(nodes, "SELECT title FROM book", "Momo again")
    for node in nodes:
        assert found(node, "steal") == found(node, "lend") == found(node, "clever") == []
        assert found(node, "tortoise") == [1]
        node.sql("INSERT INTO search(search) VALUES('integrity-check')")
    wait_equal(nodes, only=["book"])


def test_audit_and_search_on_one_table(cluster):
    """One trigger's effects travel as rows, the other's must happen here."""
    a, b = nodes = cluster.run(2, FTS + """
        CREATE TABLE trail(id INTEGER PRIMARY KEY, book INTEGER);
        CREATE TRIGGER book_trail AFTER INSERT ON book BEGIN
          INSERT INTO trail VALUES(random(), NEW.id); END""")
    for number in range(20):
        nodes[number % 2].sql("INSERT INTO book VALUES(?, 'common', ?)", number, f"word{number}")
    wait_value(nodes, "SELECT count(*) FROM book", 20)
    wait_value(nodes, "SELECT count(*) FROM trail", 20)
    for node in nodes:
        assert len(found(node, "common")) == 20
        assert found(node, "word13") == [13]
    wait_equal(nodes, only=["book", "trail"])


def test_triggers_made_and_dropped_while_running(cluster):
    a, b = nodes = cluster.run(2, "CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
                                  "CREATE TABLE n(id INTEGER PRIMARY KEY, t)")
    a.sql("INSERT INTO t VALUES(1, 'x')")
    wait_value(b, "SELECT count(*) FROM t", 1)
    for node in nodes:
        node.script("CREATE TRIGGER note AFTER INSERT ON t BEGIN "
                    "INSERT INTO n VALUES(random(), NEW.id); END")
    a.sql("INSERT INTO t VALUES(2, 'y')")
    wait_value(nodes, "SELECT count(*) FROM n", 1)
    for node in nodes:
        node.script("DROP TRIGGER note")
    b.sql("INSERT INTO t VALUES(3, 'z')")
    wait_value(a, "SELECT count(*) FROM t", 3)
    assert a.one("SELECT count(*) FROM n") == 1
    wait_equal(nodes)


def test_last_insert_rowid_in_the_applications_triggers(cluster):
    """Our triggers run beside it and must not change what it reads."""
    a, b = cluster.run(2, """
        CREATE TABLE t(id INTEGER PRIMARY KEY, v);
        CREATE TABLE u(id INTEGER PRIMARY KEY, t);
        CREATE TRIGGER z AFTER INSERT ON t BEGIN
          INSERT INTO u(t) VALUES(NEW.id); END""")
    for number in (5, 50, 500):
        a.sql("INSERT INTO t VALUES(?, 'x')", number)
        assert a.one("SELECT last_insert_rowid()") == number
    wait_value(b, "SELECT group_concat(t) FROM u", "5,50,500")


def test_a_search_index_under_replace(cluster):
    """REPLACE fires an application's delete triggers only with recursive_triggers; then they must
    have run on the replicas as well."""
    a, b = nodes = cluster.run(2, FTS)
    a.sql("PRAGMA recursive_triggers=ON")
    a.sql("INSERT INTO book VALUES(1, 'Momo', 'grey men')")
    wait_value(b, "SELECT count(*) FROM book", 1)
    a.sql("REPLACE INTO book VALUES(1, 'Momo', 'tortoise')")
    wait_value(b, "SELECT body FROM book", "tortoise")
    for node in nodes:
        assert (found(node, "grey"), found(node, "tortoise")) == ([], [1])
        node.sql("INSERT INTO search(search) VALUES('integrity-check')")
