// Tests that a table which cannot be replicated for a time stops no other table, and that nothing
// is lost of what was written meanwhile.
#include <gtest/gtest.h>

#include <tuple>

#include "apply/apply_test_util.h"
#include "sqlite/vacuum.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kTables =
    "CREATE TABLE t(k INTEGER PRIMARY KEY, a); CREATE TABLE u(k INTEGER PRIMARY KEY, a)";
constexpr const char* kTablesWithoutKey =
    "CREATE TABLE t(k INTEGER, a); CREATE TABLE u(k INTEGER PRIMARY KEY, a)";

// One way in which a table leaves and comes back. `leave` and `back` are the application's SQL; if
// they are empty, the operator leaves the table out.
struct Way {
  const char* name;
  const char* leave;
  const char* back;
  const char* reason;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

constexpr Way kWays[] = {
    {"AnIndexCallsAFunction", "CREATE INDEX i ON t(own(a))", "DROP INDEX i", "own()"},
    {"APartialIndexCallsAFunction", "CREATE INDEX i ON t(a) WHERE own(a) > 0", "DROP INDEX i",
     "own()"},
    {"AnIndexHasACollation", "CREATE INDEX i ON t(a COLLATE odd)", "DROP INDEX i", "odd"},
    {"AColumnIsComputed", "ALTER TABLE t ADD COLUMN g AS (own(a)) VIRTUAL",
     "ALTER TABLE t DROP COLUMN g", "own()"},
    {"TheOperatorLeavesItOut", "", "", ""},
};

class LeftOut : public testing::TestWithParam<std::tuple<Way, const char*>> {
 protected:
  static const Way& way() { return std::get<0>(GetParam()); }

  LeftOut() {
    sqlite::AddFunction(&one_.app, "own");
    sqlite::AddCollation(&one_.app, "odd");
  }

  // The table leaves, or comes back.
  void Turn(bool leaves) {
    const std::string sql = leaves ? way().leave : way().back;
    if (!sql.empty()) return one_.App(sql);
    excluded_ = leaves;
    // A schema change of any kind makes the readers load the catalog with the new configuration.
    one_.App(leaves ? "CREATE TABLE x(k INTEGER PRIMARY KEY)" : "DROP TABLE x");
  }
  static schema::LoadOptions Options(const bool* excluded) {
    schema::LoadOptions options;
    options.include = [excluded](const std::string& table) {
      return table != "x" && (table != "t" || !*excluded);
    };
    return options;
  }
  static Strings Rows(ApplyNode* node, const char* table) {
    return node->Query(fmt::format("SELECT k, a FROM {} ORDER BY k", table));
  }

  bool excluded_ = false;
  ApplyNode one_{std::get<1>(GetParam()), 1, Options(&excluded_)};
  ApplyNode two_{std::get<1>(GetParam()), 2};
};

TEST_P(LeftOut, StopsNobodyAndLosesNothing) {
  one_.App(
      "INSERT INTO t VALUES(1, 1), (2, 2), (3, 3), (4, 4), (5, 5); INSERT INTO u VALUES(1, 1)");
  two_.ApplyFrom(&one_);
  // Of what is not published when the table leaves, some is folded and some is not.
  one_.App(
      "UPDATE t SET a = 11 WHERE k = 1; DELETE FROM t WHERE k = 2; INSERT INTO t VALUES(6, 6)");
  one_.FoldAll();
  one_.App(
      "UPDATE t SET a = 33 WHERE k = 3; DELETE FROM t WHERE k = 4; INSERT INTO t VALUES(7, 7)");
  Turn(/*leaves=*/true);
  const auto early = one_.reader.ReadChanges(one_.state.published_to);
  ASSERT_FALSE(early.ok()) << "what it journaled would be passed over";
  EXPECT_EQ(early.error().code(), ErrorCode::kRetryLater);

  one_.SyncAll();
  EXPECT_EQ(one_.catalog.ByName("t"), nullptr);
  ASSERT_EQ(one_.catalog.skipped.size(), way().reason[0] == '\0' ? 0u : 1u);
  if (!one_.catalog.skipped.empty()) {
    EXPECT_NE(one_.catalog.skipped[0].reason.find(way().reason), std::string::npos)
        << one_.catalog.skipped[0].reason;
  }
  one_.App("INSERT INTO u VALUES(2, 2)");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Rows(&two_, "u"), Rows(&one_, "u"));
  one_.App(
      "UPDATE t SET a = 55 WHERE k = 5; DELETE FROM t WHERE k = 7; INSERT INTO t VALUES(8, 8)");
  one_.FoldAll();
  two_.ApplyFrom(&one_);
  two_.App("INSERT INTO u VALUES(3, 3)");
  one_.ApplyFrom(&two_);
  EXPECT_EQ(Rows(&two_, "u"), Rows(&one_, "u"));
  EXPECT_EQ(Rows(&two_, "t").size(), 5u) << "none of its changes came";

