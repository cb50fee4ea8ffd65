// Tests of what follows a schema change: rows in other shapes, views, triggers and indexes.
#include <gtest/gtest.h>

#include "node/replication/follow_test_util.h"

namespace harmonylite::node {
namespace {

TEST_F(FollowTest, ANodeStartsAgainAfterItFollowedADrop) {
  Exchange();
  one_.Migrate("DROP TABLE notes; CREATE TABLE more(k TEXT PRIMARY KEY)");
  Exchange();
  const NextLife again(&two_, {});
  EXPECT_EQ(two_.Schema(), Strings{"'table more'"});
}

// SQLite changes the texts of views and triggers on the node that has them, and nobody else knows
// the former name of the table.
TEST_F(FollowTest, WhatNamesARenamedTableIsSpelledAnew) {
  Exchange();
  two_.Migrate(
      "CREATE VIEW bodies AS SELECT body FROM notes; CREATE INDEX by_body ON notes(body);"
      "CREATE TABLE log(what); CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO log "
      "VALUES(NEW.body); END");
  one_.Migrate(
      "ALTER TABLE notes RENAME TO papers; ALTER TABLE papers RENAME COLUMN body TO content");
  Exchange();
  EXPECT_EQ(one_.Schema(), (Strings{"'index by_body'", "'table log'", "'table papers'",
                                    "'trigger t'", "'view bodies'"}));
  EXPECT_EQ(two_.Schema(), one_.Schema());
  one_.App("INSERT INTO papers VALUES(1, 'a', 1)");
  EXPECT_EQ(one_.Query("SELECT * FROM bodies"), Strings{"'a'"});
  EXPECT_EQ(one_.Query("SELECT * FROM log"), Strings{"'a'"});
}

// A view or trigger that names what is gone would make statements of the application fail.
TEST_F(FollowTest, WhatNamesADroppedColumnIsNotLeftThere) {
  Exchange();
  two_.Migrate(
      "CREATE TABLE log(what); CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO log "
      "VALUES(NEW.n); END; CREATE VIEW numbers AS SELECT n FROM notes;"
      "CREATE VIEW doubled AS SELECT n + n FROM numbers; CREATE VIEW bodies AS SELECT body FROM notes");
  one_.Migrate("ALTER TABLE notes DROP COLUMN n");
  Exchange();
  for (Node* node : All()) {
    EXPECT_EQ(node->Schema(), (Strings{"'table log'", "'table notes'", "'view bodies'"}));
    node->App("INSERT INTO notes VALUES(NULL, 'works')");
    node->Migrate("ALTER TABLE log RENAME TO journal; ALTER TABLE journal RENAME TO log");
  }
}

// A hold would never end: the rows stay in the log as they are. Their node sends them again once
// the table has its new key there.
TEST_F(FollowTest, RowsUnderAFormerKeyHoldNothing) {
  const char* rebuild =
      "CREATE TABLE x(a INT NOT NULL, b INT NOT NULL, PRIMARY KEY(b, a)); INSERT INTO x SELECT a, b "
      "FROM pairs; DROP TABLE pairs; ALTER TABLE x RENAME TO pairs";
  for (const auto& [table, change] : std::vector<std::pair<const char*, const char*>>{
           {"", "CREATE UNIQUE INDEX u ON pairs(a, b)"},
           {"", "CREATE UNIQUE INDEX u ON pairs(b)"},
           {"; CREATE UNIQUE INDEX v ON pairs(a)", "DROP INDEX v"},
           {"; CREATE UNIQUE INDEX v ON pairs(a, b)", rebuild},
           {"; CREATE UNIQUE INDEX v ON pairs(a)",
            "DROP INDEX v; CREATE UNIQUE INDEX v ON pairs(b)"}}) {
    SCOPED_TRACE(std::string(table) + " " + change);
    one_.Migrate(std::string("CREATE TABLE pairs(a INT NOT NULL, b INT NOT NULL)") + table);
    one_.App("INSERT INTO pairs VALUES(1, 10), (2, 20)");
    Exchange();
    two_.App("INSERT INTO pairs VALUES(3, 30)");
    two_.App("DELETE FROM pairs WHERE a = 2");
    const auto before = two_.Publish();
    one_.Migrate(change);
    one_.Apply(*before);
    const Strings listed = one_.Conflicts();
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_TRUE(listed[0].starts_with("pairs under a former key")) << listed[0];
    EXPECT_TRUE(listed[0].ends_with("3 30")) << listed[0];
    Exchange();
    EXPECT_EQ(one_.Query("SELECT * FROM pairs WHERE a <> 2 ORDER BY a"), (Strings{"1|10", "3|30"}));
    EXPECT_EQ(two_.Query("SELECT * FROM pairs ORDER BY a"),
              one_.Query("SELECT * FROM pairs ORDER BY a"));
    two_.App("INSERT INTO pairs VALUES(4, 40)");
    Exchange();
    EXPECT_EQ(one_.Query("SELECT b FROM pairs WHERE a = 4"), Strings{"40"});
    one_.Migrate("DROP TABLE pairs");
    one_.App("DELETE FROM __harmonylite__conflicts");
    Exchange();
  }
}

TEST_F(FollowTest, RowsWithoutAColumnHaveWhatItBeganWith) {
  Exchange();
  two_.App("INSERT INTO notes VALUES(1, 'before', 1)");
  const auto before = two_.Publish();
  one_.Migrate("ALTER TABLE notes ADD COLUMN color TEXT DEFAULT 'red'");
  one_.Migrate(
      "CREATE TABLE x(id INTEGER PRIMARY KEY, body TEXT, n INT DEFAULT 7, color TEXT DEFAULT "
      "'blue'); INSERT INTO x SELECT * FROM notes; DROP TABLE notes; ALTER TABLE x RENAME TO notes");
  one_.Apply(*before);
  Exchange();
  EXPECT_EQ(one_.Query("SELECT * FROM notes"), Strings{"1|'before'|1|'red'"});
  EXPECT_EQ(two_.Query("SELECT * FROM notes"), Strings{"1|'before'|1|'red'"});
}

// As Django adds a column: the rows that are there get a value, and the table has no default.
TEST_F(FollowTest, RowsWithoutAColumnThatMayNotBeNullHaveWhatAllOthersHave) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 1), (2, 'b', 2)");
  Exchange();
  two_.App("INSERT INTO notes VALUES(3, 'before', 3)");
  one_.Migrate(
      "CREATE TABLE x(id INTEGER PRIMARY KEY, body TEXT, n INT DEFAULT 7, color TEXT NOT NULL);"
      "INSERT INTO x SELECT *, 'none' FROM notes; DROP TABLE notes; ALTER TABLE x RENAME TO notes");
  Exchange();
  for (Node* node : All())
    EXPECT_EQ(node->Query("SELECT id, color FROM notes"),
              (Strings{"1|'none'", "2|'none'", "3|'none'"}));
}

