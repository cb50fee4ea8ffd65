#include "capture/catalog_sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "capture/audit.h"
#include "capture/trigger_text.h"
#include "ledger/hidden_tables.h"
#include "ledger/references.h"
#include "ledger/registry.h"
#include "ledger/row_identity.h"
#include "ledger/schema_table.h"
#include "ledger/shadows.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using schema::Table;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::SameName;

Result<std::set<std::string>> LoadShadowTables(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                         "AND name GLOB '__harmonylite__s[0-9]*'"));
  std::set<std::string> out;
  HL_TRY(list->ForEachRow([&](const sqlite::Statement& row) { out.emplace(row.Text(0)); }));
  return out;
}

// Returns a new number. No number is used twice, because the journal may still hold entries of a
// table that was dropped.
Result<int64_t> NextTableId(Connection* db) {
  return db->QueryInt(
      "SELECT 1 + max((SELECT coalesce(max(id), 0) FROM __harmonylite__tables), "
      "(SELECT coalesce(max(tbl), 0) FROM __harmonylite__journal))");
}

// Returns the registered tables that have triggers although the catalog does not have them.
std::set<const ledger::RegisteredTable*> TablesToLeave(
    const InstalledTriggers& triggers, const std::vector<ledger::RegisteredTable>& registry,
    const ledger::Catalog& catalog) {
  std::set<int64_t> tracked;
  for (const ledger::TrackedTable& table : catalog.tables) tracked.insert(table.id);
  std::set<const ledger::RegisteredTable*> out;
  for (const auto& [name, trigger] : triggers.by_name) {
    const ledger::RegisteredTable* known = FindById(registry, IdInTriggerName(name));
    if (known != nullptr && !tracked.contains(known->id)) out.insert(known);
  }
  return out;
}

// Writes the triggers that are missing, differ or fire too late, and drops those that are no longer
// wanted. Returns true if it changed anything.
Result<bool> SyncTriggers(Connection* db, const InstalledTriggers& installed, int64_t id,
                          const Table& table) {
  const TriggerChange change = FindTriggerChange(installed, id, table);
  for (const std::string& name : change.drop) HL_TRY(db->Exec("DROP TRIGGER " + Quote(name)));
  for (const TriggerText& text : change.create)
    HL_TRY(sqlite::CreateTrigger(db, {text.name, table.name, text.sql}));
  return !change.empty();
}

// One run of SyncCatalog or AdoptSome.
class Sync {
 public:
  // `plan` and `out` are not owned.
  Sync(Connection* db, Rows rows, bool hide_orphans, SyncPlan* plan, SyncResult* out)
      : db_(db), rows_(rows), hide_orphans_(hide_orphans), plan_(plan), out_(out) {}

  // Call first.
  Status Begin() {
    HL_ASSIGN(read_at_, Now());
    return Ok();
  }

  // Returns a table of the schema as it is tracked from now on. A table that is recognised, and
  // whose row key is the same, keeps its number and its versions. Any other table starts anew under
  // a new number.
  Result<ledger::TrackedTable> Track(const Table& table) {
    HL_TRY(Read());
    const ledger::RegisteredTable* by_trigger =
        FindByTrigger(plan_->registry, plan_->triggers, table);
    const ledger::RegisteredTable* known =
        by_trigger != nullptr ? by_trigger : FindByName(plan_->registry, plan_->triggers, table);
    if (known != nullptr && known->key.empty()) {
      const int64_t retired = known->id;
      HL_ASSIGN(ledger::TrackedTable tracked, Adopt(table));
      HL_TRY(ledger::ReplaceRetired(db_, retired, tracked.id));
      return tracked;
    }
    if (known != nullptr && rows_ == Rows::kFromBefore) {
      HL_TRY(Drop(*known));
      known = nullptr;
    }
    if (known != nullptr && !KeepsKey(*known, plan_->triggers, table)) {
      Report(table, "its key changed: its rows count as new");
      HL_TRY(Drop(*known));
      known = nullptr;
    }
    if (known == nullptr) return Adopt(table);
    return Keep(table, *known, /*had_triggers=*/by_trigger != nullptr);
  }

