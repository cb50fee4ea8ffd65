// Finds rows from before HarmonyLite that a snapshot has and this node lacks. Such rows have no
// version, so no batch ever contains them; a node that merges a snapshot gets them by comparing.
// They belong to no transaction either, so they may be added a few at a time.
//
// Threads: the rule of the connections.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/row_query.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct FoundOldRows {
  int64_t table = 0;                // TrackedTable id of this node
  std::vector<change::Row> images;  // in this node's column order
};

class OldRows {
 public:
  // Neither connection is owned; both outlive this object. It finds nothing if this node has
  // forgotten deletes that the snapshot's maker had not applied. kRetryLater: a table waits for its
  // triggers. kSchemaMismatch: a table differs.
  static Result<OldRows> Make(sqlite::Connection* db, sqlite::Connection* snapshot,
                              const schema::LoadOptions& options);
  // Up to `limit` further rows of one table of which this node has neither the row nor a version;
  // empty when there are no more. No lock is held between this look and the write, so
  // Applier::AddOldRows looks again.
  Result<std::optional<FoundOldRows>> Next(size_t limit);

 private:
  OldRows(sqlite::Connection* db, sqlite::Connection* snapshot) : db_(db), snapshot_(snapshot) {}
  struct Pair {
    ledger::TrackedTable ours;
    ledger::TrackedTable theirs;  // its columns are in the order of ours
  };
  Status Start(const Pair& pair);

  sqlite::Connection* db_;
  sqlite::Connection* snapshot_;
  std::vector<Pair> todo_;         // Tables still to be searched, from the last to the first.
  std::unique_ptr<Pair> current_;  // The table that is searched; none between two tables.
  sqlite::Statement scan_;         // Rows of the snapshot without a version.
  std::optional<ledger::RowReader> reader_;  // Reads from scan_.
  sqlite::Statement version_;                // Looks for a version in this node's file.
  sqlite::Statement row_;
};

}  // namespace harmonylite::apply
