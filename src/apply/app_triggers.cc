#include "apply/app_triggers.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "schema/schema.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"
#include "sqlite/unreadable.h"

namespace harmonylite::apply {

namespace {

using ledger::Catalog;
using ledger::TrackedTable;
using sqlite::Connection;
using sqlite::PlannedAction;
using sqlite::Quote;
using sqlite::SameName;
using sqlite::Statement;

struct Effects {
  bool replicated = false;
  bool hidden = false;
  std::set<std::string> local;  // tables, in folded case
};

// True for HarmonyLite's own triggers and tables.
bool IsOurs(std::string_view name) {
  return SameName(name.substr(0, schema::kHiddenPrefix.size()), schema::kHiddenPrefix);
}

Result<std::vector<ClassifiedTrigger>> TriggersOf(Connection* db, const std::string& table) {
  HL_ASSIGN(Statement list, db->Prepare("SELECT name, sql FROM main.sqlite_schema WHERE type = "
                                        "'trigger' AND tbl_name = ?1 COLLATE NOCASE"));
  list.Bind(1, table);
  std::vector<ClassifiedTrigger> out;
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return out;
    if (!IsOurs(list.Text(0)))
      out.push_back({std::string(list.Text(0)), std::string(list.Text(1)), {}, {}});
  }
}

// Names, in lower case, of all tables with a trigger of the application. One scan of the schema
// here saves one per table: TriggersOf is called only for these tables.
Result<std::set<std::string>> TablesWithTriggers(Connection* db) {
  HL_ASSIGN(Statement list,
            db->Prepare("SELECT name, tbl_name FROM main.sqlite_schema WHERE type = 'trigger'"));
  std::set<std::string> out;
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return out;
    if (!IsOurs(list.Text(0))) out.insert(sqlite::FoldCase(list.Text(1)));
  }
}

// What each trigger of a table would write. The authorizer lists it while INSERT, UPDATE and DELETE
// statements are compiled, which are never run.
Result<std::map<std::string, Effects>> ListEffects(Connection* db, const Catalog& catalog,
                                                   const schema::Table& table) {
  std::string names;
  std::string nulls;
  std::string sets;
  for (size_t i = table.first_real_column(); i < table.columns.size(); ++i) {
    const std::string& column = table.columns[i];
    names += (names.empty() ? "" : ", ") + Quote(column);
    nulls += nulls.empty() ? "NULL" : ", NULL";
    sets += (sets.empty() ? "" : ", ") + Quote(column) + " = NULL";
  }
  const std::string target = Quote(table.name);
  std::vector<PlannedAction> actions;
  db->EnableTriggers(true);
  const auto list = [&]() -> Status {
    for (const std::string& sql :
         {fmt::format("INSERT INTO {}({}) VALUES({})", target, names, nulls),
          fmt::format("UPDATE {} SET {}", target, sets), "DELETE FROM " + target}) {
      HL_ASSIGN(Statement unused, db->PrepareListing(sql, &actions));
    }
    return Ok();
  };
  Status listed = list();
  db->EnableTriggers(false);
  HL_TRY(std::move(listed));

  std::map<std::string, Effects> out;
  for (const PlannedAction& action : actions) {
    const bool writes = action.kind == PlannedAction::kInsert ||
                        action.kind == PlannedAction::kUpdate ||
                        action.kind == PlannedAction::kDelete;
    // What the capture triggers write counts for nobody.
    if (!writes || action.trigger.empty() || IsOurs(action.trigger)) continue;
    Effects& effects = out[action.trigger];
    if (IsOurs(action.table))
      effects.hidden = true;
    else if (catalog.ByName(action.table) != nullptr)
      effects.replicated = true;
    else
      effects.local.insert(sqlite::FoldCase(action.table));
  }
  return out;
}

TriggerEffect EffectOf(const Effects& does, std::string_view sql) {
  if (does.hidden) return TriggerEffect::kHidden;
  if (does.local.empty()) return TriggerEffect::kReplicated;
  if (does.replicated) return TriggerEffect::kMixed;
  return sqlite::HasWord(sql, "RAISE") ? TriggerEffect::kRefuses : TriggerEffect::kLocal;
}

