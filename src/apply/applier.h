// Applies batches inside the caller's write transaction: rows, versions and progress commit together (P3).
//
// Threads: as the connection; one owner at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apply/app_triggers.h"
#include "apply/merge_plan.h"
#include "apply/old_rows.h"
#include "apply/orphans.h"
#include "apply/shadowing.h"
#include "apply/table_writer.h"
#include "base/clock.h"
#include "base/result.h"
#include "change/codec.h"
#include "ledger/catalog.h"
#include "ledger/hash_judge.h"
#include "ledger/hidden_tables.h"
#include "ledger/shadows.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct ApplyStats {
  int64_t rows = 0;       // in the batch
  int64_t won = 0;        // written here
  int64_t conflicts = 0;  // met a write that had not seen theirs, either way round
  int64_t kept = 0;       // of these, listed in `conflicts`
  ShadowStats shadows;
  OrphanStats orphans;
};

class Applier {
 public:
  // `db` is not owned and outlives the applier; its triggers and foreign keys are switched off.
  explicit Applier(sqlite::Connection* db);

  // Prepares for a (new) schema; the catalog is copied. Returns warnings for the operator.
  Result<std::vector<std::string>> SetCatalog(const ledger::Catalog& catalog);

  // Everything of ours must be folded, and the batch must be applicable: no hole, its causes here.
  // On any error the transaction must be rolled back and nothing of the batch counts:
  // kSchemaMismatch: a table differs; hold. kConflict: a constraint of this node, other than UNIQUE, refuses
  // a row; hold. kCorruption: the batch's bytes are bad; repair. kRetryLater: disk or memory.
  // `progress`: what is applied here before it; newly met origins are added to `origins`.
  Result<ApplyStats> Apply(change::BatchDecoder* batch, const ledger::State& state,
                           const change::ProgressVector& progress,
                           ledger::OriginTable* origins);

  // Puts rows of a resent batch in place of those that are not what their versions say, under the same versions;
  // what was there is kept in `conflicts`. Rows of other versions are passed over. Returns how many were put.
  // As Apply for the rest.
  Result<int64_t> Reapply(change::BatchDecoder* batch, const ledger::OriginTable& origins);
  // The next Apply lists the live rows it writes that had no version here and no greater stamp than `forgotten`: the
  // sender had not seen deletes that are forgotten here, one of which may have been newer than such a row.
  void ListFresh(Hlc forgotten, std::vector<AbsentRow>* out) {
    fresh_forgotten_ = forgotten;
    fresh_ = out;
  }

  // Removes rows that were deleted elsewhere and whose tombstones are forgotten, with their versions: those that
  // are still as they were when the plan was made. One from before HarmonyLite is kept among the conflicts.
  // Returns how many went. Same conditions as Apply; call it after that, and Settle then.
  Result<int64_t> RemoveAbsent(const std::vector<AbsentRow>& rows, ledger::OriginIndex maker);
  // Adds rows from before HarmonyLite where there is neither a row nor a version. Returns how many; Settle then.
  Result<int64_t> AddOldRows(const FoundOldRows& rows);
  // Journals live rows anew that are still as they were, as writes of `self`, from the oldest to the newest, visible or
  // not. Returns how many. Everything must be folded, and what this journals counts as folded: Settle then.
  Result<int64_t> WriteAnew(std::vector<AbsentRow> rows, const ledger::State& state,
                            const ledger::OriginTable& origins, const Clock& clock);

  // Looks at the pending shadowed rows of every table, and at touched ones: after folding, or a new catalog. Part
  // of Apply. Everything of ours must be folded. On any error the transaction must be rolled back.
  Status Settle(const ledger::OriginTable& origins, ShadowStats* stats, OrphanStats* orphans);

 private:
  struct TableState {
    const ledger::TrackedTable* tracked;
    TableWriter writer;
    std::optional<ledger::ShadowTable> shadows;  // where the table can have shadowed rows
    bool any_shadows = false;                     // so far in this call of Apply
  };
  struct Target {
    TableState* state;
    std::vector<uint32_t> column_order;  // ours → theirs
  };
  struct Context;

  Result<Target> Resolve(const change::TableShape& shape);
  Status ApplyRow(const change::RowView& row, Context* context);
  Status SaveProgress(const Context& context, const Origin& self);
  // Fills image_ and key_. kCorruption: NULL in the key.
  Status TakeRow(const change::RowView& row, const Target& target);
  Result<bool> ReapplyRow(TableState* state, const Origin& origin, const change::RowView& row,
                          const ledger::HashJudge& judge, const ledger::OriginTable& origins);
  Result<bool> IsForgotten(const change::RowView& row, TableWriter* writer, const Context& context);
  // Keeps what lost between the stored version and `incoming`, the row at hand; `kind`: as listed.
  Status KeepConflict(TableState* state, std::string_view kind, const StoredVersion& stored,
                      const StoredVersion& incoming, bool incoming_wins, Context* context);
  Status Show(TableState* state);
  Status SettleUnique(const ledger::OriginTable& origins, ShadowStats* stats);
  // The row's state here if it is as the plan saw it.
  Result<bool> IsUnchanged(const AbsentRow& row, TableState* state);
  // Of key_.
  Status WriteAnew(TableState* state, const ledger::State& self, const ledger::OriginTable& origins,
                   const Clock& clock);
  Status KeepUnversioned(TableState* state, ledger::OriginIndex maker);
  Result<TableState*> StateOf(const ledger::TrackedTable& tracked);

  sqlite::Connection* db_;
  ledger::Catalog catalog_;
  AppTriggers app_triggers_;
  std::map<int64_t, TableState> tables_;  // by TrackedTable id; made when first needed
  Hlc fresh_forgotten_;
  std::vector<AbsentRow>* fresh_ = nullptr;  // not owned; only while a call of Apply is to list
  std::vector<change::ValueView> image_;    // of the row at hand, in our column order
  std::vector<change::ValueView> key_;    // of it
};

}  // namespace harmonylite::apply
