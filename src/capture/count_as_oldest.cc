#include "capture/count_as_oldest.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "capture/journal.h"
#include "ledger/key_sql.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

// Returns an SQL expression for the new stamp of a change. The lseq, in the column `lseq`, keeps
// the order; the random step of the former stamp stays, because it tells copies of a file apart
// (docs/decisions/0006-random-step.md).
std::string OldStamp(std::string_view lseq) {
  return fmt::format("(({} << 10) | (hlc & 1023))", lseq);
}

}  // namespace

Status CountAsOldest(sqlite::Connection* db, const ledger::Catalog& catalog,
                     const ledger::State& state) {
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db));
  if (end.last_change <= state.published_to) return Ok();
  HL_ASSIGN(auto entries, db->Prepare(fmt::format("UPDATE {} SET hlc = {} WHERE id > ?1",
                                                  ledger::kJournal, OldStamp("id"))));
  entries.Bind(1, state.published_to.value);
  HL_TRY(entries.Run());
  for (const ledger::TrackedTable& tracked : catalog.tables) {
    HL_ASSIGN(auto versions,
              db->Prepare(fmt::format("UPDATE {} SET hlc = {} WHERE n = ?1 AND lseq > ?2",
                                      sqlite::Quote(ledger::VersionTableName(tracked.id)),
                                      OldStamp("lseq"))));
    versions.Bind(1, state.self_index.value);
    versions.Bind(2, state.published_to.value);
    HL_TRY(versions.Run());
  }
  return RaiseClock(db, end.stamp);
}

Status CountUnseenAsOldest(sqlite::Connection* db, const ledger::Catalog& catalog,
                           const ledger::State& state, int64_t limit) {
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db));
  if (end.last_change <= state.folded_to || HL_MUTANT(catch_up_counts_as_newest)) return Ok();
  for (const ledger::TrackedTable& tracked : catalog.tables) {
    HL_ASSIGN(
        auto entries,
        db->PrepareCached(fmt::format(
            "UPDATE {} AS j SET hlc = {} WHERE id > ?1 AND id <= ?2 AND tbl = ?3 AND op <> 0 AND "
            "NOT EXISTS (SELECT 1 FROM {} v WHERE {} AND (v.n <> ?4 OR v.hlc >= ?5){})",
            ledger::kJournal, OldStamp("id"), sqlite::Quote(ledger::VersionTableName(tracked.id)),
            ledger::HiddenKeysEqual("v", "j", tracked.table),
            HL_MUTANT(catch_up_lowers_what_was_seen) ? " AND 0" : "")));
    entries->Bind(1, state.folded_to.value);
    entries->Bind(2, std::min(end.last.value, state.folded_to.value + limit));
    entries->Bind(3, tracked.id);
    entries->Bind(4, state.self_index.value);
    entries->Bind(5, kLeastClockStamp.value);
    HL_TRY(entries->Run());
  }
  return RaiseClock(db, end.stamp);
}

}  // namespace harmonylite::capture