  Turn(/*leaves=*/false);
  one_.SyncAll();
  ASSERT_NE(one_.catalog.ByName("t"), nullptr);
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Rows(&one_, "t"), (Strings{"1|11", "3|33", "5|55", "6|6", "8|8"}));
  EXPECT_EQ(Rows(&two_, "t"), Rows(&one_, "t"));
  one_.App("DELETE FROM t WHERE k = 1");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Rows(&two_, "t"), Rows(&one_, "t"));
}

TEST_P(LeftOut, RowsOfOthersWaitAndSayWhy) {
  Turn(/*leaves=*/true);
  one_.SyncAll();
  two_.App("INSERT INTO t VALUES(1, 1)");
  const auto batch = two_.Publish();
  const auto held = one_.TryApply(*batch);
  ASSERT_FALSE(held.ok());
  EXPECT_EQ(held.error().code(), ErrorCode::kSchemaMismatch);
  EXPECT_NE(held.error().message().find("table t"), std::string::npos);
  EXPECT_NE(held.error().message().find(way().reason), std::string::npos) << held.error().message();
  Turn(/*leaves=*/false);
  one_.SyncAll();
  one_.Apply(*batch);
  EXPECT_EQ(Rows(&one_, "t"), Strings{"1|1"});
}

std::string NameOf(const testing::TestParamInfo<std::tuple<Way, const char*>>& info) {
  const auto& [way, tables] = info.param;
  return std::string(way.name) + (tables == kTables ? "" : "WithoutKey");
}

INSTANTIATE_TEST_SUITE_P(All, LeftOut,
                         testing::Combine(testing::ValuesIn(kWays),
                                          testing::Values(kTables, kTablesWithoutKey)),
                         NameOf);
// A table without a key stays local with any such index.
constexpr Way kUnique{"AUniqueIndexCallsAFunction",
                      "CREATE UNIQUE INDEX i ON t(own(a)) WHERE a IS NOT NULL", "DROP INDEX i",
                      "own"};
INSTANTIATE_TEST_SUITE_P(Unique, LeftOut,
                         testing::Combine(testing::Values(kUnique), testing::Values(kTables)),
                         NameOf);

// While the rowids in the row map may be wrong, triggers journal rowids, which nobody can follow
// once the table is left out.
TEST(LeftOutTables, ATableWithoutAKeyIsVacuumedBeforeAndAfterItLeaves) {
  ApplyNode one(std::string(kTablesWithoutKey) + "; INSERT INTO t VALUES(0, 0), (9, 9)", 1);
  ApplyNode two(std::string(kTablesWithoutKey) + "; INSERT INTO t VALUES(0, 0), (9, 9)", 2);
  sqlite::AddFunction(&one.app, "own");
  one.App("INSERT INTO t VALUES(1, 1), (2, 2), (3, 3)");
  two.ApplyFrom(&one);
  one.App("DELETE FROM t WHERE k = 1");
  one.FoldAll();
  sqlite::Must(sqlite::Vacuum(&one.app));
  one.App("INSERT INTO t VALUES(4, 4); UPDATE t SET a = 22 WHERE k = 2");
  one.App("CREATE INDEX i ON t(own(a))");
  one.SyncAll();
  two.ApplyFrom(&one);
  // As many rows come as go, so that only their content tells that the row map does not fit.
  one.App("DELETE FROM t WHERE k = 9; INSERT INTO t VALUES(5, 5); DROP INDEX i");
  sqlite::Must(sqlite::Vacuum(&one.app));
  one.SyncAll();
  two.ApplyFrom(&one);
  const Strings rows{"0|0", "2|22", "3|3", "4|4", "5|5"};
  EXPECT_EQ(one.Query("SELECT k, a FROM t ORDER BY k"), rows);
  EXPECT_EQ(two.Query("SELECT k, a FROM t ORDER BY k"), rows);
}

