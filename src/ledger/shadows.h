// Shadowed rows: live rows that are not in their table, because a newer row that is there holds one of their
// unique values. Each has its image and the key of one such newer row, its blocker. As long as the blocker is
// as it was, nothing need be looked at again; a row without a blocker is pending: to be looked at again before
// the transaction ends in which everything is folded (apply::Applier::Settle).
//
// Where rows without a parent are hidden, they are kept here too, as *orphans*: with the reference they wait for
// ("wants") and themselves as blocker. They keep their unique values: what they shadow stays shadowed.
//
// Their versions stay in the version table, so that merging does not know of all this.
// Layout: docs/formats/hidden-tables.md. Threads: as hidden_tables.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

std::string ShadowTableName(int64_t table_id);

// The shadowed rows of one table that has a shadow table. Statements are the connection's cached ones.
class ShadowTable {
 public:
  using Key = std::span<const change::ValueView>;

  // `tracked` has a shadow table, and outlives this.
  ShadowTable(sqlite::Connection* db, const TrackedTable& tracked);

  Result<bool> Any();
  // The row was written or deleted: an image kept of it is out of date, and what it may have blocked becomes
  // pending.
  Status NoteWrite(Key key);

  // Replaces what was kept of that row. Without a blocker: pending.
  Status Put(Key key, std::span<const change::ValueView> image, const std::optional<Key>& blocker);
  // The same, as an orphan; `wants` is opaque here.
  Status PutOrphan(Key key, std::span<const change::ValueView> image, std::string_view wants);
  // Of a row that is kept, and is no orphan any more; false: it is not kept.
  Result<bool> SetBlocker(Key key, const std::optional<Key>& blocker);
  Status Remove(Key key);
  // In the order of the table's columns; nothing when the row is not shadowed.
  Result<std::optional<change::Row>> Image(Key key);

  Result<std::vector<change::Row>> Pending();
  Result<std::vector<change::Row>> BlockedBy(Key key);
  Result<int64_t> MarkAllPending();

  Result<bool> AnyOrphans();
  Result<bool> IsOrphan(Key key);
  // Orphans that want this.
  Result<std::vector<change::Row>> Wanting(std::string_view wants);
  // The orphan's unique values are asked for: it is pending, and so is what it blocks.
  Status Wake(Key key);

 private:
  Status PutAs(Key key, std::span<const change::ValueView> image, const std::optional<Key>& blocker,
               const change::ValueView& wants);
  Result<std::vector<change::Row>> Keys(const std::string& sql, Key key);

  sqlite::Connection* db_;       // not owned
  const TrackedTable* tracked_;  // not owned
  const std::string name_;       // quoted
  const std::string key_is_;     // "k1 = ?1 AND k2 = ?2"
  const std::string blocker_is_;
};

// False too when the table can have no shadowed rows.
Result<bool> HasShadows(sqlite::Connection* db, const TrackedTable& tracked);

// The image in today's columns. kRetryLater: it was kept for other columns, and is rewritten with the next
// schema sync.
Result<change::Row> DecodeShadow(std::string_view bytes, const schema::Table& table);

// Part of SyncCatalog: makes the shadow table where a table needs one, removes it where it is empty and not
// needed any more, rewrites images after a change of columns, and makes every shadowed row pending, because
// indexes may have changed. `former`: the columns before.
Status SyncShadows(sqlite::Connection* db, TrackedTable* tracked,
                   const std::vector<std::string>& former);

}  // namespace harmonylite::ledger
