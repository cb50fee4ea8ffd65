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
#include "capture/catalog.h"
#include "capture/hidden_tables.h"
#include "change/image_codec.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

// What the loser was. As stored.
namespace conflict_kind {
inline constexpr std::string_view kOverwritten = "overwritten";    // a write, by another
inline constexpr std::string_view kDeleted = "deleted";            // a write, by a delete
inline constexpr std::string_view kDeleteLost = "delete lost";     // a delete, by a write
inline constexpr std::string_view kSameId = "same automatic id";   // two new rows took one integer key
inline constexpr std::string_view kUnseen = "altered unseen";      // what no trigger saw, by the row that was written
inline constexpr std::string_view kShadowed = "shadowed";          // not stored: the shadow tables say it
inline constexpr std::string_view kOrphan = "orphan";              // not stored: its parent is not there
}  // namespace conflict_kind

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

struct ListedSide {
  Hlc stamp;  // 0: from before HarmonyLite
  std::optional<Origin> origin;
  std::optional<change::NamedImage> image;  // nothing: deleted
};

struct ListedConflict {
  std::string id;
  std::string table;
  std::string kind;
  int64_t at_ms = 0;       // when this node found it; of a shadowed row, when it was written
  change::NamedImage key;  // the key's columns
  ListedSide loser;
  ListedSide winner;       // of a shadowed row: the row that is visible instead; of an orphan: nothing
  std::string missing;     // of an orphan: the parents that are not there
  bool hidden = false;     // of an orphan: it is not in its table
};

// Newest first; then the rows that are shadowed now, and those without a parent, which looks at every child.
Result<std::vector<ListedConflict>> ListConflicts(sqlite::Connection* db, const Catalog& catalog);
// Returns how many were listed. Shadowed rows stay: they are rows.
Result<int64_t> ClearConflicts(sqlite::Connection* db);

}  // namespace harmonylite::capture
