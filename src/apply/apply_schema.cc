// The part of the applier that knows the schema: where the rows of a batch belong, and what a batch
// changes in the schema. See applier.h.
#include <algorithm>
#include <utility>

#include "apply/applier.h"
#include "capture/journal.h"
#include "ledger/conflict_log.h"
#include "ledger/references.h"
#include "ledger/registry.h"
#include "ledger/schema_table.h"
#include "sqlite/identifier.h"

namespace harmonylite::apply {

using change::RowView;
using change::TableShape;
using change::ValueView;

namespace {

// Returns a table as a batch has it.
ledger::TrackedTable AsSent(int64_t id, const std::string& name, const TableShape& shape) {
  ledger::TrackedTable out;
  out.id = id;
  out.table.name = name;
  out.table.columns = shape.columns;
  for (const uint32_t at : shape.key) out.table.key.push_back({shape.columns[at], "BINARY", false});
  return out;
}

// Returns a table that was dropped here. The list of conflicts has a name for it as long as its
// number is known. If it is not, its rows are set aside on their own node at least.
Result<std::optional<ledger::TrackedTable>> FindDropped(sqlite::Connection* db,
                                                        const TableShape& shape) {
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  for (const ledger::RegisteredTable& known : registry)
    if (known.key.empty() && sqlite::SameName(known.name, shape.name))
      return std::optional(AsSent(known.id, known.name, shape));
  return std::optional<ledger::TrackedTable>();
}

}  // namespace

Status Applier::Resolve(const Context& context, Target* target) {
  SenderSaw saw;
  // A change that is not known here was taken over by a later incarnation of its node, and came
  // under that one's name.
  saw.change = [&](const Origin& origin, Lseq lseq) {
    return context.seen.Covers(origin, lseq) || !context.have.Covers(origin, lseq);
  };
  saw.object = [&](const schema::ObjectId& object) -> Result<bool> {
    const ledger::TrackedTable* objects = ledger::SchemaTable(catalog_);
    if (objects == nullptr) return true;
    HL_ASSIGN(TableState * state, StateOf(*objects));
    const change::Row key = ledger::KeyOf(object);
    HL_ASSIGN(const auto version, state->writer.FindVersion(change::Views(key)));
    if (!version) return true;
    HL_ASSIGN(const Origin origin, context.origins.At(version->origin));
    return context.seen.Covers(origin, version->lseq);
  };
  HL_ASSIGN(target->map,
            MapShape(db_, catalog_, objects_, target->shape, context.options.follows, saw));
  target->sets_aside = target->map.tracked == nullptr;
  if (const ledger::TrackedTable* rekeyed = target->map.rekeyed) {
    target->aside = AsSent(rekeyed->id, rekeyed->table.name, target->shape);
  } else if (target->sets_aside) {
    HL_ASSIGN(target->aside, FindDropped(db_, target->shape));
  }
  if (target->sets_aside) return Ok();
  HL_ASSIGN(target->state, StateOf(*target->map.tracked));
  TableState* state = target->state;
  target->instead_of_null = nullptr;
  if (context.options.follows != schema::Follow::kOff) {
    if (!state->instead_of_null) {
      HL_ASSIGN(state->instead_of_null, ledger::LoadNotNullDefaults(db_, state->tracked->table));
    }
    target->instead_of_null = &*state->instead_of_null;
  }
  state->any_shadows = false;
  if (!state->shadows) return Ok();
  HL_ASSIGN(state->any_shadows, state->shadows->Any());
  return Ok();
}

// Following a change of the schema sets another catalog, and tables of the batch that were resolved
// before are looked for again.
Result<Applier::Target*> Applier::TargetOf(const RowView& row, Context* context) {
  Target* target = &context->tables[row.table];
  if (target->state == nullptr && !target->sets_aside) HL_TRY(Resolve(*context, target));
  return target;
}

Status Applier::SetAside(const RowView& row, const Target& target, const Context& context) {
  if (row.deleted || !target.aside) return Ok();
  std::vector<ValueView> key;
  for (const uint32_t at : target.shape.key) key.push_back(row.values[at]);
  const ledger::OriginIndex writer = context.covers[row.cover];
  const auto kind = target.map.rekeyed != nullptr ? ledger::conflict_kind::kFormerKey
                                                  : ledger::conflict_kind::kDropped;
  HL_ASSIGN([[maybe_unused]] const int64_t id,
            ledger::AddConflict(db_, *target.aside, kind, key, {row.stamp, writer, row.values},
                                {row.stamp, writer, {}}));
  return Ok();
}

Status Applier::NoteConcurrent(const Target& target, const StoredVersion& stored,
                               bool incoming_wins, Context* context) {
  const RowAtHand& at_hand = context->at_hand;
  if (stored.deleted || at_hand.image.empty()) return Ok();
  HL_ASSIGN(const auto row, target.state->writer.ReadRow(at_hand.key));
  if (!row) return Ok();
  HL_ASSIGN(schema::ObjectRow ours, ledger::ObjectOf(change::Views(*row)));
  HL_ASSIGN(schema::ObjectRow theirs, ledger::ObjectOf(at_hand.image));
  if (incoming_wins) std::swap(ours, theirs);
  context->schema.concurrent.push_back({std::move(ours), std::move(theirs)});
  return Ok();
}

Status Applier::KeepShadowed(int64_t table_id, const std::vector<change::NamedImage>& rows) {
  const ledger::TrackedTable* tracked = catalog_.ById(table_id);
  if (tracked == nullptr || !tracked->has_shadow_table)
    return MakeError(ErrorCode::kSchemaMismatch,
                     "rows of a table that gets another key have the same unique values");
  const schema::Table& table = tracked->table;
  HL_ASSIGN(TableState * state, StateOf(*tracked));
  for (const change::NamedImage& row : rows) {
    std::vector<ValueView> image(table.columns.size(), ValueView::Null());
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const auto at = std::ranges::find(row.columns, table.columns[i]);
      if (at != row.columns.end()) image[i] = row.values[at - row.columns.begin()];
    }
    std::vector<ValueView> key;
    for (const uint32_t at : table.key_positions) key.push_back(image[at]);
    if (std::ranges::any_of(
            key, [](const ValueView& value) { return value.type == change::ValueType::kNull; }))
      return MakeError(ErrorCode::kConflict,
                       "table {}: rows with NULL in their keys have the same unique values",
                       table.name);
    HL_TRY(state->shadows->Put(key, image, std::nullopt));
    if (tracked->in_references) HL_TRY(ledger::Touch(db_, *tracked, key));
  }
  return Ok();
}

Status Applier::FollowSchema(Context* context) {
  const bool any = context->objects_written || !context->schema.concurrent.empty();
  if (!any || !context->options.follow) return Ok();
  // What is united here must be newer than what it unites.
  HL_TRY(capture::RaiseClock(db_, context->header.max_stamp));
  HL_TRY(context->options.follow(context->schema));
  context->objects_written = false;
  context->schema.concurrent.clear();
  for (Target& target : context->tables) target.state = nullptr;
  return Ok();
}

}  // namespace harmonylite::apply
