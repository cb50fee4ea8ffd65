// Builds batches from the journal and the version tables: step 2 in the life of a change
// (docs/design.md).
//
// A batch is read in one read transaction, so it is a union of whole transactions of the
// application (P6). No write lock is taken, so the application does not wait (P8).
// Threads: a BatchReader and its connections are used by one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/spool.h"
#include "capture/cut_points.h"
#include "change/batch.h"
#include "change/codec.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct BuiltBatch {
  change::BatchHeader header;
  Spool bytes;
  Lseq to;            // own changes up to this one are published once the log holds the batch
  Hlc to_stamp;       // the stamp of the journal entry `to`
  uint64_t rows = 0;  // of the application
  bool more = false;  // true if the backlog was cut, so that changes after `to` wait
};

struct BatchReaderOptions {
  schema::LoadOptions tables;
  bool compress = true;
  std::string spool_directory;
};

class BatchReader {
 public:
  // `db` and `watch` are not owned and must outlive the reader. Without a `watch`, batches are
  // never cut (cut_points.h).
  BatchReader(sqlite::Connection* db, BatchReaderOptions options,
              sqlite::Connection* watch = nullptr);

  // Builds a batch of this node's own changes after `published`. If there are more than `limit`, it
  // takes a first part that ends between two transactions, if there is such a place. Returns
  // nothing if there are no changes. A batch may contain no rows: all changes in it lost to other
  // nodes' versions, but the range must still be announced, or receivers would see a hole.
  Result<std::optional<BuiltBatch>> ReadChanges(Lseq published, int64_t limit = INT64_MAX);
  // Notes where a transaction ends, so that a batch can be cut there. Called often while there is a
  // backlog.
  void LookForCommits() { cuts_.Look(); }

  // Builds a repair: everything that this node has, of every origin, and that a node with the
  // progress `have` lacks. Returns nothing if there is nothing. kRetryLater: too many journal
  // entries are not folded yet. kLogGap: deletes that such a node lacks are forgotten here, so a
  // batch could not tell it to delete those rows; it needs a snapshot.
  Result<std::optional<BuiltBatch>> ReadRepair(const change::ProgressVector& have);
  // Builds what ReadRepair does, from a snapshot that is to be merged. Forgotten deletes do not
  // matter here: merging recognises them by rows that are absent from the snapshot.
  Result<std::optional<BuiltBatch>> ReadForMerge(const change::ProgressVector& have);

  // Builds a resend: rows of one table under the versions that they have, for nodes where these
  // rows are damaged. The batch covers no range of changes. `to` and `to_stamp` say what this node
  // has published before it. Keys of rows that are gone are left out; returns nothing if no row
  // remains.
  Result<std::optional<BuiltBatch>> ReadRows(const std::string& table,
                                             const std::vector<change::Row>& keys, Lseq to,
                                             Hlc to_stamp);
  // Builds a batch of all rows of the hidden table `schema` under the versions that they have, from
  // a snapshot that is to be merged. It covers no range of changes. Nothing: there are none.
  Result<std::optional<BuiltBatch>> ReadObjects();

 private:
  class BatchWriter;
  // A snapshot that is to be merged may have forgotten deletes, and is nobody's present schema.
  enum class ReadFrom { kNode, kSnapshot };
  // Loads the catalog again if the schema has changed. kRetryLater: the consumer has not written
  // the triggers of a table yet, or has not journaled what has changed.
  Status RefreshCatalog(ReadFrom of);
  // Builds the batches of ReadRows and ReadObjects.
  Result<std::optional<BuiltBatch>> ReadSelected(const ledger::TrackedTable& tracked,
                                                 const std::vector<change::Row>& keys,
                                                 BuiltBatch batch);
  // Builds the batches of ReadRepair and ReadForMerge.
  Result<std::optional<BuiltBatch>> ReadSince(const change::ProgressVector& have, ReadFrom of);
  // Returns how many rows of the application were added.
  Result<uint64_t> AddRepairRows(const ledger::State& state, const change::BatchHeader& header,
                                 Lseq last_change, change::BatchEncoder* encoder);
  Status AddRepairRows(const ledger::Catalog& catalog, const ledger::State& state,
                       const change::BatchHeader& header, Lseq last_change, BatchWriter* writer);

  sqlite::Connection* db_;  // not owned
  BatchReaderOptions options_;
  ledger::Catalog catalog_;
  CutPoints cuts_;
  int64_t schema_version_ = -1;
};

}  // namespace harmonylite::capture
