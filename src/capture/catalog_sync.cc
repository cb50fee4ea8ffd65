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
#include "ledger/shadows.h"
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

struct InstalledTriggers {
  std::map<std::string, InstalledTrigger> by_name;
  std::multimap<std::string, std::string> on_table;  // names, by the table's name in lower case

  void Add(std::string name, InstalledTrigger trigger) {
    on_table.emplace(sqlite::FoldCase(trigger.table), name);
    by_name[std::move(name)] = std::move(trigger);
  }
};

Result<InstalledTriggers> LoadTriggers(Connection* db) {
  HL_ASSIGN(auto list,
            db->PrepareCached("SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger' "
                        "AND substr(name, 1, 15) = '__harmonylite__'"));
  InstalledTriggers out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    out.Add(std::string(list->Text(0)), {std::string(list->Text(1)), std::string(list->Text(2))});
  }
}

Result<std::set<std::string>> LoadShadowTables(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                        "AND name GLOB '__harmonylite__s[0-9]*'"));
  std::set<std::string> out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    out.emplace(list->Text(0));
  }
}

// What TriggerName put there; 0 when it was somebody else.
int64_t IdInTriggerName(std::string_view name) {
  constexpr std::string_view prefix = schema::kHiddenPrefix;
  int64_t id = 0;
  if (name.starts_with(prefix)) std::from_chars(name.data() + prefix.size(), name.data() + name.size(), id);
  return id;
}

// `registry` is in the order of its numbers.
const ledger::RegisteredTable* FindById(const std::vector<ledger::RegisteredTable>& registry, int64_t id) {
  const auto it = std::ranges::lower_bound(registry, id, {}, &ledger::RegisteredTable::id);
  return it == registry.end() || it->id != id ? nullptr : &*it;
}

// The number whose AFTER INSERT trigger sits on this table: SQLite moves triggers along with a rename.
const ledger::RegisteredTable* FindByTrigger(const std::vector<ledger::RegisteredTable>& registry,
                                     const InstalledTriggers& triggers, const Table& table) {
  const ledger::RegisteredTable* found = nullptr;
  const auto [first, last] = triggers.on_table.equal_range(sqlite::FoldCase(table.name));
  for (auto on = first; on != last; ++on) {
    const ledger::RegisteredTable* known = FindById(registry, IdInTriggerName(on->second));
    if (known == nullptr || on->second != ledger::TriggerName(known->id, "insert")) continue;
    if (found == nullptr || known->id < found->id) found = known;
  }
  return found;
}

// A table that was dropped and made again, or rebuilt, under its old name.
const ledger::RegisteredTable* FindByName(const std::vector<ledger::RegisteredTable>& registry,
                                  const InstalledTriggers& triggers, const Table& table) {
  for (const ledger::RegisteredTable& known : registry)
    if (SameName(known.name, table.name) &&
        !triggers.by_name.contains(ledger::TriggerName(known.id, "insert")))
      return &known;
  return nullptr;
}

// The same key as before, also when SQLite has renamed a column in it.
bool KeepsKey(const ledger::RegisteredTable& known, const InstalledTriggers& triggers,
              const Table& table) {
  if (known.key == ledger::EncodeKey(table)) return true;
  const auto it = triggers.by_name.find(ledger::TriggerName(known.id, "insert"));
  return it != triggers.by_name.end() && it->second.sql == CaptureTriggers(known.id, table)[0].sql;
}

// Numbers are never used twice: entries of a forgotten table may still be in the journal.
Result<int64_t> NextTableId(Connection* db) {
  return db->QueryInt("SELECT 1 + max((SELECT coalesce(max(id), 0) FROM __harmonylite__tables), "
                      "(SELECT coalesce(max(tbl), 0) FROM __harmonylite__journal))");
}

// Writes what is missing or differs, drops what is no longer wanted. True: something was written.
Result<bool> SyncTriggers(Connection* db, const InstalledTriggers& installed, int64_t id,
                          const Table& table) {
  const std::vector<TriggerText> wanted = CaptureTriggers(id, table);
  bool changed = false;
  const std::string prefix = ledger::TriggerName(id, "");
  for (auto it = installed.by_name.lower_bound(prefix);
       it != installed.by_name.end() && it->first.starts_with(prefix); ++it) {
    const auto& [name, trigger] = *it;
    const bool keep = std::any_of(wanted.begin(), wanted.end(), [&, &name = name, &trigger = trigger](const TriggerText& text) {
      return text.name == name && text.sql == trigger.sql;
    });
    if (keep) continue;
    HL_TRY(db->Exec("DROP TRIGGER " + Quote(name)));
    changed = true;
  }
  for (const TriggerText& text : wanted) {
    const auto it = installed.by_name.find(text.name);
    if (it != installed.by_name.end() && it->second.sql == text.sql) continue;
    HL_TRY(db->Exec(text.sql));
    changed = true;
  }
  return changed;
}

class Sync {
 public:
  Sync(Connection* db, bool first_attach, bool hide_orphans, SyncResult* out)
      : db_(db), first_attach_(first_attach), hide_orphans_(hide_orphans), out_(out) {}

