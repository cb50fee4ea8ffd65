// Plans how a node that is too far behind is brought up to a snapshot, row by row. The plan is made
// by reading only; node::Replica::MergeRestore carries it out in one short transaction.
//
// A batch that is read from the snapshot holds what this node lacks, but not the deletes that the
// snapshot's maker has forgotten. Those show by absence: if a node has applied a write and has no
// version of its row, the row was deleted. The rules and their proof are in
// docs/decisions/0020-forgetting-tombstones.md; the idea is from Bieniusa et al., "An optimized
// conflict-free replicated set" (2012).
//
// Threads: the rule of the two connections; one thread at a time.
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

// A row of this node of which the snapshot knows nothing, with the version it had here when it was
// looked at. If it has another version when the plan is carried out, the entry no longer applies.
// Stamp 0 means that the row had no version.
struct AbsentRow {
  int64_t table = 0;  // TrackedTable id of this node
  change::Row key;
  Hlc stamp;
  int64_t origin = 0;  // OriginIndex
  Lseq lseq;
};

// Memory: the keys of the rows in `deleted` and `unknown`, and the batch's spool.
struct MergePlan {
  std::optional<capture::BuiltBatch> batch;  // What the snapshot has and this node lacks.
  // What this node had applied when it was compared; the plan is valid for this state only.
  change::ProgressVector at;
  Lseq folded_to;  // Entries of the local journal after this were not looked at; see FindLateRows.
  change::ProgressVector progress;   // The snapshot's progress vector.
  change::ProgressVector collected;  // The snapshot's collected vector.
  change::Retirements retirements;   // Those that this node knows, and those of the snapshot.
  Hlc clock;                         // No stamp that the snapshot's maker knew is greater.
  // No delete that the maker has forgotten has a greater stamp; 0: it has forgotten none.
  Hlc newest_forgotten;
  // True if the maker has forgotten deletes that this node has not applied, so that absent rows
  // must be compared. Otherwise the batch alone holds everything.
  bool by_absence = false;
  // Rows whose write the maker had applied and of which it has no version: they were deleted.
  std::vector<AbsentRow> deleted;
  // Rows whose write the maker had not applied, and which may be older than a delete that it has
  // forgotten. They stay, and are written anew so that they win over such a delete.
  std::vector<AbsentRow> unknown;
  int64_t schema_version = -1;  // SQLite's schema_version of this node when it compared.
  // The tables that were compared, as this node and the snapshot have them.
  std::vector<std::pair<ledger::TrackedTable, ledger::TrackedTable>> tables;
};

// Compares both databases and changes neither. Where `by_absence` holds, it costs a pass over this
// node's version tables. `snapshot` is a connection as snapshot::OpenPacked gives it. Until the
// plan is carried out, no batch may be applied, or the plan is void, and the journal may not be
// trimmed, because FindLateRows reads it. kSchemaMismatch: a table differs. kRetryLater: cancelled,
// or a table waits for its triggers.
Result<MergePlan> PlanMerge(sqlite::Connection* db, sqlite::Connection* snapshot,
                            const capture::BatchReaderOptions& options,
                            const std::atomic<bool>* cancelled);

// The rows that belong to `unknown` but were written here after the plan was made. Call it in the
// write transaction that carries the plan out, when everything is folded.
Result<std::vector<AbsentRow>> FindLateRows(sqlite::Connection* db, sqlite::Connection* snapshot,
                                            const MergePlan& plan);

// Looks up whether a snapshot knows rows of one table: by a version, or as rows from before
// HarmonyLite.
class SnapshotRows {
 public:
  static Result<SnapshotRows> Make(sqlite::Connection* snapshot, const ledger::TrackedTable& there);
  // True if the snapshot has a version of the row, a tombstone included, or the row itself.
  Result<bool> Has(std::span<const change::ValueView> key);
  // Has(), for a row with the version stamp `stamp` here. A tombstone that is older than `stamp`
  // and not newer than `newest_forgotten` counts as absence: a newer delete of the row may have
  // been forgotten (rule 5 of docs/decisions/0020).
  Result<bool> Knows(std::span<const change::ValueView> key, Hlc stamp, Hlc newest_forgotten);

 private:
  sqlite::Statement version_;
  sqlite::Statement row_;
};

}  // namespace harmonylite::apply
