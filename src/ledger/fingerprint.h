// One number for all replicated tables of a node. Nodes compare these numbers to see whether their
// schemas differ.
//
// Threads: pure function.
#pragma once

#include <cstdint>

#include "ledger/catalog.h"

namespace harmonylite::ledger {

// The fingerprint of a node that replicates no table. It is the same in every version of this
// program.
inline constexpr uint64_t kNoTables = 0;

// Returns equal numbers for equal sets of tables, with equal columns and keys. The order of tables,
// and of the columns of a table, does not count.
uint64_t SchemaFingerprint(const Catalog& catalog);

}  // namespace harmonylite::ledger
