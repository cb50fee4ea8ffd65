// Tests of schema changes that follow from node to node.
#include <gtest/gtest.h>

#include "capture/schema_capture.h"
#include "node/replication/follow_test_util.h"

namespace harmonylite::node {
namespace {

using schema::Follow;

TEST_F(FollowTest, WhatIsMadeIsMadeElsewhereWithItsRows) {
  Exchange();
  one_.Migrate(
      "BEGIN; CREATE TABLE tags(name TEXT PRIMARY KEY, note REFERENCES notes(id));"
      "CREATE INDEX by_note ON tags(note); CREATE UNIQUE INDEX one_name ON tags(lower(name));"
      "CREATE VIEW named AS SELECT body, name FROM notes JOIN tags ON note = id;"
      "CREATE TABLE log(what);"
      "CREATE TRIGGER on_tag AFTER INSERT ON tags BEGIN INSERT INTO log VALUES(NEW.name); END;"
      "INSERT INTO tags VALUES('a', 1); PRAGMA user_version = 3; COMMIT");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(two_.Schema(), one_.Schema());
  EXPECT_EQ(two_.Query("SELECT * FROM tags"), Strings{"'a'|1"});
  EXPECT_EQ(two_.Query("PRAGMA user_version"), Strings{"3"});
  two_.App("INSERT INTO tags VALUES('b', 2)");
  one_.ApplyFrom(&two_);
  EXPECT_EQ(one_.Query("SELECT name FROM tags"), (Strings{"'a'", "'b'"}));
  EXPECT_FALSE(Must(two_.replica().SchemaChanged()));
}

TEST_F(FollowTest, RowsOfAnOlderShapeTakeTheDefault) {
  Exchange();
  two_.App("INSERT INTO notes VALUES(1, 'before', 1)");
  const auto before = two_.Publish();
  one_.Migrate("ALTER TABLE notes ADD COLUMN color TEXT DEFAULT 'red'");
  one_.App("INSERT INTO notes VALUES(2, 'new', 2, 'blue')");
  one_.Apply(*before);
  two_.ApplyFrom(&one_);
  const Strings rows = {"1|'before'|1|'red'", "2|'new'|2|'blue'"};
  EXPECT_EQ(one_.Query("SELECT * FROM notes"), rows);
  EXPECT_EQ(two_.Query("SELECT * FROM notes"), rows);
}

TEST_F(FollowTest, RenamesKeepValues) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 1), (2, 'b', 2)");
  Exchange();
  two_.App("UPDATE notes SET body = 'B' WHERE id = 2");
  const auto before = two_.Publish();
  one_.Migrate(
      "ALTER TABLE notes RENAME TO papers; ALTER TABLE papers RENAME COLUMN body TO content");
  one_.Apply(*before);
  EXPECT_EQ(one_.Query("SELECT id, content FROM papers"), (Strings{"1|'a'", "2|'B'"}));
  Exchange();
  EXPECT_EQ(two_.Query("SELECT id, content FROM papers"), (Strings{"1|'a'", "2|'B'"}));
  EXPECT_EQ(two_.Conflicts(), Strings{});
  two_.App("UPDATE papers SET content = 'A' WHERE id = 1");
  Exchange();
  EXPECT_EQ(one_.Query("SELECT id, content FROM papers"), (Strings{"1|'A'", "2|'B'"}));
}

// As a tool that runs several migrations in one transaction does it.
TEST_F(FollowTest, ARenameBesideADrop) {
  one_.App("INSERT INTO notes VALUES(1, 'a', NULL), (2, 'b', 2)");
  Exchange();
  two_.App("UPDATE notes SET body = 'A' WHERE id = 1");
  const auto before = two_.Publish();
  one_.Migrate(
      "BEGIN; ALTER TABLE notes RENAME COLUMN body TO content; ALTER TABLE notes DROP COLUMN n; "
      "COMMIT");
  one_.Apply(*before);
  Exchange();
  for (Node* node : All())
    EXPECT_EQ(node->Query("SELECT * FROM notes"), (Strings{"1|'A'", "2|'b'"}));
}

