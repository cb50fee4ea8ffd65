#include "ledger/canonical_key.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::ledger {
namespace {

using change::ValueView;

// Two keys have one canonical spelling exactly if SQLite holds them equal.
TEST(CanonicalKeyTest, EqualIsWhatSqliteHoldsEqual) {
  const std::string_view texts[] = {"",          "a",         "A",          "b",        "a ",
                                    "a  ",       " a",        "\xc3\xa4",   "\xc3\x84", {"a\0", 2},
                                    {"a\0x", 3}, {"A\0y", 3}, {"a\0xx", 4}, {"\0", 1},  {"\0a", 2}};
  sqlite::Connection db =
      sqlite::Must(sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate));
  for (const char* collation : {"BINARY", "NOCASE", "RTRIM"}) {
    schema::Table table;
    table.key = {{"k", collation, false}};
    sqlite::Statement same =
        sqlite::Must(db.Prepare(fmt::format("SELECT ?1 = ?2 COLLATE {}", collation)));
    for (const std::string_view a : texts)
      for (const std::string_view b : texts) {
        const ValueView left[] = {ValueView::Text(a)};
        const ValueView right[] = {ValueView::Text(b)};
        CanonicalKey of_left;
        CanonicalKey of_right;
        same.Bind(1, left[0]);
        same.Bind(2, right[0]);
        ASSERT_TRUE(sqlite::Must(same.Step()));
        EXPECT_EQ(of_left.Of(table, left)[0].bytes == of_right.Of(table, right)[0].bytes,
                  same.Int(0) != 0)
            << collation << ": " << sqlite::Render(change::Value(left[0])) << " and "
            << sqlite::Render(change::Value(right[0]));
        same.Reset();
      }
  }
}

TEST(CanonicalKeyTest, WholeNumbersAreIntegers) {
  schema::Table table;
  table.key = {{"k", "BINARY", false}};
  const ValueView real[] = {ValueView::Real(3)};
  CanonicalKey canonical;
  EXPECT_EQ(canonical.Of(table, real)[0].type, change::ValueType::kInteger);
  const ValueView part[] = {ValueView::Real(3.5)};
  EXPECT_EQ(canonical.Of(table, part)[0].type, change::ValueType::kReal);
}

}  // namespace
}  // namespace harmonylite::ledger
