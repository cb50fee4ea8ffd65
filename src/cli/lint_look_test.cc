#include "cli/lint_look.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"
#include "support/temp_dir.h"

namespace harmonylite::cli {
namespace {

using sqlite::Must;
using Strings = std::vector<std::string>;

constexpr const char* kTextKey = "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, v);";

class LintLook : public testing::Test {
 protected:
  Findings Of(const std::string& sql, const schema::LoadOptions& options = {}) {
    return ResultOf(sql, options).findings;
  }
  LintResult ResultOf(const std::string& sql, const schema::LoadOptions& options = {}) {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(dir_.File("app.db"), sqlite::OpenMode::kCreate));
    sqlite::Execute(&db, "PRAGMA journal_mode = WAL;" + sql);
    return Must(Lint(&db, options));
  }
  // Makes the file as an application does that has a function of its own, called mine.
  void Prepare(const std::string& sql) {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(dir_.File("app.db"), sqlite::OpenMode::kCreate));
    sqlite::AddFunction(&db, "mine");
    sqlite::Execute(&db, sql);
  }

  test::TempDir dir_;
};

// What is shown of one kind of finding.
Strings Shown(const Findings& findings, FindingKind kind) {
  Strings out;
  const auto found = findings.find(kind);
  if (found == findings.end()) return out;
  for (const Subject& subject : found->second) out.push_back(subject.text + subject.detail);
  return out;
}

// The names of all kinds that were found.
Strings Names(const Findings& findings) {
  Strings out;
  for (const auto& [kind, subjects] : findings) out.emplace_back(TextOf(kind).id);
  return out;
}

TEST_F(LintLook, ATextKeyIsFine) {
  const LintResult result = ResultOf(std::string(kTextKey) + "INSERT INTO t VALUES('a', 1)");
  EXPECT_EQ(Names(result.findings), Strings{"cost"});
  EXPECT_EQ(result.tables, 1);
  EXPECT_EQ(result.rows, 1);
  EXPECT_FALSE(LosesRows(result.findings));
}

TEST_F(LintLook, ATableWithoutKeyHasIdentities) {
  const Findings found = Of("CREATE TABLE t(v)");
  EXPECT_EQ(Shown(found, FindingKind::kIdentity), Strings{"t"});
  EXPECT_FALSE(LosesRows(found));
}

TEST_F(LintLook, ATableThatCannotHaveIdentitiesStaysLocalUnlessAllowed) {
  const Findings without = Of("CREATE TABLE t(v); CREATE UNIQUE INDEX i ON t(v + 1)");
  EXPECT_EQ(Shown(without, FindingKind::kNoKey), Strings{"t"});
  EXPECT_TRUE(LosesRows(without));
  schema::LoadOptions by_rowid;
  by_rowid.allow_without_key = [](const std::string&) { return true; };
  const Findings allowed = Of("", by_rowid);
  EXPECT_EQ(Shown(allowed, FindingKind::kByRowid), Strings{"t"});
  EXPECT_FALSE(LosesRows(allowed));
}

TEST_F(LintLook, WhoGivesIntegerKeys) {
  const Findings found =
      Of("CREATE TABLE a(id INTEGER PRIMARY KEY);"
         "CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT);"
         "CREATE TABLE page(a_ptr INTEGER PRIMARY KEY REFERENCES a)");
  EXPECT_EQ(Shown(found, FindingKind::kCollidingIds), Strings{"a(id)"});
  EXPECT_EQ(Shown(found, FindingKind::kCountedIds), Strings{"b(id)"});
  EXPECT_TRUE(LosesRows(found));
}

TEST_F(LintLook, NullInTheKeyIsALossOnceItIsThere) {
  const Findings may = Of("CREATE TABLE t(k TEXT PRIMARY KEY, v)");
  EXPECT_EQ(Shown(may, FindingKind::kNullableKey), Strings{"t(k)"});
  EXPECT_FALSE(LosesRows(may));
  const Findings has = Of("INSERT INTO t VALUES(NULL, 1), (NULL, 2), ('k', 3)");
  EXPECT_EQ(Shown(has, FindingKind::kNullKey), Strings{"t (2)"});
  EXPECT_TRUE(LosesRows(has));
}

