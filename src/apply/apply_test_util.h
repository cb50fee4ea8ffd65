// Nodes that hand batches to each other without a log: for tests of apply.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apply/applier.h"
#include "capture/batch_reader.h"
#include "capture/capture_test_util.h"
#include "capture/catalog_sync.h"
#include "ledger/references.h"
#include "sqlite/transaction.h"

namespace harmonylite::apply {

// A node with an applier and a batch reader of its own.
class ApplyNode : public capture::TestNode {
 public:
  explicit ApplyNode(std::string_view sql, uint64_t node = 1, schema::LoadOptions options = {})
      : TestNode(sql, node, options),
        reading(sqlite::Must(sqlite::Connection::Open(path, sqlite::OpenMode::kReadOnly))),
        reader(&reading, {options, /*compress=*/false, dir.path()}),
        applier(&db) {
    warnings = sqlite::Must(applier.SetCatalog(catalog));
  }

  capture::SyncResult SyncAll() {
    capture::SyncResult sync = Sync();
    warnings = sqlite::Must(applier.SetCatalog(catalog));
    JudgeAll();
    return sync;
  }

  // Does what the replica does after a schema change: rows that existed are judged by the new
  // references.
  void JudgeAll() {
    if (!catalog.hide_orphans) return;
    const auto found = sqlite::Must(FindOrphans(&db, catalog));
    Write([&] {
      for (const FoundOrphan& one : found) {
        const std::vector<change::ValueView> key(one.key.begin(), one.key.end());
        sqlite::Must(ledger::Touch(&db, *catalog.ById(one.table), key));
      }
    });
  }

  // Returns what is not published yet and counts it as published from now on.
  std::optional<capture::BuiltBatch> Publish() {
    auto batch = sqlite::Must(reader.ReadChanges(state.published_to));
    if (batch) {
      state.published_to = batch->to;
      state.published_stamp = batch->to_stamp;
    }
    return batch;
  }

  std::optional<capture::BuiltBatch> Repair(const change::ProgressVector& have) {
    return sqlite::Must(reader.ReadRepair(have));
  }

  // Makes this node's next write later than all of `other`'s, also within the same millisecond.
  void FollowClockOf(ApplyNode* other) {
    const Hlc stamp = sqlite::Must(capture::ReadJournalEnd(&other->db)).stamp;
    Write([&] { sqlite::Must(capture::RaiseClock(&db, stamp)); });
  }

  change::ProgressVector Progress() {
    return sqlite::Must(ledger::LoadProgress(&db, sqlite::Must(ledger::OriginTable::Load(&db))));
  }

  // Folds everything and settles which rows are visible.
  ShadowStats Settle(OrphanStats* orphans = nullptr) {
    ShadowStats stats;
    OrphanStats unused;
    FoldAll();
    Write([&] {
      sqlite::Must(applier.Settle(sqlite::Must(ledger::OriginTable::Load(&db)), &stats,
                                  orphans == nullptr ? &unused : orphans));
    });
    return stats;
  }

  // Folds and applies in one transaction. On an error everything is rolled back.
  Result<ApplyStats> TryApply(const capture::BuiltBatch& batch) {
    auto transaction =
        sqlite::Must(sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
    const ledger::State saved = state;
    ledger::State next = state;
    sqlite::Must(capture::Fold(&db, catalog, &next, INT64_MAX / 2));
    auto origins = sqlite::Must(ledger::OriginTable::Load(&db));
    auto decoder = sqlite::Must(change::BatchDecoder::Begin(&batch.bytes));
    HL_ASSIGN(const ApplyStats stats, applier.Apply(&decoder, next, Progress(), {}, &origins));
    sqlite::Must(ledger::SaveState(&db, next, saved));
    sqlite::Must(transaction.Commit());
    state = next;
    return stats;
  }
  ApplyStats Apply(const capture::BuiltBatch& batch) { return sqlite::Must(TryApply(batch)); }
  // Applies everything that `other` has not published yet.
  ApplyStats ApplyFrom(ApplyNode* other) {
    const auto batch = other->Publish();
    return batch ? Apply(*batch) : ApplyStats{};
  }

  sqlite::Connection reading;
  capture::BatchReader reader;
  Applier applier;
  std::vector<std::string> warnings;
};

// Every value with its storage class, as SQLite itself sees it.
inline std::vector<std::string> Exact(ApplyNode* node, const std::string& columns,
                                      const std::string& table, const std::string& order) {
  std::string sql = "SELECT ";
  for (size_t at = 0; at < columns.size();) {
    const size_t end = std::min(columns.find(',', at), columns.size());
    const std::string column = columns.substr(at, end - at);
    sql += (at == 0 ? "" : ", ") + std::string("typeof(") + column + "), quote(" + column + "), " +
           column;
    at = end + 1;
  }
  return node->Query(sql + " FROM " + table + " ORDER BY " + order);
}

}  // namespace harmonylite::apply
