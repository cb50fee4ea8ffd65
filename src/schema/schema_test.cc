#include "schema/schema.h"

#include <gtest/gtest.h>

#include "sqlite/identifier.h"
#include "sqlite/sqlite_test_util.h"
#include "support/temp_dir.h"

namespace harmonylite::schema {
namespace {

using sqlite::Connection;
using sqlite::Execute;
using sqlite::Must;
using sqlite::OpenMode;
using Strings = std::vector<std::string>;

Schema LoadSql(std::string_view sql, const LoadOptions& options = {}) {
  Connection db = Must(Connection::Open(":memory:", OpenMode::kCreate));
  sqlite::AddCollation(&db, "german");
  Execute(&db, sql);
  return Must(Load(&db, options));
}

// Returns the only table of a schema, or throws.
Table TableOf(std::string_view sql, const LoadOptions& options = {}) {
  Schema schema = LoadSql(sql, options);
  if (schema.tables.size() != 1)
    throw std::runtime_error(schema.skipped.empty() ? "no table" : schema.skipped[0].reason);
  return schema.tables[0];
}

std::string ReasonOf(std::string_view sql, const LoadOptions& options = {}) {
  const Schema schema = LoadSql(sql, options);
  EXPECT_TRUE(schema.tables.empty());
  return schema.skipped.size() == 1 ? schema.skipped[0].reason : "";
}

// Spells each key column as "name collation", with "?" behind it if it may be NULL.
Strings Key(const Table& table) {
  Strings out;
  for (const KeyColumn& key : table.key)
    out.push_back(key.name + " " + key.collation + (key.nullable ? "?" : ""));
  return out;
}

LoadOptions AllowWithoutKey() {
  LoadOptions options;
  options.allow_without_key = [](const std::string&) { return true; };
  return options;
}

TEST(SchemaKeyTest, IntegerPrimaryKey) {
  const Table table = TableOf("CREATE TABLE t(a TEXT, id INTEGER PRIMARY KEY)");
  EXPECT_EQ(Key(table), Strings{"id BINARY"});
  EXPECT_TRUE(table.integer_key);
  EXPECT_FALSE(table.rowid_key);
  EXPECT_EQ(table.columns, (Strings{"a", "id"}));
  EXPECT_EQ(table.key_positions, std::vector<uint32_t>{1});
  EXPECT_EQ(table.column_seeds.size(), 2u);
  EXPECT_TRUE(TableOf("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)").integer_key);
  EXPECT_TRUE(TableOf("CREATE TABLE t(id INTEGER, PRIMARY KEY(id ASC))").integer_key);
}

TEST(SchemaKeyTest, IntegerPrimaryKeyDescIsNoRowid) {
  // This is an old quirk of SQLite: the column is an ordinary one and may hold NULL and text.
  const Table table = TableOf("CREATE TABLE t(id INTEGER PRIMARY KEY DESC)");
  EXPECT_EQ(Key(table), Strings{"id BINARY?"});
  EXPECT_FALSE(table.integer_key);
  EXPECT_FALSE(TableOf("CREATE TABLE t(id INT PRIMARY KEY)").integer_key);
}

TEST(SchemaKeyTest, TextPrimaryKeyMayHoldNull) {
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(id TEXT PRIMARY KEY)")), Strings{"id BINARY?"});
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL)")), Strings{"id BINARY"});
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(id TEXT PRIMARY KEY) WITHOUT ROWID")),
            Strings{"id BINARY"});
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(id TEXT PRIMARY KEY) STRICT")), Strings{"id BINARY"});
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(id ANY PRIMARY KEY) STRICT, WITHOUT ROWID")),
            Strings{"id BINARY"});
}

