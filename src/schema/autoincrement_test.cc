// Making keys AUTOINCREMENT: where the word goes, and what becomes of the file.
#include "schema/autoincrement.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"
#include "sqlite/transaction.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::schema {
namespace {

using Strings = std::vector<std::string>;

TEST(AutoincrementText, TheWordGoesBehindTheKey) {
  const auto text = [](const char* sql, const char* key = "id") {
    return WithAutoincrement(sql, key).value_or("(not found)");
  };
  EXPECT_EQ(text("CREATE TABLE t(id INTEGER PRIMARY KEY, v)"),
            "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  EXPECT_EQ(
      text("CREATE TABLE t(v, \"Id\" INTEGER NOT NULL PRIMARY /* */ KEY ASC NOT NULL)"),
      "CREATE TABLE t(v, \"Id\" INTEGER NOT NULL PRIMARY /* */ KEY ASC AUTOINCREMENT NOT NULL)");
  EXPECT_EQ(
      text("CREATE TABLE t(id INTEGER CONSTRAINT k PRIMARY KEY ON CONFLICT REPLACE CHECK(1))"),
      "CREATE TABLE t(id INTEGER CONSTRAINT k PRIMARY KEY ON CONFLICT REPLACE AUTOINCREMENT "
      "CHECK(1))");
  EXPECT_EQ(
      text("CREATE TABLE t(id INTEGER, v DEFAULT (1), PRIMARY KEY(id DESC) ON CONFLICT FAIL)"),
      "CREATE TABLE t(id INTEGER, v DEFAULT (1), PRIMARY KEY(id DESC AUTOINCREMENT) ON CONFLICT "
      "FAIL)");
  EXPECT_EQ(text("CREATE TABLE t([id] INTEGER, CONSTRAINT \"key\" PRIMARY KEY (`id`))"),
            "CREATE TABLE t([id] INTEGER, CONSTRAINT \"key\" PRIMARY KEY (`id` AUTOINCREMENT))");
  EXPECT_EQ(text("CREATE TABLE t(v CHECK (v <> 'PRIMARY KEY'), id INTEGER PRIMARY KEY)"),
            "CREATE TABLE t(v CHECK (v <> 'PRIMARY KEY'), id INTEGER PRIMARY KEY AUTOINCREMENT)");
  EXPECT_EQ(text("CREATE TABLE t(id INTEGER, p REFERENCES t(id), FOREIGN KEY(id) REFERENCES u)"),
            "(not found)");
}

class AutoincrementTest : public testing::TestWithParam<const char*> {
 protected:
  Table Load() { return sqlite::Must(schema::Load(&db_, {})).tables.at(0); }
  Status Make() {
    HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(&db_, sqlite::TransactionKind::kWrite));
    HL_TRY(MakeAutoincrement(&db_, Load()));
    return transaction.Commit();
  }
  test::TempDir dir_;
  sqlite::Connection db_ =
      sqlite::Must(sqlite::Connection::Open(dir_.File("a.db"), sqlite::OpenMode::kCreate));
};

TEST_P(AutoincrementTest, TheRowsStay) {
  sqlite::Execute(&db_, GetParam());
  sqlite::Execute(&db_, "INSERT INTO t(id, v) VALUES(7, 'a'), (9, 'b')");
  sqlite::Connection other =
      sqlite::Must(sqlite::Connection::Open(dir_.File("a.db"), sqlite::OpenMode::kReadWrite));
  ASSERT_EQ(sqlite::Query(&other, "SELECT v FROM t"), (Strings{"'a'", "'b'"}));
  EXPECT_OK(Make());
  EXPECT_TRUE(Load().autoincrement);
  sqlite::Execute(&other, "DELETE FROM t WHERE id = 9; INSERT INTO t(v) VALUES('c')");
  EXPECT_EQ(sqlite::Query(&db_, "SELECT id, v FROM t"), (Strings{"7|'a'", "10|'c'"}))
      << "another connection has read the schema anew, and 9 is not given out again";
  EXPECT_EQ(sqlite::Query(&db_, "PRAGMA integrity_check"), Strings{"'ok'"});
  EXPECT_EQ(sqlite::Query(&db_, "SELECT count(*) FROM sqlite_schema WHERE name GLOB '__h*'"),
            Strings{"0"});
  EXPECT_OK(Make());  // again, which changes nothing
}

INSTANTIATE_TEST_SUITE_P(
    Texts, AutoincrementTest,
    testing::Values("CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
                    "CREATE TABLE t(v, id INTEGER, PRIMARY KEY(id))",
                    "CREATE TABLE t(v ANY, id INTEGER NOT NULL CONSTRAINT c PRIMARY KEY ASC ON "
                    "CONFLICT ABORT) STRICT"));

TEST_P(AutoincrementTest, OtherKeysAreLeftAlone) {
  sqlite::Execute(&db_, "CREATE TABLE t(id TEXT PRIMARY KEY, v)");
  const Status made = Make();
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message().find("no INTEGER PRIMARY KEY"), std::string::npos);
}

}  // namespace
}  // namespace harmonylite::schema
