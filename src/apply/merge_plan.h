// Bringing a node that is too far behind up to a snapshot, row by row: what differs is found here, by reading only;
// node::Replica::MergeRestore writes it, in one short transaction.
//
// A batch from the snapshot tells what this node lacks, but not the deletes that the snapshot's maker has forgotten.
// They show by absence: whoever has applied a write and has no version of its row had it deleted. The rules and
// their proof: docs/decisions/0020-forgetting-tombstones.md; the idea is that of Bieniusa et al., "An optimized
// conflict-free replicated set" (2012).
//
// Threads: as the connections.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "capture/batch_reader.h"
#include "change/value.h"
#include "change/version.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// A row of this node of which the snapshot knows nothing. Its version here when it was looked at: if it has
// another one meanwhile, this says nothing about it. Stamp 0: it had none.
struct AbsentRow {
  int64_t table = 0;  // TrackedTable id of this node
  change::Row key;
  Hlc stamp;
  int64_t origin = 0;  // OriginIndex
  Lseq lseq;
};

// Memory: the keys of the rows in `deleted` and `unknown`.
struct MergePlan {
  std::optional<capture::BuiltBatch> batch;  // what the snapshot has and this node lacks
  change::ProgressVector at;         // what this node had applied; the plan is for that state only
  Lseq folded_to;                    // journal entries after this were not looked at
  change::ProgressVector progress;   // the snapshot's
  change::ProgressVector collected;  // the snapshot's
  Hlc clock;                         // no stamp that the snapshot's maker knew is greater
  Hlc newest_forgotten;              // nor that of a delete that it has forgotten
  // The maker has forgotten deletes that this node has not applied; else the batch alone tells all.
  bool by_absence = false;
  std::vector<AbsentRow> deleted;    // the maker had applied these writes: deleted
  // Written later, or elsewhere, and maybe older than a delete that is forgotten there: they stay, and are written
  // anew, so that they win over it.
  std::vector<AbsentRow> unknown;
  int64_t schema_version = -1;       // of this node
  // Compared: as they are here and in the snapshot.
  std::vector<std::pair<ledger::TrackedTable, ledger::TrackedTable>> tables;
};

// Reads both databases; a pass over the version tables of this node when by_absence. `snapshot`: as
// snapshot::OpenPacked gives it. Until it is carried out nothing foreign may be applied and nothing trimmed.
// kSchemaMismatch: a table differs. kRetryLater: cancelled, or a table waits for its triggers.
Result<MergePlan> PlanMerge(sqlite::Connection* db, sqlite::Connection* snapshot,
                            const capture::BatchReaderOptions& options, const std::atomic<bool>* cancelled);

// What belongs to `unknown` and was written after the plan was made. In the write transaction that carries it out,
// when everything is folded.
Result<std::vector<AbsentRow>> FindLateRows(sqlite::Connection* db, sqlite::Connection* snapshot,
                                            const MergePlan& plan);

// Whether a snapshot knows of rows: versions, or rows from before HarmonyLite.
class SnapshotRows {
 public:
  static Result<SnapshotRows> Make(sqlite::Connection* snapshot, const ledger::TrackedTable& there);
  Result<bool> Has(std::span<const change::ValueView> key);
  // As Has, for a row that is stamped here. A tombstone that is older than it says nothing where a newer delete may
  // have been forgotten (docs/decisions/0020): it counts as none.
  Result<bool> Knows(std::span<const change::ValueView> key, Hlc stamp, Hlc newest_forgotten);

 private:
  sqlite::Statement version_;
  sqlite::Statement row_;
};

}  // namespace harmonylite::apply
