// The journal that the triggers write: reading its net changes, folding them into the version
// tables, trimming it, and the clock that its newest entry is. Steps 2 and 4 in the life of a
// change (docs/design.md).
//
// An entry names a row that changed, and has no values: a reader takes the row as it is in its own
// snapshot. *Folding* writes the versions of changed rows into the version tables, where they can
// be compared with the versions of other nodes. *Trimming* deletes entries that are no longer
// needed, because they are folded and published.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "capture/key_index.h"
#include "capture/trigger_text.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct JournalEnd {
  Lseq last;         // newest entry of any kind, which is the clock
  Hlc stamp;         // stamp of `last`
  Lseq last_change;  // newest entry that is a change; 0 if only a tick is left
  Hlc change_stamp;  // stamp of `last_change`
};
// kCorruption: the journal is empty, which it never is unless somebody deletes from it.
Result<JournalEnd> ReadJournalEnd(sqlite::Connection* db);

// Returns the oldest entry that is still there.
Result<Lseq> FirstEntry(sqlite::Connection* db);

// Returns the stamp of one entry. kNotFound: the entry was trimmed, or never existed.
Result<Hlc> StampOf(sqlite::Connection* db, Lseq lseq);

// Returns whether the journal has an entry with this number and this stamp. If it does not, the
// entry was trimmed, or another copy of this file wrote it.
Result<bool> IsJournaled(sqlite::Connection* db, Lseq lseq, Hlc stamp);

// The net change of one row: the newest of its changes, with the row as it is in the caller's
// snapshot.
struct NetChange {
  const ledger::TrackedTable* table;
  Lseq lseq;
  Hlc stamp;
  bool present;                                  // false if the row is deleted
  std::span<const change::ValueView> key;        // the key as the journal or the version spells it
  std::span<const change::ValueView> image;      // all columns; empty if the row is gone
  std::span<const change::ValueView> image_key;  // the key as the row spells it; empty if gone
  // The oldest entry of the key in the piece of the journal that was surveyed together. Not set for
  // changes that were read from the version tables.
  Lseq first{};
};
using NetChangeVisitor = std::function<Status(const NetChange&)>;

// One journal entry of a table in the catalog.
struct Entry {
  const ledger::TrackedTable* table;
  bool displaced;  // true for JournalOp::kDisplaced: the entry counts only if its row is gone
  Lseq lseq;
  std::span<const change::ValueView> key;
};
using EntryVisitor = std::function<Status(const Entry&)>;

// Visits the entries in (from, to] in their order. Ticks, and entries of tables that are not in the
// catalog, are left out.
Status VisitEntries(sqlite::Connection* db, const ledger::Catalog& catalog, Lseq from, Lseq to,
                    const EntryVisitor& visit);

// Keys of rows with an entry after folded_to, by TrackedTable::id.
using Unfolded = std::map<int64_t, KeyIndex>;

// Visits the net changes in (from, to]. A row that changed several times may be visited more than
// once, but always with its present image, and with its newest change last. Entries that lost to
// another node's version are left out, which is possible up to folded_to only. So are entries of
// tables that are not in the catalog.
Status VisitNetChanges(sqlite::Connection* db, const ledger::Catalog& catalog,
                       const ledger::State& state, Lseq from, Lseq to,
                       const NetChangeVisitor& visit);

// Visits, from the version tables, the live and deleted rows that one origin wrote last, with an
// lseq in (from, to]. A row in `unfolded` is left out, because what it shows is newer than its
// version.
Status VisitVersions(sqlite::Connection* db, const ledger::Catalog& catalog,
                     const Unfolded& unfolded, ledger::OriginIndex origin, Lseq from, Lseq to,
                     const NetChangeVisitor& visit);

// Visits the live rows with these keys, each with its version and the version's origin.
Status VisitKeys(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                 const std::vector<change::Row>& keys,
                 const std::function<Status(ledger::OriginIndex, const NetChange&)>& visit);

// Returns the hash of a row image: the sum of change::HashColumn over its columns. It is never 0,
// which stands for "not known".
int64_t HashImage(const schema::Table& table, std::span<const change::ValueView> image);

// Folds up to `limit` entries after state->folded_to: writes versions for the rows that they name,
// and moves state->folded_to forward. The caller saves the state in the same write transaction
// (P3). Returns true if nothing is left to fold. Shadowed rows that may have to come back are
// pending then (ledger/shadows.h), and must be settled before the transaction ends.
//
// Entries are folded before versions are compared, and otherwise when the application is quiet
// (docs/decisions/0004-fold-when-quiet.md). Folding may take several transactions. Meanwhile the
// version of a row with an unfolded entry is out of date.
Result<bool> Fold(sqlite::Connection* db, const ledger::Catalog& catalog, ledger::State* state,
                  int64_t limit);

// Deletes up to `limit` entries that are both folded and published, so that a change is kept until
// the log holds it (P7). The newest entry is never deleted, because it is the clock. Returns true
// if nothing is left to delete. Needs a write transaction.
Result<bool> Trim(sqlite::Connection* db, const ledger::State& state, int64_t limit);

// Makes every later stamp greater than `stamp`. Applying a batch calls this with the batch's
// greatest stamp, so that a local write is always newer than the version that it replaces (P5).
// Needs a write transaction.
Status RaiseClock(sqlite::Connection* db, Hlc stamp);

// Journals a change of a row that no trigger saw, as a write at the present time. Needs a write
// transaction.
Status Append(sqlite::Connection* db, const ledger::TrackedTable& table,
              std::span<const change::ValueView> key, const Clock& clock);

}  // namespace harmonylite::capture