  Result<ledger::TrackedTable> Track(const Table& table) {
    HL_TRY(Read());
    const ledger::RegisteredTable* by_trigger = FindByTrigger(registry_, triggers_, table);
    const ledger::RegisteredTable* known =
        by_trigger != nullptr ? by_trigger : FindByName(registry_, triggers_, table);
    if (known != nullptr && !KeepsKey(*known, triggers_, table)) {
      Report(table, "its key changed: its rows count as new");
      HL_TRY(ledger::DropRegistered(db_, known->id));
      HL_TRY(Read());
      known = nullptr;
    }
    if (known == nullptr) return Adopt(table);
    return Keep(table, *known, triggers_, /*had_triggers=*/by_trigger != nullptr);
  }

 private:
  using Moment = std::pair<int64_t, int64_t>;  // schema's version, rows changed
  Result<Moment> Now() {
    HL_ASSIGN(auto version, db_->PrepareCached("PRAGMA schema_version"));
    HL_ASSIGN(const bool row, version->Step());
    HL_CHECK(row);
    return Moment{version->Int(0), db_->total_changes()};
  }

  // What is registered and installed, again when the table before this one has changed something.
  Status Read() {
    HL_ASSIGN(const Moment now, Now());
    if (read_at_ == now) return Ok();
    HL_ASSIGN(registry_, ledger::LoadRegistry(db_));
    HL_ASSIGN(triggers_, LoadTriggers(db_));
    read_at_ = now;
    return Ok();
  }

  // Read would find this: with many new tables it would read all of them after each.
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
    return {row.id, table, false, row.had_rows, hide_orphans_ && !table.foreign_keys.empty()};
  }

  Result<ledger::TrackedTable> Adopt(const Table& table) {
    ledger::RegisteredTable row;
    HL_ASSIGN(row.id, NextTableId(db_));
    row.name = table.name;
    row.key = ledger::EncodeKey(table);
    row.shapes = {table.columns};
    HL_ASSIGN(const int64_t rows, db_->QueryInt("SELECT EXISTS(SELECT 1 FROM " +
                                                Quote(table.name) + ")"));
    row.had_rows = first_attach_ && rows != 0;
    HL_TRY(ledger::SaveRegistered(db_, row));
    HL_TRY(ledger::CreateVersionTable(db_, row.id, table));
    HL_ASSIGN(const bool written, SyncTriggers(db_, {}, row.id, table));
    HL_CHECK(written);
    ledger::TrackedTable tracked = Unattached(row, table);
    HL_TRY(ledger::SyncShadows(db_, &tracked, table.columns));
    HL_TRY(Remember(row, table));
    Report(table, "is replicated from now on");
    if (rows != 0 && !first_attach_) out_->audits.push_back({row.id});
    return tracked;
  }

  Result<ledger::TrackedTable> Keep(const Table& table, ledger::RegisteredTable row,
                            const InstalledTriggers& triggers, bool had_triggers) {
    ledger::TrackedTable tracked = Unattached(row, table);
    HL_TRY(ledger::SyncShadows(db_, &tracked, row.shapes.empty() ? table.columns : row.shapes.back()));
    HL_ASSIGN(const bool rewritten, SyncTriggers(db_, triggers, row.id, table));
    const bool renamed = row.name != table.name;
    const bool reshaped = row.shapes.empty() || row.shapes.back() != table.columns;
    // Somebody dropped one of the triggers, or made a UNIQUE index through which rows may have been
    // displaced since: what happened until now may be unseen.
    if (!had_triggers || rewritten) out_->audits.push_back({row.id});
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

  Connection* db_;
  bool first_attach_;
  bool hide_orphans_;
  SyncResult* out_;
  std::vector<ledger::RegisteredTable> registry_;
  InstalledTriggers triggers_;
  std::optional<Moment> read_at_;
};

}  // namespace

Result<ledger::Catalog> LoadCatalog(Connection* db, const schema::LoadOptions& options) {
  HL_ASSIGN(schema::Schema schema, schema::Load(db, options));
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  HL_ASSIGN(const InstalledTriggers triggers, LoadTriggers(db));
  HL_ASSIGN(const std::set<std::string> shadow_tables, LoadShadowTables(db));
  ledger::Catalog catalog{schema.version, {}, std::move(schema.skipped), true, {}, false};
  for (Table& table : schema.tables) {
    const ledger::RegisteredTable* known = FindByTrigger(registry, triggers, table);
    if (known == nullptr || !KeepsKey(*known, triggers, table)) {
      catalog.complete = false;
      continue;
    }
    const bool has_shadow_table = shadow_tables.contains(ledger::ShadowTableName(known->id));
    const bool hides = options.hide_orphans && !table.foreign_keys.empty();
    catalog.tables.push_back({known->id, std::move(table), has_shadow_table, known->had_rows, hides});
  }
  // Not before the sync that makes what hiding needs.
  HL_ASSIGN(const int64_t hiding, db->QueryInt("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND "
                                               "name = '__harmonylite__touched'"));
  HL_TRY(ledger::ResolveReferences(db, options.hide_orphans && hiding != 0, &catalog));
  return catalog;
}

Result<SyncResult> SyncCatalog(Connection* db, const schema::LoadOptions& options,
                               bool first_attach) {
  HL_ASSIGN(schema::Schema schema, schema::Load(db, options));
  SyncResult out;
  out.catalog.skipped = std::move(schema.skipped);
  Sync sync(db, first_attach, options.hide_orphans, &out);
  for (const Table& table : schema.tables) {
    HL_ASSIGN(ledger::TrackedTable tracked, sync.Track(table));
    out.catalog.tables.push_back(std::move(tracked));
  }
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
