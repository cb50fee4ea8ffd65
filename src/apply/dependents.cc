#include "apply/dependents.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/mutant.h"
#include "schema/definition.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"
#include "sqlite/stored_sql.h"

namespace harmonylite::apply {

namespace {

using schema::ObjectId;
using schema::ObjectKind;
using schema::ObjectRow;
using sqlite::Connection;
using sqlite::Quote;

// True if SQLite lacks what only the application may have.
bool IsForeign(const std::string& lacks) {
  for (const char* what : {"function", "collation", "module", "unsafe use"})
    if (lacks.find(what) != std::string::npos) return true;
  return false;
}

// What each statement on a table or view lacks: they compile the triggers that they fire.
using Lacks = std::array<std::optional<std::string>, 4>;

Result<std::string> AssignmentsOf(Connection* db, const std::string& table) {
  HL_ASSIGN(auto list,
            db->Prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden IN (0, 1)"));
  list.Bind(1, table);
  std::string out;
  HL_TRY(list.ForEachRow([&](const sqlite::Statement& row) {
    const std::string column = Quote(row.Text(0));
    out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", column, column);
  }));
  return out;
}

// Compiles with the schema's triggers on, which are off while other nodes' changes are applied.
class TriggersOn {
 public:
  explicit TriggersOn(Connection* db) : db_(db), before_(db->triggers_enabled()) {
    db_->EnableTriggers(true);
  }
  TriggersOn(const TriggersOn&) = delete;
  TriggersOn& operator=(const TriggersOn&) = delete;
  ~TriggersOn() { db_->EnableTriggers(before_); }

 private:
  Connection* db_;  // not owned
  bool before_;
};

Result<Lacks> LacksOf(Connection* db, const std::string& table) {
  const TriggersOn on(db);
  const std::string name = "main." + Quote(table);
  Lacks out;
  HL_ASSIGN(out[0], db->WhatItLacks(fmt::format("SELECT * FROM {}", name)));
  if (out[0]) return out;  // of a view that does not compile, SQLite names no columns
  HL_ASSIGN(const std::string assignments, AssignmentsOf(db, table));
  HL_ASSIGN(out[1], db->WhatItLacks(fmt::format("INSERT INTO {} DEFAULT VALUES", name)));
  HL_ASSIGN(out[2], db->WhatItLacks(fmt::format("DELETE FROM {}", name)));
  if (assignments.empty()) return out;
  HL_ASSIGN(out[3], db->WhatItLacks(fmt::format("UPDATE {} SET {}", name, assignments)));
  return out;
}

// Returns what is lacking now and was not before.
std::optional<std::string> NewlyLacking(const Lacks& before, const Lacks& now) {
  for (size_t i = 0; i < now.size(); ++i)
    if (now[i] && !before[i] && !IsForeign(*now[i])) return now[i];
  return std::nullopt;
}

// Why an object was not made.
struct Refusal {
  std::string why;
  bool clash = false;  // rows of the table have the same values in a UNIQUE index
};

// Returns nothing if the object was made.
Result<std::optional<Refusal>> TryToMake(Connection* db, ObjectKind kind, const std::string& name,
                                         const std::string& table, const std::string& sql) {
  using Why = std::optional<Refusal>;
  HL_TRY(db->Exec("SAVEPOINT __harmonylite__dependent"));
  const auto make = [&]() -> Result<Why> {
    Lacks before;
    if (kind == ObjectKind::kTrigger) {
      HL_ASSIGN(before, LacksOf(db, table));
    }
    HL_TRY(sqlite::CreateObject(db, schema::KindName(kind), {name, table, sql}));
    if (kind == ObjectKind::kIndex || HL_MUTANT(broken_dependents_made)) return Why();
    HL_ASSIGN(Lacks now, LacksOf(db, kind == ObjectKind::kView ? name : table));
    // A view cannot be written.
    if (kind == ObjectKind::kView) now = {now[0]};
    const auto lacking = NewlyLacking(before, now);
    return lacking ? Why(Refusal{*lacking}) : Why();
  };
  Result<Why> made = make();
  const bool refused = !made.ok() && made.error().code() != ErrorCode::kRetryLater;
  if (refused) made = Why(Refusal{made.error().message(), db->constraint_was_unique()});
  if (!made.ok() || *made) HL_TRY(db->Exec("ROLLBACK TO __harmonylite__dependent"));
  HL_TRY(db->Exec("RELEASE __harmonylite__dependent"));
  return made;
}

// Returns a column that the text of an index names and the table has no more. To SQLite a name in
// double quotes that is no column is a string, and an index over that would be another one.
std::optional<std::string> GoneColumn(const ObjectRow& table, const std::string& sql) {
  for (size_t at = 0; at < sql.size(); at += sqlite::TokenLength(sql, at)) {
    if (sql[at] != '"') continue;
    const std::string name =
        sqlite::NameOf(std::string_view(sql).substr(at, sqlite::TokenLength(sql, at)));
    const bool known = std::ranges::any_of(table.columns, [&](const schema::ColumnRow& column) {
      return std::ranges::any_of(
          column.names, [&](const std::string& one) { return sqlite::SameName(one, name); });
    });
    if (known && table.FindLive(name) == nullptr) return name;
  }
  return std::nullopt;
}

}  // namespace

bool Dependents::IsOurs(const ObjectId& key) const {
  return code_ && (key.kind == ObjectKind::kView || key.kind == ObjectKind::kTrigger) &&
         wanted_.contains(key);
}

Status Dependents::Drop(const ObjectId& key) {
  const auto it = present_->find(key);
  HL_TRY(db_->Exec(fmt::format("DROP {} IF EXISTS main.{}", schema::KindName(key.kind),
                               Quote(it->second.row.name()))));
  present_->erase(it);
  return Ok();
}

Status Dependents::DropBroken() {
  std::vector<ObjectId> broken;
  std::map<std::string, Lacks> of_tables;
  for (const auto& [key, have] : *present_) {
    if (!IsOurs(key)) continue;
    const auto owner = present_->find({ObjectKind::kTable, have.row.table});
    const std::string& on = key.kind == ObjectKind::kView ? have.row.name()
                            : owner == present_->end()    ? have.row.table
                                                          : owner->second.row.name();
    auto known = of_tables.find(on);
    if (known == of_tables.end()) {
      HL_ASSIGN(Lacks found, LacksOf(db_, on));
      known = of_tables.emplace(on, std::move(found)).first;
    }
    Lacks lacks = known->second;
    if (key.kind == ObjectKind::kView) lacks = {lacks[0]};
    if (NewlyLacking({}, lacks)) broken.push_back(key);
  }
  for (const ObjectId& key : broken) HL_TRY(Drop(key));
  return Ok();
}

Status Dependents::TakeOff() {
  std::vector<ObjectId> taken;
  for (const auto& [key, have] : *present_) {
    if (!wanted_.contains(key) || key.kind == ObjectKind::kTable || key.kind == ObjectKind::kPragma)
      continue;
    HL_ASSIGN(auto sql, sqlite::StoredSql(db_, schema::KindName(key.kind), have.row.name()));
    if (!sql) continue;
    texts_[key] = std::move(*sql);
    if (IsOurs(key)) taken.push_back(key);
  }
  for (const ObjectId& key : taken) HL_TRY(Drop(key));
  return Ok();
}

void Dependents::NoteText(const ObjectRow& wanted, const std::string& sql) {
  const auto text = texts_.find(wanted.key);
  if (text == texts_.end() || text->second != sql) return;
  if (schema::InOneSpelling(sql) == schema::InOneSpelling(wanted.sql)) return;
  reworded_.push_back(wanted);
  reworded_.back().sql = sql;
}

Result<std::optional<std::string>> Dependents::MakeOf(const ObjectRow& wanted,
                                                      const std::string& sql) {
  const auto owner = wanted_.find({ObjectKind::kTable, wanted.table});
  const std::string& table = owner == wanted_.end() ? wanted.table : owner->second.name();
  if (wanted.key.kind == ObjectKind::kIndex && owner != wanted_.end())
    if (const auto gone = GoneColumn(owner->second, sql))
      return std::optional(fmt::format("table {} has no column {} any more", table, *gone));
  HL_ASSIGN(auto refused, TryToMake(db_, wanted.key.kind, wanted.name(), table, sql));
  if (refused && refused->clash && !HL_MUTANT(clashing_index_left_out)) {
    HL_ASSIGN(const bool room, make_room_(wanted, sql));
    if (room) {
      HL_ASSIGN(refused, TryToMake(db_, wanted.key.kind, wanted.name(), table, sql));
    }
  }
  if (!refused) return std::optional<std::string>();
  return std::optional(refused->why.empty() ? "SQLite refuses it" : std::move(refused->why));
}

// The text that the object had here comes first: SQLite may have changed it.
Result<std::string> Dependents::Make(const ObjectRow& wanted) {
  if (const auto text = texts_.find(wanted.key); text != texts_.end()) {
    HL_ASSIGN(const auto why, MakeOf(wanted, text->second));
    if (!why) {
      NoteText(wanted, text->second);
      return std::string();
    }
  }
  HL_ASSIGN(const auto why, MakeOf(wanted, wanted.sql));
  return why.value_or("");
}

}  // namespace harmonylite::apply
