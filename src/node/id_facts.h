// What the keeper and the consumer tell each other about the ids that this node gives out: the
// keeper claims a slot in the registry, the consumer writes it into the file (ledger/id_share.h).
//
// Threads: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.h"
#include "ledger/id_slots.h"

namespace harmonylite::node {

// Written by the consumer.
struct FileIds {
  std::optional<ledger::IdShare> share;  // the share that the file has
  // Transactions of the application that were seen to give out ids beyond this node's block.
  int64_t left_blocks = 0;
};

// What the registry said when it was asked for a slot.
struct IdClaim {
  Origin holder;                         // the origin for which it was asked
  std::optional<ledger::IdShare> share;  // none: all slots are held by others
};

// Written by the keeper.
struct ClaimedIds {
  std::optional<IdClaim> claim;  // none: this process has not asked yet
  int64_t lost_slots = 0;        // slots of this node that the registry said another node has
  // Why ids of this node may be those of another, for the operator; empty: they are not.
  std::string problem;
};

}  // namespace harmonylite::node
