// An index of the keys met in a scan of the journal, with the newest and oldest entry of each, so
// that a row which changed often is sent once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "change/value.h"

namespace harmonylite::capture {

// Keys are told apart by a 128-bit fingerprint (XXH3), so two different keys are taken for one with
// probability 2^-128. Two spellings that a collation holds equal count as two keys, which only
// costs a second visit. A key takes about 64 bytes. While all keys are integers that were noted in
// ascending order, as an application inserts them, nothing is hashed and a key takes 24 bytes.
//
// Threads: a KeyIndex is used by one thread at a time, also for reading, because Find moves next_.
class KeyIndex {
 public:
  struct Range {
    Lseq newest;  // 0 if the key was never noted
    Lseq oldest;
  };
  // Notes an entry of a key. The index keeps the greatest and the least lseq of each key.
  void Note(std::span<const change::ValueView> key, Lseq lseq);
  Range Find(std::span<const change::ValueView> key) const;
  // Returns the newest entry of a key; 0 if the key was never noted.
  Lseq Newest(std::span<const change::ValueView> key) const { return Find(key).newest; }

 private:
  struct Ascending {
    int64_t key;
    Range lseqs;
  };
  struct Slot {
    uint64_t low = 0;
    uint64_t high = 0;
    Range lseqs;  // `newest` is 0 while the slot is free
  };
  // Returns false if the key does not continue the ascending integers.
  bool NoteAscending(std::span<const change::ValueView> key, Lseq lseq);
  Range FindAscending(std::span<const change::ValueView> key) const;
  // Moves all keys from ascending_ to slots_.
  void LeaveAscending();
  void NoteHashed(std::span<const change::ValueView> key, Range lseqs);
  // Returns the slot of a fingerprint, or the free slot where it belongs.
  size_t FindSlot(uint64_t low, uint64_t high) const;
  void Grow();

  std::vector<Ascending> ascending_;  // sorted; holds all keys while slots_ is empty, else none
  mutable size_t next_ = 0;           // position in ascending_ behind the key that was found last
  std::vector<Slot> slots_;           // open addressing; a power of two in size, at most half full
  size_t used_ = 0;                   // number of slots that are not free
};

}  // namespace harmonylite::capture
