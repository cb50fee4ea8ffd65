#include "cli/lint_findings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sqlite/sqlite_test_util.h"
#include "support/temp_dir.h"

namespace harmonylite::cli {
namespace {

using sqlite::Must;

class LintFindings : public testing::Test {
 protected:
  std::vector<Finding> Of(const std::string& sql, const schema::LoadOptions& options = {}) {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(dir_.File("app.db"), sqlite::OpenMode::kCreate));
    sqlite::Execute(&db, "PRAGMA journal_mode = WAL;" + sql);
    return Must(Lint(&db, options));
  }

  test::TempDir dir_;
};

// Returns the findings of this severity about the table, each as its text.
std::vector<std::string> Texts(const std::vector<Finding>& all, Severity severity,
                               const std::string& table) {
  std::vector<std::string> out;
  for (const Finding& one : all)
    if (one.severity == severity && one.table == table) out.push_back(one.what);
  return out;
}

bool Has(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

TEST_F(LintFindings, ATextKeyIsFine) {
  const auto all = Of("CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v)");
  EXPECT_TRUE(Texts(all, Severity::kProblem, "t").empty());
  EXPECT_TRUE(Texts(all, Severity::kWarning, "t").empty());
  EXPECT_TRUE(Has(Texts(all, Severity::kNote, "t"), "0 rows"));
}

TEST_F(LintFindings, ATableWithoutKeyHasIdentities) {
  const auto all = Of("CREATE TABLE t(v); CREATE TABLE u(v); CREATE UNIQUE INDEX i ON u(v + 1)");
  EXPECT_TRUE(Texts(all, Severity::kProblem, "t").empty());
  EXPECT_TRUE(Has(Texts(all, Severity::kNote, "t"), "hidden identities"));
  EXPECT_TRUE(Has(Texts(all, Severity::kProblem, "u"), "is not replicated"));
  schema::LoadOptions by_rowid;
  by_rowid.allow_without_key = [](const std::string&) { return true; };
  EXPECT_TRUE(Has(Texts(Of("", by_rowid), Severity::kWarning, "t"), "replicated by rowid"));
}

TEST_F(LintFindings, NumbersThatSqliteGivesAreWarnedOf) {
  const auto all =
      Of("CREATE TABLE a(id INTEGER PRIMARY KEY);"
         "CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT);"
         "CREATE TABLE c(k TEXT PRIMARY KEY, u UNIQUE)");
  EXPECT_TRUE(Has(Texts(all, Severity::kWarning, "a"), "key id is a number that SQLite gives:"));
  EXPECT_TRUE(Has(Texts(all, Severity::kNote, "b"), "each node gives numbers of its own"));
  EXPECT_TRUE(Has(Texts(all, Severity::kWarning, "c"), "key column k may be NULL"));
  EXPECT_TRUE(Has(Texts(all, Severity::kWarning, "c"), "UNIQUE index over \"u\""));
}

TEST_F(LintFindings, WhatOnlyTheApplicationHasIsAProblem) {
  {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(dir_.File("app.db"), sqlite::OpenMode::kCreate));
    sqlite::AddFunction(&db, "mine");
    sqlite::Execute(&db,
                    "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v); CREATE INDEX i ON t(mine(v))");
  }
  EXPECT_TRUE(Has(Texts(Of(""), Severity::kProblem, "t"), "cannot be written to it here"));
}

TEST_F(LintFindings, TriggersAreJudgedByWhatTheyWrite) {
  const auto all = Of(
      "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v); CREATE TABLE u(k TEXT NOT NULL PRIMARY KEY);"
      "CREATE TABLE log(v); CREATE UNIQUE INDEX i ON log(v + 1);"
      "CREATE TRIGGER mixed AFTER INSERT ON t BEGIN INSERT INTO u VALUES(new.k);"
      "  INSERT INTO log VALUES(1); END;"
      "CREATE TRIGGER local AFTER UPDATE ON t BEGIN INSERT INTO log VALUES(1); END;"
      "CREATE TRIGGER shared AFTER DELETE ON t BEGIN DELETE FROM u WHERE k = old.k; END");
  EXPECT_TRUE(Has(Texts(all, Severity::kWarning, "t"), "trigger mixed writes to replicated and"));
  EXPECT_TRUE(Has(Texts(all, Severity::kFine, "t"), "trigger local writes only to"));
  EXPECT_TRUE(Has(Texts(all, Severity::kFine, "t"), "trigger shared does not run"));
}

TEST_F(LintFindings, ForeignKeys) {
  const auto all =
      Of("CREATE TABLE p(k TEXT NOT NULL PRIMARY KEY, u TEXT UNIQUE);"
         "CREATE TABLE c(k TEXT NOT NULL PRIMARY KEY, p TEXT REFERENCES p, w REFERENCES gone)");
  EXPECT_TRUE(Has(Texts(all, Severity::kNote, "c"), "foreign key to gone is not judged"));
  EXPECT_TRUE(Has(Texts(all, Severity::kNote, "c"), "foreign key to p: a parent deleted on one"));
  EXPECT_TRUE(Has(Texts(all, Severity::kWarning, "c"), "no index finds the rows of c by p"));
}

TEST_F(LintFindings, ExcludedTablesAndTheFileAsAWhole) {
  schema::LoadOptions options;
  options.include = [](const std::string& name) { return name != "t"; };
  const auto all = Of("PRAGMA journal_mode = DELETE; CREATE TABLE t(v)", options);
  EXPECT_TRUE(Has(Texts(all, Severity::kNote, ""), "its journal mode is delete"));
  EXPECT_TRUE(Texts(all, Severity::kNote, "t").empty());
}

}  // namespace
}  // namespace harmonylite::cli
