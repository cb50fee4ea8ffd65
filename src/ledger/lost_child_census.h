// Counts the rows whose parent is a stranger: two nodes gave out one id, and the rows that were
// written for the row that gave way refer to the other one now (lost_children.h).
//
// Threads: everything runs on the thread that uses the connection, and only reads.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/census_pace.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Counts in the background, some conflicts at a time, in rounds (census_pace.h).
class LostChildCensus {
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
  // Looks at the next conflicts. Returns false if there are no more.
  Result<bool> LookAtSome();
  // Notes the children of the row of table number `parent` that lost the id to another node's row.
  Status Look(int64_t parent, const change::ValueView& id, NodeId loser, int64_t found_at_ms);

  sqlite::Connection* db_ = nullptr;  // not owned
  const Catalog* catalog_ = nullptr;  // not owned
  const Clock* clock_ = nullptr;      // not owned
  std::map<std::string, int64_t> counts_;
  CensusPace pace_;
  // What the round has found so far: table and key. One child may have lost several parents.
  std::set<std::pair<std::string, std::string>> found_;
  int64_t after_ = 0;  // the number of the conflict that was looked at last
};

}  // namespace harmonylite::ledger
