#include "ledger/id_slots.h"

namespace harmonylite::ledger {

bool IsShare(const IdShare& share) {
  const auto power = [](int64_t number, int64_t least, int64_t most) {
    return number >= least && number <= most && (number & (number - 1)) == 0;
  };
  return power(share.layout.block, kLeastIdBlock, kMostIdBlock) &&
         power(share.layout.slots, 2, kMostIdSlots) && share.slot >= 0 &&
         share.slot < share.layout.slots;
}

int64_t IdsLeft(const IdShare& share, int64_t newest) {
  if (newest == INT64_MAX) return 0;
  const int64_t next = newest + 1;
  if (next / share.layout.block % share.layout.slots != share.slot) return 0;
  return share.layout.block - next % share.layout.block;
}

std::optional<int64_t> NextBlock(const IdShare& share, int64_t newest) {
  const int64_t round = share.layout.block * share.layout.slots;
  const int64_t begin = newest / round;  // the round of `newest`
  const int64_t in_round = share.slot * share.layout.block;
  if (begin >= INT64_MAX / round - 1) return std::nullopt;
  const int64_t block = begin * round + in_round;
  return block > newest ? block : block + round;
}

bool IsLow(const IdShare& share, int64_t newest) {
  return IdsLeft(share, newest) < share.layout.block / 2;
}

}  // namespace harmonylite::ledger
