// What became of two concurrent writes of one row, in the operator's words. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "apply/table_writer.h"
#include "change/version.h"
#include "ledger/conflict_log.h"

namespace harmonylite::apply {

// Nothing: both deleted the row, so nothing is lost.
inline std::optional<std::string_view> ConflictKind(bool loser_deleted, bool winner_deleted,
                                                    bool same_new_id) {
  namespace kind = ledger::conflict_kind;
  if (loser_deleted && winner_deleted) return std::nullopt;
  if (loser_deleted) return kind::kDeleteLost;
  if (winner_deleted) return kind::kDeleted;
  return same_new_id ? kind::kSameId : kind::kOverwritten;
}

// The local version is of a row that its origin inserted and the other write's sender had not seen. What that
// sender had seen is applied here, so it did not know the row from elsewhere either: it inserted it, too.
inline bool BothInserted(const StoredVersion& local, const Origin& local_origin,
                         const change::ProgressVector& incoming_seen) {
  return !local.deleted && local.born &&
         !incoming_seen.Covers(local_origin, Lseq(local.lseq.value - *local.born));
}

// StoredVersion::born of a write that replaces `before`.
inline std::optional<int64_t> BornAfter(const StoredVersion& before, const StoredVersion& write,
                                        bool both_inserted) {
  if (write.deleted) return std::nullopt;
  if (before.deleted || both_inserted) return 0;
  if (before.origin != write.origin || !before.born) return std::nullopt;
  return *before.born + write.lseq.value - before.lseq.value;
}

}  // namespace harmonylite::apply
