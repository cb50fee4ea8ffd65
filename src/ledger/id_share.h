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
// connection, in the transaction that the caller has open; the rest is values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// How ids are cut. Equal on all nodes of a cluster. Both are powers of two.
struct IdLayout {
  int64_t block = 4'096;
  int64_t slots = 64;
  bool operator==(const IdLayout&) const = default;
};
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
  bool left_block = false;  // the next id would not have been one of this node's own
};
// Moves the counters of all tables that are low. Needs a write transaction.
Result<std::vector<MovedIds>> MoveLowIds(sqlite::Connection* db, const Catalog& catalog,
                                         const IdShare& share);
// The same for one table, whose ids up to `used` are used somewhere.
Result<std::optional<MovedIds>> MoveIfLow(sqlite::Connection* db, const TrackedTable& table,
                                          int64_t used, const IdShare& share);

}  // namespace harmonylite::ledger
