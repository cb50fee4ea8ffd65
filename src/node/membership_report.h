// Who belongs to the cluster and what all of them have: node/cluster/membership.h finds it out.
//
// Threads: values.
#pragma once

#include <optional>

#include "ledger/member_table.h"
#include "change/version.h"

namespace harmonylite::node {

// What the keeper found out, for the consumer to act upon.
struct MembershipReport {
  ledger::Members members;  // without ourselves
  // Every member has applied all of this, and will write nothing older than what it says; the own origin's entry
  // counts what the members have of ours. Nothing: that cannot be said now.
  std::optional<change::ProgressVector> stable;
};

}  // namespace harmonylite::node
