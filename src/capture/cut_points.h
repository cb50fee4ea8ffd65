// Finds where a backlog of journal entries can be cut into several batches so that a reader of a
// replica never sees half of a transaction (P6).
//
// The journal does not tell where a transaction ends. But whenever the database is looked at, the
// journal's newest change is the last one of a transaction, and Look notes it as a place to cut. A
// place is usable if no row has entries on both sides of it. The reason is that a batch carries
// rows as they are when it is built: a row that was written before and after the place would be
// sent with the second part only, and the transaction that wrote it first would arrive without it.
//
// Reasons and alternatives: docs/decisions/0024-where-batches-are-cut.md.
// Threads: a CutPoints and the connection that it is given are used by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "base/ids.h"
#include "base/result.h"
#include "capture/key_index.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

class CutPoints {
 public:
  // `watch` is a connection that sees new commits while another one reads an older snapshot. If it
  // is null, no place is ever found.
  explicit CutPoints(sqlite::Connection* watch) : watch_(watch) {}

  // Notes where the newest transaction ended. Takes about 3 µs if nothing was committed since the
  // last look.
  void Look();

  // Returns the last entry of the next batch from the backlog (published, newest]. That is `newest`
  // if there are at most `limit` entries. Otherwise it is the last usable place among the first
  // `limit` entries, or else the first usable one after them; `newest` is always usable. `db` is in
  // a read transaction in which the journal ends with `newest`. Each entry is read once, however
  // many calls it takes to send the backlog.
  Result<Lseq> Choose(sqlite::Connection* db, const ledger::Catalog& catalog, Lseq published,
                      Lseq newest, int64_t limit);

  // Must be called when the catalog has changed, because keys may now be compared in another way.
  void ForgetKeys();

 private:
  // Reads the entries up to `newest` that were not read yet, and drops the places that they make
  // unusable.
  Status Extend(sqlite::Connection* db, const ledger::Catalog& catalog, Lseq published,
                Lseq newest);

  sqlite::Connection* watch_;  // not owned
  int64_t data_version_ = -1;  // PRAGMA data_version of `watch` at the last look
  std::set<Lseq> ends_;        // last entries of transactions; up to indexed_ only usable ones
  Lseq indexed_from_;          // entries in (indexed_from_, indexed_] are noted in keys_
  Lseq indexed_;
  std::map<int64_t, KeyIndex> keys_;  // canonical keys of the entries, by TrackedTable::id
  int64_t noted_ = 0;                 // number of entries in keys_
};

}  // namespace harmonylite::capture
