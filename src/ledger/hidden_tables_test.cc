#include "ledger/hidden_tables.h"

#include <gtest/gtest.h>

#include "capture/capture_test_util.h"
#include "ledger/registry.h"
#include "support/result_matchers.h"

namespace harmonylite::ledger {
namespace {

using sqlite::Connection;
using sqlite::Must;
using sqlite::OpenMode;
using Strings = std::vector<std::string>;

constexpr const char* kAll = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2";

TEST(HiddenTablesTest, WhatIsAttached) {
  Connection db = Must(Connection::Open(":memory:", OpenMode::kCreate));
  EXPECT_EQ(Must(Inspect(&db)), Installed::kNo);
  sqlite::Execute(&db, "CREATE TABLE __harmonylite__books_change_log(id INTEGER PRIMARY KEY)");
  EXPECT_EQ(Must(Inspect(&db)), Installed::kLegacy);
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  EXPECT_EQ(Must(Inspect(&node.db)), Installed::kYes);
}

TEST(HiddenTablesTest, AnUnknownFormatIsAnError) {
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  node.App("UPDATE __harmonylite__state SET value = 99 WHERE key = 'format'");
  const auto inspected = Inspect(&node.db);
  ASSERT_FALSE(inspected.ok());
  EXPECT_EQ(inspected.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(inspected.error().message().find("99"), std::string::npos);
  EXPECT_FALSE(RemoveAll(&node.db).ok());
}

TEST(HiddenTablesTest, RemoveAllLeavesTheSchemaAsItWas) {
  const std::string sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE, b);"
      "CREATE UNIQUE INDEX i ON t(lower(b)) WHERE a > 0;"
      "CREATE TABLE log(x); CREATE TRIGGER note AFTER INSERT ON t BEGIN"
      " INSERT INTO log VALUES(NEW.id); END;"
      "CREATE VIEW v AS SELECT * FROM t;"
      "CREATE VIRTUAL TABLE f USING fts5(b, content='t', content_rowid='id');"
      "INSERT INTO t VALUES(1, 1, 'x');";
  Connection plain = Must(Connection::Open(":memory:", OpenMode::kCreate));
  sqlite::Execute(&plain, sql);
  capture::TestNode node(sql);
  node.App("INSERT INTO t VALUES(2, 2, 'y')");
  node.FoldAll();
  EXPECT_NE(node.Query(kAll), sqlite::Query(&plain, kAll));
  node.Write([&] { EXPECT_EQ(Must(RemoveAll(&node.db)), "delete"); });
  EXPECT_EQ(node.Query(kAll), sqlite::Query(&plain, kAll));
  EXPECT_EQ(node.Query("SELECT * FROM sqlite_sequence"), Strings{"'t'|2"});
  EXPECT_EQ(Must(Inspect(&node.db)), Installed::kNo);
  node.Write([&] { EXPECT_EQ(Must(RemoveAll(&node.db)), ""); });
  node.App("INSERT INTO t VALUES(3, 3, 'z')");
}

TEST(HiddenTablesTest, RemoveAllTakesVersionOneAlong) {
  Connection db = Must(Connection::Open(":memory:", OpenMode::kCreate));
  sqlite::Execute(&db, "CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  const Strings before = sqlite::Query(&db, kAll);
  sqlite::Execute(
      &db,
      "CREATE TABLE __harmonylite__t_change_log("
      "id INTEGER PRIMARY KEY AUTOINCREMENT, val_id, val_a,"
      " type TEXT, created_at INTEGER, state INTEGER);"
      "CREATE INDEX __harmonylite__t_change_log_index ON __harmonylite__t_change_log(state);"
      "CREATE TABLE __harmonylite____global_change_log(id INTEGER PRIMARY KEY, change_table_id);"
      "CREATE TRIGGER __harmonylite__t_change_log_on_insert AFTER INSERT ON t BEGIN"
      " INSERT INTO __harmonylite__t_change_log(val_id, val_a, type) VALUES(NEW.id, NEW.a, 'i');"
      " INSERT INTO __harmonylite____global_change_log VALUES(NULL, last_insert_rowid()); END;"
      "INSERT INTO t VALUES(1, 1)");
  EXPECT_EQ(Must(Inspect(&db)), Installed::kLegacy);
  EXPECT_EQ(Must(RemoveAll(&db)), "");
  Strings after = sqlite::Query(&db, kAll);
  // AUTOINCREMENT leaves a table of SQLite's own behind, which cannot be dropped.
  std::erase_if(after, [](const std::string& row) {
    return row.find("sqlite_sequence") != std::string::npos;
  });
  EXPECT_EQ(after, before);
  sqlite::Execute(&db, "INSERT INTO t VALUES(2, 2)");
}

TEST(HiddenTablesTest, StateRoundTrip) {
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)", UINT64_MAX);
  EXPECT_EQ(node.state.self, node.self);
  EXPECT_EQ(node.state.journal_mode, "delete");
  EXPECT_EQ(node.state.folded_to, Lseq(1));
  State wanted = node.state;
  wanted.published_to = Lseq(11);
  wanted.published_stamp = Hlc(12);
  wanted.folded_to = Lseq(13);
  wanted.cursor = UINT64_MAX - 1;
  wanted.log_created = -5;
  node.Write([&] { EXPECT_OK(SaveState(&node.db, wanted, node.state)); });
  const State loaded = Must(LoadState(&node.db));
  EXPECT_EQ(loaded.published_to, Lseq(11));
  EXPECT_EQ(loaded.published_stamp, Hlc(12));
  EXPECT_EQ(loaded.folded_to, Lseq(13));
  EXPECT_EQ(loaded.cursor, UINT64_MAX - 1);
  EXPECT_EQ(loaded.log_created, -5);
}

TEST(HiddenTablesTest, OriginsKeepTheirIndices) {
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  const Origin other{NodeId(UINT64_MAX), Incarnation(UINT32_MAX)};
  OriginTable origins = Must(OriginTable::Load(&node.db));
  EXPECT_EQ(origins.Find(other), std::nullopt);
  OriginIndex index;
  node.Write([&] { index = Must(origins.IndexOf(&node.db, other)); });
  EXPECT_NE(index, node.state.self_index);
  EXPECT_EQ(Must(origins.IndexOf(&node.db, other)), index);
  const OriginTable loaded = Must(OriginTable::Load(&node.db));
  EXPECT_EQ(loaded.Find(other), index);
  EXPECT_EQ(Must(loaded.At(index)), other);
  EXPECT_EQ(loaded.At(OriginIndex(99)).error().code(), ErrorCode::kCorruption);
}

// Whoever may write the file may write its hidden tables.
TEST(HiddenTablesTest, NumbersThatNobodyWritesAreErrors) {
  for (const char* key : {"folded_to", "published_to", "incarnation_base"}) {
    capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
    node.App(fmt::format("INSERT OR REPLACE INTO __harmonylite__state VALUES('{}', -5)", key));
    const auto state = LoadState(&node.db);
    ASSERT_FALSE(state.ok()) << key;
    EXPECT_EQ(state.error().code(), ErrorCode::kCorruption);
  }
}

TEST(HiddenTablesTest, AnIncarnationBeginsWithinWhatIsPublished) {
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  node.Write([&] {
    const Status refused =
        StartIncarnation(&node.db, &node.state, Incarnation(9), Lseq(99), /*read_again=*/true);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::kCorruption);
  });
}

TEST(HiddenTablesTest, ProgressOnlyMovesForward) {
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  const Origin other{NodeId(2), Incarnation(3)};
  OriginTable origins = Must(OriginTable::Load(&node.db));
  node.Write([&] {
    const OriginIndex index = Must(origins.IndexOf(&node.db, other));
    EXPECT_OK(SaveProgress(&node.db, index, Lseq(7)));
    EXPECT_OK(SaveProgress(&node.db, index, Lseq(5)));
  });
  EXPECT_EQ(Must(LoadProgress(&node.db, origins)).Get(other), Lseq(7));
}

TEST(HiddenTablesTest, ANewIncarnationOwnsWhatIsNotPublished) {
  capture::TestNode node(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE gone(k PRIMARY KEY)");
  node.App("INSERT INTO t VALUES(1, 1)");
  node.state.published_to = node.newest();
  node.App("INSERT INTO t VALUES(2, 2); INSERT INTO gone VALUES('k'); DROP TABLE gone");
  node.Sync();
  node.App("INSERT INTO t VALUES(3, 3)");
  const State before = node.state;
  node.Write([&] {
    EXPECT_OK(
        StartIncarnation(&node.db, &node.state, Incarnation(9), node.state.published_to, true));
  });
  EXPECT_EQ(node.state.self, (Origin{NodeId(1), Incarnation(9)}));
  EXPECT_EQ(node.state.incarnation_base, before.published_to);
  EXPECT_EQ(node.state.cursor, 0u);
  const State loaded = Must(LoadState(&node.db));
  EXPECT_EQ(loaded.self, node.state.self);
  EXPECT_EQ(loaded.incarnation_base, before.published_to);
  // The former incarnation is now another origin, applied here up to what was published.
  const OriginTable origins = Must(OriginTable::Load(&node.db));
  EXPECT_EQ(Must(LoadProgress(&node.db, origins)).Get(before.self), before.published_to);
  const std::string versions = VersionTableName(node.catalog.ByName("t")->id);
  EXPECT_EQ(node.Query("SELECT k1, n FROM " + versions + " ORDER BY k1"),
            (Strings{"1|0", "2|" + std::to_string(node.state.self_index.value)}));
  EXPECT_EQ(node.Net(before.published_to), (capture::RowsByKey{{"t:2", "2|2"}, {"t:3", "3|3"}}));
}

TEST(RegistryTest, OddNamesComeBack) {
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  RegisteredTable table;
  table.id = 50;
  table.name = "a;b\"'";
  table.key = "3:a:b";
  table.shapes = {{"1:x", ";", "", "größe"}, {}, {"3:abc;", "\"", "a\nb"}};
  table.had_rows = true;
  node.Write([&] { EXPECT_OK(SaveRegistered(&node.db, table)); });
  const auto all = Must(LoadRegistry(&node.db));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].id, 50);
  EXPECT_EQ(all[1].name, table.name);
  EXPECT_EQ(all[1].key, table.key);
  EXPECT_EQ(all[1].shapes, table.shapes);
  EXPECT_TRUE(all[1].had_rows);
  EXPECT_FALSE(all[0].had_rows);
}

TEST(RegistryTest, UnreadableShapesAreCorruption) {
  capture::TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  for (const char* shapes : {"x", "5:ab;", "99999999999999999999:a;", "2", ":a", "-1:a"}) {
    node.App("UPDATE __harmonylite__tables SET shapes = '" + std::string(shapes) + "'");
    const auto all = LoadRegistry(&node.db);
    ASSERT_FALSE(all.ok()) << shapes;
    EXPECT_EQ(all.error().code(), ErrorCode::kCorruption);
  }
}

TEST(RegistryTest, KeysAreToldApart) {
  const auto key = [](std::vector<schema::KeyColumn> columns) {
    schema::Table table;
    table.key = std::move(columns);
    return EncodeKey(table);
  };
  EXPECT_EQ(key({{"Id", "binary", false}}), key({{"id", "BINARY", true}}));
  EXPECT_NE(key({{"id", "NOCASE", false}}), key({{"id", "BINARY", false}}));
  EXPECT_NE(key({{"a", "B", false}, {"c", "D", false}}),
            key({{"c", "D", false}, {"a", "B", false}}));
}

}  // namespace
}  // namespace harmonylite::ledger