TEST_F(FollowTest, NullBecomesTheDefaultWhereItIsNotAllowedAnyMore) {
  Exchange();
  two_.App("INSERT INTO notes VALUES(1, NULL, 1)");
  const auto before = two_.Publish();
  one_.Migrate(
      "CREATE TABLE x(id INTEGER PRIMARY KEY, body TEXT NOT NULL DEFAULT '', n INT DEFAULT 7);"
      "INSERT INTO x SELECT * FROM notes; DROP TABLE notes; ALTER TABLE x RENAME TO notes");
  one_.Apply(*before);
  Exchange();
  for (Node* node : All()) EXPECT_EQ(node->Query("SELECT * FROM notes"), Strings{"1|''|1"});
}

TEST_F(FollowTest, FormerNamesOfColumnsAreKept) {
  one_.App("INSERT INTO notes VALUES(1, 'a', 1)");
  Exchange();
  two_.App("INSERT INTO notes VALUES(2, 'b', 2)");
  const auto before = two_.Publish();
  for (const char* sql :
       {"ALTER TABLE notes RENAME COLUMN body TO content",
        "ALTER TABLE notes RENAME COLUMN content TO words", "ALTER TABLE notes ADD COLUMN x",
        "ALTER TABLE notes DROP COLUMN n", "ALTER TABLE notes ADD COLUMN n DEFAULT 'new'"})
    one_.Migrate(sql);
  one_.Apply(*before);
  EXPECT_EQ(one_.Query("SELECT words, n FROM notes"), (Strings{"'a'|'new'", "'b'|'new'"}));
  Exchange();
  EXPECT_EQ(two_.Query("SELECT words, n FROM notes"), (Strings{"'a'|'new'", "'b'|'new'"}));
}

// A column that shows its default in all rows but one, dropped beside a new one like it.
TEST_F(FollowTest, ARowThatShowsTheDefaultProvesNoRename) {
  one_.App(
      "INSERT INTO notes(id, body) VALUES(1, 'a'), (2, 'b'); INSERT INTO notes VALUES(3, 'c', 8)");
  Exchange();
  one_.Migrate("ALTER TABLE notes DROP COLUMN n; ALTER TABLE notes ADD COLUMN m INT DEFAULT 7");
  Exchange();
  for (Node* node : All()) EXPECT_EQ(node->Query("SELECT m FROM notes"), (Strings{"7", "7", "7"}));
}

TEST_F(FollowTest, OnlyRowsThatLoseSomethingAreSetAside) {
  Exchange();
  two_.App("INSERT INTO notes VALUES(1, 'a', 1), (2, 'b', NULL)");
  one_.Migrate("ALTER TABLE notes DROP COLUMN n");
  Exchange();
  for (Node* node : All())
    EXPECT_EQ(node->Query("SELECT body FROM notes"), (Strings{"'a'", "'b'"}));
  EXPECT_EQ(two_.Conflicts(), Strings{"notes dropped with its table 1 'a' 1"});
}

}  // namespace
}  // namespace harmonylite::node