TEST(SchemaKeyTest, CompositeKeysKeepTheirOrder) {
  const Table table =
      TableOf("CREATE TABLE t(a TEXT NOT NULL, b INTEGER, c, PRIMARY KEY(c, a COLLATE NOCASE))");
  EXPECT_EQ(Key(table), (Strings{"c BINARY?", "a NOCASE"}));
  EXPECT_EQ(table.key_positions, (std::vector<uint32_t>{2, 0}));
  const Table one_integer = TableOf("CREATE TABLE t(a INTEGER, b INTEGER, PRIMARY KEY(a, b))");
  EXPECT_FALSE(one_integer.integer_key);
}

TEST(SchemaKeyTest, CollationsOfTheKey) {
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(a TEXT COLLATE NOCASE NOT NULL PRIMARY KEY)")),
            Strings{"a NOCASE"});
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(a TEXT COLLATE rtrim NOT NULL PRIMARY KEY)")),
            Strings{"a rtrim"});
  EXPECT_NE(ReasonOf("CREATE TABLE t(a TEXT COLLATE german PRIMARY KEY)").find("german"),
            std::string::npos);
  // An unknown collation does not matter for a column that is in no index.
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE german)")),
            Strings{"id BINARY"});
  EXPECT_NE(ReasonOf("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE german UNIQUE)")
                .find("german"),
            std::string::npos);
}

TEST(SchemaKeyTest, FirstUniqueIndexOverNotNullColumns) {
  const Table table = TableOf(
      "CREATE TABLE t(a, b NOT NULL, c NOT NULL);"
      "CREATE UNIQUE INDEX nullable ON t(a, b);"
      "CREATE UNIQUE INDEX partial ON t(b) WHERE a > 0;"
      "CREATE UNIQUE INDEX expression ON t(b || c);"
      "CREATE INDEX plain ON t(b);"
      "CREATE UNIQUE INDEX first ON t(c, b DESC);"
      "CREATE UNIQUE INDEX second ON t(b);");
  EXPECT_EQ(Key(table), (Strings{"c BINARY", "b BINARY"}));
  Strings others;
  for (const UniqueIndex& index : table.unique_indexes) others.push_back(index.name);
  EXPECT_EQ(others, (Strings{"nullable", "partial", "expression", "second"}));
  EXPECT_EQ(Key(TableOf("CREATE TABLE t(a NOT NULL UNIQUE, b NOT NULL UNIQUE)")),
            Strings{"a BINARY"});
}

TEST(SchemaKeyTest, UniqueIndexOverNullableColumns) {
  const Table table =
      TableOf("CREATE TABLE t(a, b, c, UNIQUE(a, b)); CREATE UNIQUE INDEX later ON t(c)");
  EXPECT_EQ(Key(table), (Strings{"a BINARY?", "b BINARY?"}));
  EXPECT_FALSE(table.identity.has_value());
}

TEST(SchemaKeyTest, Identities) {
  const Table table = TableOf("CREATE TABLE t(a, _RowId_, b); CREATE INDEX i ON t(a)");
  ASSERT_TRUE(table.identity.has_value());
  EXPECT_EQ(table.identity->rowid, "rowid");
  EXPECT_EQ(table.columns, (Strings{kIdentityColumn, "a", "_RowId_", "b"}));
  EXPECT_EQ(table.first_real_column(), 1u);
  EXPECT_EQ(table.key_positions, std::vector<uint32_t>{0});
  EXPECT_FALSE(table.integer_key);
  EXPECT_NE(ReasonOf("CREATE TABLE t(oid, a, _rowid_, rowid)").find("no key"), std::string::npos);
  EXPECT_NE(ReasonOf("CREATE TABLE t(a); CREATE UNIQUE INDEX e ON t(a + 1)").find("without_key"),
            std::string::npos);
}

