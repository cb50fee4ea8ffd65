#include "apply/applier.h"
#include "ledger/conflict_log.h"
#include "ledger/contradiction.h"
#include "ledger/references.h"
#include "ledger/registry.h"

namespace harmonylite::apply {

using change::BatchDecoder;
using change::RowView;
using change::TableShape;
using change::ValueView;
using ledger::HashJudge;

// Deletes in the batch are passed over: only the content of live rows can be damaged. Each table of
// the batch gets a judge, which compares an image with the hash that is stored in a version.
Result<int64_t> Applier::Reapply(BatchDecoder* batch, const ledger::OriginTable& origins) {
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db_));
  std::vector<Target> tables;
  std::vector<HashJudge> judges;
  RowAtHand at_hand;
  int64_t rows = 0;
  while (true) {
    HL_ASSIGN(BatchDecoder::Item item, batch->Next());
    if (std::holds_alternative<BatchDecoder::End>(item)) break;
    if (const auto* shape = std::get_if<TableShape>(&item)) {
      const ledger::TrackedTable* tracked = catalog_.ByName(shape->name);
      if (tracked == nullptr || tracked->table.Shape().object != shape->object ||
          schema::Difference(tracked->table.Shape(), *shape))
        return MakeError(ErrorCode::kSchemaMismatch, "table {} differs here", shape->name);
      Target target{*shape, nullptr, Straight(*tracked, *shape), 0, false, {}};
      HL_ASSIGN(target.state, StateOf(*tracked));
      for (const ledger::RegisteredTable& known : registry)
        if (known.id == target.state->tracked->id)
          judges.emplace_back(target.state->tracked->table, known);
      tables.push_back(std::move(target));
      if (judges.size() != tables.size())
        return ledger::Contradiction("a table is registered twice, or not at all");
      continue;
    }
    const RowView& row = std::get<RowView>(item);
    if (row.deleted) continue;
    HL_TRY(TakeRow(row, tables[row.table], &at_hand));
    HL_ASSIGN(const bool put,
              ReapplyRow(tables[row.table].state, at_hand, batch->header().covers[row.cover].origin,
                         row, judges[row.table], origins));
    rows += put;
  }
  ShadowStats shadows;
  OrphanStats orphans;
  HL_TRY(Settle(origins, &shadows, &orphans));
  return rows;
}

// Replaces the row at hand only if three things hold: its version here is exactly the incoming one,
// the incoming image matches the hash in that version, and the image here does not. So a damaged
// sender cannot spread its damage, and a sound row is never touched. If the row is missing
// altogether, there is nothing to keep.
Result<bool> Applier::ReapplyRow(TableState* state, const RowAtHand& at_hand, const Origin& origin,
                                 const RowView& row, const HashJudge& judge,
                                 const ledger::OriginTable& origins) {
  HL_ASSIGN(const auto stored, state->writer.FindVersion(at_hand.key));
  if (!stored || stored->deleted || stored->stamp != row.stamp || stored->lseq != row.lseq)
    return false;
  HL_ASSIGN(const Origin known, origins.At(stored->origin));
  if (known != origin || judge.Judge(at_hand.image, stored->hash) != HashJudge::kSame) return false;
  HL_ASSIGN(std::optional<change::Row> present, state->writer.ReadRow(at_hand.key));
  if (!present && state->shadows) {
    HL_ASSIGN(present, state->shadows->Image(at_hand.key));
  }
  if (present) {
    const std::vector<ValueView> views = change::Views(*present);
    if (judge.Judge(views, stored->hash) == HashJudge::kSame) return false;
    HL_ASSIGN(const int64_t id,
              ledger::AddConflict(db_, *state->tracked, ledger::conflict_kind::kUnseen, at_hand.key,
                                  {stored->stamp, stored->origin, views},
                                  {stored->stamp, stored->origin, at_hand.image}));
    (void)id;
  }
  if (state->any_shadows) HL_TRY(state->shadows->NoteWrite(at_hand.key));
  if (state->tracked->in_references) HL_TRY(ledger::Touch(db_, *state->tracked, at_hand.key));
  HL_TRY(Show(state, at_hand));
  return true;
}

}  // namespace harmonylite::apply
