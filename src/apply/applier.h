// Merges batches of other nodes into this node's file: step 6 in the life of a change
// (docs/design.md).
//
// Everything happens inside the caller's write transaction, so rows, versions and progress are
// committed together or not at all (P3), and a reader sees all of a transaction or nothing of it
// (P6). merge/ decides who wins (P4); the applier carries the decisions out: it writes rows and
// versions, keeps what a concurrent write replaced (P7), and settles UNIQUE and, if orphans are
// hidden, foreign keys.
//
// Threads: the rule of the connection; one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apply/app_triggers.h"
#include "apply/merge_plan.h"
#include "apply/old_rows.h"
#include "apply/orphans.h"
#include "apply/schema_follower.h"
#include "apply/shadowing.h"
#include "apply/shape_map.h"
#include "apply/table_writer.h"
#include "base/clock.h"
#include "base/result.h"
#include "change/codec.h"
#include "ledger/catalog.h"
#include "ledger/column_default.h"
#include "ledger/hash_judge.h"
#include "ledger/hidden_tables.h"
#include "ledger/shadows.h"
#include "schema/follow.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct ApplyStats {
  int64_t rows = 0;  // Rows that the batch held.
  int64_t won = 0;   // Rows that won and were written here.
  // Rows that met a concurrent write of the same row, whichever of the two won.
  int64_t conflicts = 0;
  int64_t kept = 0;  // Conflicts that are listed in `conflicts`; the others lost nothing.
  ShadowStats shadows;
  OrphanStats orphans;
  // The greatest id in the batch for each AUTOINCREMENT table, those of deleted rows included, by
  // TrackedTable::id.
  std::map<int64_t, int64_t> used_ids;
};

struct SchemaMerge;

struct ApplyOptions {
  // If `fresh` is not null, each live row is appended to it that is written although no live
  // version of it was here, and whose stamp is at most `fresh_until`. With the newest forgotten
  // stamp as `fresh_until`, these are the rows that may be older than a delete which is forgotten
  // here and which their sender had not seen.
  Hlc fresh_until = {};
  std::vector<AbsentRow>* fresh = nullptr;  // not owned
  // What this file carries out of other nodes' schema changes.
  schema::Follow follows = schema::Follow::kOff;
  // Called when rows of the hidden table `schema` were written, before any other row of the batch:
  // brings this file in line with them, and calls SetCatalog. Empty: nothing follows.
  std::function<Status(const SchemaMerge& merge)> follow;
  // False if the batch covers no range of changes, only the rows that it holds.
  bool covers = true;
};

// What a batch has done to the rows of `schema`.
struct SchemaMerge {
  // Definitions of one object whose writers did not know each other's.
  struct Concurrent {
    schema::ObjectRow winner;
    schema::ObjectRow loser;
  };
  std::vector<Concurrent> concurrent;
  const ledger::OriginTable* origins = nullptr;  // not owned; those of the transaction
};

class Applier {
 public:
  // `db` is not owned and outlives the applier. The applier switches its triggers and foreign keys
  // off, so that applying does not echo (P5).
  explicit Applier(sqlite::Connection* db);

  // Prepares for a schema, at first and after each change of it; the catalog is copied. Returns
  // warnings for the operator.
  Result<std::vector<std::string>> SetCatalog(const ledger::Catalog& catalog);

  // Merges `batch`. All local journal entries must be folded, and the batch must be applicable: no
  // changes before it are missing, and everything its sender had seen is applied here. `progress`
  // is what is applied here before the batch, and `retirements` are those that are known here and
  // those of the batch; origins met for the first time are added to `origins`.
  //
  // After an error the caller must roll the transaction back; then nothing of the batch counts.
  // - kSchemaMismatch: a table differs here; the batch is to be held.
  // - kConflict: a constraint of this node, other than UNIQUE, refuses a row; the batch is to be
  //   held.
  // - kCorruption: the bytes of the batch are bad; the range is to be repaired.
  // - kRetryLater: the disk is full or fails, or memory is short.
  Result<ApplyStats> Apply(change::BatchDecoder* batch, const ledger::State& state,
                           const change::ProgressVector& progress,
                           const change::Retirements& retirements, ledger::OriginTable* origins,
                           const ApplyOptions& options = {});

