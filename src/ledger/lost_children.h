// Rows that refer to a row which lost its id to another one. Two nodes gave out the same id, and
// the rows that the loser's node wrote for its row now hang on a stranger.
//
// Threads: the function uses its caller's connection, in the transaction that the caller has open.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// A foreign key of one column to the row key of its parent.
struct KeyReference {
  const TrackedTable* child = nullptr;  // not owned
  std::string column;                   // the child's column
};
// Returns the foreign keys of the catalog by which rows name rows of `parent` by their integer key.
std::vector<KeyReference> ReferencesTo(const Catalog& catalog, const TrackedTable& parent);

struct LostChild {
  KeyReference reference;
  change::Row key;  // the child's row key
};
// Returns the rows in their tables that refer to the row `id` of `parent`, and whose last write is
// one of `node` from until `until_ms` (milliseconds since 1970). Rows that were written later may
// have been written for the row that has the id now. Rows that are not folded yet are not found.
Result<std::vector<LostChild>> FindLostChildren(sqlite::Connection* db, const Catalog& catalog,
                                                const TrackedTable& parent, int64_t id, NodeId node,
                                                int64_t until_ms);

}  // namespace harmonylite::ledger
