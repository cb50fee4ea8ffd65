// The hash of a row's image, as a sum over its columns.
//
// A sum, and by column name, so that the part of one column can be left out: a row hashed before a column
// was added is still recognised after it. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "change/value.h"

namespace harmonylite::change {

// Computed once per column; name in lower case.
uint64_t ColumnSeed(std::string_view name_lowercase);

// To be added up, modulo 2^64. NULL counts as nothing; 1, 1.0 and '1' differ.
uint64_t HashColumn(uint64_t seed, const ValueView& value);

// One more round: sums of mixed hashes do not cancel out where sums of plain ones would.
uint64_t MixHashes(uint64_t a, uint64_t b);

}  // namespace harmonylite::change
