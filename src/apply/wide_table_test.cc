// Tests that tables with as many columns as SQLite allows replicate: the result of a query cannot
// hold such a row beside its version.
#include <gtest/gtest.h>

#include "apply/apply_test_util.h"
#include "apply/old_rows.h"
#include "capture/row_survey.h"
#include "ledger/conflict_log.h"
#include "ledger/null_keys.h"

namespace harmonylite::apply {
namespace {

using capture::RowSurvey;
using capture::SurveyedRow;

constexpr int kMostColumns = 2'000;

// Returns the names "c0, c1, …" of so many columns.
std::string Columns(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += fmt::format("{}c{}", i == 0 ? "" : ", ", i);
  return out;
}

struct Shape {
  const char* name;
  std::string sql;  // makes the table t, whose columns c0 and c1998 are not in its key
  std::string key;  // the name of the key column
  schema::LoadOptions options = {};
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

schema::LoadOptions ByRowid() {
  schema::LoadOptions options;
  options.allow_without_key = [](const std::string&) { return true; };
  return options;
}

const Shape kShapes[] = {
    {"IntegerKey",
     fmt::format("CREATE TABLE t(k INTEGER PRIMARY KEY, {})", Columns(kMostColumns - 1)), "k"},
    {"LastColumnIsTheKey",
     fmt::format("CREATE TABLE t({}, k TEXT NOT NULL PRIMARY KEY COLLATE NOCASE)",
                 Columns(kMostColumns - 1)),
     "k"},
    {"WithoutRowid",
     fmt::format("CREATE TABLE t({}, k PRIMARY KEY) WITHOUT ROWID", Columns(kMostColumns - 1)),
     "k"},
    {"ByRowid", fmt::format("CREATE TABLE t({})", Columns(kMostColumns)), "_rowid_", ByRowid()},
    // Its rows have identities; the tests tell them apart by what is in c1.
    {"NoKey", fmt::format("CREATE TABLE t({})", Columns(kMostColumns)), "c1"},
    // The narrowest table that needs more than one query, and the widest that does not.
    {"JustTooWide", fmt::format("CREATE TABLE t(k INTEGER PRIMARY KEY, {})", Columns(1'991)), "k"},
    {"JustNotTooWide", fmt::format("CREATE TABLE t(k INTEGER PRIMARY KEY, {})", Columns(1'990)),
     "k"},
    {"UniqueBesideTheKey",
     fmt::format("CREATE TABLE t({}, k INTEGER PRIMARY KEY, u UNIQUE)", Columns(kMostColumns - 2)),
     "k"},
};

class WideTable : public testing::TestWithParam<Shape> {
 protected:
  const std::string& key() const { return GetParam().key; }
  std::vector<std::string> Rows(ApplyNode* node) {
    return Exact(node, key() + ",c0,c1,c999,c1989", "t", key());
  }
  // Returns the number of rows that are not what their versions say.
  int64_t Damaged(ApplyNode* node, int64_t* rows) {
    RowSurvey survey = sqlite::Must(
        RowSurvey::Begin(&node->db, node->tables, /*publishes=*/true, /*tombstones=*/true));
    int64_t damaged = 0;
    const bool done = sqlite::Must(survey.Visit(1'000, [&](const SurveyedRow& row) -> Status {
      damaged += row.damage != capture::RowDamage::kNone;
      *rows += !row.image.empty();
      return Ok();
    }));
    EXPECT_TRUE(done);
    return damaged;
  }

  ApplyNode one_{GetParam().sql, 1, GetParam().options};
  ApplyNode two_{GetParam().sql, 2, GetParam().options};
};

TEST_P(WideTable, TravelsByBatchesAndRepairs) {
  ASSERT_EQ(one_.catalog.tables.size(), 1u);
  one_.App(
      fmt::format("INSERT INTO t({0}, c0, c1989) VALUES(1, 'first', 'last'), (2, 0.5, x'00'), "
                  "(3, 'goes', NULL)",
                  key()));
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Rows(&two_), Rows(&one_));
  EXPECT_EQ(Rows(&two_).size(), 3u);
  one_.App(
      fmt::format("UPDATE t SET c1989 = 'new', c999 = 7 WHERE {0} = 1; "
                  "DELETE FROM t WHERE {0} = 3",
                  key()));
  one_.FoldAll();
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Rows(&two_), Rows(&one_));
  EXPECT_EQ(two_.Query("SELECT c0, c999, c1989 FROM t WHERE " + key() + " = 1"),
            std::vector<std::string>{"'first'|7|'new'"});

  ApplyNode three(GetParam().sql, 3, GetParam().options);
  three.Apply(*two_.Repair(three.Progress()));
  EXPECT_EQ(Rows(&three), Rows(&one_));
  for (ApplyNode* node : {&one_, &two_, &three}) {
    int64_t rows = 0;
    EXPECT_EQ(Damaged(node, &rows), 0);
    EXPECT_EQ(rows, 2);
  }
}

TEST_P(WideTable, AnAuditFindsWhatNoTriggerSaw) {
  one_.App(fmt::format("INSERT INTO t({0}, c0) VALUES(1, 1), (2, 2), (3, 3)", key()));
  two_.ApplyFrom(&one_);
  one_.FoldAll();
  one_.App(
      fmt::format("DROP TRIGGER __harmonylite__1_insert; DROP TRIGGER __harmonylite__1_update; "
                  "DROP TRIGGER __harmonylite__1_delete;"
                  "INSERT INTO t({0}, c0) VALUES(4, 4); UPDATE t SET c1989 = 'x' WHERE {0} = 1;"
                  "DELETE FROM t WHERE {0} = 2",
                  key()));
  one_.SyncAll();
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Rows(&two_), Rows(&one_));
}

TEST_P(WideTable, KeepsWhatLost) {
  one_.App(fmt::format("INSERT INTO t({0}, c1989) VALUES(1, 'old')", key()));
  two_.ApplyFrom(&one_);
  one_.App("UPDATE t SET c1989 = 'mine'");
  two_.FollowClockOf(&one_);
  two_.App("UPDATE t SET c1989 = 'yours'");
  one_.ApplyFrom(&two_);
  const auto conflicts = sqlite::Must(ledger::ListConflicts(&one_.db, one_.catalog));
  ASSERT_EQ(conflicts.size(), 1u);
  ASSERT_TRUE(conflicts[0].loser.image);
  const change::NamedImage& loser = *conflicts[0].loser.image;
  ASSERT_EQ(loser.columns.size(), one_.catalog.tables[0].table.columns.size());
  const auto at = std::find(loser.columns.begin(), loser.columns.end(), "c1989");
  EXPECT_EQ(sqlite::Render(loser.values[at - loser.columns.begin()]), "'mine'");
}

TEST_P(WideTable, GivesASnapshotsOldRows) {
  ApplyNode before(
      GetParam().sql + fmt::format(";INSERT INTO t({}, c0, c1989) VALUES(1, 2, 3)", GetParam().key),
      4, GetParam().options);
  OldRows search = sqlite::Must(OldRows::Make(&one_.db, &before.db, one_.tables));
  const auto found = sqlite::Must(search.Next(100));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->images.size(), 1u);
  EXPECT_EQ(found->images[0].size(), one_.catalog.tables[0].table.columns.size());
  one_.Write([&] { EXPECT_EQ(sqlite::Must(one_.applier.AddOldRows(*found)), 1); });
  EXPECT_EQ(Rows(&one_), Rows(&before));
}

INSTANTIATE_TEST_SUITE_P(All, WideTable, testing::ValuesIn(kShapes),
                         [](const auto& shape) { return shape.param.name; });

TEST(WideTables, ShadowedRowsAreSentAndComeBack) {
  const Shape& shape = kShapes[std::size(kShapes) - 1];
  ApplyNode one(shape.sql, 1);
  ApplyNode two(shape.sql, 2);
  one.App("INSERT INTO t(k, c0, u) VALUES(1, 'older', 'taken')");
  two.FollowClockOf(&one);
  two.App("INSERT INTO t(k, c0, u) VALUES(2, 'newer', 'taken')");
  two.ApplyFrom(&one);
  one.ApplyFrom(&two);
  for (ApplyNode* node : {&one, &two})
    EXPECT_EQ(node->Query("SELECT c0 FROM t"), std::vector<std::string>{"'newer'"});
  const auto listed = sqlite::Must(ledger::ListConflicts(&one.db, one.catalog));
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].loser.image->values.size(), listed[0].winner.image->values.size());

