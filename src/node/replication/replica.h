// The node's database, and the only code that writes to it while the workers run. Attaching, schema
// changes, folding, trimming, applying, merging and forgetting are transactions of this class.
//
// A transaction that touches the application's rows begins by taking the write lock and checking
// that the schema is still the one that the triggers were written for; otherwise it fails with
// kRetryLater. It changes the members of this class only after it was committed, so they always
// agree with the file (P3).
//
// The implementation is in seven files: replica.cc, replica_schema.cc for schema changes of the
// application, replica_follow.cc for those of other nodes, replica_merge.cc for merging snapshots,
// replica_rows.cc for orders about single rows, counts of rows and the listener to written rows,
// replica_retire.cc for retiring origins, and replica_ids.cc for the ids that SQLite gives out.
//
// Threads: one owner at a time, which also has the connection; in production the consumer.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apply/applier.h"
#include "apply/merge_plan.h"
#include "base/clock.h"
#include "base/logger.h"
#include "capture/catalog_sync.h"
#include "capture/schema_capture.h"
#include "capture/sync_plan.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/lost_child_census.h"
#include "ledger/member_table.h"
#include "ledger/next_incarnation.h"
#include "ledger/null_keys.h"
#include "ledger/orphan_census.h"
#include "node/options.h"
#include "node/replication/attach_step.h"
#include "node/replication/first_attach.h"
#include "node/replication/hold_queue.h"
#include "node/shared_state.h"
#include "ports/row_listener.h"
#include "schema/objects.h"
#include "sqlite/connection.h"
#include "sqlite/transaction.h"

namespace harmonylite::node {

// The error of a write transaction that met another schema than the replica's catalog was made
// for. The next step takes the schema over.
inline Error SchemaJustChanged() {
  return MakeError(ErrorCode::kRetryLater, "the schema has just changed").Passing();
}

class Replica {
 public:
  // `db`, `clock` and `logger` are not owned and outlive the replica.
  Replica(sqlite::Connection* db, const NodeOptions& options, const Clock* clock, Logger* logger);

  // Attaches: installs the hidden tables if there are none, makes a restored snapshot this node's
  // file, and writes the triggers. Call once, before anything else.
  // `node` is the configured node id. If there is none, the id in the database is kept, and a new
  // database gets the one of `fresh`. A new incarnation gets the number of `fresh`.
  // kInvalidArgument: HarmonyLite 1.x is attached, the file belongs to another node, it has a newer
  // format, or it cannot be switched to WAL.
  Status Attach(std::optional<NodeId> node, const Origin& fresh);

  // Sets who is told which rows the transactions of this class write into the application's tables.
  // Not owned; null: nobody. It is told at once of every table, because nobody knows what was
  // written before and not told.
  void SetRowListener(ports::RowListener* listener);

  const ledger::State& state() const { return state_; }
  const ledger::Catalog& catalog() const { return catalog_; }
  const change::ProgressVector& progress() const { return progress_; }
  // The collected vector: deletes up to it may be forgotten here.
  const change::ProgressVector& collected() const { return collected_; }
  // The retirements that this node knows; never null.
  const std::shared_ptr<const change::Retirements>& retirements() const { return retirements_; }
  // This node's newest own change when progress() was reached, as other nodes count it; 0 if it has
  // none that is ever sent.
  Lseq journaled() const { return journaled_; }
  uint64_t schema_fingerprint() const { return schema_fingerprint_; }
  uint64_t definitions() const { return definitions_; }
  // See AppliedState::left_out.
  const std::map<std::string, std::string>& left_out() const { return left_out_; }
  // A number that changes whenever another connection has committed.
  Result<int64_t> DataVersion() { return db_->DataVersion(); }

  // True if the schema is not the one that the triggers were written for.
  Result<bool> SchemaChanged();
  // Takes over the present schema: writes the triggers, and audits tables that were rebuilt.
  Status SyncSchema();

