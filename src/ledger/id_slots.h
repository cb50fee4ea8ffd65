// The slots in which the ids of AUTOINCREMENT tables are shared out (id_share.h says how).
//
// Threads: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>

namespace harmonylite::ledger {

// How ids are cut. Equal on all nodes of a cluster. Both are powers of two.
struct IdLayout {
  int64_t block = 4'096;
  int64_t slots = 64;
  bool operator==(const IdLayout&) const = default;
};
constexpr int64_t kLeastIdBlock = 4;
constexpr int64_t kMostIdBlock = int64_t{1} << 32;
constexpr int64_t kMostIdSlots = int64_t{1} << 16;

// The ids that one node gives out.
struct IdShare {
  IdLayout layout;
  int64_t slot = 0;
  // True if the registry names this node as the slot's holder. A node that could not ask draws a
  // slot, and another node may hold the same.
  bool claimed = false;
  bool operator==(const IdShare&) const = default;
};

// True if the layout's numbers are powers of two in their range, and the slot is one of it.
bool IsShare(const IdShare& share);
// Returns how many ids SQLite can give out after `newest` before it leaves the share's blocks; 0 if
// the next id is none of the share's.
int64_t IdsLeft(const IdShare& share, int64_t newest);
// Returns the first id of the share's first block that begins after `newest`; nothing if there is
// none below 2^63.
std::optional<int64_t> NextBlock(const IdShare& share, int64_t newest);
// True if a node should go on to its next block.
bool IsLow(const IdShare& share, int64_t newest);

}  // namespace harmonylite::ledger
