#include "schema/generated_columns.h"

#include <gtest/gtest.h>

namespace harmonylite::schema {
namespace {

using Strings = std::vector<std::string>;

Strings Behind(std::string_view create_sql) {
  static const Strings kColumns = {"a", "b", "c", "a \"x\"", "check"};
  return ColumnsBehindGenerated(create_sql, kColumns);
}

TEST(GeneratedColumnsTest, OnlyWhatGeneratedColumnsRead) {
  EXPECT_EQ(Behind("CREATE TABLE t(a DEFAULT (b), b CHECK (c > 1), c)"), Strings{});
  EXPECT_EQ(Behind("CREATE TABLE t(a, b, c, g AS (a || c))"), (Strings{"a", "c"}));
  EXPECT_EQ(Behind("CREATE TABLE t(g TEXT GENERATED ALWAYS AS (lower(B)) STORED, a, b)"),
            Strings{"b"});
  EXPECT_EQ(Behind("CREATE TABLE t(a, b, g AS (h + a), h AS (b + a))"), (Strings{"a", "b"}));
}

TEST(GeneratedColumnsTest, NamesInQuotes) {
  EXPECT_EQ(Behind("CREATE TABLE t(\"a\", [b], `c`, g AS (\"a\" + [b]))"), (Strings{"a", "b"}));
  EXPECT_EQ(Behind("CREATE TABLE [t(]( a, g AS (\"a \"\"x\"\"\"), \"check\" CHECK(c))"),
            Strings{"a \"x\""});
}

TEST(GeneratedColumnsTest, CommentsAndConstraints) {
  EXPECT_EQ(Behind("CREATE TABLE t(a, -- g AS (b)\n g /* AS ( */ AS /* c */ (a))"), Strings{"a"});
  EXPECT_EQ(Behind("CREATE TABLE t(a, b, g AS (a), CONSTRAINT own UNIQUE(g, b))"),
            (Strings{"a", "b"}));
}

TEST(GeneratedColumnsTest, AnyText) {
  for (const std::string_view text :
       {"", "(", ")", ",,", "a", "CREATE TABLE t(", "((((", "g AS ('"})
    EXPECT_EQ(Behind(text), Strings{}) << text;
}

}  // namespace
}  // namespace harmonylite::schema