  // Applies all of these batches, in this order, in one transaction, or none of them. After an
  // error `*failed` is the position of the batch that caused it, or batches.size() if none did.
  // `cursor` is saved with them.
  Status Apply(const std::vector<WaitingBatch*>& batches, ports::LogSeq cursor, size_t* failed);

  // True if so much of the journal is unfolded that Maintain() must fold it before the next
  // Apply().
  Result<bool> NeedsFold();
  // Folds and trims up to so many journal entries, and saves the state, in a transaction of this
  // kind. True if nothing is left to fold or trim.
  Result<bool> Maintain(sqlite::TransactionKind kind, int64_t fold_limit, int64_t trim_limit);
  // Tells the other workers this node's identity and where it stands. Call once, before they start.
  Status Introduce(SharedState* shared);
  // Newest change of the application, as of the last look at the journal.
  Lseq last_change() const { return last_change_; }
  const AppliedTotals& totals() const { return totals_; }
  // Transactions that this class has committed since the start.
  int64_t commits() const { return commits_; }
  // Counts rows without a parent and rows with NULL in their keys, one short piece at a time. True
  // if there is a new count.
  Result<bool> CountRows();
  int64_t orphans() const { return orphan_census_.count(); }
  // Rows that stay on this node because of NULL in their keys, by table.
  const std::map<std::string, int64_t>& null_keys() const { return null_key_census_.counts(); }
  // True if CountRows() is not at the end of its count.
  const std::map<std::string, int64_t>& lost_children() const {
    return lost_child_census_.counts();
  }
  bool counts_rows() const {
    return orphan_census_.running() || null_key_census_.running() || lost_child_census_.running();
  }
  // Number of entries in the journal.
  Result<int64_t> JournalLength();

  // Puts resent rows in place of damaged ones, in one transaction. Returns how many.
  Result<int64_t> Reapply(WaitingBatch* batch);
  // Carries out orders in one transaction. Returns how many rows were journaled or removed.
  Result<int64_t> CarryOut(const RowOrders& orders);
  // Ends the catching up: from this transaction on the file takes part.
  Status TakePart();
  // Forgets up to `limit` tombstones that every member has applied, that is, those up to `stable`.
  // Returns how many were forgotten; if less than `limit`, no more can be forgotten now.
  Result<int64_t> Collect(const change::ProgressVector& stable, int64_t limit);
  // States that former incarnations of this node, and nodes that are gone, write no more, and
  // leaves retired origins out of the progress vector where every member can do without their
  // entries. Does nothing if there is nothing to do.
  Status RetireOrigins(const ledger::Members& members, const change::ProgressVector& stable);
  // Reads only. The cost is a pass over the indexes of tombstones.
  Result<int64_t> CountTombstones();
  // Saves when each member was last heard, and whether it is evicted, if that differs by enough
  // from what the file says.
  Status RememberMembers(const ledger::Members& members);
  const ledger::Members& members() const { return members_; }

  // Brings this file's schema in line with a snapshot's, in one transaction, so that both can be
  // compared. Errors are those of apply::Applier::Apply.
  Status FollowSnapshot(sqlite::Connection* snapshot);
  // Compares the database with a snapshot; see apply::PlanMerge. Reads only.
  Result<apply::MergePlan> PlanMerge(sqlite::Connection* snapshot,
                                     const std::atomic<bool>& cancelled);
  // Finds rows from before HarmonyLite that the snapshot has and this node lacks; see
  // apply::OldRows.
  Result<apply::OldRows> FindOldRows(sqlite::Connection* snapshot);
  // Adds such rows, in one transaction. Returns how many.
  Result<int64_t> AddOldRows(const apply::FoundOldRows& rows);
  struct Merged {
    apply::ApplyStats stats;
    int64_t removed = 0;  // rows removed because they were deleted elsewhere
    int64_t written = 0;  // rows of which the snapshot knew nothing, journaled anew
  };
  // Carries out a plan that was made from `snapshot`, in one transaction (P3). Returns nothing if
  // the plan was made for another state of the database; then a new plan is needed. Errors are
  // those of apply::Applier::Apply.
  Result<std::optional<Merged>> MergeRestore(const apply::MergePlan& plan,
                                             sqlite::Connection* snapshot);