TEST_F(FollowTest, ADroppedColumnBesideAnAddedOneIsNoRename) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 1)");
  Exchange();
  one_.Migrate("ALTER TABLE notes DROP COLUMN n; ALTER TABLE notes ADD COLUMN m INT DEFAULT 7");
  Exchange();
  EXPECT_EQ(one_.Query("SELECT * FROM notes"), Strings{"1|'a'|7"});
  EXPECT_EQ(two_.Query("SELECT * FROM notes"), Strings{"1|'a'|7"});
  EXPECT_EQ(two_.Columns("notes"), (Strings{"'body'", "'id'", "'m'"}));
}

TEST_F(FollowTest, ARebuildKeepsRowsAndVersions) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 1), (2, NULL, 2)");
  Exchange();
  one_.Migrate(
      "BEGIN; CREATE TABLE x(id INTEGER PRIMARY KEY, n REAL, body TEXT NOT NULL DEFAULT '' CHECK "
      "(length(body) < 9)); INSERT INTO x SELECT id, n, ifnull(body, '') FROM notes; DROP TABLE "
      "notes; ALTER TABLE x RENAME TO notes; CREATE INDEX by_n ON notes(n); COMMIT");
  Exchange();
  EXPECT_EQ(two_.Schema(), one_.Schema());
  const Strings rows = {"1|real:1|'a'", "2|real:2|''"};
  EXPECT_EQ(one_.Query("SELECT id, n, body FROM notes"), rows);
  EXPECT_EQ(two_.Query("SELECT id, n, body FROM notes"), rows);
  two_.App("INSERT INTO notes VALUES(3, 3, 'c')");
  Exchange();
  EXPECT_EQ(one_.Query("SELECT count(*) FROM notes"), Strings{"3"});
  EXPECT_EQ(one_.Conflicts(), Strings{});
}

TEST_F(FollowTest, ColumnsThatTwoNodesAddAtOnceAreBothThere) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 1), (2, 'b', 2)");
  Exchange();
  one_.Migrate("ALTER TABLE notes ADD COLUMN x; UPDATE notes SET x = 'X' WHERE id = 1");
  two_.Migrate("ALTER TABLE notes ADD COLUMN y; UPDATE notes SET y = 'Y' WHERE id = 2");
  Exchange();
  for (Node* node : All()) {
    EXPECT_EQ(node->Columns("notes"), (Strings{"'body'", "'id'", "'n'", "'x'", "'y'"}));
    EXPECT_EQ(node->Query("SELECT id, x, y FROM notes"), (Strings{"1|'X'|NULL", "2|NULL|'Y'"}));
    EXPECT_EQ(node->Conflicts(), Strings{});
  }
}

TEST_F(FollowTest, ARenameBesideAnAdd) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 1)");
  Exchange();
  one_.Migrate("ALTER TABLE notes RENAME COLUMN body TO content");
  two_.Migrate("ALTER TABLE notes ADD COLUMN y DEFAULT 'y'");
  Exchange();
  for (Node* node : All()) {
    EXPECT_EQ(node->Columns("notes"), (Strings{"'content'", "'id'", "'n'", "'y'"}));
    EXPECT_EQ(node->Query("SELECT content, y FROM notes"), Strings{"'a'|'y'"});
  }
}

TEST_F(FollowTest, TheSameMigrationOnBothAtOnce) {
  Exchange();
  for (Node* node : All())
    node->Migrate(
        "ALTER TABLE notes ADD COLUMN x TEXT; CREATE TABLE more(k TEXT PRIMARY KEY, v); CREATE "
        "INDEX by_x ON notes(x); PRAGMA user_version = 2");
  one_.App("INSERT INTO more VALUES('one', 1)");
  two_.App("INSERT INTO more VALUES('two', 2)");
  Exchange();
  for (Node* node : All()) {
    EXPECT_EQ(node->Columns("notes"), (Strings{"'body'", "'id'", "'n'", "'x'"}));
    EXPECT_EQ(node->Query("SELECT k FROM more"), (Strings{"'one'", "'two'"}));
    EXPECT_FALSE(node->Publish().has_value()) << "nothing is left to say";
  }
}