TEST_F(LintLook, UniqueIndexes) {
  const Findings found =
      Of("CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, a UNIQUE, b);"
         "CREATE UNIQUE INDEX i ON t(b, lower(a)) WHERE b > 0");
  EXPECT_EQ(Shown(found, FindingKind::kUnique),
            (Strings{"t(a)", "t(b, (lower(a))) where (b > 0)"}));
}

TEST_F(LintLook, WhatOnlyTheApplicationHas) {
  Prepare(std::string(kTextKey) + "CREATE INDEX i ON t(mine(v));" +
          "CREATE TABLE u(k TEXT NOT NULL PRIMARY KEY, v); CREATE UNIQUE INDEX j ON u(mine(v))");
  const Findings found = Of("");
  const Strings left_out = Shown(found, FindingKind::kNotReplicated);
  ASSERT_EQ(left_out.size(), 2u);
  EXPECT_TRUE(left_out[0].starts_with("t: an index or generated column needs")) << left_out[0];
  EXPECT_TRUE(left_out[1].starts_with("u: its index j cannot be used here")) << left_out[1];
  EXPECT_TRUE(LosesRows(found));
}

TEST_F(LintLook, TriggersAreJudgedByWhatTheyWrite) {
  const Findings found =
      Of(std::string(kTextKey) +
         "CREATE TABLE u(k TEXT NOT NULL PRIMARY KEY); CREATE TABLE log(v);"
         "CREATE UNIQUE INDEX i ON log(v + 1);"
         "CREATE TRIGGER mixed AFTER INSERT ON t BEGIN INSERT INTO u VALUES(new.k);"
         "  INSERT INTO log VALUES(1); END;"
         "CREATE TRIGGER local AFTER UPDATE ON t BEGIN INSERT INTO log VALUES(1); END;"
         "CREATE TRIGGER shared AFTER DELETE ON t BEGIN DELETE FROM u WHERE k = old.k; END");
  EXPECT_EQ(Shown(found, FindingKind::kTriggerOff),
            Strings{"mixed on t writes to replicated and to other tables"});
  EXPECT_EQ(Shown(found, FindingKind::kTriggerRuns), Strings{"local on t"});
  EXPECT_EQ(Shown(found, FindingKind::kTriggerRests), Strings{"shared on t"});
}

TEST_F(LintLook, TriggersThatCannotBeCompiled) {
  Prepare(
      std::string(kTextKey) +
      "CREATE TABLE log(v); CREATE UNIQUE INDEX i ON log(v + 1); CREATE TRIGGER g AFTER INSERT ON t BEGIN"
      "  INSERT INTO log VALUES(mine(1)); END");
  const Strings shown = Shown(Of(""), FindingKind::kTriggerUnknown);
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_NE(shown[0].find("no such function: mine"), std::string::npos) << shown[0];
}

TEST_F(LintLook, VirtualTables) {
  const Findings found = Of(
      std::string(kTextKey) +
      "CREATE VIRTUAL TABLE fed USING fts5(v, content='t', content_rowid='rowid');"
      "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO fed(rowid, v) VALUES(new.rowid, new.v);"
      "  END;"
      "CREATE VIRTUAL TABLE index_only USING fts5(v, content='t', content_rowid='rowid');"
      "CREATE VIRTUAL TABLE documents USING fts5(v);"
      "CREATE VIRTUAL TABLE places USING rtree(id, x0, x1)");
  EXPECT_EQ(Shown(found, FindingKind::kFedTable), Strings{"fed"});
  EXPECT_EQ(Shown(found, FindingKind::kUnfedIndex), Strings{"index_only"});
  EXPECT_EQ(Shown(found, FindingKind::kUnfedContent), (Strings{"documents", "places"}));
}

