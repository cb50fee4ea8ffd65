// A write that lost, or a row that is shadowed or an orphan, as the operator is shown it.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "change/image_codec.h"

namespace harmonylite::ledger {

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

}  // namespace harmonylite::ledger
