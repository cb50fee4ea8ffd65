// Chooses the incarnation that a node goes on as.
//
// A new incarnation takes over changes of its former one: their versions keep their stamps and get
// another origin. A version must not become smaller by that, because a version of the former name
// may have been merged here already, and lost; no other node would follow (P4). So the new
// incarnation is greater than every one of this node that the file knows. It is drawn, because two
// copies of one file must not choose the same one.
//
// Threads: uses the connection of its caller.
#pragma once

#include <cstdint>

#include "base/ids.h"
#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Of `random`, any bits may be used.
Result<Incarnation> NextIncarnation(sqlite::Connection* db, NodeId node, uint64_t random);

// The first incarnation of a file: far enough from the last one that there is.
inline Incarnation FirstIncarnation(uint64_t random) {
  return Incarnation(static_cast<uint32_t>(random) >> 1);
}

}  // namespace harmonylite::ledger
