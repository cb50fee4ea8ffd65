// The hidden table `members`: the nodes that this node has heard, and whether they are evicted. It
// is kept in the file because the registry may be wiped.
//
// Threads: both functions use their caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.h"
#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

struct Member {
  int64_t heard_ms = 0;  // when the member was last heard, by this node's wall clock
  bool evicted = false;  // true if it was silent for longer than the eviction horizon
  bool operator==(const Member&) const = default;
};
using Members = std::map<NodeId, Member>;

Result<Members> LoadMembers(sqlite::Connection* db);
// Adds or replaces one member. Needs a write transaction.
Status SaveMember(sqlite::Connection* db, NodeId node, const Member& member);

}  // namespace harmonylite::ledger
