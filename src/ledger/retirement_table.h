// The hidden table `retired`: the retirements that this file knows (change/retirements.h), and
// retiring an origin in this file.
//
// A file that has the change `at` of `by` has the retirement, too: both arrive in one batch or one
// snapshot. docs/decisions/0034-retired-origins.md tells why leaving an origin out is safe.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include "base/result.h"
#include "change/retirements.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Loads all retirements. There are none in a file of an earlier build.
Result<change::Retirements> LoadRetirements(sqlite::Connection* db, const OriginTable& origins);
// Loads the progress vector with an entry for each retired origin that it leaves out, for readers
// that may not know the retirements. `own` is the newest change of `self`, whose file this is; the
// vector names it as well, unless it is 0.
Result<change::ProgressVector> LoadWholeProgress(sqlite::Connection* db, const OriginTable& origins,
                                                 const Origin& self, Lseq own);
// Adds a retirement, unless it is there. Needs a write transaction.
Status SaveRetirement(sqlite::Connection* db, OriginTable* origins,
                      const change::Retirement& retirement);
// Removes the retirements that `by` was to state with changes after `base`, because these changes
// have become another origin's. Needs a write transaction.
Status DropRetirementsAfter(sqlite::Connection* db, OriginIndex by, Lseq base);
// Leaves the retired origin out of the file's progress vector and of its collected vector. The
// latter then covers `at` of `by` instead, so nothing is taken any more from a node that does not
// have that change. Retirements that the origin stated itself are rewritten to be `by` the other
// one. Needs a write transaction.
Status Retire(sqlite::Connection* db, const OriginTable& origins,
              const change::Retirement& retirement);

}  // namespace harmonylite::ledger
