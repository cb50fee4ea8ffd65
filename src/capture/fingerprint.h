// One number for the replicated tables of a node.
#pragma once

#include <cstdint>

#include "capture/catalog.h"

namespace harmonylite::capture {

// Of all replicated tables; equal where they are equal. The order of tables and columns does not count.
uint64_t SchemaFingerprint(const Catalog& catalog);

}  // namespace harmonylite::capture
