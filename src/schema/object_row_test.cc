#include "schema/object_row.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "schema/definition.h"
#include "schema/table_text.h"
#include "sqlite/sqlite_test_util.h"

namespace harmonylite::schema {
namespace {

using sqlite::Must;
using Strings = std::vector<std::string>;

Object Table(const std::string& sql, const std::string& name = "t") {
  return {ObjectKind::kTable, name, {}, sql};
}

ObjectRow First(const std::string& sql) { return NewRow(Table(sql), "t", {}); }

// The row after the table was changed into `sql`, by a node that knew `before`.
ObjectRow After(const ObjectRow& before, const std::string& sql, const std::string& name = "t") {
  const Object now = Table(sql, name);
  return Changed(before, now, PossibleRenames(before, now), {});
}

Strings Columns(const ObjectRow& row) {
  Strings out;
  for (const ColumnText& column : Must(ParseTable(row.sql)).columns) out.push_back(column.name);
  return out;
}

TEST(ObjectRow, NamesAndColumnsComeBackAsTheyWereStored) {
  const Strings names = {"a", "", "9:x;", "\"ü\"\n"};
  EXPECT_EQ(Must(DecodeNames(EncodeNames(names))), names);
  const std::vector<ColumnRow> columns = {{"a", {"a", "B"}, false}, {"a#2", names, true}};
  EXPECT_EQ(Must(DecodeColumns(EncodeColumns(columns))), columns);
  change::ProgressVector seen;
  seen.Advance({NodeId(UINT64_MAX), Incarnation(7)}, Lseq(INT64_MAX));
  EXPECT_EQ(Must(DecodeSeen(EncodeSeen(seen))), seen);
}

TEST(ObjectRow, WhatNobodyStoresIsRefused) {
  for (const char* names : {"", "1", "1:", "2:a", "-1:a", "99999999999999999999:a", "x"})
    EXPECT_EQ(DecodeNames(names).error().code(), ErrorCode::kCorruption) << names;
  for (const char* columns : {"1:a1:a;", "+", "+1:a", "+1:a;", "+1:a1:a", "*1:a1:a;", "+1:a9:a;"})
    EXPECT_EQ(DecodeColumns(columns).error().code(), ErrorCode::kCorruption) << columns;
  for (const char* seen : {"1", "1.2", "1.2:3", "1.2:3;x", ";", "1.2:99999999999999999999;"})
    EXPECT_EQ(DecodeSeen(seen).error().code(), ErrorCode::kCorruption) << seen;
}

TEST(ObjectRow, ARenameIsTakenForPossibleOnlyInPlaceAndWithTheSameDefinition) {
  const ObjectRow row = First("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT)");
  const auto possible = [&](const char* sql) { return PossibleRenames(row, Table(sql)); };
  EXPECT_EQ(possible("CREATE TABLE t(id INTEGER PRIMARY KEY, c text, b INT)"),
            (ColumnRenames{{"a", "c"}}));
  for (const char* other : {"CREATE TABLE t(id INTEGER PRIMARY KEY, c BLOB, b INT)",
                            "CREATE TABLE t(id INTEGER PRIMARY KEY, b INT, c TEXT)",
                            "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT, c TEXT)"})
    EXPECT_TRUE(possible(other).empty()) << other;
}

TEST(ObjectRow, AColumnKeepsItsIdentityAndOneThatIsAddedAgainIsAnother) {
  const ObjectRow first = First("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  const ObjectRow renamed = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, b)");
  EXPECT_EQ(renamed.FindLive("B")->id, "a");
  const ObjectRow dropped = After(renamed, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
  EXPECT_TRUE(dropped.Find("a")->dropped);
  const ObjectRow again = After(dropped, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  EXPECT_EQ(again.FindLive("a")->id, "a#2");
}

TEST(ObjectRow, UnitedDefinitionsHaveTheColumnsOfBoth) {
  const ObjectRow first = First("CREATE TABLE t(id INTEGER PRIMARY KEY, a, UNIQUE(a))");
  const ObjectRow one = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, a, x, UNIQUE(a))");
  const ObjectRow two = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, b, y, UNIQUE(b))");
  for (const ObjectRow& united : {Unite(one, two), Unite(two, one)}) {
    Strings columns = Columns(united);
    std::sort(columns.begin(), columns.end());
    EXPECT_EQ(columns, (Strings{"b", "id", "x", "y"}));
    const Strings constraints = Must(ParseTable(united.sql)).constraints;
    ASSERT_EQ(constraints.size(), 1u);
    EXPECT_EQ(InOneSpelling(constraints[0]), "unique ( b )") << united.sql;
  }
  EXPECT_TRUE(SameObject(Unite(one, two), Unite(Unite(one, two), two))) << "nothing is left to add";
}

TEST(ObjectRow, WhatOneSideDropsIsDropped) {
  const ObjectRow first = First("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)");
  const ObjectRow one = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, b)");
  const ObjectRow two = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c)");
  EXPECT_EQ(Columns(Unite(one, two)), (Strings{"id", "b", "c"}));
  EXPECT_EQ(Columns(Unite(two, one)), (Strings{"id", "b", "c"}));
  ObjectRow gone = first;
  gone.sql.clear();
  EXPECT_TRUE(Unite(two, gone).dropped());
  EXPECT_TRUE(Unite(gone, two).dropped());
}

// SQLite drops no column that a constraint names.
TEST(ObjectRow, ConstraintsGoWithTheColumnThatTheyName) {
  const ObjectRow first = First("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)");
  const ObjectRow one = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, b)");
  for (const char* constrained :
       {"CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, UNIQUE(b, \"a\"), CHECK(a <> b))"})
    for (const bool wins : {false, true}) {
      const ObjectRow two = After(first, constrained);
      const ObjectRow united = wins ? Unite(two, one) : Unite(one, two);
      EXPECT_EQ(Columns(united), (Strings{"id", "b"})) << united.sql;
      EXPECT_TRUE(Must(ParseTable(united.sql)).constraints.empty()) << united.sql;
    }
}

TEST(ObjectRow, AColumnOfTheKeyStays) {
  const ObjectRow first = First("CREATE TABLE t(id, a, b)");
  const ObjectRow one = After(first, "CREATE TABLE t(id, b)");
  const ObjectRow two = After(first, "CREATE TABLE t(id, a, b, PRIMARY KEY(id, a))");
  EXPECT_EQ(Columns(Unite(two, one)), (Strings{"id", "a", "b"}));
}

TEST(ObjectRow, OneSidesNewNameCounts) {
  const ObjectRow first = First("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  const ObjectRow one = After(first, "CREATE TABLE \"u\"(id INTEGER PRIMARY KEY, a)", "u");
  const ObjectRow two = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, a, x)");
  for (const ObjectRow& united : {Unite(one, two), Unite(two, one)}) {
    EXPECT_EQ(united.name(), "u");
    EXPECT_EQ(Columns(united), (Strings{"id", "a", "x"}));
  }
}

TEST(ObjectRow, AChangeIsMadeToWhatOthersMadeOfItMeanwhile) {
  const ObjectRow first = First("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  const ObjectRow theirs = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, a, x)");
  const ObjectRow ours = After(first, "CREATE TABLE t(id INTEGER PRIMARY KEY, a, y)");
  EXPECT_EQ(Columns(WithChange(theirs, first, ours)), (Strings{"id", "a", "y", "x"}));
  EXPECT_EQ(Columns(WithChange(first, first, ours)), (Strings{"id", "a", "y"}));
}

}  // namespace
}  // namespace harmonylite::schema
