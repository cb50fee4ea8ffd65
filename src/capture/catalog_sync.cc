#include "capture/catalog_sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
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

struct InstalledTrigger {
  std::string table;
  std::string sql;
};

// Our triggers in the schema.
struct InstalledTriggers {
  std::map<std::string, InstalledTrigger> by_name;
  std::multimap<std::string, std::string> on_table;  // trigger names by their table's folded name
  // Tables, in folded case, on which a trigger of the application fires before ours and may keep
  // them from firing.
  std::set<std::string> preceded;

  void Add(std::string name, InstalledTrigger trigger) {
    on_table.emplace(sqlite::FoldCase(trigger.table), name);
    by_name[std::move(name)] = std::move(trigger);
  }
};

// RAISE(IGNORE) in an AFTER trigger leaves the row as written, but ends the triggers that would
// fire after it. The trigger that was created last fires first.
Status FindPreceding(Connection* db, InstalledTriggers* triggers) {
  HL_ASSIGN(
      auto list,
      db->PrepareCached(
          "SELECT lower(app.tbl_name) FROM sqlite_schema AS app CROSS JOIN sqlite_schema AS ours "
          "ON lower(ours.tbl_name) = lower(app.tbl_name) AND ours.rowid < app.rowid "
          "WHERE app.type = 'trigger' AND substr(app.name, 1, 15) <> '__harmonylite__' AND "
          "app.sql LIKE '%raise%ignore%' AND ours.type = 'trigger' AND "
          "substr(ours.name, 1, 15) = '__harmonylite__'"));
  return list->ForEachRow(
      [&](const sqlite::Statement& row) { triggers->preceded.emplace(row.Text(0)); });
}

Result<InstalledTriggers> LoadTriggers(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached(
                           "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' "
                           "AND substr(name, 1, 15) = '__harmonylite__'"));
  InstalledTriggers out;
  HL_TRY(list->ForEachRow([&](const sqlite::Statement& row) {
    out.Add(std::string(row.Text(0)), {std::string(row.Text(1)), std::string(row.Text(2))});
  }));
  HL_TRY(FindPreceding(db, &out));
  return out;
}

Result<std::set<std::string>> LoadShadowTables(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                         "AND name GLOB '__harmonylite__s[0-9]*'"));
  std::set<std::string> out;
  HL_TRY(list->ForEachRow([&](const sqlite::Statement& row) { out.emplace(row.Text(0)); }));
  return out;
}

// Returns the number that ledger::TriggerName put into a trigger's name; 0 if there is none.
int64_t IdInTriggerName(std::string_view name) {
  constexpr std::string_view prefix = schema::kHiddenPrefix;
  int64_t id = 0;
  if (name.starts_with(prefix))
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), id);
  return id;
}

// Returns the registered table with this number, or null. `registry` is sorted by number.
const ledger::RegisteredTable* FindById(const std::vector<ledger::RegisteredTable>& registry,
                                        int64_t id) {
  const auto it = std::ranges::lower_bound(registry, id, {}, &ledger::RegisteredTable::id);
  return it == registry.end() || it->id != id ? nullptr : &*it;
}

// Returns the registered table whose AFTER INSERT trigger sits on this table, or null. This
// recognises a renamed table, because SQLite moves its triggers along.
const ledger::RegisteredTable* FindByTrigger(const std::vector<ledger::RegisteredTable>& registry,
                                             const InstalledTriggers& triggers,
                                             const Table& table) {
  const ledger::RegisteredTable* found = nullptr;
  const auto [first, last] = triggers.on_table.equal_range(sqlite::FoldCase(table.name));
  for (auto on = first; on != last; ++on) {
    const ledger::RegisteredTable* known = FindById(registry, IdInTriggerName(on->second));
    if (known == nullptr || on->second != ledger::TriggerName(known->id, "insert")) continue;
    if (found == nullptr || known->id < found->id) found = known;
  }
  return found;
}