TEST_F(FollowTest, RowsThatTheDropperHadNotSeenAreSetAside) {
  one_.App("INSERT INTO notes VALUES(1, 'seen', 1)");
  Exchange();
  two_.App("INSERT INTO notes VALUES(2, 'unseen', 2)");
  const auto unseen = two_.Publish();
  one_.Migrate("DROP TABLE notes");
  one_.Apply(*unseen);
  Exchange();
  for (Node* node : All()) {
    EXPECT_EQ(node->Schema(), Strings{});
    EXPECT_EQ(node->Conflicts(), Strings{"notes dropped with its table 2 'unseen' 2"});
  }
  one_.Migrate(std::string(kNotes) + "; INSERT INTO notes VALUES(1, 'again', 1)");
  Exchange();
  for (Node* node : All()) {
    EXPECT_EQ(node->Query("SELECT * FROM notes"), Strings{"1|'again'|1"});
    EXPECT_EQ(node->Conflicts(), Strings{"notes dropped with its table 2 'unseen' 2"});
  }
}

TEST_F(FollowTest, ARepairBringsTheSchema) {
  one_.Migrate("CREATE TABLE more(k TEXT PRIMARY KEY, v); INSERT INTO more VALUES('a', 1)");
  one_.Publish();
  one_.Migrate("ALTER TABLE more ADD COLUMN w DEFAULT 5");
  one_.Publish();
  two_.Apply(*Must(one_.Answer(&two_)));
  EXPECT_EQ(two_.Query("SELECT * FROM more"), Strings{"'a'|1|5"});
}

TEST_F(FollowTest, ASnapshotBringsTheSchema) {
  one_.Migrate("ALTER TABLE notes ADD COLUMN w DEFAULT 5; CREATE TABLE more(k TEXT PRIMARY KEY)");
  one_.App("INSERT INTO notes VALUES(1, 'a', 1, 2); INSERT INTO more VALUES('m')");
  one_.Publish();
  two_.App("INSERT INTO notes VALUES(2, 'b', 2)");
  const auto snapshot = one_.Snapshot();
  Must(two_.replica().FollowSnapshot(snapshot.get()));
  two_.Merge(snapshot.get());
  EXPECT_EQ(two_.Query("SELECT * FROM notes"), (Strings{"1|'a'|1|2", "2|'b'|2|5"}));
  EXPECT_EQ(two_.Query("SELECT * FROM more"), Strings{"'m'"});
}

TEST_F(FollowTest, WhatCannotBeMadeHereIsLeftOut) {
  Exchange();
  sqlite::Connection app =
      Must(sqlite::Connection::Open(one_.path(), sqlite::OpenMode::kReadWrite));
  sqlite::AddFunction(&app, "own");
  sqlite::Execute(&app, "CREATE TABLE more(k TEXT PRIMARY KEY); CREATE INDEX odd ON notes(own(n))");
  Must(one_.replica().SyncSchema());
  one_.App("INSERT INTO more VALUES('m')");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(two_.Schema(), (Strings{"'table more'", "'table notes'"}));
  EXPECT_EQ(two_.Query("SELECT * FROM more"), Strings{"'m'"});
  two_.Migrate("CREATE INDEX here ON notes(body)");
  EXPECT_EQ(one_.Schema().size(), 3u) << "what two_ lacks it has not dropped";
}

// A node that does not follow keeps its own definition, and never sends it as if it were new.
TEST_F(FollowTest, OneThatDoesNotFollowHoldsNobodyUp) {
  Node off(3, Follow::kOff);
  one_.Migrate("ALTER TABLE notes ADD COLUMN x DEFAULT 'x'");
  const auto migrated = one_.Publish();
  two_.Apply(*migrated);
  off.Apply(*migrated);
  off.App("INSERT INTO notes VALUES(1, 'old', 1)");
  off.Migrate("CREATE TABLE own(k TEXT PRIMARY KEY); ALTER TABLE notes ADD COLUMN y");
  const auto others = off.Publish();
  for (Node* node : All()) {
    node->Apply(*others);
    EXPECT_EQ(node->Columns("notes"), (Strings{"'body'", "'id'", "'n'", "'x'", "'y'"}));
    EXPECT_EQ(node->Query("SELECT id, x, y FROM notes"), Strings{"1|'x'|NULL"});
  }
  EXPECT_EQ(off.Columns("notes"), (Strings{"'body'", "'id'", "'n'", "'y'"}));
}

