// Keys met in one scan and the newest and oldest entry of each, by a 128-bit fingerprint, so that a row that changed
// often is sent once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "change/value.h"

namespace harmonylite::capture {

// Two different keys are taken for one with probability 2^-128. Two spellings that a collation holds
// equal are two keys here, which only costs a second visit. About 64 bytes a key; 24 while all keys are integers that
// were noted in ascending order, as an application inserts them: then there is nothing to hash.
//
// Threads: one owner at a time, for reading too.
class KeyIndex {
 public:
  struct Range {
    Lseq newest;  // 0: the key was never noted
    Lseq oldest;
  };
  // Keeps the greatest and the least lseq of each key.
  void Note(std::span<const change::ValueView> key, Lseq lseq);
  Range Find(std::span<const change::ValueView> key) const;
  // 0 for a key that was never noted.
  Lseq Newest(std::span<const change::ValueView> key) const { return Find(key).newest; }

 private:
  struct Ascending {
    int64_t key;
    Range lseqs;
  };
  struct Slot {
    uint64_t low = 0;
    uint64_t high = 0;
    Range lseqs;  // newest 0: the slot is free
  };
  bool NoteAscending(std::span<const change::ValueView> key, Lseq lseq);
  Range FindAscending(std::span<const change::ValueView> key) const;
  void LeaveAscending();
  void NoteHashed(std::span<const change::ValueView> key, Range lseqs);
  size_t FindSlot(uint64_t low, uint64_t high) const;
  void Grow();

  std::vector<Ascending> ascending_;  // by key; all keys while slots_ is empty, else none
  mutable size_t next_ = 0;           // of ascending_: where the key after the one found last is
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  size_t used_ = 0;
};

}  // namespace harmonylite::capture