TEST(SchemaKeyTest, RowidWhereItIsWanted) {
  const Table table = TableOf("CREATE TABLE t(a, b UNIQUE)", AllowWithoutKey());
  EXPECT_TRUE(table.rowid_key);
  EXPECT_TRUE(table.integer_key);
  EXPECT_EQ(Key(table), Strings{"_rowid_ BINARY"});
  EXPECT_EQ(table.columns, (Strings{"_rowid_", "a", "b"}));
  EXPECT_NE(ReasonOf("CREATE TABLE t(a, _ROWID_)", AllowWithoutKey()).find("_rowid_"),
            std::string::npos);
}

TEST(SchemaTest, GeneratedColumnsAreLeftOut) {
  const Table table = TableOf(
      "CREATE TABLE t(a, v AS (a + 1) VIRTUAL, id INTEGER PRIMARY KEY, s AS (a + 2) STORED, z)");
  EXPECT_EQ(table.columns, (Strings{"a", "id", "z"}));
  EXPECT_EQ(table.key_positions, std::vector<uint32_t>{1});
  EXPECT_EQ(ReasonOf("CREATE TABLE t(a, g AS (a) STORED NOT NULL UNIQUE)").find("generated"),
            std::string::npos);
}

TEST(SchemaTest, DescribesUniqueIndexes) {
  const Table table = TableOf(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, \"e mail\" TEXT, \"a,b\" TEXT, live);"
      "CREATE UNIQUE INDEX i ON t(lower(\"e mail\") DESC, \"a,b\" COLLATE NOCASE)"
      " WHERE /* ) */ live > 0;");
  ASSERT_EQ(table.unique_indexes.size(), 1u);
  const UniqueIndex& index = table.unique_indexes[0];
  ASSERT_EQ(index.terms.size(), 2u);
  EXPECT_FALSE(index.terms[0].is_column);
  EXPECT_EQ(index.terms[0].sql, "(lower(\"e mail\"))");
  EXPECT_TRUE(index.terms[1].is_column);
  EXPECT_EQ(index.terms[1].sql, "\"a,b\"");
  EXPECT_EQ(index.terms[1].collation, "NOCASE");
  EXPECT_EQ(index.columns, (Strings{"a,b", "e mail", "live"}));
  EXPECT_NE(index.where_sql.find("live > 0"), std::string::npos);
}

TEST(SchemaTest, UniqueIndexesOnGeneratedColumns) {
  const Table table = TableOf("CREATE TABLE t(id INTEGER PRIMARY KEY, a, g AS (lower(a)) UNIQUE)");
  ASSERT_EQ(table.unique_indexes.size(), 1u);
  EXPECT_EQ(table.unique_indexes[0].terms[0].sql, "\"g\"");
  EXPECT_FALSE(table.unique_indexes[0].terms[0].is_column);
  EXPECT_EQ(table.unique_indexes[0].columns, (Strings{"a", "g"}));
}