// Returns the registered table with this name and without its trigger, or null. This recognises a
// table that was dropped and made again, or rebuilt, under its old name.
const ledger::RegisteredTable* FindByName(const std::vector<ledger::RegisteredTable>& registry,
                                          const InstalledTriggers& triggers, const Table& table) {
  for (const ledger::RegisteredTable& known : registry)
    if (SameName(known.name, table.name) &&
        !triggers.by_name.contains(ledger::TriggerName(known.id, "insert")))
      return &known;
  return nullptr;
}

// True if the table still has the row key under which it is registered. If only a column of the key
// was renamed, SQLite has renamed it in the text of the trigger, too, which is then the text that
// would be written today.
bool KeepsKey(const ledger::RegisteredTable& known, const InstalledTriggers& triggers,
              const Table& table) {
  if (known.key == ledger::EncodeKey(table)) return true;
  const auto it = triggers.by_name.find(ledger::TriggerName(known.id, "insert"));
  return it != triggers.by_name.end() && it->second.sql == CaptureTriggers(known.id, table)[0].sql;
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
  const std::vector<TriggerText> wanted = CaptureTriggers(id, table);
  const bool too_late = installed.preceded.contains(sqlite::FoldCase(table.name));
  bool changed = false;
  const std::string prefix = ledger::TriggerName(id, "");
  for (auto it = installed.by_name.lower_bound(prefix);
       it != installed.by_name.end() && it->first.starts_with(prefix); ++it) {
    const auto& [name, trigger] = *it;
    const bool same = std::any_of(wanted.begin(), wanted.end(),
                                  [&, &name = name, &trigger = trigger](const TriggerText& text) {
                                    return text.name == name && text.sql == trigger.sql;
                                  });
    if (same && !too_late) continue;
    HL_TRY(db->Exec("DROP TRIGGER " + Quote(name)));
    changed = true;
  }
  for (const TriggerText& text : wanted) {
    const auto it = installed.by_name.find(text.name);
    if (it != installed.by_name.end() && it->second.sql == text.sql && !too_late) continue;
    HL_TRY(sqlite::CreateTrigger(db, {text.name, table.name, text.sql}));
    changed = true;
  }
  return changed;
}

// Returns the table with what its number decides.
Table Numbered(Table table, int64_t id) {
  if (table.identity) table.identity->map = ledger::RowMapName(id);
  return table;
}

// One run of SyncCatalog.
class Sync {
 public:
  Sync(Connection* db, bool first_attach, bool hide_orphans, SyncResult* out)
      : db_(db), first_attach_(first_attach), hide_orphans_(hide_orphans), out_(out) {}

  // Returns a table of the schema as it is tracked from now on. A table that is recognised, and
  // whose row key is the same, keeps its number and its versions. Any other table starts anew under
  // a new number.
  Result<ledger::TrackedTable> Track(const Table& table) {
    HL_TRY(Read());
    const ledger::RegisteredTable* by_trigger = FindByTrigger(registry_, triggers_, table);
    const ledger::RegisteredTable* known =
        by_trigger != nullptr ? by_trigger : FindByName(registry_, triggers_, table);
    if (known != nullptr && known->key.empty()) {
      const int64_t retired = known->id;
      HL_ASSIGN(ledger::TrackedTable tracked, Adopt(table));
      HL_TRY(ledger::ReplaceRetired(db_, retired, tracked.id));
      return tracked;
    }
    if (known != nullptr && !KeepsKey(*known, triggers_, table)) {
      Report(table, "its key changed: its rows count as new");
      HL_TRY(ledger::DropRegistered(db_, known->id));
      HL_TRY(Read());
      known = nullptr;
    }
    if (known == nullptr) return Adopt(table);
    return Keep(table, *known, triggers_, /*had_triggers=*/by_trigger != nullptr);
  }

