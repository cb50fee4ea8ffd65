#include "sqlite/sql_text.h"

#include <gtest/gtest.h>

#include "sqlite/script.h"
#include "sqlite/sqlite_test_util.h"
#include "support/result_matchers.h"

namespace harmonylite::sqlite {
namespace {

using Strings = std::vector<std::string>;

Strings Statements(std::string_view sql) {
  Strings out;
  while (!HasNoStatement(sql)) {
    const size_t length = StatementLength(sql);
    out.emplace_back(TrimSpaces(sql.substr(0, length)));
    sql.remove_prefix(length);
  }
  return out;
}

TEST(SqlText, FindsWhereAStatementEnds) {
  EXPECT_EQ(Statements("SELECT 1; SELECT 2"), (Strings{"SELECT 1;", "SELECT 2"}));
  EXPECT_EQ(Statements(" ;; -- x;\n /* ; */ \t\f\r\n"), Strings{});
  EXPECT_EQ(Statements("SELECT ';', \";\", [;], `;`, 'it''s;' /* ; */ -- ;\n, 2; SELECT 3"),
            (Strings{"SELECT ';', \";\", [;], `;`, 'it''s;' /* ; */ -- ;\n, 2;", "SELECT 3"}));
  EXPECT_EQ(Statements("SELECT 1 /* to the end ; SELECT 2"),
            Strings{"SELECT 1 /* to the end ; SELECT 2"});
}

TEST(SqlText, KnowsTheBodyOfATrigger) {
  const std::string trigger =
      "create /* ; */ temp trigger \"end\" after update of a on t when new.a; BEGIN"
      " update t set end = case when 1 then 2 end; select 1; -- end\n END";
  EXPECT_EQ(Statements(trigger), Strings{trigger});
  EXPECT_EQ(Statements(trigger + " ; DROP TABLE t"), (Strings{trigger + " ;", "DROP TABLE t"}));
  EXPECT_EQ(Statements(trigger + " DROP TABLE t"), (Strings{trigger, "DROP TABLE t"}));
  EXPECT_EQ(Statements("CREATE TABLE trigger(a); SELECT 1; END"),
            (Strings{"CREATE TABLE trigger(a);", "SELECT 1;", "END"}));
}

// Whatever HasNoStatement and StatementLength say, SQLite must say, too.
TEST(SqlText, AgreesWithSqlite) {
  Connection db = Must(Connection::Open(":memory:", OpenMode::kCreate));
  Execute(&db, "CREATE TABLE t(a)");
  for (const char* sql : {
           "SELECT 1; SELECT 2",
           "SELECT 'x;y'; SELECT 2",
           "SELECT \"a\"\";\" FROM (SELECT 1 AS \"a\"\";\"); SELECT 2",
           "SELECT [a;b] FROM (SELECT 1 AS [a;b]); SELECT 2",
           "SELECT 1 -- ;\n; SELECT 2",
           "SELECT 1 /* ; */; SELECT 2",
           "SELECT 1 /*/ ; */; SELECT 2",
           "SELECT x'3b'; SELECT 2",
           "SELECT 1 \f; SELECT 2",
           "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; SELECT 2",
       }) {
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(db.raw(), sql, -1, &statement, &tail), SQLITE_OK) << sql;
    sqlite3_finalize(statement);
    EXPECT_EQ(StatementLength(sql), static_cast<size_t>(tail - sql)) << sql;
    EXPECT_FALSE(HasNoStatement(tail)) << sql;
  }
}

TEST(SqlText, FindsWordsOutsideOfQuotesAndComments) {
  EXPECT_TRUE(HasWord("SELECT Raise(ABORT, '')", "RAISE"));
  for (const char* sql : {"SELECT 'raise'", "SELECT \"raise\"", "SELECT 1 -- raise", "raised", ""})
    EXPECT_FALSE(HasWord(sql, "RAISE")) << sql;
}

TEST(SqlText, TellsQuotesWithoutAnEnd) {
  for (const char* token : {"'a", "\"a", "`", "[a", "'a''", "'''"})
    EXPECT_TRUE(IsUnterminated(token)) << token;
  for (const char* token : {"'a'", "''", "\"\"\"\"", "[a]", "'a''b'", "a", "(", ""})
    EXPECT_FALSE(IsUnterminated(token)) << token;
}

TEST(RunScript, StopsAtTheFirstStatementThatFails) {
  Connection db = Must(Connection::Open(":memory:", OpenMode::kCreate));
  EXPECT_OK(RunScript(&db, "CREATE TABLE t(a); INSERT INTO t VALUES(1), (2);"));
  EXPECT_FALSE(RunScript(&db, "DELETE FROM t WHERE a = 1; nonsense; DELETE FROM t").ok());
  EXPECT_EQ(Query(&db, "SELECT a FROM t"), Strings{"2"});
}

}  // namespace
}  // namespace harmonylite::sqlite