  ApplyNode three(shape.sql, 3);
  three.Apply(*two.Repair(three.Progress()));
  two.App("DELETE FROM t WHERE k = 2");
  two.Settle();
  EXPECT_EQ(two.Query("SELECT c0 FROM t"), std::vector<std::string>{"'older'"});
  three.ApplyFrom(&two);
  EXPECT_EQ(three.Query("SELECT c0 FROM t"), std::vector<std::string>{"'older'"});
}

TEST(WideTables, RowsWithNullInTheirKeyStay) {
  const std::string sql = fmt::format("CREATE TABLE t({}, k TEXT PRIMARY KEY)", Columns(1'999));
  ApplyNode one(sql, 1);
  ApplyNode two(sql, 2);
  one.App("INSERT INTO t(c0, k) VALUES('stays', NULL), ('goes', 'k')");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT c0 FROM t"), std::vector<std::string>{"'goes'"});
  std::vector<ledger::ListedConflict> list;
  sqlite::Must(ledger::ListNullKeys(&one.db, one.catalog, &list));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(sqlite::Render(list[0].loser.image->values[0]), "'stays'");
}

// In a composite key of any column, NULL in a later one keeps the row here as well.
TEST(WideTables, AnAuditPassesOverRowsThatStay) {
  const std::string sql =
      fmt::format("CREATE TABLE t({}, k, l, PRIMARY KEY(k, l))", Columns(1'998));
  ApplyNode one(sql, 1);
  one.App("INSERT INTO t(c0, k, l) VALUES('stays', 1, NULL), ('goes', 1, 1)");
  one.App("DROP TRIGGER __harmonylite__1_insert");
  one.FoldAll();
  one.SyncAll();
  ApplyNode two(sql, 2);
  EXPECT_EQ(two.ApplyFrom(&one).rows, 1);
}

}  // namespace
}  // namespace harmonylite::apply
