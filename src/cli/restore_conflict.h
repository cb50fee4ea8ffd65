// Writes the losing side of a conflict back, as an ordinary write of this node.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/conflict_log.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

struct Assignment {
  std::string column;
  std::string value;  // NULL, a number, or else text; the column's affinity decides
};

// The connection's triggers are on, so that the write is captured and the application's own run. A lost
// delete is deleted again. kConflict: a constraint is in the way, for a shadowed row mostly its unique value.
Status Restore(sqlite::Connection* db, const ledger::Catalog& catalog,
               const ledger::ListedConflict& conflict, const std::vector<Assignment>& sets);

}  // namespace harmonylite::cli
