// The journal: reading its net changes, folding them into version tables, trimming, and the clock in it.
//
// Threads: as ledger/hidden_tables.h.
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
  Lseq last;         // newest entry of any kind: the clock
  Hlc stamp;         // of it
  Lseq last_change;  // newest entry that is a change; 0 when only ticks are left
  Hlc change_stamp;  // of that
};
Result<JournalEnd> ReadJournalEnd(sqlite::Connection* db);

// Oldest entry that is still there.
Result<Lseq> FirstEntry(sqlite::Connection* db);

// The stamp of one entry; kNotFound when it has been trimmed or never was.
Result<Hlc> StampOf(sqlite::Connection* db, Lseq lseq);

// False: that entry was trimmed, or is another life's of this file.
Result<bool> IsJournaled(sqlite::Connection* db, Lseq lseq, Hlc stamp);

// One row that changed, as it is in the caller's snapshot.
struct NetChange {
  const ledger::TrackedTable* table;
  Lseq lseq;
  Hlc stamp;
  bool present;
  std::span<const change::ValueView> key;
  std::span<const change::ValueView> image;      // all columns; empty when the row is gone
  std::span<const change::ValueView> image_key;  // the key as the row spells it; likewise
  Lseq first{};  // of the journal entries visited: the oldest of this key that was looked at together with it
};
using NetChangeVisitor = std::function<Status(const NetChange&)>;

// One journal entry of a table in the catalog.
struct Entry {
  const ledger::TrackedTable* table;
  bool displaced;  // counts only if its row is gone
  Lseq lseq;
  std::span<const change::ValueView> key;
};
using EntryVisitor = std::function<Status(const Entry&)>;

// Visits the entries in (from, to] in their order; ticks and tables that are not in the catalog are left out.
Status VisitEntries(sqlite::Connection* db, const ledger::Catalog& catalog, Lseq from, Lseq to,
                    const EntryVisitor& visit);

// Keys of live rows with an entry after folded_to, by TrackedTable id.
using Unfolded = std::map<int64_t, KeyIndex>;

// Visits the changes in (from, to], net: a row that changed several times may be visited more than once,
// but always with its present image, and its newest change last. Entries that lost to a version from elsewhere
// (only possible up to folded_to) are left out. Entries of tables not in the catalog are left out.
Status VisitNetChanges(sqlite::Connection* db, const ledger::Catalog& catalog, const ledger::State& state, Lseq from,
                       Lseq to, const NetChangeVisitor& visit);

// Visits the live and deleted rows of one origin with lseq in (from, to], from the version tables. A row
// with a journal entry that is not folded yet is left out: what it shows is newer than its version.
Status VisitVersions(sqlite::Connection* db, const ledger::Catalog& catalog, const Unfolded& unfolded,
                     ledger::OriginIndex origin, Lseq from, Lseq to, const NetChangeVisitor& visit);

// Visits the live rows of these keys, from the version table.
Status VisitKeys(sqlite::Connection* db, const ledger::TrackedTable& tracked, const std::vector<change::Row>& keys,
                 const std::function<Status(ledger::OriginIndex, const NetChange&)>& visit);

// XXH3-based hash of a row image; see change::HashColumn. 0 stands for "not known".
int64_t HashImage(const schema::Table& table, std::span<const change::ValueView> image);

// Turns up to `limit` entries after state->folded_to into versions and moves folded_to. True: nothing is
// left to fold; then shadowed rows that may come back are pending (ledger/shadows.h). Needs a write transaction.
Result<bool> Fold(sqlite::Connection* db, const ledger::Catalog& catalog, ledger::State* state, int64_t limit);

// Deletes up to `limit` entries that are folded and published, never the newest one. True: none is left.
// Needs a write transaction.
Result<bool> Trim(sqlite::Connection* db, const ledger::State& state, int64_t limit);

// Makes every later stamp greater than `stamp`. Needs a write transaction.
Status RaiseClock(sqlite::Connection* db, Hlc stamp);

// Journals a change that no trigger saw. Needs a write transaction.
Status Append(sqlite::Connection* db, const ledger::TrackedTable& table,
              std::span<const change::ValueView> key, const Clock& clock);

}  // namespace harmonylite::capture