TEST_F(LintLook, ForeignKeys) {
  const Findings found =
      Of("CREATE TABLE p(k TEXT NOT NULL PRIMARY KEY, u TEXT UNIQUE);"
         "CREATE TABLE c(k TEXT NOT NULL PRIMARY KEY, p TEXT REFERENCES p, w REFERENCES gone,"
         "  u TEXT REFERENCES p(u))");
  EXPECT_EQ(Shown(found, FindingKind::kForeignKey), (Strings{"c(p) → p", "c(u) → p"}));
  EXPECT_EQ(Shown(found, FindingKind::kUnjudged), Strings{"c(w) → gone"});
  EXPECT_EQ(Shown(found, FindingKind::kUnindexedChild), Strings{"c(p) → p"});
  EXPECT_EQ(Shown(found, FindingKind::kNotToKey), Strings{"c(u) → p"});
}

TEST_F(LintLook, KnownTables) {
  const Findings found =
      Of("CREATE TABLE django_migrations(id INTEGER PRIMARY KEY, app, name UNIQUE, applied);"
         "CREATE TABLE django_session(session_key TEXT NOT NULL PRIMARY KEY, session_data,"
         "  expire_date);"
         "CREATE TABLE my_cache(cache_key TEXT NOT NULL PRIMARY KEY, value, expires);"
         "CREATE TABLE jobs(id INTEGER PRIMARY KEY, queue, payload, attempts, reserved_at,"
         "  available_at, created_at);"
         "CREATE TABLE _litestream_seq(id INTEGER PRIMARY KEY, seq)");
  EXPECT_EQ(Shown(found, FindingKind::kMigrations), Strings{"django_migrations (Django)"});
  EXPECT_EQ(Shown(found, FindingKind::kSessions), Strings{"django_session (Django)"});
  EXPECT_EQ(Shown(found, FindingKind::kCache), Strings{"my_cache (Django)"});
  EXPECT_EQ(Shown(found, FindingKind::kJobs), Strings{"jobs (Laravel)"});
  EXPECT_EQ(Shown(found, FindingKind::kFileState), Strings{"_litestream_seq (Litestream)"});
  // Nobody minds how the keys and names of ledgers and caches collide.
  EXPECT_EQ(Shown(found, FindingKind::kCollidingIds), Strings{"jobs(id)"});
  EXPECT_EQ(Shown(found, FindingKind::kUnique), Strings{});
}

TEST_F(LintLook, LedgersThatStayOnTheirNodeAreFine) {
  const Findings found =
      Of("CREATE TABLE databasechangelog(id, author, filename, dateexecuted, orderexecuted,"
         "  exectype, md5sum);"
         "CREATE TABLE __drizzle_migrations(id SERIAL PRIMARY KEY, hash, created_at);"
         "INSERT INTO __drizzle_migrations(hash) VALUES('h')");
  EXPECT_EQ(Shown(found, FindingKind::kStaysLocal), Strings{"__drizzle_migrations (Drizzle)"});
  EXPECT_EQ(Shown(found, FindingKind::kMigrations), Strings{"databasechangelog (Liquibase)"});
}

TEST_F(LintLook, TheFileAsAWhole) {
  const Findings found =
      Of("PRAGMA journal_mode = DELETE; PRAGMA encoding = 'UTF-16le'; PRAGMA user_version = 7;" +
         std::string(kTextKey));
  EXPECT_EQ(Shown(found, FindingKind::kJournalMode), Strings{"delete"});
  EXPECT_EQ(Shown(found, FindingKind::kUserVersion), Strings{"7"});
}

TEST_F(LintLook, ExcludedTablesAreNotLookedAt) {
  schema::LoadOptions options;
  options.include = [](const std::string& name) { return name != "t"; };
  EXPECT_EQ(Names(Of("CREATE TABLE t(v)", options)), Strings{"cost"});
}

TEST_F(LintLook, Defaults) {
  const Findings found =
      Of("CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY, at DEFAULT CURRENT_TIMESTAMP, n DEFAULT 1)");
  EXPECT_EQ(Shown(found, FindingKind::kDefault), Strings{"t(at): CURRENT_TIMESTAMP"});
}

}  // namespace
}  // namespace harmonylite::cli
