// Writes that lost to a concurrent one, with both images: the hidden table `conflicts`.
//
// A node lists what it met: at least every losing write of its own, and those of others that it was sent.
// Layout: docs/formats/hidden-tables.md. Threads: as hidden_tables.h.
#pragma once

#include <cstdint>
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

// One side, as its writer left the row. No image: it deleted the row.
struct ConflictSide {
  Hlc stamp;
  OriginIndex origin;
  std::span<const change::ValueView> image;
};

// `key` identifies the row. Returns its id. Needs a write transaction.
Result<int64_t> AddConflict(sqlite::Connection* db, const TrackedTable& table, std::string_view kind,
                   std::span<const change::ValueView> key, const ConflictSide& loser,
                   const ConflictSide& winner);

Status RemoveConflict(sqlite::Connection* db, int64_t id);

// Removes all but the newest `max_rows`, and what is older than `max_age_ms`. Needs a write transaction.
Status TrimConflicts(sqlite::Connection* db, int64_t max_rows, int64_t max_age_ms);

// --- For the operator ---

// Newest first; then the rows that are shadowed now, and those without a parent, which looks at every child.
Result<std::vector<ListedConflict>> ListConflicts(sqlite::Connection* db, const Catalog& catalog);
// Returns how many were listed. Shadowed rows stay: they are rows.
Result<int64_t> ClearConflicts(sqlite::Connection* db);

}  // namespace harmonylite::ledger
