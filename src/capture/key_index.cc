#include "capture/key_index.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "base/result.h"

namespace harmonylite::capture {

namespace {

constexpr size_t kFirstSlots = 64;

bool IsInteger(std::span<const change::ValueView> key) {
  return key.size() == 1 && key[0].type == change::ValueType::kInteger;
}

XXH128_hash_t Fingerprint(std::span<const change::ValueView> key) {
  if (IsInteger(key)) return XXH3_128bits(&key[0].integer, sizeof key[0].integer);
  std::string bytes;  // A small key fits into the string's own storage, without an allocation.
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

size_t KeyIndex::FindSlot(uint64_t low, uint64_t high) const {
  const size_t mask = slots_.size() - 1;
  size_t at = low & mask;
  while (slots_[at].lseqs.newest.value != 0 && (slots_[at].low != low || slots_[at].high != high))
    at = (at + 1) & mask;
  return at;
}

void KeyIndex::Grow() {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(old.empty() ? kFirstSlots : old.size() * 2, Slot{});
  for (const Slot& slot : old)
    if (slot.lseqs.newest.value != 0) slots_[FindSlot(slot.low, slot.high)] = slot;
}

bool KeyIndex::NoteAscending(std::span<const change::ValueView> key, Lseq lseq) {
  if (!slots_.empty() || !IsInteger(key)) return false;
  const int64_t value = key[0].integer;
  if (!ascending_.empty() && value <= ascending_.back().key) return false;
  ascending_.push_back({value, {lseq, lseq}});
  return true;
}

// Keys are mostly looked up in the order in which they were noted, so the one behind the key that
// was found last is tried first.
KeyIndex::Range KeyIndex::FindAscending(std::span<const change::ValueView> key) const {
  if (ascending_.empty() || !IsInteger(key)) return {};
  const int64_t value = key[0].integer;
  if (value > ascending_.back().key) return {};
  auto it = ascending_.begin() + static_cast<ptrdiff_t>(next_);
  if (it == ascending_.end() || it->key != value)
    it = std::ranges::lower_bound(ascending_, value, {}, &Ascending::key);
  if (it->key != value) return {};
  next_ = static_cast<size_t>(it - ascending_.begin()) + 1;
  return it->lseqs;
}

void KeyIndex::LeaveAscending() {
  const std::vector<Ascending> noted = std::move(ascending_);
  ascending_.clear();
  for (const Ascending& one : noted) {
    const change::ValueView key = change::ValueView::Integer(one.key);
    NoteHashed({&key, 1}, one.lseqs);
  }
}

void KeyIndex::Note(std::span<const change::ValueView> key, Lseq lseq) {
  HL_CHECK(lseq.value > 0);
  if (NoteAscending(key, lseq)) return;
  if (!ascending_.empty()) LeaveAscending();
  NoteHashed(key, {lseq, lseq});
}

void KeyIndex::NoteHashed(std::span<const change::ValueView> key, Range lseqs) {
  if (used_ * 2 >= slots_.size()) Grow();
  const XXH128_hash_t hash = Fingerprint(key);
  Slot& slot = slots_[FindSlot(hash.low64, hash.high64)];
  if (slot.lseqs.newest.value == 0) {
    ++used_;
    slot = {hash.low64, hash.high64, lseqs};
  }
  slot.lseqs.newest = std::max(slot.lseqs.newest, lseqs.newest);
  slot.lseqs.oldest = std::min(slot.lseqs.oldest, lseqs.oldest);
}

KeyIndex::Range KeyIndex::Find(std::span<const change::ValueView> key) const {
  if (slots_.empty()) return FindAscending(key);
  const XXH128_hash_t hash = Fingerprint(key);
  return slots_[FindSlot(hash.low64, hash.high64)].lseqs;
}

}  // namespace harmonylite::capture
