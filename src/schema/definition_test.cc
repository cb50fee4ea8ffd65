#include "schema/definition.h"

#include <gtest/gtest.h>

#include "sqlite/identifier.h"
#include "sqlite/sqlite_test_util.h"
#include "sqlite/stored_sql.h"

namespace harmonylite::schema {
namespace {

using sqlite::Connection;
using sqlite::Must;

// Returns the definition of the table t.
uint64_t Definition(std::string_view sql) {
  Connection db = Must(Connection::Open(":memory:", sqlite::OpenMode::kCreate));
  sqlite::Execute(&db, "CREATE TABLE p(k TEXT PRIMARY KEY)");
  sqlite::Execute(&db, sql);
  for (const Table& table : Must(Load(&db, {})).tables)
    if (sqlite::SameName(table.name, "t"))
      return Must(DefinitionOf(&db, table, *Must(sqlite::StoredSql(&db, "table", table.name))));
  throw std::runtime_error("there is no table t");
}

constexpr const char* kTable =
    "CREATE TABLE t(k INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE, b INT CHECK "
    "(b > 0), c REAL, g AS (a || b) STORED, UNIQUE(a, b), FOREIGN KEY(a) REFERENCES p(k) ON DELETE "
    "CASCADE)";

TEST(Definition, IsTheSameHoweverItIsSpelled) {
  for (
      const char* sql : {
          "create table T (K integer primary key, A text collate nocase not null default 'x',\n"
          " \"B\" int constraint positive check ( b>0 ) /* really */, [c] real, g generated always "
          "as (a||b) stored, unique (A, b), foreign key (a) references P on delete cascade)",
          // Columns and constraints in another order.
          "CREATE TABLE t(c REAL, b INT, a TEXT DEFAULT 'x' COLLATE NOCASE NOT NULL, k INTEGER "
          "PRIMARY KEY, g AS (a || b) STORED, FOREIGN KEY(a) REFERENCES p(k) ON DELETE CASCADE, "
          "CHECK (b > 0), UNIQUE(a, b))",
          // As ALTER TABLE leaves it, with a UNIQUE index in place of the constraint.
          "CREATE TABLE t(k INTEGER PRIMARY KEY, a TEXT NOT NULL DEFAULT 'x' COLLATE NOCASE, b INT "
          "CHECK (b > 0), g AS (a || b) STORED, FOREIGN KEY(a) REFERENCES p(k) ON DELETE CASCADE);"
          "ALTER TABLE t ADD COLUMN c REAL; CREATE UNIQUE INDEX i ON t(a, b);"
          "CREATE INDEX j ON t(c); CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
      })
    EXPECT_EQ(Definition(sql), Definition(kTable)) << sql;
}

TEST(Definition, TellsWhatDiffers) {
  const std::string table = kTable;
  const uint64_t first = Definition(table);
  const std::pair<const char*, const char*> changes[] = {
      {"a TEXT", "a VARCHAR(9)"},
      {" NOT NULL", ""},
      {"DEFAULT 'x'", "DEFAULT 'X'"},
      {"DEFAULT 'x'", ""},
      {"COLLATE NOCASE", ""},
      {"b > 0", "b >= 0"},
      {"CHECK (b > 0)", ""},
      {"a || b", "b || a"},
      {"STORED", "VIRTUAL"},
      {"UNIQUE(a, b)", "UNIQUE(b, a)"},
      {", UNIQUE(a, b)", ""},
      {"CASCADE", "SET NULL"},
      {"INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"},
  };
  for (const auto& [from, to] : changes) {
    std::string other = table;
    other.replace(other.find(from), std::string_view(from).size(), to);
    EXPECT_NE(Definition(other), first) << other;
  }
  EXPECT_NE(Definition("CREATE TABLE t(k TEXT PRIMARY KEY)"),
            Definition("CREATE TABLE t(k TEXT PRIMARY KEY) WITHOUT ROWID"));
  EXPECT_NE(Definition("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL)"),
            Definition("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL) STRICT"));
  EXPECT_EQ(Definition("CREATE TABLE t(k TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"),
            Definition("CREATE TABLE t(k TEXT PRIMARY KEY)without  rowid,strict"));
  EXPECT_NE(Definition("CREATE TABLE t(k INTEGER PRIMARY KEY, a); CREATE UNIQUE INDEX i ON t(a)"),
            Definition("CREATE TABLE t(k INTEGER PRIMARY KEY, a); "
                       "CREATE UNIQUE INDEX i ON t(a) WHERE a > 0"));
}

TEST(Definition, OneSpelling) {
  EXPECT_EQ(InOneSpelling("A+\"b\" -- c\n * 'D d'"), "a + b * 'D d'");
  EXPECT_EQ(InOneSpelling("  "), "");
  EXPECT_EQ(InOneSpelling("'unterminated"), "'unterminated");
}

TEST(Definition, AnyTextIsRead) {
  for (const char* sql : {"CREATE TABLE \"check\"(k INTEGER PRIMARY KEY)", "CHECK (", "AS ((", "("})
    EXPECT_FALSE(InOneSpelling(sql).empty());
  EXPECT_EQ(Definition("CREATE TABLE t(k INTEGER PRIMARY KEY, \"check\" NUMERIC(1, 2))"),
            Definition("CREATE TABLE t(k INTEGER PRIMARY KEY, [check] numeric ( 1,2 ))"));
}

}  // namespace
}  // namespace harmonylite::schema