  // Takes the triggers from the registered tables that were not tracked: they are not to be
  // replicated any more, and what they journal would be passed over in silence.
  Status LeaveOthers() {
    HL_TRY(Read());
    for (const ledger::RegisteredTable* known :
         TablesToLeave(triggers_, registry_, out_->catalog)) {
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
    HL_ASSIGN(registry_, ledger::LoadRegistry(db_));
    HL_ASSIGN(triggers_, LoadTriggers(db_));
    read_at_ = now;
    return Ok();
  }

  // Notes a new table as Read would find it. With many new tables, Read would otherwise read all of
  // them again after each one.
  Status Remember(const ledger::RegisteredTable& row, const Table& table) {
    registry_.push_back(row);
    for (TriggerText& text : CaptureTriggers(row.id, table))
      triggers_.Add(std::move(text.name), {table.name, std::move(text.sql)});
    HL_ASSIGN(read_at_, Now());
    return Ok();
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
    row.had_rows = first_attach_ && rows != 0;
    HL_TRY(ledger::SaveRegistered(db_, row));
    HL_TRY(ledger::CreateVersionTable(db_, row.id, table));
    HL_ASSIGN(const bool written, SyncTriggers(db_, {}, row.id, table));
    HL_CHECK(written);
    ledger::TrackedTable tracked = Unattached(row, table);
    HL_TRY(ledger::SyncShadows(db_, &tracked));
    HL_TRY(Remember(row, table));
    if (table.identity && rows != 0) out_->row_maps.push_back(row.id);
    Report(table, "is replicated from now on");
    if (rows != 0 && !first_attach_) out_->audits.push_back({row.id, false});
    return tracked;
  }

  // Brings what belongs to a registered table in line with its present name, columns and indexes.
  Result<ledger::TrackedTable> Keep(const Table& table, ledger::RegisteredTable row,
                                    const InstalledTriggers& triggers, bool had_triggers) {
    ledger::TrackedTable tracked = Unattached(row, table);
    HL_TRY(ledger::SyncShadows(db_, &tracked));
    HL_ASSIGN(const bool rewritten, SyncTriggers(db_, triggers, row.id, table));
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
    if (!renamed && !reshaped && row.key == ledger::EncodeKey(table)) return tracked;
    row.name = table.name;
    row.key = ledger::EncodeKey(table);
    if (reshaped) row.shapes.push_back(table.columns);
    HL_TRY(ledger::SaveRegistered(db_, row));
    return tracked;
  }

  Connection* db_;  // not owned
  bool first_attach_;
  bool hide_orphans_;
  SyncResult* out_;  // not owned
  std::vector<ledger::RegisteredTable> registry_;
  InstalledTriggers triggers_;
  std::optional<Moment> read_at_;  // when registry_ and triggers_ were right; unset before a read
};

schema::LoadOptions WithObjects(schema::LoadOptions options) {
  options.objects = true;
  return options;
}

}  // namespace

Result<ledger::Catalog> LoadCatalog(Connection* db, const schema::LoadOptions& options) {
  HL_ASSIGN(schema::Schema schema, schema::Load(db, WithObjects(options)));
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

Result<SyncResult> SyncCatalog(Connection* db, const schema::LoadOptions& options,
                               bool first_attach) {
  HL_ASSIGN(schema::Schema schema, schema::Load(db, WithObjects(options)));
  SyncResult out;
  out.catalog.skipped = std::move(schema.skipped);
  Sync sync(db, first_attach, options.hide_orphans, &out);
  for (const Table& table : schema.tables) {
    HL_ASSIGN(ledger::TrackedTable tracked, sync.Track(table));
    out.catalog.tables.push_back(std::move(tracked));
  }
  HL_TRY(sync.LeaveOthers());
  HL_TRY(ledger::ResolveReferences(db, options.hide_orphans, &out.catalog));
  HL_TRY(ledger::SyncReferenceTables(db, options.hide_orphans));
  HL_ASSIGN(out.catalog.schema_version, db->QueryInt("PRAGMA schema_version"));
  return out;
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