  // Gives out the ids of this share from now on (ledger/id_share.h). None: all are other nodes', so
  // that SQLite goes on counting by itself.
  Status TakeIdShare(const std::optional<ledger::IdShare>& share);
  // Gives out the ids of a slot that is drawn, because the registry could not be asked.
  Status DrawIdShare();
  // Goes on to the next block in tables where the application has used up most of the present one.
  // Returns how many tables a transaction of the application has taken beyond this node's block.
  Result<int64_t> RefillIds();

  // Notes that the log holds our changes up to `to`. Saved with the next transaction.
  void SetPublished(Lseq to, Hlc stamp);
  // Notes the position in the log. Saved with the next transaction.
  void SetCursor(ports::LogSeq cursor, int64_t log_created);
  // Makes this file's present content that of a new incarnation.
  Status StartIncarnation(Incarnation incarnation, const IncarnationRequest& request);
  // Draws the incarnation to start: see ledger/next_incarnation.h.
  Result<Incarnation> DrawIncarnation(uint64_t random) {
    return ledger::NextIncarnation(db_, state_.self.node, random);
  }

 private:
  // Begins a transaction that touches the application's rows. kRetryLater, passing: the schema is
  // not the one that the triggers were written for.
  Result<sqlite::Transaction> Begin(sqlite::TransactionKind kind);
  // Begins a transaction, and forgets what a former one has written that was rolled back.
  Result<sqlite::Transaction> BeginOnAnySchema(sqlite::TransactionKind kind);
  // Returns the journal mode that the database had before.
  Result<std::string> UseWal();
  Status AdoptSnapshot(const Origin& self);
  Status UseSchema(capture::SyncResult sync, bool first);
  Status AddHiddenTables();
  Status PlanSchema();
  Status ReadSchemaPlan(const schema::HeaderNumbers& numbers);
  Status CheckPlan();
  // Does all of SyncSchema that writes, and leaves what it found in `sync`. `rebuilt` are tables
  // that this transaction has made anew.
  Status TakeSchemaOver(capture::SyncPlan plan, const std::set<int64_t>& rebuilt,
                        ledger::State* next, capture::SyncResult* sync);
  // Brings the file in line with what other nodes changed in the schema: ApplyOptions::follow. It
  // changes catalog_ before the transaction is committed; EndFollowing must be called at its end.
  Status FollowSchema(const apply::SchemaMerge& merge, ledger::State* next);
  Result<apply::FollowReport> BringInLine(const apply::SchemaMerge& merge);
  // Follows what this file lacks although its rows of `schema` say it: at the start, and when the
  // schema has changed here while something could not be made.
  Status CatchUp();
  // Renames tables where two have one name, as a new write. Nodes that notice at once write the
  // same.
  Status GiveNamesUp();
  // Unites definitions whose writers did not know each other's.
  Status Unite(const apply::SchemaMerge& merge);
  // Takes over the schema that was followed if the transaction was committed; otherwise makes the
  // next step read the catalog again. Returns `outcome`.
  Status EndFollowing(Status outcome);
  Status ApplyAll(const std::vector<WaitingBatch*>& batches, ports::LogSeq cursor, size_t* failed);
  Status UseCatalog();
  // Folds up to `limit` entries, like capture::Fold. While the file catches up with the cluster,
  // what its application wrote without having seen the cluster's counts as older.
  Result<bool> Fold(const ledger::Catalog& catalog, ledger::State* state, int64_t limit);
  Status FoldAll(const ledger::Catalog& catalog, ledger::State* state);
  // The share that a file begins with which another file may have gone on from.
  std::optional<ledger::IdShare> DrawnIdShare(const Origin& self) const;
  // Keeps the next ids this node's own after rows of other nodes were written: in all tables, or in
  // those of which a batch used ids.
  Status MoveIds(const ledger::Catalog& catalog, const ledger::State& state);
  Status MoveIds(const std::map<int64_t, int64_t>& used, const ledger::State& state);
  // Settles which live rows the tables show: shadowed rows whose unique values are free come back,
  // and orphans are hidden or shown. Everything must be folded.
  Status Settle();
  Status SettleAlone();
  Status ApplyOne(WaitingBatch* batch, ledger::State* state, const change::Retirements& retirements,
                  ledger::OriginTable* origins, change::ProgressVector* progress,
                  AppliedTotals* totals);
  Status TakeRetirements(const std::vector<change::Retirement>& brought,
                         ledger::OriginTable* origins, std::shared_ptr<change::Retirements>* known);
  Status LoadRetirements();
  std::vector<change::Retirement> NewRetirements(const ledger::Members& members,
                                                 const change::ProgressVector& stable) const;
  Status StateRetirements(const std::vector<change::Retirement>& retirements);
  Result<std::optional<change::Retirement>> RetirementOf(const Origin& origin, Lseq last,
                                                         const change::ProgressVector& stable);
  Result<Lseq> NewestOwn(const ledger::State& state);
  // Bounds the number and age of the kept conflicts, every kTrimConflictsMs and after one was
  // added.
  Status TrimConflicts();
  // Gives free memory back to the system if much was handled. Call when everything is folded.
  void ReturnMemoryOfMuchWork();
  Result<int64_t> CarryOut(const RowOrder& order, bool keep_lost);
  Status NoteYielding(const YieldingRows& yielding, const Origin& compared_with,
                      ledger::OriginTable* origins);
  void TellWritten();
  // Saves `next` with the transaction, commits it, takes `next` over as the state, and tells what
  // was written.
  Status Commit(sqlite::Transaction* transaction, const ledger::State& next);

