#include "schema/name_clash.h"

#include <gtest/gtest.h>

namespace harmonylite::schema {
namespace {

using Rows = std::map<ObjectId, ObjectRow>;

void Add(Rows* rows, ObjectKind kind, const std::string& id, std::vector<std::string> names,
         const std::string& sql) {
  ObjectRow row{{kind, id}, std::move(names), {}, sql, {}, {}};
  rows->emplace(row.key, row);
}

TEST(NameClash, WhoWasMadeUnderTheNameKeepsIt) {
  Rows rows;
  Add(&rows, ObjectKind::kTable, "t", {"t", "u"}, "CREATE TABLE u(k)");
  Add(&rows, ObjectKind::kTable, "u", {"U"}, "CREATE TABLE U(k)");
  const auto renamed = TablesThatGiveWay(rows);
  ASSERT_EQ(renamed.size(), 1U);
  EXPECT_EQ(renamed[0].key.id, "t");
  EXPECT_EQ(renamed[0].names, (std::vector<std::string>{"u", "t"}));
  EXPECT_EQ(renamed[0].sql, "CREATE TABLE \"t\"(k)");
}

TEST(NameClash, ANumberIsPutBehindWhereTheFormerNameIsTaken) {
  Rows rows;
  Add(&rows, ObjectKind::kTable, "a", {"a", "u"}, "CREATE TABLE u(k)");
  Add(&rows, ObjectKind::kTable, "b", {"b", "u"}, "CREATE TABLE u(k)");
  Add(&rows, ObjectKind::kTable, "b#2", {"b"}, "CREATE TABLE b(k)");
  Add(&rows, ObjectKind::kTable, "u_2", {"u_2"}, "CREATE TABLE u_2(k)");
  const auto renamed = TablesThatGiveWay(rows);
  ASSERT_EQ(renamed.size(), 1U);
  EXPECT_EQ(renamed[0].key.id, "b");
  EXPECT_EQ(renamed[0].name(), "u_3");
}

TEST(NameClash, WhatWasDroppedHasNoName) {
  Rows rows;
  Add(&rows, ObjectKind::kTable, "u", {"u"}, "");
  Add(&rows, ObjectKind::kTable, "u#2", {"u"}, "CREATE TABLE u(k)");
  EXPECT_TRUE(TablesThatGiveWay(rows).empty());
}

TEST(NameClash, TablesComeBeforeViewsAndViewsBeforeIndexes) {
  Rows rows;
  Add(&rows, ObjectKind::kTable, "u", {"u"}, "CREATE TABLE u(k)");
  Add(&rows, ObjectKind::kView, "U", {"U"}, "CREATE VIEW U AS SELECT 1");
  Add(&rows, ObjectKind::kView, "v", {"v"}, "CREATE VIEW v AS SELECT 1");
  Add(&rows, ObjectKind::kIndex, "v", {"v"}, "CREATE INDEX v ON u(k)");
  Add(&rows, ObjectKind::kTrigger, "u", {"u"}, "CREATE TRIGGER u");
  EXPECT_EQ(WithoutAName(rows),
            (std::vector<ObjectId>{{ObjectKind::kView, "U"}, {ObjectKind::kIndex, "v"}}));
}

}  // namespace
}  // namespace harmonylite::schema
