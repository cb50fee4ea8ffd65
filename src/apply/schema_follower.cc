#include "apply/schema_follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "apply/set_aside.h"
#include "apply/table_ddl.h"
#include "ledger/registry.h"
#include "schema/definition.h"
#include "schema/name_clash.h"
#include "schema/object_row.h"
#include "schema/table_text.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/stored_sql.h"

namespace harmonylite::apply {

namespace {

using ledger::SeenObject;
using schema::ObjectId;
using schema::ObjectKind;
using schema::ObjectRow;
using sqlite::Quote;
using sqlite::SameName;

// Begins names that no table keeps.
constexpr const char* kRenamed = "__harmonylite__renamed";

bool IsCode(ObjectKind kind) { return kind == ObjectKind::kView || kind == ObjectKind::kTrigger; }

std::string Title(const ObjectRow& row) {
  return fmt::format("{} {}", schema::KindName(row.key.kind), row.name());
}

// Leaves out views and indexes whose names tables have.
void LeaveNameless(ledger::ObjectRows* wanted, FollowReport* report) {
  for (const ObjectId& key : schema::WithoutAName(*wanted)) {
    const auto row = wanted->find(key);
    report->left_out[Title(row->second)] = "a table or view has its name";
    wanted->erase(row);
  }
}

}  // namespace

Result<FollowReport> SchemaFollower::Run(const AmongApplied& among) {
  if (options_.follow == schema::Follow::kOff) return FollowReport();
  among_ = &among;
  HL_ASSIGN(all_, ledger::LoadObjects(db_));
  wanted_ = all_;
  std::erase_if(wanted_, [](const auto& row) { return row.second.dropped(); });
  HL_ASSIGN(ledger::SeenSchema file, ledger::LoadSeen(db_));
  present_ = std::move(file.objects);
  LeaveReserved();
  LeaveNameless(&wanted_, &report_);
  dependents_.emplace(
      db_, wanted_, options_.code, &present_,
      [this](const Row& index, const std::string& sql) { return room_.MakeRoom(index, sql); });
  HL_TRY(DropWhatDiffers());
  HL_ASSIGN(const bool change, TablesChange());
  if (change) HL_TRY(BringTablesInLine());
  for (const Step step : {&SchemaFollower::CreateTables, &SchemaFollower::CreateOthers,
                          &SchemaFollower::SetPragmas, &SchemaFollower::CheckTables})
    HL_TRY((this->*step)());
  report_.reworded = dependents_->reworded();
  report_.clashing = room_.Take();
  return std::move(report_);
}

Result<bool> SchemaFollower::TablesChange() {
  for (const auto& [key, have] : present_) {
    if (key.kind != ObjectKind::kTable) continue;
    const auto wanted = wanted_.find(key);
    if (wanted == wanted_.end() ? Drops() : have.row.name() != wanted->second.name()) return true;
    if (wanted == wanted_.end()) continue;
    if (Drops() && !LostColumns(have.row, wanted->second).empty()) return true;
    HL_ASSIGN(const bool in_line, IsInLine(db_, wanted->second, !Drops()));
    if (!in_line) return true;
    if (schema::IsVirtual(have.row.sql)) continue;
    HL_ASSIGN(const bool in_order, IsInOrder(db_, wanted->second));
    if (!in_order) return true;
  }
  return false;
}

Status SchemaFollower::BringTablesInLine() {
  HL_TRY(SetAside());
  HL_TRY(dependents_->DropBroken());
  HL_TRY(RenameTables());
  HL_TRY(dependents_->TakeOff());
  HL_TRY(DropTables());
  return ChangeTables();
}

void SchemaFollower::Done(const ObjectRow& row, std::string_view what) {
  report_.done.push_back(fmt::format("{}: {}", Title(row), what));
}

void SchemaFollower::LeaveReserved() {
  const auto is_reserved = [&](const ObjectRow& row) {
    const auto owner = all_.find({ObjectKind::kTable, row.table});
    const std::string& table = owner == all_.end() ? row.table : owner->second.name();
    return schema::IsReserved(row.name()) || schema::IsReserved(table);
  };
  for (const auto& [key, row] : all_) {
    if (!is_reserved(row)) continue;
    wanted_.erase(key);
    present_.erase(key);
    report_.left_out[Title(row)] = "its name, or its table's, is reserved";
  }
}

// Indexes, views and triggers have nothing to lose, so one that differs is dropped and made anew.
// That comes first, because they stand in the way of what is done with tables.
Status SchemaFollower::DropWhatDiffers() {
  for (const ObjectKind kind : {ObjectKind::kTrigger, ObjectKind::kIndex, ObjectKind::kView})
    for (auto it = present_.begin(); it != present_.end();) {
      const ObjectRow& have = it->second.row;
      const auto wanted = wanted_.find(it->first);
      const bool differs =
          wanted == wanted_.end() ? Drops() : !schema::SameObject(have, wanted->second);
      if (it->first.kind != kind || !differs || (IsCode(kind) && !options_.code)) {
        ++it;
        continue;
      }
      HL_TRY(db_->Exec(fmt::format("DROP {} main.{}", schema::KindName(kind), Quote(have.name()))));
      if (wanted == wanted_.end()) Done(have, "dropped");
      it = present_.erase(it);
    }
  return Ok();
}

// The first thing that is done with tables, because what is read here goes by their present names.
Status SchemaFollower::SetAside() {
  if (!Drops()) return Ok();
  for (const auto& [key, have] : present_) {
    const auto row = all_.find(key);
    const ledger::TrackedTable* tracked = catalog_.ById(have.table_id);
    if (key.kind != ObjectKind::kTable || tracked == nullptr || row == all_.end()) continue;
    std::vector<std::string> columns;
    if (!row->second.dropped()) columns = LostColumns(have.row, row->second);
    if (!row->second.dropped() && columns.empty()) continue;
    HL_ASSIGN(const int64_t kept, SetAsideUnseen(db_, *tracked, row->second, columns, *among_));
    report_.set_aside += kept;
  }
  return Ok();
}

// A name may be handed on from one table to another, so that tables whose names change step aside
// first, and so do those that are to go. SQLite changes the texts of views, triggers and indexes.
Status SchemaFollower::RenameTables() {
  struct Renamed {
    ObjectRow* have;
    const ObjectRow* wanted;  // null: the table is to go
    std::string from;
  };
  std::vector<Renamed> renamed;
  bool any = false;
  for (auto& [key, have] : present_) {
    const auto wanted = wanted_.find(key);
    if (key.kind != ObjectKind::kTable || (wanted == wanted_.end() && !Drops())) continue;
    const std::string& name = have.row.name();
    if (wanted != wanted_.end() && name == wanted->second.name()) continue;
    renamed.push_back({&have.row, wanted == wanted_.end() ? nullptr : &wanted->second, name});
    any = any || wanted != wanted_.end();
  }
  const auto rename = [&](ObjectRow* row, const std::string& name) -> Status {
    Status done =
        db_->Exec(fmt::format("ALTER TABLE main.{} RENAME TO {}", Quote(row->name()), Quote(name)));
    if (!done.ok()) return HeldUp(*row, std::move(done).error());
    row->names = {name};
    return Ok();
  };
  if (any && renamed.size() > 1)
    for (size_t i = 0; i < renamed.size(); ++i)
      HL_TRY(rename(renamed[i].have, fmt::format("{}{}", kRenamed, i)));
  for (const Renamed& one : renamed) {
    if (one.wanted == nullptr) continue;
    HL_TRY(rename(one.have, one.wanted->name()));
    Done(*one.wanted, "renamed from " + one.from);
  }
  for (auto& [key, have] : present_) {
    const auto wanted = wanted_.find(key);
    if (key.kind != ObjectKind::kTable || wanted == wanted_.end()) continue;
    HL_ASSIGN(const bool columns, RenameColumns(db_, wanted->second, &have.row));
    if (columns) NoteAltered(have, wanted->second);
  }
  return Ok();
}

Status SchemaFollower::DropTables() {
  if (!Drops()) return Ok();
  for (auto it = present_.begin(); it != present_.end();) {
    const auto& [key, have] = *it;
    if (key.kind != ObjectKind::kTable || wanted_.contains(key)) {
      ++it;
      continue;
    }
    if (catalog_.ById(have.table_id) != nullptr)
      HL_TRY(ledger::RetireRegistered(db_, have.table_id));
    HL_TRY(db_->Exec("DROP TABLE main." + Quote(have.row.name())));
    const auto row = all_.find(key);
    Done(row == all_.end() ? have.row : row->second, "dropped");
    // What belongs to the table went with it.
    std::erase_if(present_, [&](const auto& other) {
      return other.second.row.table == key.id && other.first.kind != ObjectKind::kTable;
    });
    it = present_.erase(present_.find(key));
  }
  return Ok();
}

Status SchemaFollower::ChangeTables() {
  for (const auto& [key, have] : present_) {
    const auto wanted = wanted_.find(key);
    if (key.kind == ObjectKind::kTable && wanted != wanted_.end())
      HL_TRY(ChangeTable(have, wanted->second));
  }
  return Ok();
}

// The content of a virtual table is this node's own, so one with another definition is made anew.
Status SchemaFollower::ChangeTable(const SeenObject& seen, const ObjectRow& wanted) {
  HL_ASSIGN(bool in_line, IsInLine(db_, wanted, !Drops()));
  if (schema::IsVirtual(seen.row.sql) || schema::IsVirtual(wanted.sql)) {
    if (in_line) return Ok();
    HL_TRY(db_->Exec("DROP TABLE main." + Quote(wanted.name())));
    return Create(wanted);
  }
  HL_ASSIGN(bool in_order, IsInOrder(db_, wanted));
  std::vector<std::string> lost;
  if (Drops()) lost = LostColumns(seen.row, wanted);
  if (in_line && in_order && lost.empty()) return Ok();
  HL_TRY(DropColumns(db_, lost, wanted.name()));
  HL_TRY(AddColumns(db_, seen.row, wanted));
  HL_ASSIGN(in_line, IsInLine(db_, wanted, !Drops()));
  HL_ASSIGN(in_order, IsInOrder(db_, wanted));
  if (!in_line || !in_order) HL_TRY(Rebuild(seen, wanted));
  NoteAltered(seen, wanted);
  return Ok();
}

void SchemaFollower::NoteAltered(const SeenObject& seen, const ObjectRow& wanted) {
  if (seen.table_id == 0 || report_.altered.insert(seen.table_id).second) Done(wanted, "altered");
}

// The registered table is found by its name when it gets its triggers again.
Status SchemaFollower::Rebuild(const SeenObject& seen, const ObjectRow& wanted) {
  const ledger::TrackedTable* keeper = room_.Keeper(seen.table_id);
  std::vector<ClashingRow> clashing;
  HL_TRY(RebuildTable(db_, seen.row, wanted, /*keeps_dropped=*/!Drops(),
                      keeper == nullptr ? nullptr : &clashing));
  if (!clashing.empty()) room_.Note(*keeper, std::move(clashing));
  if (seen.table_id == 0) return Ok();
  report_.rebuilt.insert(seen.table_id);
  HL_ASSIGN(auto named,
            db_->PrepareCached("UPDATE __harmonylite__tables SET name = ?2 WHERE id = ?1"));
  named->Bind(1, seen.table_id);
  named->Bind(2, wanted.name());
  return named->Run();
}

Status SchemaFollower::CreateTables() {
  for (const auto& [key, wanted] : wanted_)
    if (key.kind == ObjectKind::kTable && !present_.contains(key)) {
      HL_TRY(Create(wanted));
    }
  return Ok();
}

// In the order of their kinds, because a trigger may be one of a view; and again while something
// was made, because a view may name another one.
Status SchemaFollower::CreateOthers() {
  std::map<ObjectId, std::string> missing;  // and why
  for (const auto& [key, wanted] : wanted_) {
    if (key.kind == ObjectKind::kTable || key.kind == ObjectKind::kPragma) continue;
    if (IsCode(key.kind) && !options_.code) continue;
    HL_ASSIGN(const auto sql, sqlite::StoredSql(db_, schema::KindName(key.kind), wanted.name()));
    if (!sql) missing[key];
    if (sql) dependents_->NoteText(wanted, *sql);
  }
  for (bool made = !missing.empty(); made;) {
    made = false;
    for (auto it = missing.begin(); it != missing.end();) {
      const ObjectRow& wanted = wanted_.at(it->first);
      HL_ASSIGN(it->second, dependents_->Make(wanted));
      if (it->second.empty()) Done(wanted, "made");
      made = made || it->second.empty();
      it = it->second.empty() ? missing.erase(it) : std::next(it);
    }
  }
  for (const auto& [key, why] : missing) report_.left_out[Title(wanted_.at(key))] = why;
  return Ok();
}

// Makes a table, or says why not.
Status SchemaFollower::Create(const ObjectRow& wanted) {
  Status made = sqlite::CreateObject(db_, "table", {wanted.name(), {}, wanted.sql});
  if (made.ok()) {
    Done(wanted, "made");
    return FillVirtualTable(db_, wanted.name(), wanted.sql);
  }
  if (made.error().code() == ErrorCode::kRetryLater) return made;
  report_.left_out[Title(wanted)] = made.error().message();
  return Ok();
}

Status SchemaFollower::SetPragmas() {
  for (const char* name : {"user_version", "application_id"}) {
    const schema::ObjectId key{ObjectKind::kPragma, name};
    const auto wanted = wanted_.find(key);
    if (wanted == wanted_.end() && !(Drops() && present_.contains(key))) continue;
    const int64_t value =
        wanted == wanted_.end() ? 0 : std::strtoll(wanted->second.sql.c_str(), nullptr, 10);
    const auto have = present_.find(key);
    const std::string number = fmt::format("{}", value);
    if ((have == present_.end() ? "0" : have->second.row.sql) == number) continue;
    HL_TRY(db_->Exec(fmt::format("PRAGMA {} = {}", name, number)));
  }
  return Ok();
}

Status SchemaFollower::CheckTables() {
  for (const auto& [key, have] : present_) {
    const auto wanted = wanted_.find(key);
    if (key.kind != ObjectKind::kTable || wanted == wanted_.end()) continue;
    HL_ASSIGN(const bool in_line, IsInLine(db_, wanted->second, !Drops()));
    if (!in_line) return NotInLine(wanted->second, "it is not what was wanted afterwards");
  }
  return Ok();
}

}  // namespace harmonylite::apply