TEST(SchemaTest, UniqueIndexesOnExpressionsOverGeneratedColumns) {
  const Table table = TableOf(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, free, \"g\"\"h\" AS (a || x), x AS (b));"
      "CREATE UNIQUE INDEX i ON t(lower(\"g\"\"h\"));"
      "CREATE UNIQUE INDEX j ON t(\"g\"\"h\", free);"
      "CREATE UNIQUE INDEX k ON t(free)");
  const Strings columns[] = {{"a", "b", "g\"h"}, {"a", "b", "free", "g\"h"}, {"free"}};
  ASSERT_EQ(table.unique_indexes.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(table.unique_indexes[i].columns, columns[i]);
  EXPECT_FALSE(table.unique_indexes[1].terms[0].is_column);
  EXPECT_TRUE(table.unique_indexes[1].terms[1].is_column);
}

TEST(SchemaTest, AFunctionOfTheApplicationLeavesOutOneTableOnly) {
  const test::TempDir dir;
  {
    Connection app = Must(Connection::Open(dir.File("app.db"), OpenMode::kCreate));
    sqlite::AddFunction(&app, "own");
    Execute(&app,
            "CREATE TABLE a(id INTEGER PRIMARY KEY, x);"
            "CREATE TABLE b(id INTEGER PRIMARY KEY, x);"
            "CREATE UNIQUE INDEX i ON a(own(x));");
  }
  Connection db = Must(Connection::Open(dir.File("app.db"), OpenMode::kReadWrite));
  const Schema schema = Must(Load(&db, {}));
  ASSERT_EQ(schema.tables.size(), 1u);
  EXPECT_EQ(schema.tables[0].name, "b");
  ASSERT_EQ(schema.skipped.size(), 1u);
  EXPECT_EQ(schema.skipped[0].name, "a");
  EXPECT_NE(schema.skipped[0].reason.find("own"), std::string::npos);
}

// What stands behind the end of an index's text would become a part of the capture triggers.
TEST(SchemaTest, AnIndexWithAForgedTextLeavesOutOneTableOnly) {
  for (const char* tail :
       {"; WHERE 1); END; DROP TABLE b; SELECT (1", "; WHERE a IS NULL", " ON t(x); x"}) {
    const test::TempDir dir;
    {
      Connection app = Must(Connection::Open(dir.File("app.db"), OpenMode::kCreate));
      Execute(&app,
              "CREATE TABLE a(id INTEGER PRIMARY KEY, x); CREATE TABLE b(id INTEGER PRIMARY KEY);"
              "CREATE UNIQUE INDEX i ON a(abs(x));");
      sqlite::ForgeSchema(&app,
                          fmt::format("UPDATE sqlite_schema SET sql = sql || {} WHERE name = 'i'",
                                      sqlite::TextLiteral(std::string(";") + tail)));
    }
    Connection db = Must(Connection::Open(dir.File("app.db"), OpenMode::kReadWrite));
    const Schema schema = Must(Load(&db, {}));
    ASSERT_EQ(schema.tables.size(), 1u) << tail;
    EXPECT_EQ(schema.tables[0].name, "b");
    ASSERT_EQ(schema.skipped.size(), 1u);
    EXPECT_NE(schema.skipped[0].reason.find("more than one statement"), std::string::npos)
        << schema.skipped[0].reason;
  }
}

// Makes a file whose application has the function "own" and the collation "odd", and loads it
// without them.
Schema LoadFileOf(std::string_view sql) {
  const test::TempDir dir;
  {
    Connection app = Must(Connection::Open(dir.File("app.db"), OpenMode::kCreate));
    sqlite::AddFunction(&app, "own");
    sqlite::AddCollation(&app, "odd");
    Execute(&app, "CREATE TABLE other(id INTEGER PRIMARY KEY)");
    Execute(&app, sql);
  }
  Connection db = Must(Connection::Open(dir.File("app.db"), OpenMode::kReadOnly));
  return Must(Load(&db, {}));
}

TEST(SchemaTest, TablesThatCannotBeWrittenHereAreLeftOutAndSayWhy) {
  struct Case {
    const char* sql;
    const char* why;
  };
  for (const Case& one : {
           Case{"CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t(own(a))",
                "unknown function: own()"},
           {"CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t(a) WHERE own(a) > 1",
            "unknown function: own()"},
           {"CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t(a COLLATE odd)",
            "no such collation sequence: odd"},
           {"CREATE TABLE t(id INTEGER PRIMARY KEY, a COLLATE odd); CREATE INDEX i ON t(a)",
            "no such collation sequence: odd"},
           {"CREATE TABLE t(id INTEGER PRIMARY KEY, a, g AS (own(a)) VIRTUAL)",
            "unknown function: own()"},
           {"CREATE TABLE t(id INTEGER PRIMARY KEY, a, g AS (own(a)) STORED)",
            "unknown function: own()"},
           {"CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE UNIQUE INDEX i ON t(own(a))",
            "its index i cannot be used here: no such function: own"},
       }) {
    const Schema schema = LoadFileOf(one.sql);
    ASSERT_EQ(schema.tables.size(), 1u) << one.sql;
    EXPECT_EQ(schema.tables[0].name, "other");
    ASSERT_EQ(schema.skipped.size(), 1u);
    EXPECT_NE(schema.skipped[0].reason.find(one.why), std::string::npos)
        << schema.skipped[0].reason;
  }
}

TEST(SchemaTest, WhatTheSidecarNeverComputesIsNoReason) {
  for (const char* sql :
       {"CREATE TABLE t(id INTEGER PRIMARY KEY, a CHECK (own(a) > 0))",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a DEFAULT (own(1)))",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a COLLATE odd CHECK (a > 'x'))",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TRIGGER g AFTER DELETE ON t BEGIN "
        "INSERT INTO other VALUES(own(OLD.a)); END",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE VIEW v AS SELECT own(a) FROM t"}) {
    const Schema schema = LoadFileOf(sql);
    EXPECT_EQ(schema.tables.size(), 2u)
        << sql << (schema.skipped.empty() ? "" : schema.skipped[0].reason);
  }
}

TEST(SchemaTest, MoreThanCanBeComparedIsLeftOut) {
  const auto columns = [](size_t count, const char* more) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += fmt::format("{}c{}{}", i == 0 ? "" : ", ", i, more);
    return out;
  };
  const auto keyed = [&](size_t count) {
    return fmt::format("CREATE TABLE t({}, PRIMARY KEY({})) WITHOUT ROWID", columns(count, ""),
                       columns(count, ""));
  };
  EXPECT_EQ(TableOf(keyed(kMaxTerms)).key.size(), kMaxTerms);
  EXPECT_EQ(ReasonOf(keyed(kMaxTerms + 1)),
            "its key is over 501 columns; HarmonyLite compares at most 500");
  const auto unique = [&](size_t count) {
    return fmt::format("CREATE TABLE t(k INTEGER PRIMARY KEY, {0}, UNIQUE({0}))",
                       columns(count, ""));
  };
  EXPECT_EQ(TableOf(unique(kMaxTerms)).unique_indexes.size(), 1u);
  EXPECT_NE(ReasonOf(unique(kMaxTerms + 1)).find("over 501 columns"), std::string::npos);
  const auto indexes = [&](size_t count) {
    return fmt::format("CREATE TABLE t(k INTEGER PRIMARY KEY, {})", columns(count, " UNIQUE"));
  };
  EXPECT_EQ(TableOf(indexes(1'000)).unique_indexes.size(), 1'000u);
  EXPECT_NE(ReasonOf(indexes(1'001)).find("1001 UNIQUE indexes"), std::string::npos);
}

TEST(SchemaTest, TablesAreWideFromWhereAQueryCannotHoldARowBesideItsVersion) {
  const auto table = [](int columns) {
    std::string sql = "CREATE TABLE t(k INTEGER PRIMARY KEY";
    for (int i = 1; i < columns; ++i) sql += fmt::format(", c{}", i);
    return TableOf(sql + ")");
  };
  EXPECT_FALSE(table(1'991).wide);
  EXPECT_TRUE(table(1'992).wide);
  EXPECT_TRUE(table(2'000).wide);
}

TEST(SchemaTest, VirtualAndShadowTablesAndViews) {
  const Schema schema = LoadSql(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, body);"
      "CREATE VIRTUAL TABLE search USING fts5(body, content='t', content_rowid='id');"
      "CREATE VIRTUAL TABLE place USING rtree(id, x0, x1);"
      "CREATE VIEW v AS SELECT * FROM t;"
      "CREATE TABLE n(id INTEGER PRIMARY KEY AUTOINCREMENT);"
      "CREATE TABLE __harmonylite__x(id INTEGER PRIMARY KEY);");
  Strings names;
  for (const Table& table : schema.tables) names.push_back(table.name);
  EXPECT_EQ(names, (Strings{"n", "t"}));
  Strings skipped;
  for (const SkippedTable& table : schema.skipped) {
    skipped.push_back(table.name);
    EXPECT_EQ(table.cause, SkipCause::kVirtual);
  }
  EXPECT_EQ(skipped, (Strings{"place", "search"}));
}

TEST(SchemaTest, WhyATableIsLeftOut) {
  EXPECT_EQ(
      LoadSql("CREATE TABLE t(a); CREATE UNIQUE INDEX i ON t(a) WHERE a > 0").skipped.at(0).cause,
      SkipCause::kNoKey);
  LoadOptions options;
  options.allow_without_key = [](const std::string&) { return true; };
  EXPECT_EQ(LoadSql("CREATE TABLE t(_rowid_)", options).skipped.at(0).cause, SkipCause::kUnusable);
}

TEST(SchemaTest, WhoGivesTheKeyOfANewRow) {
  EXPECT_TRUE(TableOf("CREATE TABLE t(id INTEGER PRIMARY KEY)").SqliteGivesKey());
  EXPECT_TRUE(TableOf("CREATE TABLE t(id INTEGER PRIMARY KEY, p REFERENCES t)").SqliteGivesKey());
  EXPECT_FALSE(TableOf("CREATE TABLE t(id TEXT PRIMARY KEY)").SqliteGivesKey());
  // The parent of such a key does, as where Django makes a table for each class of a hierarchy.
  EXPECT_FALSE(TableOf("CREATE TABLE t(id INTEGER PRIMARY KEY REFERENCES p)").SqliteGivesKey());
}

TEST(SchemaTest, OddNames) {
  for (const char* name :
       {"a b", "a.b", "a;b", "a\"b", "a'b", "[a]", "`a`", "größe", "表", "on", "-- a", "%"}) {
    const std::string quoted = sqlite::Quote(name);
    const Table table = TableOf("CREATE TABLE " + quoted + "(" + quoted +
                                " TEXT NOT NULL PRIMARY KEY, x," + "UNIQUE(x, " + quoted + "))");
    EXPECT_EQ(table.name, name);
    EXPECT_EQ(Key(table), Strings{std::string(name) + " BINARY"});
    EXPECT_EQ(table.unique_indexes.size(), 1u);
  }
}

TEST(SchemaTest, IncludeLeavesTablesOutInSilence) {
  LoadOptions options;
  options.include = [](const std::string& table) { return table == "a"; };
  const Schema schema =
      LoadSql("CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(x)", options);
  EXPECT_EQ(schema.tables.size(), 1u);
  EXPECT_TRUE(schema.skipped.empty());
}

TEST(SchemaDifferenceTest, WhatMayDiffer) {
  const auto shape = [](const char* sql) { return TableOf(sql).Shape(); };
  const change::TableShape ours = shape("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)");
  EXPECT_EQ(Difference(ours, shape("CREATE TABLE t(B, A, ID INTEGER PRIMARY KEY)")), std::nullopt);
  EXPECT_NE(Difference(ours, shape("CREATE TABLE t(id INTEGER PRIMARY KEY, a)")), std::nullopt);
  EXPECT_NE(Difference(ours, shape("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, c)")),
            std::nullopt);
  EXPECT_NE(Difference(ours, shape("CREATE TABLE t(id, a INTEGER PRIMARY KEY, b)")), std::nullopt);
  EXPECT_NE(Difference(ours, shape("CREATE TABLE t(id, a, b, PRIMARY KEY(id, a))")), std::nullopt);
  EXPECT_NE(Difference(shape("CREATE TABLE t(id TEXT PRIMARY KEY)"),
                       shape("CREATE TABLE t(id TEXT COLLATE NOCASE PRIMARY KEY)")),
            std::nullopt);
  change::TableShape twice = ours;
  twice.columns = {"id", "a", "b", "a"};
  EXPECT_NE(Difference(ours, twice), std::nullopt);
}

}  // namespace
}  // namespace harmonylite::schema
