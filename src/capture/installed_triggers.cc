#include "capture/installed_triggers.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ledger/hidden_tables.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using sqlite::Connection;

// RAISE(IGNORE) in an AFTER trigger leaves the row as written, but ends the triggers that would
// fire after it. The trigger that was created last fires first.
Status FindPreceding(Connection* db, InstalledTriggers* triggers) {
  HL_ASSIGN(auto list,
            db->PrepareCached("SELECT lower(tbl_name), rowid FROM sqlite_schema WHERE "
                              "type = 'trigger' AND substr(name, 1, 15) <> '__harmonylite__' AND "
                              "sql LIKE '%raise%ignore%'"));
  std::map<std::string, int64_t> newest;  // such triggers, by their table
  HL_TRY(list->ForEachRow([&](const sqlite::Statement& row) {
    int64_t& place = newest[std::string(row.Text(0))];
    place = std::max(place, row.Int(1));
  }));
  if (newest.empty()) return Ok();
  HL_ASSIGN(auto ours,
            db->PrepareCached("SELECT lower(tbl_name), rowid FROM sqlite_schema WHERE "
                              "type = 'trigger' AND substr(name, 1, 15) = '__harmonylite__'"));
  return ours->ForEachRow([&](const sqlite::Statement& row) {
    const auto it = newest.find(std::string(row.Text(0)));
    if (it != newest.end() && row.Int(1) < it->second) triggers->preceded.insert(it->first);
  });
}

}  // namespace

void InstalledTriggers::Add(std::string name, InstalledTrigger trigger) {
  on_table.emplace(sqlite::FoldCase(trigger.table), name);
  by_name[std::move(name)] = std::move(trigger);
}

void InstalledTriggers::Replace(int64_t id, const schema::Table& table) {
  const std::string prefix = ledger::TriggerName(id, "");
  for (auto it = by_name.lower_bound(prefix);
       it != by_name.end() && it->first.starts_with(prefix);) {
    const auto [first, last] = on_table.equal_range(sqlite::FoldCase(it->second.table));
    const auto on =
        std::find_if(first, last, [&](const auto& one) { return one.second == it->first; });
    if (on != last) on_table.erase(on);
    it = by_name.erase(it);
  }
  for (TriggerText& text : CaptureTriggers(id, table))
    Add(std::move(text.name), {table.name, std::move(text.sql)});
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

int64_t IdInTriggerName(std::string_view name) {
  constexpr std::string_view prefix = schema::kHiddenPrefix;
  int64_t id = 0;
  if (name.starts_with(prefix))
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), id);
  return id;
}

TriggerChange FindTriggerChange(const InstalledTriggers& installed, int64_t id,
                                const schema::Table& table) {
  std::vector<TriggerText> wanted = CaptureTriggers(id, table);
  const bool too_late = installed.preceded.contains(sqlite::FoldCase(table.name));
  TriggerChange out;
  const std::string prefix = ledger::TriggerName(id, "");
  for (auto it = installed.by_name.lower_bound(prefix);
       it != installed.by_name.end() && it->first.starts_with(prefix); ++it) {
    const bool same = std::ranges::any_of(wanted, [&](const TriggerText& text) {
      return text.name == it->first && text.sql == it->second.sql;
    });
    if (!same || too_late) out.drop.push_back(it->first);
  }
  for (TriggerText& text : wanted) {
    const auto it = installed.by_name.find(text.name);
    if (it == installed.by_name.end() || it->second.sql != text.sql || too_late)
      out.create.push_back(std::move(text));
  }
  return out;
}

}  // namespace harmonylite::capture