TEST_F(FollowTest, TwoThatDoNotFollowGoOnWithWhatOthersRenamedOrDropped) {
  for (const char* change : {"ALTER TABLE notes RENAME TO papers", "DROP TABLE notes"}) {
    Node three(3, Follow::kOff);
    Node four(4, Follow::kOff);
    three.ApplyFrom(&four);
    Node changed(5);
    three.ApplyFrom(&changed);
    changed.Migrate(change);
    const auto batch = changed.Publish();
    three.Apply(*batch);
    four.App("INSERT INTO notes VALUES(1, 'has not seen it', 1)");
    three.ApplyFrom(&four);
    EXPECT_EQ(three.Query("SELECT id FROM notes"), Strings{"1"}) << change;
  }
}

// An INSERT that names no columns means the same on every node.
TEST_F(FollowTest, TheOrderOfColumnsFollows) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 5)");
  Exchange();
  one_.Migrate(
      "CREATE TABLE x(n INT DEFAULT 7, body TEXT, id INTEGER PRIMARY KEY); INSERT INTO x "
      "SELECT n, body, id FROM notes; DROP TABLE notes; ALTER TABLE x RENAME TO notes");
  Exchange();
  EXPECT_EQ(two_.Query("SELECT * FROM notes"), Strings{"5|'a'|1"});
  two_.App("INSERT INTO notes VALUES(6, 'b', 2)");
  Exchange();
  EXPECT_EQ(one_.Query("SELECT * FROM notes"), (Strings{"5|'a'|1", "6|'b'|2"}));
  EXPECT_EQ(one_.Conflicts(), Strings{});
}

TEST_F(FollowTest, TablesExchangeTheirNames) {
  one_.Migrate(
      "CREATE TABLE more(id INTEGER PRIMARY KEY, v); INSERT INTO more VALUES(1, 'more');"
      "INSERT INTO notes VALUES(1, 'note', 1)");
  Exchange();
  one_.Migrate(
      "ALTER TABLE notes RENAME TO swap; ALTER TABLE more RENAME TO notes; "
      "ALTER TABLE swap RENAME TO more");
  Exchange();
  EXPECT_EQ(two_.Query("SELECT v FROM notes"), Strings{"'more'"});
  EXPECT_EQ(two_.Query("SELECT body FROM more"), Strings{"'note'"});
}

TEST_F(FollowTest, OneThatOnlyAddsDropsNothing) {
  Node additive(3, Follow::kAdditive);
  one_.Migrate("CREATE TABLE more(k TEXT PRIMARY KEY)");
  additive.ApplyFrom(&one_);
  one_.Migrate("ALTER TABLE notes DROP COLUMN n; DROP TABLE more; ALTER TABLE notes ADD COLUMN x");
  one_.App("INSERT INTO notes VALUES(1, 'a', 'x')");
  additive.ApplyFrom(&one_);
  EXPECT_EQ(additive.Columns("notes"), (Strings{"'body'", "'id'", "'n'", "'x'"}));
  EXPECT_EQ(additive.Query("SELECT id, n, x FROM notes"), Strings{"1|7|'x'"});
  EXPECT_EQ(additive.Columns("more"), Strings{"'k'"});
}

TEST_F(FollowTest, ANodeWithoutTablesGetsThem) {
  Node empty(3, Follow::kAll, "");
  one_.App("INSERT INTO notes VALUES(1, 'a', 1)");
  empty.ApplyFrom(&one_);
  EXPECT_EQ(empty.Query("SELECT * FROM notes"), Strings{"1|'a'|1"});
}

TEST_F(FollowTest, EveryKindOfTableIsMade) {
  one_.Migrate(
      "CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE bare(a, b);"
      "CREATE TABLE strict(k TEXT PRIMARY KEY NOT NULL, n INT CHECK (n > 0)) WITHOUT ROWID, STRICT;"
      "CREATE TABLE computed(k TEXT PRIMARY KEY, g AS (upper(k)), s TEXT AS (k || 's') STORED, "
      "d DEFAULT (1 + 1), UNIQUE(s), FOREIGN KEY(k) REFERENCES counted(id));"
      "INSERT INTO counted(v) VALUES(1); INSERT INTO bare VALUES(1, 2); "
      "INSERT INTO strict VALUES('a', 1); INSERT INTO computed(k) VALUES('c')");
  Exchange();
  EXPECT_EQ(two_.Schema(), one_.Schema());
  for (const char* table : {"counted", "bare", "strict", "computed"})
    EXPECT_EQ(two_.Query(std::string("SELECT * FROM ") + table),
              one_.Query(std::string("SELECT * FROM ") + table))
        << table;
}

