#include "capture/sync_plan.h"

#include <algorithm>
#include <utility>

#include "ledger/hidden_tables.h"
#include "ledger/row_identity.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using ledger::RegisteredTable;
using schema::Table;
using sqlite::Connection;

// Returns whether a registered table and all that belongs to it is as a sync would leave it. Rows
// that are kept aside make it false, because a sync looks at them again.
Result<bool> IsInLine(Connection* db, const RegisteredTable& known,
                      const InstalledTriggers& triggers, ledger::TrackedTable* tracked) {
  const Table& table = tracked->table;
  if (known.key.empty() || known.key != ledger::EncodeKey(table) || known.name != table.name ||
      known.shapes.empty() || known.shapes.back() != table.columns)
    return false;
  if (!FindTriggerChange(triggers, known.id, table).empty()) return false;
  return ledger::ShadowsInLine(db, tracked);
}

Result<PlannedTable> PlanTable(Connection* db, const SyncPlan& plan, bool hide_orphans,
                               Table table) {
  PlannedTable out;
  const RegisteredTable* known = FindByTrigger(plan.registry, plan.triggers, table);
  out.tracked.table = std::move(table);
  if (known == nullptr) return out;
  ledger::TrackedTable& tracked = out.tracked;
  tracked.id = known->id;
  tracked.had_rows = known->had_rows;
  tracked.hides_orphans = hide_orphans && !tracked.table.foreign_keys.empty();
  HL_ASSIGN(out.settled, IsInLine(db, *known, plan.triggers, &tracked));
  if (out.settled) tracked.table = Numbered(std::move(tracked.table), known->id);
  return out;
}

}  // namespace

Result<schema::Schema> LoadWithObjects(Connection* db, schema::LoadOptions options) {
  options.objects = true;
  return schema::Load(db, options);
}

Table Numbered(Table table, int64_t id) {
  if (table.identity) table.identity->map = ledger::RowMapName(id);
  return table;
}

const RegisteredTable* FindById(const std::vector<RegisteredTable>& registry, int64_t id) {
  const auto it = std::ranges::lower_bound(registry, id, {}, &RegisteredTable::id);
  return it == registry.end() || it->id != id ? nullptr : &*it;
}

const RegisteredTable* FindByTrigger(const std::vector<RegisteredTable>& registry,
                                     const InstalledTriggers& triggers, const Table& table) {
  const RegisteredTable* found = nullptr;
  const auto [first, last] = triggers.on_table.equal_range(sqlite::FoldCase(table.name));
  for (auto on = first; on != last; ++on) {
    const RegisteredTable* known = FindById(registry, IdInTriggerName(on->second));
    if (known == nullptr || on->second != ledger::TriggerName(known->id, "insert")) continue;
    if (found == nullptr || known->id < found->id) found = known;
  }
  return found;
}

const RegisteredTable* FindByName(const std::vector<RegisteredTable>& registry,
                                  const InstalledTriggers& triggers, const Table& table) {
  for (const RegisteredTable& known : registry)
    if (sqlite::SameName(known.name, table.name) &&
        !triggers.by_name.contains(ledger::TriggerName(known.id, "insert")))
      return &known;
  return nullptr;
}

bool KeepsKey(const RegisteredTable& known, const InstalledTriggers& triggers, const Table& table) {
  if (known.key == ledger::EncodeKey(table)) return true;
  const auto it = triggers.by_name.find(ledger::TriggerName(known.id, "insert"));
  return it != triggers.by_name.end() && it->second.sql == CaptureTriggers(known.id, table)[0].sql;
}

Result<SyncPlan> PlanSync(Connection* db, const schema::LoadOptions& options) {
  HL_ASSIGN(schema::Schema schema, LoadWithObjects(db, options));
  SyncPlan plan;
  plan.schema_version = schema.version;
  plan.skipped = std::move(schema.skipped);
  HL_ASSIGN(const bool installed, ledger::HasHiddenTable(db, "__harmonylite__tables"));
  if (installed) {
    HL_ASSIGN(plan.registry, ledger::LoadRegistry(db));
    HL_ASSIGN(plan.triggers, LoadTriggers(db));
  }
  for (Table& table : schema.tables) {
    HL_ASSIGN(PlannedTable planned, PlanTable(db, plan, options.hide_orphans, std::move(table)));
    if (planned.settled) HL_TRY(ledger::FindIndexes(db, planned.tracked, &plan.indexed));
    plan.tables.push_back(std::move(planned));
  }
  return plan;
}

}  // namespace harmonylite::capture