// What a SQLite wrote that is compiled for more columns.
TEST(LeftOutTables, ATableThatCannotBeReadLeavesAndComesBack) {
  ApplyNode one(kTables, 1);
  ApplyNode two(kTables, 2);
  one.App("INSERT INTO t VALUES(1, 1), (2, 2)");
  two.ApplyFrom(&one);
  one.App("UPDATE t SET a = 3 WHERE k = 1");
  const auto forge = [&](const std::string& sql) {
    sqlite::ForgeSchema(&one.app, fmt::format("UPDATE sqlite_schema SET sql = {} WHERE name = 't'",
                                              sqlite::TextLiteral(sql)));
  };
  std::string wide = "CREATE TABLE t(k INTEGER PRIMARY KEY, a";
  for (int i = 0; i < 2'100; ++i) wide += fmt::format(", c{}", i);
  forge(wide + ")");
  EXPECT_FALSE(one.reader.ReadChanges(one.state.published_to).ok());
  one.SyncAll();
  EXPECT_EQ(one.catalog.ByName("t"), nullptr);
  ASSERT_EQ(one.catalog.skipped.size(), 1u);
  EXPECT_NE(one.catalog.skipped[0].reason.find("cannot read its definition"), std::string::npos);
  EXPECT_EQ(
      one.Query("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 't'"),
      Strings{"0"});
  one.App("INSERT INTO u VALUES(1, 1)");
  EXPECT_EQ(two.ApplyFrom(&one).rows, 1);
  forge("CREATE TABLE t(k INTEGER PRIMARY KEY, a)");
  one.SyncAll();
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT * FROM t"), (Strings{"1|3", "2|2"}));
}

TEST(LeftOutTables, ATriggerThatCannotBeReadIsNamed) {
  ApplyNode one(
      std::string(kTables) +
          "; CREATE VIRTUAL TABLE words USING fts5(a);"
          "CREATE TRIGGER feeds AFTER INSERT ON t BEGIN INSERT INTO words VALUES(NEW.a); END",
      1);
  sqlite::ForgeSchema(&one.app,
                      "UPDATE sqlite_schema SET sql = replace(sql, 'NEW.a', 'NEW.a ==> 1') WHERE "
                      "name = 'feeds'");
  one.SyncAll();
  EXPECT_EQ(one.catalog.tables.size(), 2u);
  ASSERT_EQ(one.warnings.size(), 1u);
  EXPECT_TRUE(one.warnings[0].starts_with("trigger feeds of table t cannot be read here (near"))
      << one.warnings[0];
}

TEST(LeftOutTables, SayWhichRowsNobodyCanTell) {
  ApplyNode one("CREATE TABLE t(k INTEGER PRIMARY KEY, a); INSERT INTO t VALUES(1, 1), (2, 2)", 1);
  sqlite::AddFunction(&one.app, "own");
  one.App("UPDATE t SET a = 3 WHERE k = 1; CREATE INDEX i ON t(own(a))");
  one.SyncAll();
  one.App("INSERT INTO t VALUES(3, 3); DROP INDEX i");
  bool said = false;
  for (const capture::CatalogChange& change : one.SyncAll().changes)
    said = said || change.what.starts_with("has 2 rows that nobody has written since");
  EXPECT_TRUE(said);
}

TEST(LeftOutTables, AColumnsCollationThatNobodyNeedsIsNoReason) {
  ApplyNode one("CREATE TABLE p(k TEXT NOT NULL PRIMARY KEY)", 1);
  sqlite::AddCollation(&one.app, "odd");
  sqlite::AddFunction(&one.app, "own");
  one.App(
      "CREATE TABLE t(k INTEGER PRIMARY KEY, a TEXT COLLATE odd REFERENCES p(k), b CHECK(own(b)))"
      ";INSERT INTO p VALUES('x'); CREATE INDEX j ON t(b)");
  one.SyncAll();
  EXPECT_NE(one.catalog.ByName("t"), nullptr);
}

}  // namespace
}  // namespace harmonylite::apply
