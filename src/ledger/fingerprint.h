// One number for the replicated tables of a node.
#pragma once

#include <cstdint>

#include "ledger/catalog.h"

namespace harmonylite::ledger {

// The fingerprint where no table is replicated, in every version of this program.
inline constexpr uint64_t kNoTables = 0;

// Of all replicated tables; equal where they are equal. The order of tables and columns does not count.
uint64_t SchemaFingerprint(const Catalog& catalog);

}  // namespace harmonylite::ledger