  // Takes the triggers from the registered tables that were not tracked: they are not to be
  // replicated any more, and what they journal would be passed over in silence.
  Status LeaveOthers() {
    HL_TRY(Read());
    for (const ledger::RegisteredTable* known :
         TablesToLeave(plan_->triggers, plan_->registry, out_->catalog)) {
      HL_TRY(ledger::DropTriggers(db_, known->id));
      HL_TRY(ledger::UnsettleUnpublished(db_, known->id));
      out_->changes.push_back({known->name, "is not replicated any more"});
    }
    return Ok();
  }

 private:
  // The schema version, and the number of rows that this connection has changed. While both stay
  // the same, so does everything that Read reads.
  using Moment = std::pair<int64_t, int64_t>;
  Result<Moment> Now() {
    HL_ASSIGN(auto version, db_->PrepareCached("PRAGMA schema_version"));
    HL_ASSIGN(const bool row, version->Step());
    HL_CHECK(row);
    return Moment{version->Int(0), db_->total_changes()};
  }

  // Reads what is registered and installed, unless nothing has changed since it was last read.
  Status Read() {
    HL_ASSIGN(const Moment now, Now());
    if (read_at_ == now) return Ok();
    HL_ASSIGN(plan_->registry, ledger::LoadRegistry(db_));
    HL_ASSIGN(plan_->triggers, LoadTriggers(db_));
    read_at_ = now;
    return Ok();
  }

  // Notes a table that was written as Read would find it. With many tables, Read would otherwise
  // read all of them again after each one.
  Status Remember(const ledger::RegisteredTable& row, const Table& table) {
    const auto known =
        std::ranges::lower_bound(plan_->registry, row.id, {}, &ledger::RegisteredTable::id);
    if (known != plan_->registry.end() && known->id == row.id)
      *known = row;
    else
      plan_->registry.insert(known, row);
    plan_->triggers.Replace(row.id, table);
    HL_ASSIGN(read_at_, Now());
    return Ok();
  }

  Status Drop(const ledger::RegisteredTable& known) {
    HL_TRY(ledger::DropRegistered(db_, known.id));
    return Read();
  }

  void Report(const Table& table, std::string what) {
    out_->changes.push_back({table.name, std::move(what)});
  }

  ledger::TrackedTable Unattached(const ledger::RegisteredTable& row, const Table& table) const {
    const bool hides = hide_orphans_ && !table.foreign_keys.empty();
    return {row.id, Numbered(table, row.id), false, row.had_rows, hides};
  }

  // Registers a new table, and makes its hidden tables and triggers.
  Result<ledger::TrackedTable> Adopt(const Table& table) {
    ledger::RegisteredTable row;
    HL_ASSIGN(row.id, NextTableId(db_));
    row.name = table.name;
    row.key = ledger::EncodeKey(table);
    row.shapes = {table.columns};
    HL_ASSIGN(const int64_t rows,
              db_->QueryInt("SELECT EXISTS(SELECT 1 FROM " + Quote(table.name) + ")"));
    row.had_rows = rows_ == Rows::kFromBefore && rows != 0;
    HL_TRY(ledger::SaveRegistered(db_, row));
    HL_TRY(ledger::CreateVersionTable(db_, row.id, table));
    HL_ASSIGN(const bool written, SyncTriggers(db_, {}, row.id, table));
    HL_CHECK(written);
    ledger::TrackedTable tracked = Unattached(row, table);
    HL_TRY(ledger::SyncShadows(db_, &tracked));
    HL_TRY(Remember(row, table));
    if (table.identity && rows != 0) out_->row_maps.push_back(row.id);
    Report(table, "is replicated from now on");
    if (rows != 0 && rows_ == Rows::kNew) out_->audits.push_back({row.id, false});
    return tracked;
  }

