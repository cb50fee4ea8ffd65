#include "cli/missing_object.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::cli {
namespace {

using schema::ObjectKind;
using sqlite::Must;

class SchemaTrialTest : public testing::Test {
 protected:
  SchemaTrialTest() {
    sqlite::Execute(&db_,
                    "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b);"
                    "CREATE TABLE bare(a NOT NULL, b);"
                    "CREATE INDEX taken ON t(b);"
                    "INSERT INTO t VALUES(1, 'x', 1), (2, 'X', 2), (3, NULL, 3), (4, NULL, NULL);"
                    "INSERT INTO bare VALUES(1, 1), (1, 2)");
  }
  std::string WhyNotIndex(const std::string& table, const std::string& rest) {
    return Must(trial().WhyNot(
        {ObjectKind::kIndex, "i", table, "CREATE UNIQUE INDEX i ON " + table + rest}));
  }
  std::string WhyNot(ObjectKind kind, const std::string& sql) {
    return Must(trial().WhyNot({kind, "made", kind == ObjectKind::kTrigger ? "t" : "", sql}));
  }
  SchemaTrial& trial() {
    if (!trial_) trial_.emplace(Must(SchemaTrial::Begin(&db_)));
    return *trial_;
  }

  sqlite::Connection db_ = Must(sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate));
  std::optional<SchemaTrial> trial_;
};

constexpr const char* kEqual = "rows of table t have equal values in it";

TEST_F(SchemaTrialTest, RowsThatAreEqualInAUniqueIndex) {
  EXPECT_EQ(WhyNotIndex("t", "(a)"), kEqual);
  EXPECT_EQ(WhyNotIndex("t", "(lower(a))"), kEqual);
  EXPECT_EQ(WhyNotIndex("t", "(a) WHERE b < 3"), kEqual);
  EXPECT_EQ(WhyNotIndex("bare", "(a)"), "rows of table bare have equal values in it");
}

TEST_F(SchemaTrialTest, RowsThatDoNotStandInTheWay) {
  EXPECT_EQ(WhyNotIndex("t", "(a COLLATE BINARY)"), "");
  EXPECT_EQ(WhyNotIndex("t", "(b)"), "");
  EXPECT_EQ(WhyNotIndex("t", "(a, b)"), "");
  EXPECT_EQ(WhyNotIndex("t", "(a) WHERE b > 1"), "");
  EXPECT_EQ(WhyNotIndex("bare", "(a, b)"), "");
  EXPECT_EQ(Must(trial().WhyNot({ObjectKind::kIndex, "i", "t", "CREATE INDEX i ON t(a)"})), "");
}

TEST_F(SchemaTrialTest, WhatSqliteCannotMakeHere) {
  const auto says = [](const std::string& why, const char* text) {
    EXPECT_NE(why.find(text), std::string::npos) << why;
  };
  says(WhyNotIndex("t", "(a COLLATE mine)"), "no such collation sequence: mine");
  says(WhyNotIndex("gone", "(a)"), "no such table: main.gone");
  says(WhyNot(ObjectKind::kTable, "CREATE TABLE made(x CHECK (mine(x)))"), "mine");
  says(WhyNot(ObjectKind::kTable, "CREATE VIRTUAL TABLE made USING mine(x)"), "not authorized");
  says(WhyNot(ObjectKind::kTable, "CREATE TABLE made(x); DROP TABLE t"), "than one statement");
  says(Must(trial().WhyNot({ObjectKind::kTable, "taken", "", "CREATE TABLE taken(x)"})),
       "there is already an index named taken");
}

TEST_F(SchemaTrialTest, NothingIsMade) {
  const auto before = sqlite::Query(&db_, "SELECT * FROM sqlite_schema");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(WhyNot(ObjectKind::kTable, "CREATE TABLE made(x)"), "");
    EXPECT_EQ(WhyNot(ObjectKind::kView, "CREATE VIEW made AS SELECT * FROM t"), "");
    EXPECT_EQ(WhyNot(ObjectKind::kTrigger,
                     "CREATE TRIGGER made AFTER INSERT ON t BEGIN DELETE FROM bare; END"),
              "");
    EXPECT_EQ(Must(trial().WhyNot({ObjectKind::kPragma, "user_version", "", "3"})), "");
  }
  EXPECT_EQ(sqlite::Query(&db_, "SELECT * FROM sqlite_schema"), before);
}

}  // namespace
}  // namespace harmonylite::cli
