// What the operator is shown of one write that lost, or of one row that is shadowed or an orphan.
//
// Threads: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "change/image_codec.h"

namespace harmonylite::ledger {

// The kinds of conflicts: what happened to the loser. These texts are stored in `conflicts`.
namespace conflict_kind {
// A write lost to another write.
inline constexpr std::string_view kOverwritten = "overwritten";
// A write lost to a delete.
inline constexpr std::string_view kDeleted = "deleted";
// A delete lost to a write.
inline constexpr std::string_view kDeleteLost = "delete lost";
// Two nodes inserted a row under the same integer key.
inline constexpr std::string_view kSameId = "same automatic id";
// A change that no trigger saw was undone: the row is again what its version says.
inline constexpr std::string_view kUnseen = "altered unseen";
// A row from before HarmonyLite gave way to the cluster's when its file joined. The winner's image
// is not kept: the row is in its table.
inline constexpr std::string_view kFirstJoin = "first join";
// A row went with its table, or with a column of it, which another node dropped without having seen
// the row.
inline constexpr std::string_view kDropped = "dropped with its table";
// A row came under a key that its table does not have any more.
inline constexpr std::string_view kFormerKey = "under a former key";
// A row is shadowed. This kind is never stored: the shadow tables tell it.
inline constexpr std::string_view kShadowed = "shadowed";
// A row has no parent. This kind is never stored: it is found when it is asked for.
inline constexpr std::string_view kOrphan = "orphan";
// A row has NULL in its key, so that it is on no other node. This kind is never stored.
inline constexpr std::string_view kStaysHere = "stays here";
}  // namespace conflict_kind

struct ListedSide {
  Hlc stamp;                                // 0 for a row from before HarmonyLite
  std::optional<Origin> origin;             // empty for a row without a version
  std::optional<change::NamedImage> image;  // empty if this side deleted the row
};

struct ListedConflict {
  std::string id;  // names the entry in commands
  std::string table;
  std::string kind;
  // When this node found the conflict, or, for a shadowed row or an orphan, when the row was
  // written. Milliseconds since 1970; 0: not known, for a row that stays here.
  int64_t at_ms = 0;
  change::NamedImage key;  // the columns of the row key
  ListedSide loser;
  ListedSide winner;  // for a shadowed row, its blocker; empty for an orphan or one that stays here
  std::string missing;  // for an orphan, the parents that are missing
  bool hidden = false;  // for an orphan, true if it is not in its table
};

}  // namespace harmonylite::ledger
