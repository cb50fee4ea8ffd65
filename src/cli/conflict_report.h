// How conflicts are shown: as a table, as one conflict column by column, and as JSON.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "ledger/listed_conflict.h"

namespace harmonylite::cli {

void PrintConflicts(const std::vector<ledger::ListedConflict>& list);

// Prints both sides column by column; '*' marks the columns that differ.
void PrintConflict(const ledger::ListedConflict& one);

// Return JSON; docs/command-line.md lists the keys.
std::string JsonOf(const ledger::ListedConflict& one);
std::string JsonOf(const std::vector<ledger::ListedConflict>& list);

}  // namespace harmonylite::cli