  sqlite::Connection* db_;
  const NodeOptions& options_;
  const Clock* clock_;
  Logger* logger_;
  apply::Applier applier_;
  FirstAttach first_attach_;
  ports::RowListener* row_listener_ = nullptr;  // not owned; null: nobody listens
  ledger::State state_;        // the present state; what is not saved is saved by the next commit
  ledger::State saved_state_;  // the state in the file
  ledger::Catalog catalog_;
  schema::HeaderNumbers seen_numbers_;  // of the schema that catalog_ is of
  // What SyncSchema has read before it takes the write lock.
  struct SchemaPlan {
    schema::HeaderNumbers numbers;
    int64_t commits = -1;  // commits_ then; what this class writes may outdate the plan
    capture::SyncPlan sync;
    capture::SchemaReading reading;
  };
  std::optional<SchemaPlan> schema_plan_;
  int outdated_plans_ = 0;  // plans in a row that were outdated when the lock was taken
  // A change of the schema that the present transaction follows.
  struct Following {
    capture::SyncResult sync;  // the file as it is in the transaction
    ledger::Catalog before;    // catalog_ if the transaction is rolled back
  };
  std::optional<Following> following_;
  // Objects of other nodes that cannot be made here, and why.
  std::map<std::string, std::string> not_made_;
  Lseq attached_at_;          // published_to when this process attached
  bool self_is_new_ = false;  // true if this process drew the incarnation
  ledger::OrphanCensus orphan_census_;
  ledger::NullKeyCensus null_key_census_;
  ledger::LostChildCensus lost_child_census_;
  ledger::OriginTable origins_;
  change::ProgressVector progress_;
  change::ProgressVector collected_;
  std::shared_ptr<const change::Retirements> retirements_ =
      std::make_shared<const change::Retirements>();
  ledger::Members members_;  // the members in the file
  Lseq journaled_;
  uint64_t schema_fingerprint_ = 0;
  uint64_t definitions_ = 0;
  std::map<std::string, std::string> left_out_;
  Lseq last_change_;
  AppliedTotals totals_;  // counts committed transactions only
  int64_t handled_ = 0;   // rows applied and entries folded since memory was last given back
  int64_t commits_ = 0;
  int64_t trim_conflicts_ms_ = 0;  // monotonic time at which kept conflicts are bounded next
};

}  // namespace harmonylite::node
