#include "change/row_hash.h"

#include <xxhash.h>

#include <bit>

namespace harmonylite::change {

uint64_t ColumnSeed(std::string_view name_lowercase) {
  return XXH3_64bits(name_lowercase.data(), name_lowercase.size());
}

uint64_t HashColumn(uint64_t seed, const ValueView& value) {
  // The type shifts the seed, so that equal bytes of different types have different hashes.
  const uint64_t typed = seed + static_cast<uint64_t>(value.type) * 0x9E3779B97F4A7C15ull;
  uint64_t bits = 0;
  switch (value.type) {
    case ValueType::kNull:
      return 0;
    case ValueType::kInteger:
      bits = static_cast<uint64_t>(value.integer);
      break;
    case ValueType::kReal:
      bits = std::bit_cast<uint64_t>(value.real);
      break;
    case ValueType::kText:
    case ValueType::kBlob:
      return XXH3_64bits_withSeed(value.bytes.data(), value.bytes.size(), typed);
  }
  return XXH3_64bits_withSeed(&bits, sizeof bits, typed);
}

uint64_t MixHashes(uint64_t a, uint64_t b) { return XXH3_64bits_withSeed(&a, sizeof a, b); }

}  // namespace harmonylite::change
