#include "capture/count_as_oldest.h"

#include <fmt/format.h>

#include "capture/journal.h"
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

}  // namespace harmonylite::capture
