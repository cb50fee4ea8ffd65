// Where a backlog of journal entries may be cut into several batches without a reader of a replica ever seeing half
// of a transaction.
//
// The journal does not tell where a transaction ended. But every commit that somebody saw the database at is such a
// place: Look notes them. A place is usable if no row has entries on both sides of it, because a batch carries rows
// as they are now: a row that was written before and after the place would be told with the second part only, and the
// transaction that wrote it first would arrive without it.
//
// Threads: one owner at a time; the connection given to the constructor belongs to it.
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
  // `watch` sees what is committed while another connection reads an older snapshot. Null: nothing is ever cut.
  explicit CutPoints(sqlite::Connection* watch) : watch_(watch) {}

  // Notes the end of the newest transaction. About 3 µs when nothing was committed since the last look.
  void Look();

  // The last entry of the first batch when (published, newest] has more than `limit` entries: the greatest usable
  // place at most `limit` after `published`, else the next usable one; `newest` always is one. `db` is in a read
  // transaction that ends with `newest`. Reads each entry once, however many calls it takes to send all.
  Result<Lseq> Choose(sqlite::Connection* db, const ledger::Catalog& catalog, Lseq published, Lseq newest,
                      int64_t limit);

  // Tables, keys or collations may be others now.
  void ForgetKeys();

 private:
  Status Extend(sqlite::Connection* db, const ledger::Catalog& catalog, Lseq published, Lseq newest);

  sqlite::Connection* watch_;  // not owned
  int64_t data_version_ = -1;
  std::set<Lseq> ends_;        // of transactions; up to indexed_ only the usable ones
  Lseq indexed_from_;          // entries in (indexed_from_, indexed_] are in keys_
  Lseq indexed_;
  std::map<int64_t, KeyIndex> keys_;  // by TrackedTable id; keys as their collations compare them
  int64_t noted_ = 0;          // entries in keys_
};

}  // namespace harmonylite::capture