  // Repairs damaged rows from a resent batch. If this node has the version that the batch names,
  // but the row is missing or does not match the hash in that version, the batch's image takes its
  // place under the same version; what was there is kept in `conflicts` (P7). Rows of other
  // versions are passed over. Returns how many rows were put. Preconditions and errors are those of
  // Apply.
  Result<int64_t> Reapply(change::BatchDecoder* batch, const ledger::OriginTable& origins);

  // Removes rows, with their versions, that were deleted elsewhere and whose tombstones are
  // forgotten. A row that has changed since the plan was made stays. A row from before HarmonyLite
  // is kept among the conflicts, where both sides name `maker` as their origin. Returns how many
  // rows were removed. Preconditions are those of Apply; call it after Apply, and Settle after it.
  Result<int64_t> RemoveAbsent(const std::vector<AbsentRow>& rows, ledger::OriginIndex maker);
  // Adds rows from before HarmonyLite whose key has neither a row nor a version here. Returns how
  // many were added. The caller calls Settle afterwards.
  Result<int64_t> AddOldRows(const FoundOldRows& rows);
  // Journals live rows again, as new writes of `self`, so that they win over deletes nobody
  // remembers. Rows are written from the oldest to the newest, whether they are visible or
  // shadowed; a row that has changed since it was listed is passed over. Returns how many were
  // written. All local journal entries must be folded before; the entries that this call appends
  // count as folded. The caller calls Settle afterwards.
  Result<int64_t> WriteAnew(std::vector<AbsentRow> rows, const ledger::State& state,
                            const ledger::OriginTable& origins, const Clock& clock);

  // Keeps rows that were taken out of a table as shadowed, for Settle to decide. kConflict: a row
  // has NULL in its key, and so no place among them.
  Status KeepShadowed(int64_t table_id, const std::vector<change::NamedImage>& rows);

  // Decides which rows are visible: looks at the pending shadowed rows of every table and, where
  // orphans are hidden, at the touched rows. Apply ends with it; call it also after folding and
  // after a new catalog. All local journal entries must be folded. After an error the transaction
  // must be rolled back.
  Status Settle(const ledger::OriginTable& origins, ShadowStats* stats, OrphanStats* orphans);
  // Compiles what Settle runs for every table, so that the first one after a change of the schema
  // does not do it while it holds the write lock. Only reads.
  Status PrepareToSettle();

  // The rows that this object has put into tables, or removed, since the caller cleared this; the
  // caller's own writers count here, too. After an error it is of no use: the rows are rolled back.
  WrittenRows* written() { return &written_; }

 private:
  struct TableState {
    const ledger::TrackedTable* tracked;
    TableWriter writer;
    std::optional<ledger::ShadowTable> shadows;  // Set if the table can have shadowed rows.
    // What NULL becomes here in columns that may not be NULL, if this file follows: the sender's
    // table allowed it, and does not any more once it has this definition. Loaded when needed.
    std::optional<ledger::NotNullDefaults> instead_of_null;
    // The shadow table had a row when the batch named this table, or has got one since.
    bool any_shadows = false;
  };
  struct Target {
    change::TableShape shape;     // as the batch names the table
    TableState* state = nullptr;  // null: not resolved since the catalog was set, or set aside
    ShapeMap map;
    int64_t used_id = 0;  // see ApplyStats::used_ids
    // Its rows are set aside: it was dropped, or has another key by now.
    bool sets_aside = false;
    std::optional<ledger::TrackedTable> aside;  // as the batch has it; empty: its name is not known
    const ledger::NotNullDefaults* instead_of_null = nullptr;  // of `state`; null: NULL stays
  };
  // A row that is being merged, in this node's column order and spelled as it came.
  struct RowAtHand {
    std::vector<change::ValueView> key;
    std::vector<change::ValueView> image;  // empty for a deleted row
  };
  using Key = std::span<const change::ValueView>;
  struct Context;

