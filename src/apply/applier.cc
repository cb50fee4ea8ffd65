#include "apply/applier.h"

#include <algorithm>

#include "apply/conflict_kind.h"
#include "apply/unique_probe.h"
#include "base/mutant.h"
#include "capture/journal.h"
#include "ledger/conflict_log.h"
#include "ledger/contradiction.h"
#include "ledger/references.h"
#include "merge/resolve.h"
#include "schema/schema.h"

namespace harmonylite::apply {

namespace {

using change::BatchDecoder;
using change::RowView;
using change::TableShape;
using change::ValueView;
using change::Version;

}  // namespace

Applier::Applier(sqlite::Connection* db) : db_(db) {
  db_->EnableTriggers(false);
  db_->EnableForeignKeys(HL_MUTANT(foreign_keys_on));
}

Result<std::vector<std::string>> Applier::SetCatalog(const ledger::Catalog& catalog) {
  tables_.clear();
  catalog_ = catalog;
  HL_ASSIGN(ledger::ObjectRows objects, ledger::LoadObjects(db_));
  objects_ = KnownObjects(std::move(objects));
  HL_ASSIGN(app_triggers_, InstallAppTriggers(db_, catalog_));
  if (HL_MUTANT(echo_applied)) db_->EnableTriggers(true);
  return app_triggers_.warnings;
}

Result<Applier::TableState*> Applier::StateOf(const ledger::TrackedTable& tracked) {
  auto it = tables_.find(tracked.id);
  if (it == tables_.end()) {
    HL_ASSIGN(
        TableWriter writer,
        TableWriter::Make(db_, tracked, app_triggers_.tables_with_triggers.contains(tracked.id),
                          &written_));
    it = tables_.emplace(tracked.id, TableState{&tracked, std::move(writer), {}, {}, false}).first;
    if (tracked.has_shadow_table) it->second.shadows.emplace(db_, tracked);
  }
  return &it->second;
}

Result<ApplyStats> Applier::Apply(BatchDecoder* batch, const ledger::State& state,
                                  const change::ProgressVector& progress,
                                  const change::Retirements& retirements,
                                  ledger::OriginTable* origins, const ApplyOptions& options) {
  Context context{batch->header(),
                  {progress, retirements, state.self, Lseq(INT64_MAX)},
                  change::SeenBySender(batch->header(), retirements),
                  *origins,
                  options,
                  {},
                  {},
                  {},
                  {},
                  {},
                  false,
                  {},
                  {}};
  context.schema.origins = origins;
  for (const change::Cover& cover : context.header.covers) {
    HL_ASSIGN(const ledger::OriginIndex index, origins->IndexOf(db_, cover.origin));
    context.covers.push_back(index);
    context.had.push_back(context.have.Get(cover.origin));
  }
  if (HL_MUTANT(progress_committed_first)) {
    HL_TRY(SaveProgress(context, state.self));
    HL_TRY(db_->Exec("COMMIT"));
    HL_TRY(db_->Exec("BEGIN IMMEDIATE"));
  }
  while (true) {
    auto next = batch->Next();
    if (HL_MUTANT(partial_batch_applied) && !next.ok()) break;
    HL_ASSIGN(BatchDecoder::Item item, std::move(next));
    if (std::holds_alternative<BatchDecoder::End>(item)) break;
    if (auto* shape = std::get_if<TableShape>(&item)) {
      HL_TRY(FollowSchema(&context));
      context.tables.push_back({std::move(*shape), nullptr, {}, 0, false, {}});
      HL_TRY(Resolve(context, &context.tables.back()));
      continue;
    }
    const RowView& row = std::get<RowView>(item);
    HL_ASSIGN(Target * target, TargetOf(row, &context));
    HL_TRY(target->sets_aside ? SetAside(row, *target, context) : ApplyRow(row, &context));
  }
  HL_TRY(FollowSchema(&context));
  HL_TRY(Settle(*origins, &context.stats.shadows, &context.stats.orphans));
  if (!HL_MUTANT(clock_not_raised)) HL_TRY(capture::RaiseClock(db_, context.header.max_stamp));
  if (options.covers && !HL_MUTANT(progress_not_saved)) HL_TRY(SaveProgress(context, state.self));
  for (const Target& target : context.tables)
    if (target.used_id > 0 && target.state != nullptr) {
      int64_t& used = context.stats.used_ids[target.state->tracked->id];
      used = std::max(used, target.used_id);
    }
  return context.stats;
}

Status Applier::SaveProgress(const Context& context, const Origin& self) {
  for (size_t i = 0; i < context.covers.size(); ++i)
    if (context.header.covers[i].origin != self)
      HL_TRY(ledger::SaveProgress(db_, context.covers[i], context.header.covers[i].to));
  return Ok();
}

// If a write was merged here before and its row has no version now, a delete replaced it and its
// tombstone was forgotten. Applying the write again would bring the deleted row back (P5). Own
// writes always count as merged.
Result<bool> Applier::IsForgotten(const RowView& row, TableWriter* writer, const Context& context) {
  if (row.lseq > context.had[row.cover]) return false;
  HL_ASSIGN(const auto found, writer->FindVersion(context.at_hand.key));
  return !found.has_value();
}

void Applier::NoteFresh(const RowView& row, const Target& target, const Context& context) {
  if (context.options.fresh == nullptr || row.deleted || row.stamp > context.options.fresh_until)
    return;
  const std::vector<ValueView>& key = context.at_hand.key;
  context.options.fresh->push_back({target.state->tracked->id,
                                    {key.begin(), key.end()},
                                    row.stamp,
                                    context.covers[row.cover].value,
                                    row.lseq});
}

Status Applier::TakeRow(const RowView& row, const Target& target, RowAtHand* out) {
  const schema::Table& table = target.state->writer.table();
  out->key.clear();
  out->image.clear();
  if (row.deleted) {
    out->key.assign(row.values.begin(), row.values.end());
  } else {
    const ShapeMap& map = target.map;
    for (size_t i = 0; i < map.positions.size(); ++i)
      out->image.push_back(map.positions[i] == ShapeMap::kDefault ? map.defaults[i].view()
                                                                  : row.values[map.positions[i]]);
    if (target.instead_of_null != nullptr)
      for (const auto& [position, value] : *target.instead_of_null)
        if (out->image[position].type == change::ValueType::kNull)
          out->image[position] = value.view();
    for (const uint32_t position : table.key_positions) out->key.push_back(out->image[position]);
  }
  for (const ValueView& value : out->key)
    if (value.type == change::ValueType::kNull)
      return MakeError(ErrorCode::kConflict, "a row of table {} has NULL in its key", table.name);
  return Ok();
}

// Merges one row of the batch. The version alone decides what happens to the row (P4):
//
// - The write was merged before and its tombstone is forgotten: the row is passed over.
// - There is no version here: the version is added and the row written. AddVersion answers whether
//   there was one, so that a new row, the most frequent case, costs one statement.
// - The stored version is the same: nothing changes.
// - The stored version is newer: the row here stays.
// - The stored version is older: the incoming version replaces it, and the row is written or
//   deleted.
//
// In the last two cases, if neither writer had seen the other's write, the loser is kept as a
// conflict before it is replaced (P7). A change of a row may free unique values or take away a
// parent, so shadowed rows that it blocked become pending, and rows in references are touched;
// Settle looks at both when the whole batch is in place.
Status Applier::ApplyRow(const RowView& row, Context* context) {
  Target& target = context->tables[row.table];
  TableWriter* writer = &target.state->writer;
  const schema::Table& table = writer->table();
  HL_TRY(TakeRow(row, target, &context->at_hand));
  const RowAtHand& at_hand = context->at_hand;
  context->stats.rows += table.name != schema::kSchemaTable;
  if (table.autoincrement && at_hand.key[0].type == change::ValueType::kInteger)
    target.used_id = std::max(target.used_id, at_hand.key[0].integer);
  HL_ASSIGN(const bool forgotten, IsForgotten(row, writer, *context));
  if (forgotten) return Ok();
  StoredVersion incoming{row.stamp,
                         context->covers[row.cover],
                         row.lseq,
                         row.deleted,
                         row.deleted ? 0 : capture::HashImage(table, at_hand.image),
                         std::nullopt};
  // A repair over several origins holds only the newest write of a row, and another origin may have
  // inserted the row long before. If a batch covers one origin and the row has no version here, the
  // row was inserted within the covered range; it counts as inserted by this write.
  const bool ordinary = context->header.covers.size() == 1;
  if (!row.deleted && ordinary && !target.state->tracked->had_rows) incoming.born = 0;
  HL_ASSIGN(const bool is_new, writer->AddVersion(at_hand.key, incoming));
  bool was_gone = is_new;
  if (!is_new) {
    HL_ASSIGN(const auto found, writer->FindVersion(at_hand.key));
    if (!found) return ledger::Contradiction("a version is there and is not found");
    HL_ASSIGN(const Origin origin, context->origins.At(found->origin));
    const Version version{row.stamp, context->header.covers[row.cover].origin};
    const merge::Decision decision =
        merge::Resolve(merge::LocalVersion{{found->stamp, origin}, found->lseq}, version,
                       context->seen, context->have.Covers(version.origin, row.lseq));
    if (decision.outcome == merge::Outcome::kSame) return Ok();
    const bool incoming_wins = decision.outcome == merge::Outcome::kIncomingWins;
    const bool both_inserted = decision.concurrent && !row.deleted && table.integer_key &&
                               BothInserted(*found, origin, context->seen);
    const bool is_object = table.name == schema::kSchemaTable;
    if (decision.concurrent && is_object)
      HL_TRY(NoteConcurrent(target, *found, incoming_wins, context));
    if (decision.concurrent && !is_object && !SameWrite(*found, origin, incoming, version.origin)) {
      ++context->stats.conflicts;
      const auto kind = incoming_wins ? ConflictKind(found->deleted, row.deleted, both_inserted)
                                      : ConflictKind(row.deleted, found->deleted, both_inserted);
      context->stats.kept += kind.has_value();
      if (kind && !HL_MUTANT(conflict_not_kept))
        HL_TRY(KeepConflict(target.state, *kind, *found, incoming, incoming_wins, context));
    }
    if (!incoming_wins) return Ok();
    was_gone = found->deleted;
    incoming.born = BornAfter(*found, incoming, both_inserted);
    if (!HL_MUTANT(version_not_replaced)) HL_TRY(writer->ReplaceVersion(at_hand.key, incoming));
  }
  if (was_gone) NoteFresh(row, target, *context);
  ++context->stats.won;
  context->objects_written = context->objects_written || table.name == schema::kSchemaTable;
  if (target.state->any_shadows && !HL_MUTANT(blocked_not_woken))
    HL_TRY(target.state->shadows->NoteWrite(at_hand.key));
  if (target.state->tracked->in_references)
    HL_TRY(ledger::Touch(db_, *target.state->tracked, at_hand.key));
  return row.deleted ? writer->DeleteRow(at_hand.key) : Show(target.state, at_hand);
}

// The image of the stored side is read before the row is replaced. A stored row that is shadowed or
// hidden is not in its table, so its image is then taken from the shadow table.
Status Applier::KeepConflict(TableState* state, std::string_view kind, const StoredVersion& stored,
                             const StoredVersion& incoming, bool incoming_wins, Context* context) {
  const RowAtHand& at_hand = context->at_hand;
  std::optional<change::Row> row;
  if (!stored.deleted) {
    HL_ASSIGN(row, state->writer.ReadRow(at_hand.key));
    if (!row && state->shadows) {
      HL_ASSIGN(row, state->shadows->Image(at_hand.key));
    }
  }
  const std::vector<ValueView> stored_image = row ? change::Views(*row) : std::vector<ValueView>();
  const ledger::ConflictSide ours{stored.stamp, stored.origin, stored_image};
  const ledger::ConflictSide theirs{incoming.stamp, incoming.origin, at_hand.image};
  std::vector<std::string> names(at_hand.key.size());
  const ledger::OriginIndex loser = incoming_wins ? stored.origin : incoming.origin;
  int64_t& id = context->kept[fmt::format("{}:{}:", state->tracked->id, loser.value) +
                              change::EncodeImage(names, at_hand.key)];
  if (id != 0) HL_TRY(ledger::RemoveConflict(db_, id));
  HL_ASSIGN(id, ledger::AddConflict(db_, *state->tracked, kind, at_hand.key,
                                    incoming_wins ? ours : theirs, incoming_wins ? theirs : ours));
  return Ok();
}

// A row whose unique values are taken goes into the shadow table as pending, and Settle decides
// when the whole batch is in place. It cannot be decided earlier: other rows of the batch are still
// in their former state, and a value may be handed on from row to row within one batch. The row's
// former content must leave its table, because it is out of date.
Status Applier::Show(TableState* state, const RowAtHand& row) {
  Status put = state->writer.PutRow(row.image);
  if (put.ok() || put.error().code() != ErrorCode::kConflict || !db_->constraint_was_unique() ||
      !state->shadows)
    return put;
  HL_TRY(state->writer.DeleteRow(row.key));
  if (state->writer.fires_triggers()) {
    // A TEMP trigger's own write may have been refused. No replicated row holds a value of this row
    // then, so nothing can give way, and the error stands.
    HL_ASSIGN(const auto holders, FindHolders(db_, state->writer.table(), row.image));
    if (holders.empty()) return put;
  }
  state->any_shadows = true;
  return state->shadows->Put(row.key, row.image, std::nullopt);
}

// Decides UNIQUE first and foreign keys second (docs/convergence.md, "Why in two strata"). A hidden
// orphan keeps its unique values, so a touched row may clash with an orphan. WakeHolders makes such
// orphans pending, and SettleUnique then decides between the two. Settling shows and hides rows,
// which touches them and may wake further orphans; the loop ends when none is woken.
Status Applier::Settle(const ledger::OriginTable& origins, ShadowStats* stats,
                       OrphanStats* orphans) {
  if (!catalog_.hide_orphans) return SettleUnique(origins, stats);
  const ToolsOf tools = [this](int64_t table) -> Result<TableTools> {
    const ledger::TrackedTable* tracked = catalog_.ById(table);
    // The table is no longer replicated since the row was touched.
    if (tracked == nullptr) return TableTools{};
    HL_ASSIGN(TableState * state, StateOf(*tracked));
    return TableTools{tracked, &state->writer, state->shadows ? &*state->shadows : nullptr};
  };
  int64_t seen = 0;
  HL_ASSIGN(bool woken, WakeHolders(db_, tools, &seen));
  do {
    HL_TRY(SettleUnique(origins, stats));
    HL_ASSIGN(woken, WakeHolders(db_, tools, &seen));
  } while (woken);
  return SettleOrphans(db_, catalog_, tools, orphans);
}

Status Applier::PrepareToSettle() {
  for (const ledger::TrackedTable& tracked : catalog_.tables) {
    if (!tracked.has_shadow_table) continue;
    HL_ASSIGN(TableState * state, StateOf(tracked));
    HL_ASSIGN([[maybe_unused]] const auto pending, state->shadows->Pending());
  }
  return Ok();
}

Status Applier::SettleUnique(const ledger::OriginTable& origins, ShadowStats* stats) {
  for (const ledger::TrackedTable& tracked : catalog_.tables) {
    if (!tracked.has_shadow_table) continue;
    HL_ASSIGN(TableState * state, StateOf(tracked));
    HL_TRY(SettleTable(db_, &state->writer, &*state->shadows, origins, tracked, stats));
  }
  return Ok();
}

}  // namespace harmonylite::apply
