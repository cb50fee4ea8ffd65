// Writes rows back that lost an id which SQLite had given out to another node's row, too: under a
// new id, and with the rows that belong to them.
//
// Threads: the one that uses the connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/conflict_log.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

struct RestoredAnew {
  int64_t rows = 0;                   // rows written back
  int64_t children = 0;               // rows that refer to one of them, and do so by its new id now
  std::vector<std::string> problems;  // what was not written back, and why
};

// Writes the rows of `chosen` back, each as a new row, as ordinary writes of this node. Rows of the
// same node that refer to such a row follow it: those in their tables, and those in `list` that
// have lost their own ids. What is written back leaves the list. A row that cannot be written is
// named in `problems`, and nothing of it is changed. Triggers of the connection must be on.
Result<RestoredAnew> RestoreWithNewIds(sqlite::Connection* db, const ledger::Catalog& catalog,
                                       const std::vector<ledger::ListedConflict>& list,
                                       const std::vector<const ledger::ListedConflict*>& chosen);

}  // namespace harmonylite::cli
