// The members of the cluster and what all of them have applied. The keeper finds it out
// (node/cluster/membership.h), and the consumer acts on it when it forgets tombstones.
#pragma once

#include <optional>

#include "change/version.h"
#include "ledger/member_table.h"

namespace harmonylite::node {

// The keeper's newest findings, for the consumer.
struct MembershipReport {
  ledger::Members members;  // all members except this node
  // What every member has applied. No member will write anything older than this says. The entry of
  // this node's origin is what the members have of this node's changes. Nothing: it is not known
  // now.
  std::optional<change::ProgressVector> stable;
};

}  // namespace harmonylite::node
