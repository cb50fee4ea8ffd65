// Rows from before HarmonyLite: they have no version, so no batch ever tells them. A node that merges a snapshot gets
// those it lacks by comparing. They have no transactions either, so they may come a few at a time.
//
// Threads: as the connections.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct FoundOldRows {
  int64_t table = 0;                // TrackedTable id of this node
  std::vector<change::Row> images;  // in this node's column order
};

class OldRows {
 public:
  // Neither connection is owned; both outlive this. kRetryLater: a table waits for its triggers.
  static Result<OldRows> Make(sqlite::Connection* db, sqlite::Connection* snapshot,
                              const schema::LoadOptions& options);
  // Up to `limit` further rows of one table that this node has neither as a row nor as a version. Without a lock: to
  // be looked at again when they are written. Nothing: there are no more.
  Result<std::optional<FoundOldRows>> Next(size_t limit);

 private:
  OldRows(sqlite::Connection* db, sqlite::Connection* snapshot) : db_(db), snapshot_(snapshot) {}
  struct Pair {
    ledger::TrackedTable ours;
    ledger::TrackedTable theirs;
  };
  Status Start(const Pair& pair);

  sqlite::Connection* db_;
  sqlite::Connection* snapshot_;
  std::vector<Pair> todo_;  // the last one first
  std::optional<Pair> current_;
  sqlite::Statement scan_;     // of the snapshot
  sqlite::Statement version_;  // of this node
  sqlite::Statement row_;
};

}  // namespace harmonylite::apply
