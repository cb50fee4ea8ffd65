#include "schema/foreign_keys.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::schema {
namespace {

using Strings = std::vector<std::string>;

TEST(ForeignKeys, AreReadAsDeclared) {
  sqlite::Connection db =
      sqlite::Must(sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate));
  sqlite::Execute(
      &db,
      "CREATE TABLE p(a TEXT COLLATE NOCASE, b INTEGER, c BLOB UNIQUE, PRIMARY KEY(b, a));"
      "CREATE TABLE t(x INT, y VARCHAR(9), z TEXT COLLATE NOCASE, w REAL,"
      " FOREIGN KEY(x, y) REFERENCES p, FOREIGN KEY(w, z) REFERENCES \"P\"(b, a),"
      " FOREIGN KEY(z) REFERENCES p, FOREIGN KEY(x) REFERENCES gone(id))");
  const auto keys = sqlite::Must(ListForeignKeys(&db, "t"));
  ASSERT_EQ(keys.size(), 4u);
  EXPECT_EQ(keys[0].columns, (Strings{"x", "y"}));
  EXPECT_EQ(keys[0].parent_columns, (Strings{"b", "a"}));
  EXPECT_EQ(keys[0].collations, (Strings{"BINARY", "NOCASE"}));
  EXPECT_FALSE(keys[0].alike) << "y compares in another way";
  EXPECT_TRUE(keys[1].alike);
  EXPECT_EQ(keys[1].parent, "P");
  EXPECT_TRUE(keys[2].parent_columns.empty()) << "one column for a key of two";
  EXPECT_EQ(keys[3].parent_columns, Strings{"id"});
  EXPECT_FALSE(keys[3].alike);
  EXPECT_TRUE(sqlite::Must(ListForeignKeys(&db, "p")).empty());
}

TEST(ForeignKeys, FindTablesThatActOnThemselves) {
  sqlite::Connection db =
      sqlite::Must(sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate));
  const auto acting = [&](const char* sql) {
    sqlite::Execute(&db, sql);
    return sqlite::Must(TablesThatActOnThemselves(&db));
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(acting("CREATE TABLE a(id INTEGER PRIMARY KEY, a REFERENCES a);"
                   "CREATE TABLE b(id INTEGER PRIMARY KEY, b REFERENCES b ON DELETE RESTRICT)"),
            Names{});
  EXPECT_EQ(
      acting("CREATE TABLE Tree(id INTEGER PRIMARY KEY, up REFERENCES tree ON DELETE CASCADE)"),
      Names{"tree"});
  EXPECT_EQ(acting("CREATE TABLE p(id INTEGER PRIMARY KEY);"
                   "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES P ON DELETE SET NULL)"),
            Names{"tree"});
  EXPECT_EQ(acting("CREATE TABLE d(id INTEGER PRIMARY KEY, c REFERENCES c ON UPDATE CASCADE);"
                   "CREATE TRIGGER r AFTER DELETE ON d BEGIN SELECT 1; END"),
            (Names{"tree", "p", "c"}));
}

}  // namespace
}  // namespace harmonylite::schema
