// The hidden table `conflicts`: writes that lost to a concurrent one, with the images of both
// sides, so that no write is lost in silence (P7).
//
// A node lists the conflicts that it met: at least every lost write of its own, and those lost
// writes of other nodes that it was sent.
// Layout: docs/formats/hidden-tables.md.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "change/image_codec.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/listed_conflict.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// One side of a conflict: the row as its writer left it. An empty image means that the writer
// deleted the row.
struct ConflictSide {
  Hlc stamp;
  OriginIndex origin;
  std::span<const change::ValueView> image;
};

// Adds a conflict about the row with this key, and returns the conflict's id. Needs a write
// transaction.
Result<int64_t> AddConflict(sqlite::Connection* db, const TrackedTable& table,
                            std::string_view kind, std::span<const change::ValueView> key,
                            const ConflictSide& loser, const ConflictSide& winner);

// Removes one conflict. Needs a write transaction.
Status RemoveConflict(sqlite::Connection* db, int64_t id);

// Removes all conflicts but the newest `max_rows`, and those older than `max_age_ms`. Needs a write
// transaction.
Status TrimConflicts(sqlite::Connection* db, int64_t max_rows, int64_t max_age_ms);

// --- For the operator ---

// Lists the stored conflicts, the newest first, then the rows that are in shadow tables now, and
// then the orphans in their tables. Finding the latter looks at every row with a foreign key.
Result<std::vector<ListedConflict>> ListConflicts(sqlite::Connection* db, const Catalog& catalog);
// Lists the rows that were set aside when `table` or a column of it was dropped, the newest write
// first. Names are compared as SQLite does.
Result<std::vector<ListedConflict>> ListSetAside(sqlite::Connection* db, std::string_view table);
// Returns how many rows were set aside, by table.
Result<std::map<std::string, int64_t>> CountSetAside(sqlite::Connection* db);
// Deletes the stored conflicts and returns how many there were. Shadowed rows stay, because they
// are live rows. Needs a write transaction.
Result<int64_t> ClearConflicts(sqlite::Connection* db);

}  // namespace harmonylite::ledger
