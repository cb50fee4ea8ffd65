// Makes what a file wrote before it took part count as older than everything in the cluster.
//
// An application's first start writes rows: an administrator, settings. On a second node they must
// not replace those of the cluster, whether they have the same key or the same unique value, and
// although they are newer by the clock (docs/decisions/0036-first-join-merges.md).
#pragma once

#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

// Gives all changes that this file has not published stamps below kLeastClockStamp, in their
// order. Later changes get stamps of the clock as before. Everything must be folded, and nothing of
// another node applied. Needs a write transaction.
Status CountAsOldest(sqlite::Connection* db, const ledger::Catalog& catalog,
                     const ledger::State& state);

// Does the same for up to `limit` entries after state.folded_to, which are about to be folded,
// while a file catches up with the cluster. Left out are those of rows of which a version is known
// that another node wrote, or that a clock gave its stamp: the application saw that version, and
// its write replaces it. Needs a write transaction.
Status CountUnseenAsOldest(sqlite::Connection* db, const ledger::Catalog& catalog,
                           const ledger::State& state, int64_t limit);

}  // namespace harmonylite::capture
