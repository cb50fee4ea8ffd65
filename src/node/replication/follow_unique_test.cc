// Tests of following UNIQUE: rows that clash are shadowed, and the index or table can always be
// made (docs/decisions/0041-the-schema-is-rows.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/replication/follow_test_util.h"

namespace harmonylite::node {
namespace {

class FollowUniqueTest : public FollowTest {
 protected:
  // Both nodes get the table, and a row each with the same value, without knowing the other's; then
  // node 1 runs `migration`.
  void Clash(const std::string& create, const std::string& migration) {
    one_.Migrate(create);
    Exchange();
    two_.App("INSERT INTO t(k, v) VALUES('older', 'same'), ('alone', 'other')");
    const auto held_up = two_.Publish();
    MoveStamps(&one_, 1'000);
    one_.App("INSERT INTO t(k, v) VALUES('newer', 'same')");
    one_.Migrate(migration);
    if (held_up) one_.Apply(*held_up);
    Exchange();
  }
  void ExpectShown(const Strings& rows) {
    for (Node* node : All()) {
      EXPECT_EQ(node->Query("SELECT k FROM t ORDER BY k"), rows) << node->self().node.value;
      EXPECT_TRUE(node->replica().catalog().complete);
    }
  }
};

TEST_F(FollowUniqueTest, ANewIndexIsMadeWhereRowsClash) {
  Clash("CREATE TABLE t(k TEXT PRIMARY KEY, v)", "CREATE UNIQUE INDEX once ON t(v)");
  ExpectShown({"'alone'", "'newer'"});
  EXPECT_EQ(two_.Schema(), one_.Schema());
  // What gave way is still there.
  one_.App("UPDATE t SET v = 'free' WHERE k = 'newer'");
  Exchange();
  ExpectShown({"'alone'", "'newer'", "'older'"});
}

TEST_F(FollowUniqueTest, WhatGaveWayIsBackWithoutTheIndex) {
  Clash("CREATE TABLE t(k TEXT PRIMARY KEY, v)", "CREATE UNIQUE INDEX once ON t(v)");
  two_.Migrate("DROP INDEX once");
  Exchange();
  ExpectShown({"'alone'", "'newer'", "'older'"});
}

TEST_F(FollowUniqueTest, ATableIsMadeAnewWithAConstraint) {
  Clash("CREATE TABLE t(k TEXT PRIMARY KEY, v, gone)",
        "CREATE TABLE n(k TEXT PRIMARY KEY, v UNIQUE, made DEFAULT 'd');"
        "INSERT INTO n(k, v) SELECT k, v FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t");
  ExpectShown({"'alone'", "'newer'"});
  one_.App("UPDATE t SET v = 'free' WHERE k = 'newer'");
  Exchange();
  for (Node* node : All())
    EXPECT_EQ(node->Query("SELECT v, made FROM t WHERE k = 'older'"), Strings{"'same'|'d'"});
}

TEST_F(FollowUniqueTest, TablesAndColumnsAreRenamedAtTheSameTime) {
  Clash("CREATE TABLE t(k TEXT PRIMARY KEY, v)",
        "ALTER TABLE t RENAME COLUMN v TO w; ALTER TABLE t RENAME TO u;"
        "CREATE UNIQUE INDEX once ON u(w); ALTER TABLE u RENAME TO t");
  ExpectShown({"'alone'", "'newer'"});
}

// ---- rows that are kept outside of their table while its columns change

class KeptRowTest : public FollowUniqueTest {
 protected:
  // 'older' is kept on both nodes.
  void SetUp() override {
    Clash("CREATE TABLE t(k TEXT PRIMARY KEY, v)", "CREATE UNIQUE INDEX once ON t(v)");
    ExpectShown({"'alone'", "'newer'"});
  }
  void ExpectOlder(const std::string& columns, const Strings& row) {
    two_.App("DELETE FROM t WHERE k = 'newer'");
    Exchange();
    for (Node* node : All())
      EXPECT_EQ(node->Query("SELECT " + columns + " FROM t WHERE k = 'older'"), row);
  }
};

TEST_F(KeptRowTest, OneChangeAfterTheOther) {
  for (const char* sql : {"ALTER TABLE t ADD COLUMN n TEXT DEFAULT 7", "ALTER TABLE t ADD COLUMN m",
                          "ALTER TABLE t RENAME COLUMN v TO w", "ALTER TABLE t DROP COLUMN m",
                          "ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME TO t"}) {
    SCOPED_TRACE(sql);
    two_.Migrate(sql);
    Exchange();
  }
  ExpectOlder("*", {"'older'|'same'|'7'"});
}

// By its place alone the renamed column could not be found.
TEST_F(KeptRowTest, SeveralChangesAtOnce) {
  two_.Migrate("ALTER TABLE t ADD COLUMN n; ALTER TABLE t RENAME COLUMN v TO w");
  ExpectOlder("k, w, n", {"'older'|'same'|NULL"});
}

TEST_F(KeptRowTest, AStartTakesTheChangesOverOneAfterTheOther) {
  two_.App(
      "ALTER TABLE t RENAME COLUMN v TO w; ALTER TABLE t ADD COLUMN n;"
      "CREATE TABLE u(k TEXT PRIMARY KEY); CREATE TABLE v(k TEXT PRIMARY KEY)");
  const NextLife again(&two_, {Follow::kAll, true}, {.most = 1});
  two_.App("DELETE FROM t WHERE k = 'newer'");
  const NextLife third(&two_, {Follow::kAll, true});
  EXPECT_EQ(two_.Query("SELECT k, w, n FROM t WHERE k = 'older'"), Strings{"'older'|'same'|NULL"});
}

TEST_F(KeptRowTest, DefaultsAreValuesWhateverTheyLookLike) {
  two_.Migrate(
      "ALTER TABLE t ADD COLUMN n DEFAULT ( ';' /* ; */ -- ;\n"
      "); ALTER TABLE t ADD COLUMN m DEFAULT -7; ALTER TABLE t ADD COLUMN o DEFAULT \"b;c\"");
  ExpectOlder("n, m, o", {"';'|-7|'b;c'"});
}

TEST_F(KeptRowTest, NothingIsSentInTheFormerColumns) {
  Node three{3, Follow::kAll, "CREATE TABLE t(k TEXT PRIMARY KEY, v)"};
  two_.App("ALTER TABLE t ADD COLUMN n DEFAULT 7");
  const auto early = two_.Answer(&three);
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code(), ErrorCode::kRetryLater);
  Must(two_.replica().SyncSchema());
  three.Apply(*Must(two_.Answer(&three)));
  three.App("DELETE FROM t WHERE k = 'newer'");
  three.Maintain();
  EXPECT_EQ(three.Query("SELECT * FROM t WHERE k = 'older'"), Strings{"'older'|'same'|7"});
}

TEST_F(KeptRowTest, WhatTheDropperHadNotSeenIsSetAside) {
  two_.App("INSERT INTO t VALUES('mine', 'later')");
  MoveStamps(&one_, 1'000);
  one_.App("INSERT INTO t VALUES('yours', 'later')");
  two_.ApplyFrom(&one_);
  ASSERT_EQ(two_.Query("SELECT k FROM t WHERE v = 'later'"), Strings{"'yours'"});
  one_.Migrate("DROP TABLE t");
  Exchange();
  EXPECT_EQ(two_.Conflicts(), Strings{"t dropped with its table 'mine' 'later'"});
}

struct Kind {
  const char* table;
  const char* index;
};
class FollowUniqueKindTest : public FollowUniqueTest, public testing::WithParamInterface<Kind> {};

TEST_P(FollowUniqueKindTest, ANewIndexIsMadeWhereRowsClash) {
  Clash(GetParam().table, GetParam().index);
  ExpectShown({"'alone'", "'newer'"});
  one_.App("DELETE FROM t WHERE k = 'newer'");
  Exchange();
  ExpectShown({"'alone'", "'older'"});
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, FollowUniqueKindTest,
    testing::Values(
        Kind{"CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
             "CREATE UNIQUE INDEX once ON t(v)"},
        Kind{"CREATE TABLE t(k TEXT PRIMARY KEY, v)",
             "CREATE UNIQUE INDEX once ON t(upper(v) COLLATE NOCASE) WHERE v IS NOT NULL"},
        Kind{"CREATE TABLE t(k TEXT PRIMARY KEY, v, up AS (upper(v)))",
             "CREATE UNIQUE INDEX once ON t(up)"}));

// One writer's rows can be sent and applied with the index there, however many they are.
TEST_F(FollowUniqueTest, ManyRowsClash) {
  one_.Migrate("CREATE TABLE t(k TEXT PRIMARY KEY, v)");
  Exchange();
  two_.App(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
      "INSERT INTO t SELECT i, i % 10 FROM n");
  one_.Migrate("CREATE UNIQUE INDEX once ON t(v)");
  Exchange();
  for (Node* node : All()) EXPECT_EQ(node->Query("SELECT count(*) FROM t"), Strings{"10"});
  EXPECT_EQ(one_.Query("SELECT k FROM t ORDER BY k"), two_.Query("SELECT k FROM t ORDER BY k"));
}

TEST_F(FollowUniqueTest, ANodeThatBeginsToFollowMakesRoom) {
  Node off{3, Follow::kOff};
  one_.Migrate("CREATE TABLE t(k TEXT PRIMARY KEY, v)");
  off.Migrate("CREATE TABLE t(k TEXT PRIMARY KEY, v)");
  off.App("INSERT INTO t VALUES('older', 'same'); INSERT INTO t VALUES('newer', 'same')");
  off.Publish();
  one_.Migrate("CREATE UNIQUE INDEX once ON t(v)");
  while (const auto batch = one_.Publish()) off.Apply(*batch);
  EXPECT_EQ(off.Query("SELECT count(*) FROM t"), Strings{"2"});
  const NextLife again(&off, {Follow::kAll, true});
  EXPECT_EQ(off.Query("SELECT k FROM t"), Strings{"'newer'"});
}

TEST_F(FollowUniqueTest, NullsThatANewDefinitionRefusesAreCounted) {
  one_.Migrate("CREATE TABLE t(k TEXT PRIMARY KEY, v)");
  Exchange();
  two_.App("INSERT INTO t VALUES('a', NULL), ('b', NULL), ('c', 1)");
  one_.Migrate(
      "CREATE TABLE n(k TEXT PRIMARY KEY, v NOT NULL); DROP TABLE t;"
      "ALTER TABLE n RENAME TO t");
  const auto batch = one_.Publish();
  ASSERT_TRUE(batch);
  EXPECT_THAT([&] { two_.Apply(*batch); }, testing::ThrowsMessage<std::exception>(
                                               testing::HasSubstr("2 rows have NULL in column v")));
}

TEST_F(FollowUniqueTest, AnIndexOverNoRowsThatClashShadowsNothing) {
  Clash("CREATE TABLE t(k TEXT PRIMARY KEY, v)", "CREATE UNIQUE INDEX once ON t(v, k)");
  ExpectShown({"'alone'", "'newer'", "'older'"});
}

}  // namespace
}  // namespace harmonylite::node
