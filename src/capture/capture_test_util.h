// For tests: a database with an application and a sidecar on it, and a check of what its journal
// tells.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "capture/row_map_sync.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "sqlite/identifier.h"
#include "sqlite/sqlite_test_util.h"
#include "sqlite/transaction.h"
#include "support/temp_dir.h"

namespace harmonylite::capture {

class ManualClock final : public Clock {
 public:
  int64_t WallMs() const override { return wall_ms; }
  int64_t MonotonicMs() const override { return monotonic_ms; }
  int64_t wall_ms = 1'700'000'000'000;
  int64_t monotonic_ms = 0;
};

// Rows by "table:key". Spellings of a key that its collation holds equal are the same here.
using RowsByKey = std::map<std::string, std::string>;

class TestNode {
 public:
  // `sql` makes the application's tables, and any rows from before HarmonyLite.
  explicit TestNode(std::string_view sql, uint64_t node = 1, schema::LoadOptions options = {})
      : path(dir.File("app.db")),
        app(sqlite::Must(sqlite::Connection::Open(path, sqlite::OpenMode::kCreate))),
        db(sqlite::Must(sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite))),
        self{NodeId(node), Incarnation(1)},
        tables(std::move(options)) {
    App(sql);
    App("PRAGMA journal_mode = WAL");
    Write([&] {
      sqlite::Must(ledger::Install(&db, self, "delete"));
      SyncResult sync = sqlite::Must(SyncCatalog(&db, tables, /*first_attach=*/true));
      sqlite::Must(SyncRowMaps(&db, clock, Lseq(0), &sync));
      catalog = std::move(sync.catalog);
    });
    state = sqlite::Must(ledger::LoadState(&db));
  }

  void App(std::string_view sql) { sqlite::Execute(&app, sql); }
  std::vector<std::string> Query(std::string_view sql) { return sqlite::Query(&app, sql); }

  // Runs `work` in one write transaction of the sidecar.
  void Write(const std::function<void()>& work) {
    auto transaction =
        sqlite::Must(sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
    work();
    sqlite::Must(transaction.Commit());
  }

  // Does what the sidecar does after a schema change.
  SyncResult Sync() {
    SyncResult sync;
    Write([&] {
      const ledger::State saved = state;
      sync = sqlite::Must(SyncCatalog(&db, tables, false));
      sqlite::Must(SyncRowMaps(&db, clock, state.folded_to, &sync));
      while (!sqlite::Must(Fold(&db, sync.catalog, &state, 1000))) continue;
      sqlite::Must(RunAudits(&db, clock, &sync));
      sqlite::Must(ledger::SaveState(&db, state, saved));
    });
    catalog = sync.catalog;
    return sync;
  }

  void FoldSome(int64_t limit) {
    Write([&] {
      const ledger::State saved = state;
      sqlite::Must(Fold(&db, catalog, &state, limit));
      sqlite::Must(ledger::SaveState(&db, state, saved));
    });
  }
  void FoldAll() { FoldSome(INT64_MAX / 2); }

  Lseq newest() { return sqlite::Must(ReadJournalEnd(&db)).last; }

  // Returns the journal's net changes after `from`: for each row its image, or "gone".
  RowsByKey Net(Lseq from) {
    const ledger::Catalog now = sqlite::Must(LoadCatalog(&db, tables));
    RowsByKey out;
    sqlite::Must(VisitNetChanges(&db, now, state, from, newest(), [&](const NetChange& change) {
      out.emplace(KeyText(change.table->table, change.key),
                  change.present ? Join(change.image) : "gone");
      return Ok();
    }));
    return out;
  }

  // Returns what the replicated tables hold, without rows that have NULL in their key.
  RowsByKey Rows() {
    const ledger::Catalog now = sqlite::Must(LoadCatalog(&db, tables));
    RowsByKey out;
    for (const ledger::TrackedTable& tracked : now.tables) {
      const schema::Table& table = tracked.table;
      std::string names;
      for (const std::string& column : table.columns)
        names += (names.empty() ? "" : ", ") + ledger::ColumnIn("", table, column);
      sqlite::Statement all =
          sqlite::Must(db.Prepare("SELECT " + names + " FROM " + sqlite::Quote(table.name)));
      while (sqlite::Must(all.Step())) {
        std::vector<change::ValueView> image;
        for (int i = 0; i < all.columns(); ++i) image.push_back(all.Column(i));
        std::vector<change::ValueView> key;
        bool local = false;
        for (const uint32_t position : table.key_positions) {
          key.push_back(image[position]);
          local = local || key.back().type == change::ValueType::kNull;
        }
        if (!local) out[KeyText(table, key)] = Join(image);
      }
    }
    return out;
  }

  // Runs the application's SQL and returns the net changes that the journal then tells. Checks that
  // they name every row that differs from before, that they show each row as it is, and that stamps
  // grow.
  RowsByKey Do(std::string_view sql) {
    SCOPED_TRACE(std::string(sql));
    const RowsByKey before = Rows();
    const Lseq from = newest();
    App(sql);
    const RowsByKey after = Rows();
    const RowsByKey net = Net(from);
    for (const auto& [key, image] : before)
      EXPECT_TRUE(after.contains(key) || net.contains(key)) << key << " went unseen";
    for (const auto& [key, image] : after) {
      const bool same = before.contains(key) && before.at(key) == image;
      EXPECT_TRUE(same || net.contains(key)) << key << " changed unseen";
    }
    for (const auto& [key, told] : net)
      EXPECT_EQ(told, after.contains(key) ? after.at(key) : "gone") << key;
    EXPECT_EQ(sqlite::Query(&db,
                            "SELECT a.id FROM __harmonylite__journal a JOIN "
                            "__harmonylite__journal b ON b.id = a.id + 1 "
                            "WHERE b.hlc <= a.hlc"),
              std::vector<std::string>{})
        << "stamps do not grow";
    return net;
  }

  static std::string Join(std::span<const change::ValueView> values) {
    std::string out;
    for (const change::ValueView& value : values)
      out += (out.empty() ? "" : "|") + sqlite::Render(value);
    return out;
  }

  test::TempDir dir;
  std::string path;
  sqlite::Connection app;
  sqlite::Connection db;  // the sidecar's connection
  Origin self;
  schema::LoadOptions tables;
  ManualClock clock;
  ledger::Catalog catalog;
  ledger::State state;

 private:
  static std::string KeyText(const schema::Table& table, std::span<const change::ValueView> key) {
    std::string out = table.name + ":";
    for (size_t i = 0; i < key.size(); ++i) {
      std::string text = sqlite::Render(key[i]);
      if (key[i].type == change::ValueType::kText) {
        if (sqlite::SameName(table.key[i].collation, "NOCASE")) text = sqlite::FoldCase(text);
        if (sqlite::SameName(table.key[i].collation, "RTRIM")) {
          std::string bytes(key[i].bytes);
          while (bytes.ends_with(' ')) bytes.pop_back();
          text = "'" + bytes + "'";
        }
      }
      out += (i == 0 ? "" : "|") + text;
    }
    return out;
  }
};

}  // namespace harmonylite::capture
