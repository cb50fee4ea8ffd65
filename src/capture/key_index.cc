#include "capture/key_index.h"

#include <xxhash.h>

#include <bit>
#include <cstring>
#include <string>

#include "base/result.h"

namespace harmonylite::capture {

namespace {

constexpr size_t kFirstSlots = 64;

XXH128_hash_t Fingerprint(std::span<const change::ValueView> key) {
  if (key.size() == 1 && key[0].type == change::ValueType::kInteger)
    return XXH3_128bits(&key[0].integer, sizeof key[0].integer);
  std::string bytes;  // small keys stay in the string's own storage
  for (const change::ValueView& value : key) {
    bytes += static_cast<char>(value.type);
    char number[8];
    uint64_t bits = value.bytes.size();
    if (value.type == change::ValueType::kInteger) bits = static_cast<uint64_t>(value.integer);
    if (value.type == change::ValueType::kReal) bits = std::bit_cast<uint64_t>(value.real);
    std::memcpy(number, &bits, sizeof number);
    bytes.append(number, sizeof number);
    bytes += value.bytes;
  }
  return XXH3_128bits(bytes.data(), bytes.size());
}

}  // namespace

size_t KeyIndex::Find(uint64_t low, uint64_t high) const {
  const size_t mask = slots_.size() - 1;
  size_t at = low & mask;
  while (slots_[at].lseq.value != 0 && (slots_[at].low != low || slots_[at].high != high))
    at = (at + 1) & mask;
  return at;
}

void KeyIndex::Grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(old.empty() ? kFirstSlots : old.size() * 2, Slot{});
  for (const Slot& slot : old)
    if (slot.lseq.value != 0) slots_[Find(slot.low, slot.high)] = slot;
}

void KeyIndex::Note(std::span<const change::ValueView> key, Lseq lseq) {
  HL_CHECK(lseq.value > 0);
  if (used_ * 2 >= slots_.size()) Grow();
  const XXH128_hash_t hash = Fingerprint(key);
  Slot& slot = slots_[Find(hash.low64, hash.high64)];
  if (slot.lseq.value == 0) ++used_;
  if (slot.lseq < lseq) slot = {hash.low64, hash.high64, lseq};
}

Lseq KeyIndex::Newest(std::span<const change::ValueView> key) const {
  if (slots_.empty()) return Lseq(0);
  const XXH128_hash_t hash = Fingerprint(key);
  return slots_[Find(hash.low64, hash.high64)].lseq;
}

}  // namespace harmonylite::capture
