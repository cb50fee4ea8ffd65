// The node's database: the one place that writes to it. Attaching, schema changes, folding, applying and
// trimming are transactions of this class, one short one at a time.
//
// Threads: one owner at a time; the connection belongs to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apply/applier.h"
#include "apply/merge_plan.h"
#include "base/clock.h"
#include "base/logger.h"
#include "capture/catalog_sync.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/member_table.h"
#include "ledger/orphan_census.h"
#include "node/options.h"
#include "node/replication/hold_queue.h"
#include "node/shared_state.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class Replica {
 public:
  // `db`, `clock` and `logger` are not owned and outlive the replica.
  Replica(sqlite::Connection* db, const NodeOptions& options, const Clock* clock, Logger* logger);

  // Installs the hidden tables where there are none, or adopts the file where it is a restored snapshot, and writes
  // the triggers. `node`: as configured; nothing keeps the id in the database, or takes `fresh` for a new one.
  // kInvalidArgument: HarmonyLite 1.x is attached, another node's id is in the file, a newer format.
  Status Attach(std::optional<NodeId> node, const Origin& fresh);

  const ledger::State& state() const { return state_; }
  const ledger::Catalog& catalog() const { return catalog_; }
  const change::ProgressVector& progress() const { return progress_; }
  // Deletes up to here may be forgotten here.
  const change::ProgressVector& collected() const { return collected_; }
  // Newest change of ours when progress() was reached, as others count it; 0: none that is ever sent.
  Lseq journaled() const { return journaled_; }
  uint64_t schema_fingerprint() const { return schema_fingerprint_; }
  // Changes whenever another connection has committed.
  Result<int64_t> DataVersion() { return db_->DataVersion(); }

  // True when the schema is not the one the triggers were written for.
  Result<bool> SchemaChanged();
  Status SyncSchema();

  // Applies these batches, in this order, in one transaction; all or none. On an error `*failed` is the
  // position of the batch it came from, or batches.size() when it was none of them.
  Status Apply(const std::vector<WaitingBatch*>& batches, ports::LogSeq cursor, size_t* failed);

  // True when so much is unfolded that it must be folded before the next Apply.
  Result<bool> NeedsFold();
  // Folds and trims up to so many entries, and saves the state. True: nothing is left to do.
  Result<bool> Maintain(int64_t fold_limit, int64_t trim_limit);
  // Tells the other workers who we are and where we stand; once, before they start.
  Status Introduce(SharedState* shared);
  // Newest change of the application, as of the last look at the journal.
  Lseq last_change() const { return last_change_; }
  const AppliedTotals& totals() const { return totals_; }
  // Transactions of ours since the start.
  int64_t commits() const { return commits_; }
  // Counts rows without a parent, one short piece at a time. True: there is a new count.
  Result<bool> CountOrphans();
  int64_t orphans() const { return census_.count(); }
  // CountOrphans has more to do.
  bool counts_orphans() const { return census_.running(); }
  // Entries in the journal.
  Result<int64_t> JournalLength();

  // Puts resent rows in place of damaged ones; returns how many.
  Result<int64_t> Reapply(WaitingBatch* batch);
  // Journals rows as new writes, or removes rows that nothing says were written; returns how many. In one
  // transaction.
  Result<int64_t> CarryOut(const RowOrders& orders);
  // Forgets up to `limit` tombstones that every member has applied. Returns how many went; less than `limit`:
  // no more can go now.
  Result<int64_t> Collect(const change::ProgressVector& stable, int64_t limit);
  // Reads only; costs a pass over the indexes of tombstones.
  Result<int64_t> CountTombstones();
  // Writes down who was heard, when it differs by enough from what the file says.
  Status RememberMembers(const ledger::Members& members);
  const ledger::Members& members() const { return members_; }

  // Compares the database with a snapshot; see apply::PlanMerge. Reads only.
  Result<apply::MergePlan> PlanMerge(sqlite::Connection* snapshot, const std::atomic<bool>& cancelled);
  // Rows from before HarmonyLite that the snapshot has and this node lacks; see apply::OldRows.
  Result<apply::OldRows> FindOldRows(sqlite::Connection* snapshot);
  Result<int64_t> AddOldRows(const apply::FoundOldRows& rows);
  struct Merged {
    apply::ApplyStats stats;
    int64_t removed = 0;  // rows that were deleted elsewhere
    int64_t written = 0;  // rows of which the snapshot knew nothing, journaled anew
  };
  // Carries out a plan, in one transaction (P3). Nothing: it was made for another state; make one anew.
  // Errors as of apply::Applier::Apply. `snapshot`: the one the plan was made from.
  Result<std::optional<Merged>> MergeRestore(const apply::MergePlan& plan, sqlite::Connection* snapshot);

  void SetPublished(Lseq to, Hlc stamp);
  // Remembered with the next transaction.
  void SetCursor(ports::LogSeq cursor, int64_t log_created);
  Status StartIncarnation(Incarnation incarnation, const IncarnationRequest& request);

 private:
  // Returns the journal mode before.
  Result<std::string> UseWal();
  Status FirstAttach(const Origin& self, const std::string& journal_mode);
  Status AdoptSnapshot(const Origin& self);
  Status UseSchema(capture::SyncResult sync, bool first);
  Status FoldAll(const ledger::Catalog& catalog, ledger::State* state);
  // Brings back shadowed rows whose unique values are free. Everything must be folded.
  Status Settle();
  Status SettleAlone();
  Status ApplyOne(WaitingBatch* batch, const ledger::State& state, ledger::OriginTable* origins,
                  change::ProgressVector* progress, AppliedTotals* totals);
  Result<Lseq> NewestOwn(const ledger::State& state);
  // Bounds the kept conflicts, when it is time.
  Status TrimConflicts();
  // Once everything is folded.
  void ReturnMemoryOfMuchWork();
  Result<int64_t> CarryOut(const RowOrder& order, bool keep_lost);
  // Commits and takes over what the transaction wrote.
  Status Commit(sqlite::Transaction* transaction, const ledger::State& next);

  sqlite::Connection* db_;
  const NodeOptions& options_;
  const Clock* clock_;
  Logger* logger_;
  apply::Applier applier_;
  ledger::State state_;        // as wanted; written with the next transaction
  ledger::State saved_state_;  // as the file has it
  ledger::Catalog catalog_;
  Lseq attached_at_;    // what was published when this process began
  bool self_is_new_ = false;  // this process drew the incarnation
  ledger::OrphanCensus census_;
  ledger::OriginTable origins_;
  change::ProgressVector progress_;
  change::ProgressVector collected_;
  ledger::Members members_;  // as the file has them
  Lseq journaled_;
  uint64_t schema_fingerprint_ = 0;
  Lseq last_change_;
  AppliedTotals totals_;  // of committed transactions
  int64_t handled_ = 0;   // rows applied and entries folded since memory was given back
  int64_t commits_ = 0;
  int64_t trim_conflicts_ms_ = 0;  // when next
};

}  // namespace harmonylite::node
