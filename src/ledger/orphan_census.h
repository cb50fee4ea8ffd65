// Counts rows without a parent beside everything else: a few rows at a time, in rounds.
//
// Nothing tells that a parent has gone without its children, so every row that names one is looked at. Rounds
// begin when something was written since the last one, and so seldom that they take a fiftieth of the time.
// Threads: as the connection, which is only read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

class OrphanCensus {
 public:
  // Begins anew: with a (new) catalog, which outlives this or the next call.
  void Reset(sqlite::Connection* db, const Catalog* catalog, const Clock* clock);
  // One short piece. `writes`: a number that moves with every commit. True: there is a new count.
  Result<bool> Step(int64_t writes);
  // Of the newest complete round; hidden rows count too.
  int64_t count() const { return count_; }
  bool running() const { return running_; }

 private:
  Status CountPiece(const TrackedTable& table, const std::string& is_orphan);
  Result<std::optional<change::Row>> EndOfPiece(const TrackedTable& table);

  sqlite::Connection* db_ = nullptr;   // not owned
  const Catalog* catalog_ = nullptr;   // not owned
  const Clock* clock_ = nullptr;       // not owned
  int64_t count_ = 0;
  // The round at hand.
  bool running_ = false;
  std::optional<int64_t> counted_writes_;  // when the last round began
  int64_t next_ms_ = 0;
  int64_t spent_ms_ = 0;
  int64_t found_ = 0;
  size_t table_ = 0;
  std::optional<change::Row> after_;  // the last key looked at in it
  bool table_done_ = false;
};

}  // namespace harmonylite::ledger