  // Finds this node's table for a table of the batch. kSchemaMismatch: it is absent or differs.
  Status Resolve(const Context& context, Target* target);
  // Returns the table of a row, resolved.
  Result<Target*> TargetOf(const change::RowView& row, Context* context);
  // Keeps a row of a table that was dropped here, or has another key by now, among the conflicts.
  Status SetAside(const change::RowView& row, const Target& target, const Context& context);
  // Notes two definitions of one object of the schema that were written without knowing each other.
  Status NoteConcurrent(const Target& target, const StoredVersion& stored, bool incoming_wins,
                        Context* context);
  // Calls ApplyOptions::follow if rows of `schema` were written.
  Status FollowSchema(Context* context);
  Status ApplyRow(const change::RowView& row, Context* context);
  Status SaveProgress(const Context& context, const Origin& self);
  // Sets `out` to the batch's row. kConflict: the key contains NULL.
  static Status TakeRow(const change::RowView& row, const Target& target, RowAtHand* out);
  Result<bool> ReapplyRow(TableState* state, const RowAtHand& at_hand, const Origin& origin,
                          const change::RowView& row, const ledger::HashJudge& judge,
                          const ledger::OriginTable& origins);
  // True if the row was merged here before and its tombstone has been forgotten since.
  static Result<bool> IsForgotten(const change::RowView& row, TableWriter* writer,
                                  const Context& context);
  // Appends the row at hand to the list of fresh rows if the caller of Apply wants it there.
  static void NoteFresh(const change::RowView& row, const Target& target, const Context& context);
  // Lists the losing side of `stored` and `incoming`, the two versions of the row at hand, in
  // `conflicts`.
  Status KeepConflict(TableState* state, std::string_view kind, const StoredVersion& stored,
                      const StoredVersion& incoming, bool incoming_wins, Context* context);
  // Puts a row into its table, or into its shadow table if a unique value of it is taken.
  Status Show(TableState* state, const RowAtHand& row);
  // The UNIQUE part of Settle, over all tables that can have shadowed rows.
  Status SettleUnique(const ledger::OriginTable& origins, ShadowStats* stats);
  // True if the row still has the version that the plan saw.
  static Result<bool> IsUnchanged(const AbsentRow& row, Key key, TableState* state);
  // Journals a row again and gives it the new version.
  Status WriteAnew(TableState* state, Key key, const ledger::State& self,
                   const ledger::OriginTable& origins, const Clock& clock);
  // Lists a row that has no version in `conflicts`, before it is removed.
  Status KeepUnversioned(TableState* state, Key key, ledger::OriginIndex maker);
  Result<TableState*> StateOf(const ledger::TrackedTable& tracked);

  sqlite::Connection* db_;
  ledger::Catalog catalog_;
  WrittenRows written_;
  AppTriggers app_triggers_;
  KnownObjects objects_;
  // By TrackedTable id; an entry is made when it is first needed.
  std::map<int64_t, TableState> tables_;
};

// What is known while one batch is merged.
struct Applier::Context {
  const change::BatchHeader& header;
  change::Knowledge have;  // What is applied here before the batch.
  change::Knowledge seen;  // What the batch's sender had applied.
  const ledger::OriginTable& origins;
  const ApplyOptions& options;
  std::vector<ledger::OriginIndex> covers;  // header.covers as indices of this node.
  // Per cover, the lseq up to which this node had merged the origin before the batch.
  std::vector<Lseq> had;
  std::vector<Target> tables;
  RowAtHand at_hand;  // the row of the batch that is being merged
  // Ids of the conflicts that this batch has listed, by table, loser's origin and key. A batch may
  // hold two writes of a row by one origin, the newer one last. If both lose, the later conflict
  // replaces the earlier one. Losers of different origins are all kept (P7).
  std::map<std::string, int64_t> kept;
  bool objects_written = false;  // rows of `schema`, since FollowSchema was last called
  SchemaMerge schema;
  ApplyStats stats;
};

}  // namespace harmonylite::apply
