#include "schema/table_text.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::schema {
namespace {

using sqlite::Must;

TEST(TableText, IsTakenApart) {
  const TableText table = Must(ParseTable(
      "CREATE TABLE \"t(\" (id INTEGER PRIMARY KEY /* , no */, [b c] NUMERIC(1, 2) DEFAULT ',',\n"
      "-- a comment, with a comma\n \"check\" TEXT CHECK (length(\"check\") > (1)),\n"
      "CONSTRAINT one UNIQUE(id, [b c]), CHECK (id > 0)) WITHOUT ROWID, STRICT"));
  ASSERT_EQ(table.columns.size(), 3u);
  EXPECT_EQ(table.columns[0].name, "id");
  EXPECT_EQ(table.columns[1].name, "b c");
  EXPECT_EQ(table.columns[1].sql, "[b c] NUMERIC(1, 2) DEFAULT ','");
  EXPECT_EQ(table.columns[2].name, "check");
  EXPECT_EQ(table.constraints,
            (std::vector<std::string>{"CONSTRAINT one UNIQUE(id, [b c])", "CHECK (id > 0)"}));
  EXPECT_EQ(table.options, "WITHOUT ROWID, STRICT");
  EXPECT_NE(table.Find("B C"), nullptr);
  EXPECT_EQ(table.Find("b"), nullptr);
}

TEST(TableText, IsTheSameHoweverItIsSpelled) {
  const TableText one = Must(ParseTable("CREATE TABLE a(x INT, y TEXT DEFAULT 'q', UNIQUE(x))"));
  EXPECT_TRUE(SameDefinition(
      one,
      Must(ParseTable("create table b ([Y] text default 'q', \"x\" int /*!*/, unique ( x ))"))));
  for (const char* other :
       {"CREATE TABLE a(x INT, y TEXT DEFAULT 'Q', UNIQUE(x))",
        "CREATE TABLE a(x INT, y TEXT DEFAULT 'q')", "CREATE TABLE a(x INT, UNIQUE(x))",
        "CREATE TABLE a(x INT, y TEXT DEFAULT 'q', UNIQUE(x)) STRICT"})
    EXPECT_FALSE(SameDefinition(one, Must(ParseTable(other)))) << other;
}

TEST(TableText, IsPutTogetherAgain) {
  const char* sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, UNIQUE(a)) STRICT";
  const TableText table = Must(ParseTable(sql));
  const std::string made = CreateTableSql("u\"", table);
  EXPECT_EQ(made, "CREATE TABLE \"u\"\"\"(id INTEGER PRIMARY KEY, a TEXT, UNIQUE(a)) STRICT");
  EXPECT_TRUE(SameDefinition(table, Must(ParseTable(made))));
  EXPECT_EQ(Renamed(table.columns[1], "b c").sql, "\"b c\" TEXT");
}

TEST(TableText, WhatIsNoTableIsRefused) {
  for (const char* sql : {"", "CREATE TABLE t", "CREATE TABLE t(", "CREATE TABLE t(a", "()"})
    EXPECT_FALSE(ParseTable(sql).ok() && !Must(ParseTable(sql)).columns[0].name.empty()) << sql;
}

}  // namespace
}  // namespace harmonylite::schema
