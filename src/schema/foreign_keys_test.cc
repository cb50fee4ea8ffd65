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

}  // namespace
}  // namespace harmonylite::schema
