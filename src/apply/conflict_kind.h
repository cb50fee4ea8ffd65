// Names what became of two concurrent writes of one row, in the operator's words. The functions are
// pure.
#pragma once

#include <optional>
#include <string_view>

#include "apply/table_writer.h"
#include "change/retirements.h"
#include "ledger/conflict_log.h"

namespace harmonylite::apply {

// The kind under which the losing write is listed. Empty if both writes deleted the row, because
// then nothing is lost. `same_new_id` says that both inserted a row under the same key.
inline std::optional<std::string_view> ConflictKind(bool loser_deleted, bool winner_deleted,
                                                    bool same_new_id) {
  namespace kind = ledger::conflict_kind;
  if (loser_deleted && winner_deleted) return std::nullopt;
  if (loser_deleted) return kind::kDeleteLost;
  if (winner_deleted) return kind::kDeleted;
  return same_new_id ? kind::kSameId : kind::kOverwritten;
}

// True if both are one write, sent under two incarnations of its node: a file that went back sends
// again what its former life had sent. Nothing is lost then.
inline bool SameWrite(const StoredVersion& a, const Origin& a_origin, const StoredVersion& b,
                      const Origin& b_origin) {
  return a.stamp == b.stamp && a_origin.node == b_origin.node && a.deleted == b.deleted &&
         a.hash == b.hash;
}

// True if both writers inserted the row without knowing each other's: typically two applications
// that drew the same new id. The local row was inserted by the origin of its version, and the
// sender of the other write had not seen that insert. Everything the sender had seen is applied
// here, so it did not know the row from a third node either: it inserted the row itself.
inline bool BothInserted(const StoredVersion& local, const Origin& local_origin,
                         const change::Knowledge& incoming_seen) {
  return !local.deleted && local.born &&
         !incoming_seen.Covers(local_origin, Lseq(local.lseq.value - *local.born));
}

// StoredVersion::born of `write`, which replaces `before`. It is 0 if the write inserts the row,
// counts on if the same origin writes its own row again, and is unknown otherwise.
inline std::optional<int64_t> BornAfter(const StoredVersion& before, const StoredVersion& write,
                                        bool both_inserted) {
  if (write.deleted) return std::nullopt;
  if (before.deleted || both_inserted) return 0;
  if (before.origin != write.origin || !before.born) return std::nullopt;
  return *before.born + write.lseq.value - before.lseq.value;
}

}  // namespace harmonylite::apply
