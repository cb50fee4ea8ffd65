// The hidden table `members`: nodes that were heard of, because the registry may be wiped.
//
// Threads: as hidden_tables.h.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.h"
#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

struct Member {
  int64_t heard_ms = 0;  // this node's wall clock when it was last heard
  bool evicted = false;  // silent for longer than the horizon
  bool operator==(const Member&) const = default;
};
using Members = std::map<NodeId, Member>;

Result<Members> LoadMembers(sqlite::Connection* db);
// Needs a write transaction.
Status SaveMember(sqlite::Connection* db, NodeId node, const Member& member);

}  // namespace harmonylite::ledger