// Makes the TEMP triggers of one table. `refused` has the names of the application's triggers whose
// stored texts are not what SQLite stores, or cannot be read.
Status InstallFor(Connection* db, const Catalog& catalog, const TrackedTable& tracked,
                  const std::set<std::string>& refused, AppTriggers* out) {
  const schema::Table& table = tracked.table;
  auto triggers = ClassifyTriggers(db, catalog, table);
  if (!triggers.ok() && triggers.error().code() != ErrorCode::kInvalidArgument)
    return std::move(triggers).error();
  if (!triggers.ok()) {
    out->warnings.push_back(fmt::format(
        "the triggers of table {} cannot be compiled here ({}): what they write to tables that are "
        "not replicated is missing for rows of other nodes",
        table.name, triggers.error().message()));
    return Ok();
  }
  for (const ClassifiedTrigger& trigger : *triggers) {
    if (refused.contains(trigger.name)) continue;
    if (const auto why = WhyOff(trigger))
      out->warnings.push_back(
          fmt::format("trigger {} of table {} {}: it does not run for rows of other nodes; {}",
                      trigger.name, table.name, why->what, why->advice));
    if (trigger.effect != TriggerEffect::kLocal) continue;
    Status made = sqlite::CreateTempTrigger(db, {trigger.name, table.name, trigger.sql});
    if (!made.ok() && made.error().code() != ErrorCode::kInvalidArgument) return made;
    if (made.ok()) {
      out->tables_with_triggers.insert(tracked.id);
      continue;
    }
    out->warnings.push_back(fmt::format(
        "trigger {} of table {} does not run for rows of other nodes, because its stored text is "
        "not what its name in sqlite_schema says ({}): drop it and create it again",
        trigger.name, table.name, made.error().message()));
  }
  return Ok();
}

}  // namespace

Status DropTempTriggers(Connection* db) {
  HL_ASSIGN(Statement list,
            db->Prepare("SELECT name FROM sqlite_temp_schema WHERE type = 'trigger'"));
  std::vector<std::string> names;
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) break;
    names.emplace_back(list.Text(0));
  }
  for (const std::string& name : names) HL_TRY(db->Exec("DROP TRIGGER temp." + Quote(name)));
  return Ok();
}

Result<std::vector<ClassifiedTrigger>> ClassifyTriggers(Connection* db, const Catalog& catalog,
                                                        const schema::Table& table) {
  HL_ASSIGN(std::vector<ClassifiedTrigger> triggers, TriggersOf(db, table.name));
  if (triggers.empty()) return triggers;
  HL_ASSIGN(auto effects, ListEffects(db, catalog, table));
  for (ClassifiedTrigger& trigger : triggers) {
    Effects& does = effects[trigger.name];
    trigger.effect = EffectOf(does, trigger.sql);
    trigger.local_tables = std::move(does.local);
  }
  return triggers;
}

std::optional<OffReason> WhyOff(const ClassifiedTrigger& trigger) {
  switch (trigger.effect) {
    case TriggerEffect::kReplicated:
    case TriggerEffect::kLocal:
      return std::nullopt;
    case TriggerEffect::kMixed:
      return OffReason{"writes to replicated and to other tables",
                       "split it in two so that the local part can"};
    case TriggerEffect::kRefuses:
      return OffReason{"writes to tables that are not replicated, but can refuse a row (RAISE)",
                       "split it in two so that the part that writes can"};
    case TriggerEffect::kHidden:
      return OffReason{"writes to the tables of HarmonyLite", "take those writes out of it"};
  }
  return std::nullopt;
}

Result<AppTriggers> InstallAppTriggers(Connection* db, const Catalog& catalog) {
  db->EnableTriggers(false);
  HL_TRY(DropTempTriggers(db));
  HL_ASSIGN(const std::set<std::string> tables, TablesWithTriggers(db));
  AppTriggers out;
  std::set<std::string> refused;
  HL_ASSIGN(const auto problems, sqlite::FindStoredTextProblems(db));
  for (const sqlite::StoredTextProblem& problem : problems) {
    out.warnings.push_back(sqlite::Describe(problem));
    if (problem.type == "trigger") refused.insert(problem.name);
  }
  HL_ASSIGN(const auto unreadable, sqlite::FindUnreadable(db));
  for (const sqlite::UnreadableObject& object : unreadable) {
    if (object.type != "trigger") continue;
    out.warnings.push_back(fmt::format(
        "trigger {} of table {} cannot be read here ({}): what it writes to tables that are not "
        "replicated is missing for rows of other nodes",
        object.name, object.table, object.why));
    refused.insert(object.name);
  }
  for (const TrackedTable& tracked : catalog.tables)
    if (tables.contains(sqlite::FoldCase(tracked.table.name)))
      HL_TRY(InstallFor(db, catalog, tracked, refused, &out));
  return out;
}

}  // namespace harmonylite::apply
