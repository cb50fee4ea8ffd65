// Shadow tables: live rows that are not in their own table.
//
// A row is *shadowed* if a newer visible row holds one of its unique values. Its shadow table keeps
// its image and the key of one such newer row, its *blocker*. While the blocker is unchanged, the
// shadowed row need not be looked at. A shadowed row without a blocker is *pending*: it is looked
// at again, and shown or given a blocker, before a transaction ends in which everything is folded
// (apply::Applier::Settle). Pending is a state in the file, so that a crash forgets nothing.
//
// If orphans are hidden, a shadow table keeps them, too. An orphan has the reference that it waits
// for (`wants`), and itself as blocker. It keeps its unique values: the rows that it shadows stay
// shadowed.
//
// Only the image moves here. The row's version stays in the version table, so merging does not know
// shadow tables.
// Layout: docs/formats/hidden-tables.md.
// Reasons: docs/decisions/0007-shadowed-rows-and-blockers.md.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "schema/object_row.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

std::string ShadowTableName(int64_t table_id);

// The shadow table of one replicated table. It uses statements that the connection keeps prepared.
class ShadowTable {
 public:
  using Key = std::span<const change::ValueView>;

  // `tracked` must have a shadow table, and must outlive this object.
  ShadowTable(sqlite::Connection* db, const TrackedTable& tracked);

  // True if any row is kept.
  Result<bool> Any();
  // Must be called when a row was written or deleted. Removes the image that was kept of it, which
  // is out of date, and makes the rows pending that it may have blocked.
  Status NoteWrite(Key key);

  // Keeps a row as shadowed, in place of what was kept of it. Without a blocker the row is pending.
  Status Put(Key key, std::span<const change::ValueView> image, const std::optional<Key>& blocker);
  // Keeps a row as an orphan, in place of what was kept of it. `wants` has no meaning for this
  // class.
  Status PutOrphan(Key key, std::span<const change::ValueView> image, std::string_view wants);
  // Changes the blocker of a kept row, which is no orphan afterwards. Without a blocker the row is
  // pending. Returns false if the row is not kept.
  Result<bool> SetBlocker(Key key, const std::optional<Key>& blocker);
  Status Remove(Key key);
  // Returns the image of a kept row in the order of the table's columns; nothing if the row is not
  // kept.
  Result<std::optional<change::Row>> Image(Key key);

  // Returns the keys of the pending rows.
  Result<std::vector<change::Row>> Pending();
  // Returns the keys of the rows whose blocker is `key`.
  Result<std::vector<change::Row>> BlockedBy(Key key);
  // Makes all rows pending, orphans included, and returns how many there are.
  Result<int64_t> MarkAllPending();

  Result<bool> AnyOrphans();
  Result<bool> IsOrphan(Key key);
  // Returns the keys of the orphans that wait for `wants`.
  Result<std::vector<change::Row>> Wanting(std::string_view wants);
  // Makes a row and the rows that it blocks pending. Called for an orphan whose unique values
  // another row asks for.
  Status Wake(Key key);

 private:
  Status PutAs(Key key, std::span<const change::ValueView> image, const std::optional<Key>& blocker,
               const change::ValueView& wants);
  // Returns the keys that a query selects, with `key` bound to its parameters.
  Result<std::vector<change::Row>> Keys(const std::string& sql, Key key);

  sqlite::Connection* db_;        // not owned
  const TrackedTable* tracked_;   // not owned
  const std::string name_;        // the shadow table's name, quoted
  const std::string key_is_;      // "k1 = ?1 AND k2 = ?2"
  const std::string blocker_is_;  // "b1 = ?1 AND b2 = ?2"
};

// Returns whether rows of a table are kept in its shadow table. A table without one has none.
Result<bool> HasShadows(sqlite::Connection* db, const TrackedTable& tracked);

// Decodes a kept image. kRetryLater: the image has former columns of the table, until the change of
// the schema is taken over (ReshapeShadows).
Result<change::Row> DecodeShadow(std::string_view bytes, const schema::Table& table);

// Returns whether SyncShadows would do nothing, and fills in has_shadow_table. Only reads.
Result<bool> ShadowsInLine(sqlite::Connection* db, TrackedTable* tracked);

// Part of SyncCatalog. Makes the shadow table if a table needs one, and removes it if it is empty
// and not needed any more. Makes every kept row pending, because indexes may have changed. Needs a
// write transaction.
Status SyncShadows(sqlite::Connection* db, TrackedTable* tracked);

// Rewrites the images of all kept rows, which are pending, after the table's columns have changed
// from those of `before` to those of `now`. Needs a write transaction.
Status ReshapeShadows(sqlite::Connection* db, const TrackedTable& tracked,
                      const schema::ObjectRow& before, const schema::ObjectRow& now);

}  // namespace harmonylite::ledger