  // Brings what belongs to a registered table in line with its present name, columns and indexes.
  Result<ledger::TrackedTable> Keep(const Table& table, ledger::RegisteredTable row,
                                    bool had_triggers) {
    ledger::TrackedTable tracked = Unattached(row, table);
    HL_TRY(ledger::SyncShadows(db_, &tracked));
    HL_ASSIGN(const bool rewritten, SyncTriggers(db_, plan_->triggers, row.id, table));
    const bool renamed = row.name != table.name;
    const bool reshaped = row.shapes.empty() || row.shapes.back() != table.columns;
    // Somebody may have dropped a trigger, or made a UNIQUE index through which rows were displaced
    // since. Changes may have gone unseen until now, and an audit finds them.
    if (!had_triggers || rewritten) {
      out_->audits.push_back({row.id, !had_triggers});
      if (table.identity) out_->row_maps.push_back(row.id);
    }
    if (renamed) Report(table, "was renamed from " + row.name);
    if (reshaped) Report(table, "has other columns now");
    if (rewritten && !renamed) Report(table, "has its triggers written anew");
    if (renamed || reshaped || row.key != ledger::EncodeKey(table)) {
      row.name = table.name;
      row.key = ledger::EncodeKey(table);
      if (reshaped) row.shapes.push_back(table.columns);
      HL_TRY(ledger::SaveRegistered(db_, row));
    }
    HL_TRY(Remember(row, table));
    return tracked;
  }

  Connection* db_;  // not owned
  Rows rows_;
  bool hide_orphans_;
  SyncPlan* plan_;                 // not owned; its registry and triggers are kept right
  SyncResult* out_;                // not owned
  std::optional<Moment> read_at_;  // when they were right; unset before Begin
};

}  // namespace

Result<ledger::Catalog> LoadCatalog(Connection* db, const schema::LoadOptions& options) {
  HL_ASSIGN(schema::Schema schema, LoadWithObjects(db, options));
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  HL_ASSIGN(const InstalledTriggers triggers, LoadTriggers(db));
  HL_ASSIGN(const std::set<std::string> shadow_tables, LoadShadowTables(db));
  HL_ASSIGN(const bool rowids_changed, ledger::RowidsChanged(db));
  ledger::Catalog catalog{schema.version,  {}, std::move(schema.skipped),
                          !rowids_changed, {}, false};
  for (Table& table : schema.tables) {
    const ledger::RegisteredTable* known = FindByTrigger(registry, triggers, table);
    if (known == nullptr || !KeepsKey(*known, triggers, table)) {
      catalog.complete = false;
      continue;
    }
    const bool has_shadow_table = shadow_tables.contains(ledger::ShadowTableName(known->id));
    const bool hides = options.hide_orphans && !table.foreign_keys.empty();
    catalog.tables.push_back({known->id, Numbered(std::move(table), known->id), has_shadow_table,
                              known->had_rows, hides});
  }
  catalog.complete = catalog.complete && TablesToLeave(triggers, registry, catalog).empty();
  // Orphans can be hidden only after the sync that makes the tables which hiding needs.
  HL_ASSIGN(const bool hiding, ledger::HasHiddenTable(db, "__harmonylite__touched"));
  HL_TRY(ledger::ResolveReferences(db, options.hide_orphans && hiding, &catalog));
  HL_TRY(ledger::NoteObjects(db, &catalog));
  return catalog;
}

