#include "sqlite/foreign_text.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"
#include "support/result_matchers.h"

namespace harmonylite::sqlite {
namespace {

using Strings = std::vector<std::string>;
using testing::Test;

class ForeignText : public Test {
 protected:
  ForeignText() : db_(Must(Connection::Open(":memory:", OpenMode::kCreate))) {
    Execute(&db_, "CREATE TABLE t(a, \"b c\", g AS (a + 1)); CREATE TABLE secret(s)");
  }

  // The columns that one expression reads, or why it is refused.
  Result<Strings> Read(std::string_view expression) {
    HL_ASSIGN(const std::string sql, AsExpression(expression));
    return ColumnsRead(&db_, "t", {sql});
  }
  Status TempTrigger(const std::string& sql) { return CreateTempTrigger(&db_, {"x", "t", sql}); }

  Connection db_;
};

TEST_F(ForeignText, StoredTextsOfSqliteAreRight) {
  Execute(&db_,
          "create table if not exists main.[u] (a, b default (1), check (a <> ';'));"
          "create table v as select 1; create virtual table f using fts5(x);"
          "create  unique\nindex if not exists main.i on t(a) where a > 0; create index j on t(a);"
          "create view w as select ';' as c -- ;\n from t /* ; */;"
          "create temp table elsewhere(a); create table q(a primary key) without rowid;"
          "alter table u rename to \"u;u\"; alter table \"u;u\" add column c text;"
          "create trigger if not exists main.r after insert on t begin select ';'; /* END */"
          " update t set a = case when a then 1 end; end /* c */; analyze");
  EXPECT_TRUE(Must(FindStoredTextProblems(&db_)).empty());
}

TEST_F(ForeignText, OtherStoredTextsAreNamed) {
  const std::string trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END";
  EXPECT_FALSE(WrongInStoredText("trigger", trigger).has_value());
  EXPECT_FALSE(WrongInStoredText("trigger", trigger + " -- said\n /* so */ ;").has_value());
  for (const char* tail :
       {"; ATTACH 'x' AS y", ";;SELECT 1", " SELECT 1", "; END", "\n;\n.x", "'", "; SELECT 1 /* "})
    EXPECT_EQ(WrongInStoredText("trigger", trigger + tail), "is more than one statement") << tail;
  for (const char* head :
       {"create trigger ", "CREATE  TRIGGER ", "CREATE\nTRIGGER ", " CREATE TRIGGER ",
        "CREATE TEMP TRIGGER ", "/**/CREATE TRIGGER ", "CREATE TRIGGER\t", ""})
    EXPECT_TRUE(WrongInStoredText("trigger", head + trigger.substr(15)).has_value()) << head;
  EXPECT_TRUE(WrongInStoredText("table", trigger).has_value());
  EXPECT_TRUE(WrongInStoredText("nonsense", trigger).has_value());
  EXPECT_EQ(WrongInStoredText("trigger", trigger + std::string("\0; x", 4)), "holds a NUL byte");
  EXPECT_EQ(WrongInStoredText("table", "CREATE TABLE t(a);SELECT 1"), "is more than one statement");
  EXPECT_EQ(WrongInStoredText("index", "CREATE UNIQUE INDEX i ON t(a); WHERE 1"),
            "is more than one statement");
  ForgeSchema(&db_, "UPDATE sqlite_schema SET sql = sql || ';ATTACH 1' WHERE name = 'secret'");
  const auto found = Must(FindStoredTextProblems(&db_));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(Describe(found[0]).starts_with("the stored text of table secret is more than one"));
}

TEST_F(ForeignText, ExpressionsStayOneExpression) {
  EXPECT_EQ(Must(AsExpression(" a -- c\n + 1")), "( a   + 1)");
  EXPECT_EQ(Must(AsExpression("coalesce(a, ');')")), "(coalesce(a, ');'))");
  for (const char* sql : {"1) FROM t; ATTACH 'x' AS y; SELECT (1",
                          "1;",
                          "1), (2",
                          "1, 2",
                          ")(",
                          "(",
                          ")",
                          "'",
                          "\"a",
                          "[a",
                          "?1",
                          "?",
                          ":a",
                          "@a",
                          "$a(')",
                          "#1",
                          "",
                          "  ",
                          "/* */",
                          "1 /* "})
    EXPECT_TRUE(!AsExpression(sql).ok() || sql == std::string_view("1 /* ")) << sql;
  EXPECT_FALSE(AsExpression(std::string_view("1\0", 2)).ok());
  // A comment without an end is one for SQLite, too. It is taken away.
  EXPECT_EQ(Must(AsExpression("1 /* ")), "(1  )");
}

TEST_F(ForeignText, ExpressionsReadTheirOwnTableOnly) {
  EXPECT_EQ(Must(Read("lower(A) || \"b c\"")), (Strings{"a", "b c"}));
  EXPECT_EQ(Must(Read("json_extract(a, '$.x') IS NOT NULL AND a GLOB 'x*'")), Strings{"a"});
  EXPECT_EQ(Must(Read("g > 1")), Strings{"g"});
  EXPECT_EQ(Must(Read("1")), Strings{});
  for (const char* sql :
       {"(SELECT s FROM secret)", "EXISTS(SELECT 1)", "a IN secret", "a IN (SELECT s FROM secret)",
        "load_extension('x')", "fts3_tokenizer('simple')", "(VALUES(1))", "nowhere", "a b",
        "RAISE(IGNORE)"})
    EXPECT_FALSE(Read(sql).ok()) << sql;
  // The watch ends with the call.
  EXPECT_EQ(Query(&db_, "SELECT count(*) FROM secret"), Strings{"0"});
}

TEST_F(ForeignText, ValuesAreInsertedWithoutReading) {
  Execute(&db_, "CREATE TEMP TABLE d(v); INSERT INTO secret VALUES('s')");
  EXPECT_OK(InsertValueOf(&db_, "d", Must(AsExpression("upper('x') || 1"))));
  EXPECT_EQ(Query(&db_, "SELECT v FROM d"), Strings{"'X1'"});
  for (const char* sql : {"(SELECT s FROM secret)", "load_extension('x')", "a"})
    EXPECT_FALSE(InsertValueOf(&db_, "d", Must(AsExpression(sql))).ok()) << sql;
  EXPECT_FALSE(InsertValueOf(&db_, "secret", "(1)").ok());
}

TEST_F(ForeignText, OnlyTheTriggerItselfIsMade) {
  const std::string body = " AFTER INSERT ON t BEGIN INSERT INTO secret VALUES(NEW.a); END";
  EXPECT_FALSE(TempTrigger("CREATE TRIGGER x" + body + "; DELETE FROM secret").ok());
  EXPECT_FALSE(TempTrigger("create  trigger x" + body).ok());
  EXPECT_FALSE(TempTrigger("CREATE TRIGGER other" + body).ok());
  EXPECT_FALSE(TempTrigger("CREATE TRIGGER x AFTER INSERT ON secret BEGIN SELECT 1; END").ok());
  EXPECT_FALSE(TempTrigger("CREATE TRIGGER main.x" + body).ok());
  EXPECT_FALSE(TempTrigger("CREATE TRIGGER ").ok());
  EXPECT_FALSE(TempTrigger("").ok());
  EXPECT_EQ(Query(&db_, "SELECT count(*) FROM sqlite_temp_schema"), Strings{"0"});
  EXPECT_OK(TempTrigger("CREATE TRIGGER x" + body));
  Execute(&db_, "INSERT INTO t(a) VALUES(5)");
  EXPECT_EQ(Query(&db_, "SELECT * FROM secret"), Strings{"5"});
}

TEST_F(ForeignText, OurTriggersWithTheirExpressions) {
  const auto make = [&](const std::string& tail) {
    return CreateTrigger(
        &db_, {"x", "t", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1" + tail + "; END"});
  };
  EXPECT_FALSE(
      make("; END; DROP TABLE secret; CREATE TRIGGER y AFTER INSERT ON t BEGIN SELECT 1").ok());
  EXPECT_EQ(Query(&db_, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"), Strings{"0"});
  EXPECT_OK(make(""));
}

}  // namespace
}  // namespace harmonylite::sqlite
