// Shares out the ids that SQLite gives to rows of AUTOINCREMENT tables, so that no two nodes give
// out the same one, also while they cannot reach each other.
//
// Ids are cut into blocks of `block` ids: block k holds the ids from k * block on. Block k belongs
// to slot k mod `slots`, and each node holds one slot. SQLite's next id is one more than the
// greater of the table's greatest id and its counter in `sqlite_sequence`. So a node sets the
// counter to just below its next own block whenever the next id would not be one of its own, and
// also when less than half of a block is left, because a transaction of the application may insert
// many rows.
//
// Source: docs/decisions/0037-ids-in-blocks.md. Threads: the functions use their caller's
// connection, in the transaction that the caller has open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/id_slots.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Where SQLite stands with the ids of one AUTOINCREMENT table.
struct IdCounter {
  const TrackedTable* table = nullptr;  // not owned
  int64_t newest = 0;  // the next id is this + 1: the counter or the greatest id, at least 0
};
// Reads the counters of all AUTOINCREMENT tables in the catalog.
Result<std::vector<IdCounter>> ReadIdCounters(sqlite::Connection* db, const Catalog& catalog);

// A table of which a transaction has used up, or passed, the node's block.
struct MovedIds {
  std::string table;
  int64_t newest = 0;       // the newest id before the counter was moved
  int64_t next = 0;         // the next id from now on
  bool left_block = false;  // the newest id is none of this node's own
};
// Moves the counters of all tables that are low. Needs a write transaction.
Result<std::vector<MovedIds>> MoveLowIds(sqlite::Connection* db, const Catalog& catalog,
                                         const IdShare& share);
// The same for one table, whose ids up to `used` are used somewhere.
Result<std::optional<MovedIds>> MoveIfLow(sqlite::Connection* db, const TrackedTable& table,
                                          int64_t used, const IdShare& share);

}  // namespace harmonylite::ledger
