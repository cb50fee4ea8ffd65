// Rows with NULL in their row key. They stay on their node, because nothing tells them apart on
// another one, and so they are counted and listed for the operator.
//
// Threads: everything runs on the thread that uses the connection, and only reads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/census_pace.h"
#include "ledger/listed_conflict.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Counts such rows in the background, one table at a time, in rounds (census_pace.h).
class NullKeyCensus {
 public:
  // Starts over with another catalog, which must stay valid until the next call. None of the
  // objects is owned.
  void Reset(sqlite::Connection* db, const Catalog* catalog, const Clock* clock);
  // Does one short piece of work. `writes` is a number that changes with every commit. Returns true
  // if counts() has changed.
  Result<bool> Step(int64_t writes);
  // Such rows by the names of their tables, as of the newest complete round. No number is 0.
  const std::map<std::string, int64_t>& counts() const { return counts_; }
  bool running() const { return pace_.running(); }

 private:
  sqlite::Connection* db_ = nullptr;  // not owned
  const Catalog* catalog_ = nullptr;  // not owned
  const Clock* clock_ = nullptr;      // not owned
  std::map<std::string, int64_t> counts_;
  CensusPace pace_;
  std::map<std::string, int64_t> found_;  // what the round has found so far
  size_t table_ = 0;                      // position in the catalog of the next table
};

// Appends such rows to a list, as entries of kind "stays here".
Status ListNullKeys(sqlite::Connection* db, const Catalog& catalog,
                    std::vector<ListedConflict>* out);

}  // namespace harmonylite::ledger
