#include "schema/index_sql.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::schema {
namespace {

using Strings = std::vector<std::string>;

Strings Terms(std::string_view sql) { return SplitIndexSql(sql).terms; }
std::string Where(std::string_view sql) { return SplitIndexSql(sql).where_sql; }

TEST(IndexSqlTest, PlainTerms) {
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(a)"), Strings{"a"});
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(a, b ,c)"), (Strings{"a", "b", "c"}));
  EXPECT_EQ(Terms("create unique index if not exists i on t ( a desc , b ASC )"),
            (Strings{"a", "b"}));
  EXPECT_EQ(Where("CREATE UNIQUE INDEX i ON t(a)"), "");
}

TEST(IndexSqlTest, Expressions) {
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(lower(a), coalesce(b, (c), ')'))"),
            (Strings{"lower(a)", "coalesce(b, (c), ')')"}));
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(a || ',' || b COLLATE NOCASE DESC)"),
            Strings{"a || ',' || b COLLATE NOCASE"});
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t((a)desc, \"b\"ASC, [c]asc)"),
            (Strings{"(a)", "\"b\"", "[c]"}));
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(a\nDESC,b\tasc)"), (Strings{"a", "b"}));
}

TEST(IndexSqlTest, PartialIndexes) {
  EXPECT_EQ(Where("CREATE UNIQUE INDEX i ON t(a) WHERE b > 0"), "b > 0");
  EXPECT_EQ(Where("CREATE UNIQUE INDEX i ON t(a)where(b IS NOT NULL)"), "(b IS NOT NULL)");
  EXPECT_EQ(Where("CREATE UNIQUE INDEX i ON t(a) WHERE b = ' WHERE ' AND \"where\" = 1"),
            "b = ' WHERE ' AND \"where\" = 1");
}

TEST(IndexSqlTest, NastyNames) {
  EXPECT_EQ(
      Terms(R"sql(CREATE UNIQUE INDEX "i ON t(x)" ON "t("(")""(", [a,b], `c``)`, 'd''(' ))sql"),
      (Strings{R"sql(")""(")sql", "[a,b]", "`c``)`", "'d''('"}));
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX on_ ON \"on\"(\"on\")"), Strings{"\"on\""});
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON größe(größe, 表)"), (Strings{"größe", "表"}));
  // Here "desc" is a column and not an order.
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(\"desc\")"), Strings{"\"desc\""});
}

TEST(IndexSqlTest, Comments) {
  const IndexText text = SplitIndexSql(
      "CREATE UNIQUE INDEX i -- ON x(y)\n ON /* (q) */ t(a /* , ) */, -- b)\n c) "
      "/* WHERE no */ WHERE /* ' */ d = 1");
  EXPECT_EQ(text.terms, (Strings{"a", "c"}));
  EXPECT_EQ(text.where_sql, "d = 1");
  // SQL that is put behind a term must not become part of a comment.
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(lower(a) DESC -- newest\n, b --x\n)"),
            (Strings{"lower(a)", "b"}));
  EXPECT_EQ(Where("CREATE UNIQUE INDEX i ON t(a) WHERE b > '--' -- last"), "b > '--'");
  EXPECT_EQ(Terms("CREATE UNIQUE INDEX i ON t(a/**/DESC)"), Strings{"a"});
}

TEST(IndexSqlTest, OtherTextHasNoTerms) {
  EXPECT_TRUE(Terms("").empty());
  EXPECT_TRUE(Terms("CREATE TABLE t(a)").empty());
  // The function must end for text that is cut off anywhere.
  const std::string_view whole = "CREATE UNIQUE INDEX \"a\" ON [t]('x', /* c */ `b`) WHERE 'y'";
  for (size_t length = 0; length <= whole.size(); ++length) SplitIndexSql(whole.substr(0, length));
}

}  // namespace
}  // namespace harmonylite::schema
