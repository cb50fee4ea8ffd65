// How conflicts are shown: as a table, as one conflict column by column, and as JSON.
//
// Threads: any.
#pragma once

#include <vector>

#include "cli/json.h"
#include "ledger/listed_conflict.h"

namespace harmonylite::cli {

void PrintConflicts(const std::vector<ledger::ListedConflict>& list);

// Prints both sides column by column; '*' marks the columns that differ.
void PrintConflict(const ledger::ListedConflict& one);

// docs/command-line.md lists the keys.
Json ToJson(const ledger::ListedConflict& one);
Json ToJson(const std::vector<ledger::ListedConflict>& list);

}  // namespace harmonylite::cli
