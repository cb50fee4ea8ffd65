// From journal to batch: reads only, in one read transaction, so that a batch is a union of whole
// application transactions. Takes no write lock.
//
// Threads: one owner at a time; the connection belongs to it.
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
  Lseq to;         // of our own changes
  Hlc to_stamp;    // of the journal entry `to`
  uint64_t rows = 0;
  bool more = false;  // the backlog was cut: changes after `to` wait
};

struct BatchReaderOptions {
  schema::LoadOptions tables;
  bool compress = true;
  std::string spool_directory;
};

class BatchReader {
 public:
  // `db` and `watch` are not owned and outlive the reader. Null for `watch`: batches are never cut (cut_points.h).
  BatchReader(sqlite::Connection* db, BatchReaderOptions options, sqlite::Connection* watch = nullptr);

  // Our changes after `published`: (published, newest], or its first part when there are more than `limit` and
  // where it can be cut between transactions. Nothing when there are none.
  // A batch may hold no row: its changes have all lost, and its range must be told all the same.
  Result<std::optional<BuiltBatch>> ReadChanges(Lseq published, int64_t limit = INT64_MAX);
  // Notes where transactions end, so that batches can be cut there. Call it often while there is a backlog.
  void LookForCommits() { cuts_.Look(); }

  // Everything this node has that a node at `have` lacks, of every origin. kRetryLater: too many journal
  // entries are not folded yet. kLogGap: deletes that such a node lacks are forgotten here, so that a batch could
  // not tell it to delete those rows: it needs a snapshot.
  Result<std::optional<BuiltBatch>> ReadRepair(const change::ProgressVector& have);
  // The same of a snapshot, for who finds forgotten deletes by what is absent in it.
  Result<std::optional<BuiltBatch>> ReadForMerge(const change::ProgressVector& have);

  // Rows of one table under the versions they have, for nodes whose copy of them is damaged: a batch that covers
  // nothing. `to`: what this node had published before it, with its stamp. Keys of rows that are gone are left out.
  Result<std::optional<BuiltBatch>> ReadRows(const std::string& table, const std::vector<change::Row>& keys, Lseq to,
                                             Hlc to_stamp);

  // The schema version of the last read, even if it failed; the consumer syncs triggers when it moves.
  int64_t schema_version() const { return schema_version_; }

 private:
  Status RefreshCatalog();
  Result<std::optional<BuiltBatch>> ReadSince(const change::ProgressVector& have, bool forgotten_matters);
  Status AddRepairRows(const ledger::State& state, const change::BatchHeader& header, Lseq last_change,
                       change::BatchEncoder* encoder);

  sqlite::Connection* db_;
  BatchReaderOptions options_;
  ledger::Catalog catalog_;
  CutPoints cuts_;
  int64_t schema_version_ = -1;
};

}  // namespace harmonylite::capture
