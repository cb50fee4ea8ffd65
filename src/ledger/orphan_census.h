// Counts orphans in the background: a few rows at a time, in rounds.
//
// Nothing records that a parent has gone while its children stayed, so a round looks at every row
// that names a parent. census_pace.h says when a round begins.
// Threads: the census runs on the thread that uses the connection, and only reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/census_pace.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

class OrphanCensus {
 public:
  // Starts over with another catalog, which must stay valid until the next call. None of the
  // objects is owned.
  void Reset(sqlite::Connection* db, const Catalog* catalog, const Clock* clock);
  // Does one short piece of work. `writes` is a number that changes with every commit. Returns true
  // if count() has changed.
  Result<bool> Step(int64_t writes);
  // The number of orphans that the newest complete round found, hidden ones included.
  int64_t count() const { return count_; }
  bool running() const { return pace_.running(); }

 private:
  // Counts the orphans among the next rows of a table, and notes how far it came. `is_orphan` is a
  // condition on a row called c.
  Status CountPiece(const TrackedTable& table, const std::string& is_orphan);
  // Returns the key of the last row of the next piece; nothing if the piece ends with the table.
  Result<std::optional<change::Row>> EndOfPiece(const TrackedTable& table);

  sqlite::Connection* db_ = nullptr;  // not owned
  const Catalog* catalog_ = nullptr;  // not owned
  const Clock* clock_ = nullptr;      // not owned
  int64_t count_ = 0;
  CensusPace pace_;
  int64_t found_ = 0;                 // orphans that the round has found so far
  size_t table_ = 0;                  // position in the catalog of the table being counted
  std::optional<change::Row> after_;  // last key that was looked at in that table
  bool table_done_ = false;           // true when that table has no further rows
};

}  // namespace harmonylite::ledger
