#include "sqlite/identifier.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::sqlite {
namespace {

TEST(IdentifierTest, QuotedNamesMeanThemselves) {
  Connection db = Must(Connection::Open(":memory:", OpenMode::kCreate));
  for (const char* name : {"plain", "with space", "a.b", "a;b", "\"", "'", "\"\"", "[x]", "`",
                           "select", "größe", "表", "-- x", "/* x", "1", ""}) {
    Execute(&db, "CREATE TABLE " + Quote(name) + "(" + Quote(name) + ")");
    EXPECT_EQ(Query(&db, "SELECT name = " + TextLiteral(name) +
                             " FROM sqlite_schema WHERE type = 'table'"),
              std::vector<std::string>{"1"})
        << name;
    Execute(&db, "DROP TABLE " + Quote(name));
  }
}

TEST(IdentifierTest, NamesCompareAsSqliteDoes) {
  EXPECT_TRUE(SameName("Books", "bOOKS"));
  EXPECT_FALSE(SameName("Books", "Book"));
  // SQLite folds ASCII letters only.
  EXPECT_FALSE(SameName("GRÖSSE", "GRöSSE"));
  EXPECT_EQ(FoldCase("AZ[Ä"), "az[Ä");
}

}  // namespace
}  // namespace harmonylite::sqlite
