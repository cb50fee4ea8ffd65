// The hash of a row's image: the sum, modulo 2^64, of one hash per column.
//
// Each column's hash depends on its name and not on its position, so the part of one column can be
// left out: a row that was hashed before a column was added is still recognised afterwards.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "change/value.h"

namespace harmonylite::change {

// The seed of a column, computed once per column. The name is in lower case.
uint64_t ColumnSeed(std::string_view name_lowercase);

// One column's part of the sum. NULL contributes 0; 1, 1.0 and '1' differ.
uint64_t HashColumn(uint64_t seed, const ValueView& value);

// Hashes two hashes once more. Sums of such mixed hashes do not cancel each other out where sums of
// plain ones would.
uint64_t MixHashes(uint64_t a, uint64_t b);

}  // namespace harmonylite::change