Result<SyncResult> SyncCatalog(Connection* db, const schema::LoadOptions& options, Rows rows,
                               SyncPlan plan) {
  SyncResult out;
  out.catalog.skipped = std::move(plan.skipped);
  Sync sync(db, rows, options.hide_orphans, &plan, &out);
  HL_TRY(sync.Begin());
  for (PlannedTable& planned : plan.tables) {
    if (!planned.settled) {
      HL_ASSIGN(planned.tracked, sync.Track(planned.tracked.table));
    }
    out.catalog.tables.push_back(std::move(planned.tracked));
  }
  HL_TRY(sync.LeaveOthers());
  HL_TRY(ledger::ResolveReferences(db, options.hide_orphans, &out.catalog, plan.indexed));
  HL_TRY(ledger::SyncReferenceTables(db, options.hide_orphans));
  HL_ASSIGN(out.catalog.schema_version, db->QueryInt("PRAGMA schema_version"));
  return out;
}

Result<SyncResult> SyncCatalog(Connection* db, const schema::LoadOptions& options,
                               bool first_attach) {
  HL_ASSIGN(SyncPlan plan, PlanSync(db, options));
  return SyncCatalog(db, options, first_attach ? Rows::kFromBefore : Rows::kNew, std::move(plan));
}

Result<bool> AdoptSome(Connection* db, const schema::LoadOptions& options,
                       const std::function<bool()>& enough, SyncPlan* plan) {
  SyncResult found;
  Sync sync(db, Rows::kFromBefore, options.hide_orphans, plan, &found);
  HL_TRY(sync.Begin());
  bool all = true;
  bool adopted = false;
  for (PlannedTable& planned : plan->tables) {
    if (planned.settled || planned.tracked.table.identity) continue;
    all = !std::exchange(adopted, true) || !enough();
    if (!all) break;
    HL_ASSIGN(planned.tracked, sync.Track(planned.tracked.table));
    planned.settled = true;
  }
  HL_ASSIGN(plan->schema_version, db->QueryInt("PRAGMA schema_version"));
  return all;
}

Status ForgetJournaled(Connection* db, const ledger::Catalog& catalog) {
  HL_TRY(
      db->Exec("UPDATE __harmonylite__tables SET had_rows = 1 WHERE id IN (SELECT tbl FROM "
               "__harmonylite__journal)"));
  HL_TRY(db->Exec("DELETE FROM __harmonylite__journal WHERE id > 1"));
  std::set<int64_t> tracked;
  for (const ledger::TrackedTable& table : catalog.tables) tracked.insert(table.id);
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  for (const ledger::RegisteredTable& known : registry)
    if (!tracked.contains(known.id)) HL_TRY(ledger::DropRegistered(db, known.id));
  return Ok();
}

Status PrepareAudits(Connection* db, const Clock& clock, Lseq folded_to, const SyncResult& sync) {
  for (const PendingAudit& audit : sync.audits) {
    const ledger::TrackedTable* tracked = sync.catalog.ById(audit.table_id);
    HL_CHECK(tracked != nullptr);
    HL_TRY(JournalUnfolded(db, *tracked, folded_to, clock));
  }
  return Ok();
}

Status RunAudits(Connection* db, const Clock& clock, SyncResult* sync) {
  if (sync->audits.empty()) return Ok();
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  for (const PendingAudit& audit : sync->audits) {
    const ledger::TrackedTable* tracked = sync->catalog.ById(audit.table_id);
    HL_CHECK(tracked != nullptr);
    for (const ledger::RegisteredTable& row : registry) {
      if (row.id != audit.table_id) continue;
      HL_ASSIGN(const AuditReport report, AuditTable(db, *tracked, row, clock));
      if (audit.had_no_triggers && report.unversioned > 0)
        sync->changes.push_back(
            {tracked->table.name,
             fmt::format("has {} rows that nobody has written since HarmonyLite was first started, "
                         "or that were inserted while it had no triggers: they are sent when "
                         "they are written again",
                         report.unversioned)});
      if (report.journaled == 0) continue;
      sync->changes.push_back({tracked->table.name,
                               fmt::format("had {} rows written while it had no triggers: they are "
                                           "sent as new writes",
                                           report.journaled)});
    }
  }
  return Ok();
}

}  // namespace harmonylite::capture