// SQLite does not take text of another node for more than the definition of one object.
TEST_F(FollowTest, ForgedTextsMakeNothing) {
  Exchange();
  sqlite::Connection app =
      Must(sqlite::Connection::Open(one_.path(), sqlite::OpenMode::kReadWrite));
  for (const char* sql :
       {"CREATE TABLE evil AS SELECT 1", "CREATE TABLE evil(a); DROP TABLE notes",
        "CREATE TABLE other(a)", "CREATE TABLE \"__harmonylite__state\"(a)", "ATTACH 'x' AS y",
        "CREATE VIRTUAL TABLE evil USING dbstat", "CREATE TEMP TABLE evil(a)"}) {
    schema::ObjectRow row{{schema::ObjectKind::kTable, "evil"}, {"evil"}, {}, sql, {}, {}};
    auto transaction = Must(sqlite::Transaction::Begin(&app, sqlite::TransactionKind::kWrite));
    Must(capture::WriteObject(&app, one_.replica().catalog(), row, one_.clock()));
    Must(transaction.Commit());
    two_.ApplyFrom(&one_);
    EXPECT_EQ(two_.Schema(), Strings{"'table notes'"}) << sql;
  }
}

TEST_F(FollowTest, ReservedNamesAreLeftAlone) {
  Exchange();
  sqlite::Connection app =
      Must(sqlite::Connection::Open(one_.path(), sqlite::OpenMode::kReadWrite));
  using schema::ObjectKind;
  const schema::ObjectRow rows[] = {
      {{ObjectKind::kTable, "x"},
       {"__harmonylite__v99"},
       {},
       "CREATE TABLE \"__harmonylite__v99\"(a)",
       {},
       {}},
      {{ObjectKind::kTable, "notes"},
       {"notes", "__harmonylite__notes"},
       {},
       "CREATE TABLE \"__harmonylite__notes\"(id INTEGER PRIMARY KEY, body TEXT, n INT DEFAULT 7)",
       {{"id", {"id"}, false}, {"body", {"body"}, false}, {"n", {"n"}, false}},
       {}},
      {{ObjectKind::kIndex, "i"},
       {"i"},
       "__harmonylite__journal",
       "CREATE UNIQUE INDEX i ON __harmonylite__journal(op)",
       {},
       {}},
      {{ObjectKind::kTrigger, "g"},
       {"g"},
       "__harmonylite__journal",
       "CREATE TRIGGER g AFTER INSERT ON __harmonylite__journal BEGIN SELECT 1; END",
       {},
       {}},
  };
  for (const schema::ObjectRow& row : rows) {
    auto transaction = Must(sqlite::Transaction::Begin(&app, sqlite::TransactionKind::kWrite));
    Must(capture::WriteObject(&app, one_.replica().catalog(), row, one_.clock()));
    Must(transaction.Commit());
    two_.ApplyFrom(&one_);
    EXPECT_EQ(two_.Schema(), Strings{"'table notes'"}) << row.sql;
  }
}

TEST_F(FollowTest, FullTextTablesAreFilled) {
  one_.App("INSERT INTO notes VALUES(1, 'old words', 1)");
  Exchange();
  one_.Migrate(
      "CREATE VIRTUAL TABLE words USING fts5(body, content='notes', content_rowid='id');"
      "CREATE TRIGGER ai AFTER INSERT ON notes BEGIN INSERT INTO words(rowid, body) "
      "VALUES(NEW.id, NEW.body); END; INSERT INTO words(words) VALUES('rebuild')");
  one_.App("INSERT INTO notes VALUES(2, 'new words', 2)");
  Exchange();
  EXPECT_EQ(two_.Query("SELECT rowid FROM words('words')"), (Strings{"1", "2"}));
}

}  // namespace
}  // namespace harmonylite::node
