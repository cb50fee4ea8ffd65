// Tests that rows arrive exactly as they were written: every storage class under every declared
// type.
#include <gtest/gtest.h>

#include "apply/apply_test_util.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kValues =
    "(1, NULL), (2, 0), (3, -1), (4, 9223372036854775807), (5, -9223372036854775807 - 1),"
    "(6, 9007199254740993), (7, 0.0), (8, -0.0), (9, 1.5), (10, 9e999), (11, -9e999), (12, 5.0),"
    "(13, 1e300), (14, ''), (15, 'text'), (16, '007'), (17, '1e3'), (18, 'a' || char(0) || 'b'),"
    "(19, CAST(x'fffe' AS TEXT)), (20, x''), (21, x'00ff'), (22, CAST(x'00' AS TEXT)),"
    "(23, ' 12 '), (24, '9223372036854775808'), (25, 'ä😀'), (26, 4.9e-324), (27, '0x10'),"
    "(28, zeroblob(100000)), (29, CAST('007' AS BLOB))";

class ValueTest : public testing::TestWithParam<const char*> {};

TEST_P(ValueTest, EveryClassUnderThisType) {
  const std::string sql =
      std::string("CREATE TABLE t(id INTEGER PRIMARY KEY, a ") + GetParam() + ")";
  ApplyNode one(sql, 1);
  ApplyNode two(sql, 2);
  one.App(std::string("INSERT INTO t VALUES ") + kValues);
  two.ApplyFrom(&one);
  EXPECT_EQ(Exact(&two, "id,a", "t", "id"), Exact(&one, "id,a", "t", "id"));
  // The values arrive unchanged also as updates of rows that exist.
  one.App("UPDATE t SET a = (SELECT b.a FROM t b WHERE b.id = 30 - t.id)");
  two.ApplyFrom(&one);
  EXPECT_EQ(Exact(&two, "id,a", "t", "id"), Exact(&one, "id,a", "t", "id"));
  EXPECT_EQ(two.Query("SELECT count(*) FROM t"), Strings{"29"});
}

INSTANTIATE_TEST_SUITE_P(Types, ValueTest,
                         testing::Values("", "INTEGER", "INT", "REAL", "TEXT", "BLOB", "NUMERIC",
                                         "VARCHAR(3)", "BOOLEAN", "DATETIME", "DOUBLE",
                                         "TEXT COLLATE NOCASE"));

class KeyValueTest : public testing::TestWithParam<const char*> {};

TEST_P(KeyValueTest, EveryClassAsKey) {
  ApplyNode one(GetParam(), 1);
  ApplyNode two(GetParam(), 2);
  one.App(std::string("INSERT OR IGNORE INTO t(a, k) VALUES ") + kValues +
          "; DELETE FROM t WHERE "
          "k IS NULL");
  two.ApplyFrom(&one);
  EXPECT_EQ(Exact(&two, "k,a", "t", "a"), Exact(&one, "k,a", "t", "a"));
  EXPECT_EQ(two.Rows(), one.Rows());
  one.App("UPDATE t SET a = a + 100 WHERE a % 2");
  two.ApplyFrom(&one);
  EXPECT_EQ(Exact(&two, "k,a", "t", "a"), Exact(&one, "k,a", "t", "a"));
  // Rows that a node was given can be written there and travel back.
  two.App("DELETE FROM t WHERE a % 3 = 0; UPDATE t SET a = a + 1000");
  one.ApplyFrom(&two);
  EXPECT_EQ(Exact(&one, "k,a", "t", "a"), Exact(&two, "k,a", "t", "a"));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, KeyValueTest,
    testing::Values("CREATE TABLE t(a, k PRIMARY KEY)", "CREATE TABLE t(a, k TEXT PRIMARY KEY)",
                    "CREATE TABLE t(a, k REAL PRIMARY KEY) WITHOUT ROWID",
                    "CREATE TABLE t(k NUMERIC PRIMARY KEY, a)",
                    "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, a)",
                    "CREATE TABLE t(k TEXT COLLATE RTRIM PRIMARY KEY, a)",
                    "CREATE TABLE t(k INTEGER PRIMARY KEY DESC, a)",
                    "CREATE TABLE t(a INT, k ANY PRIMARY KEY) STRICT",
                    "CREATE TABLE t(a INT, k ANY PRIMARY KEY) STRICT, WITHOUT ROWID",
                    "CREATE TABLE t(a INTEGER, k BLOB, c DEFAULT 'x', PRIMARY KEY(c, k, a))"));

TEST(ApplierValueTest, StrictTablesKeepTextThatLooksLikeNumbers) {
  const char* sql = "CREATE TABLE t(k INTEGER PRIMARY KEY, a ANY, b TEXT, c REAL, d BLOB) STRICT";
  ApplyNode one(sql, 1);
  ApplyNode two(sql, 2);
  one.App("INSERT INTO t VALUES(1, '007', '1', 5, x''), (2, 5.0, '', -0.0, NULL)");
  two.ApplyFrom(&one);
  EXPECT_EQ(Exact(&two, "k,a,b,c,d", "t", "k"), Exact(&one, "k,a,b,c,d", "t", "k"));
  EXPECT_EQ(two.Query("SELECT a FROM t WHERE k = 1"), Strings{"'007'"});
}

TEST(ApplierValueTest, ColumnsInAnotherOrder) {
  ApplyNode one("CREATE TABLE t(a, id INTEGER PRIMARY KEY, g AS (a || 'g'), b TEXT, c)", 1);
  ApplyNode two("CREATE TABLE T(C, B TEXT, A, ID INTEGER PRIMARY KEY, g AS (C || 'h') STORED)", 2);
  one.App("INSERT INTO t(id, a, b, c) VALUES(1, 'a', 'b', 'c'), (2, 1, 2, 3)");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT id, a, b, c, g FROM t ORDER BY id"),
            (Strings{"1|'a'|'b'|'c'|'ch'", "2|1|'2'|3|'3h'"}));
  two.App("UPDATE t SET c = 'new' WHERE id = 2; DELETE FROM t WHERE id = 1");
  one.ApplyFrom(&two);
  EXPECT_EQ(one.Query("SELECT id, a, b, c, g FROM t"), (Strings{"2|1|'2'|'new'|'1g'"}));
}

TEST(ApplierValueTest, CompositeKeysInAnotherOrderOfColumns) {
  ApplyNode one("CREATE TABLE t(a, b, c, PRIMARY KEY(a, b))", 1);
  ApplyNode two("CREATE TABLE t(c, b, a, PRIMARY KEY(a, b)) WITHOUT ROWID", 2);
  one.App("INSERT INTO t VALUES(1, 2, 'x'), (2, 1, 'y')");
  two.ApplyFrom(&one);
  one.App("DELETE FROM t WHERE a = 1; UPDATE t SET b = 5");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT a, b, c FROM t"), Strings{"2|5|'y'"});
}

TEST(ApplierValueTest, BetweenEncodingsOfTheFile) {
  const std::string sql = "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, a)";
  ApplyNode one("PRAGMA encoding = 'UTF-16le'; " + sql, 1);
  ApplyNode two(sql, 2);
  one.App("INSERT INTO t VALUES('ä😀', '表'), ('k', 'a' || char(0) || 'b')");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Rows(), one.Rows());
  two.App("UPDATE t SET k = 'K', a = x'00ff' WHERE k = 'k'");
  one.ApplyFrom(&two);
  EXPECT_EQ(two.Rows(), one.Rows());
}

TEST(ApplierValueTest, OddNames) {
  for (const char* name : {"a b", "a.b", "a;b", "a\"b", "a'b", "größe", "表", "on", "excluded"}) {
    const std::string q = sqlite::Quote(name);
    const std::string sql = "CREATE TABLE " + q + "(" + q + " TEXT PRIMARY KEY, \"x y\")";
    ApplyNode one(sql, 1);
    ApplyNode two(sql, 2);
    one.App("INSERT INTO " + q + " VALUES('a', 1), ('b', 2); DELETE FROM " + q + " WHERE " + q +
            " = 'a'");
    two.ApplyFrom(&one);
    EXPECT_EQ(two.Rows(), one.Rows());
    EXPECT_EQ(two.Rows().size(), 1u);
  }
}

TEST(ApplierValueTest, TablesWithoutKeyByPermission) {
  schema::LoadOptions options;
  options.allow_without_key = [](const std::string&) { return true; };
  ApplyNode one("CREATE TABLE t(a, b UNIQUE)", 1, options);
  ApplyNode two("CREATE TABLE t(b UNIQUE, a)", 2, options);
  one.App("INSERT INTO t VALUES('x', 1), ('x', 2), ('z', 3)");
  two.ApplyFrom(&one);
  one.App("REPLACE INTO t VALUES('y', 1); UPDATE t SET rowid = 50 WHERE b = 2");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT rowid, a, b FROM t ORDER BY 1"),
            one.Query("SELECT rowid, a, b FROM t ORDER BY 1"));
  EXPECT_EQ(two.Query("SELECT count(*) FROM t"), Strings{"3"});
}

}  // namespace
}  // namespace harmonylite::apply
