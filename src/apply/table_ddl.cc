#include "apply/table_ddl.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "schema/definition.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/scratch_schema.h"
#include "sqlite/statement.h"
#include "sqlite/stored_sql.h"

namespace harmonylite::apply {

namespace {

using schema::ColumnRow;
using schema::ObjectRow;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::SameName;
using sqlite::Statement;

// Gives a column that was just added its initial value, where its default is another one by now.
Status SetInitial(Connection* db, const std::string& table, const ColumnRow& added) {
  HL_ASSIGN(Statement find, db->Prepare("SELECT ifnull(dflt_value, 'NULL') FROM "
                                        "pragma_table_xinfo(?1) WHERE hidden = 0 AND "
                                        "lower(name) = lower(?2)"));
  find.Bind(1, table);
  find.Bind(2, added.name());
  HL_ASSIGN(const bool stored, find.Step());
  if (!stored || find.Text(0) == *added.initial) return Ok();  // a column may be computed
  find.Reset();
  HL_ASSIGN(const std::string value, sqlite::AsExpression(*added.initial));
  return db->Exec(fmt::format("UPDATE main.{0} SET {1} = {2} WHERE {1} IS NOT {2}", Quote(table),
                              Quote(added.name()), value));
}

// Makes kTableCopy, empty.
Status MakeCopyOf(Connection* db, const ObjectRow& wanted, const schema::TableText& text) {
  Status made =
      sqlite::CreateObject(db, "table", {kTableCopy, {}, schema::CreateTableSql(kTableCopy, text)});
  return made.ok() ? Ok() : HeldUp(wanted, std::move(made).error());
}

// Says how many rows have NULL where `wanted` lets no row have it, which SQLite's message does not.
Error NullsRefused(Connection* db, const ObjectRow& seen, const ObjectRow& wanted, Error error) {
  for (const ColumnRow& column : wanted.columns) {
    const ColumnRow* before = column.dropped ? nullptr : seen.Find(column.id);
    if (before == nullptr || error.message().find("." + column.name()) == std::string::npos)
      continue;
    const auto count = db->QueryInt(fmt::format("SELECT count(*) FROM main.{} WHERE {} IS NULL",
                                                Quote(wanted.name()), Quote(before->name())));
    if (count.ok() && *count > 0)
      return NotInLine(wanted, fmt::format("{} rows have NULL in column {}, which may not be NULL "
                                           "there; give them a value",
                                           *count, column.name()));
  }
  return HeldUp(wanted, std::move(error));
}

}  // namespace

Error NotInLine(const ObjectRow& row, std::string_view why) {
  return MakeError(ErrorCode::kSchemaMismatch,
                   "table {} cannot be brought in line with other nodes': {}", row.name(), why);
}

Error HeldUp(const ObjectRow& row, Error error) {
  if (error.code() != ErrorCode::kInvalidArgument && error.code() != ErrorCode::kConflict)
    return error;
  return NotInLine(row, error.message());
}

Result<schema::TableText> PresentTable(Connection* db, const std::string& table) {
  HL_ASSIGN(const auto sql, sqlite::StoredSql(db, "table", table));
  if (!sql) return MakeError(ErrorCode::kSchemaMismatch, "there is no table {}", table);
  return schema::ParseTable(*sql);
}

Result<schema::TableText> WantedTable(const ObjectRow& wanted, const schema::TableText& have,
                                      bool keeps_dropped) {
  HL_ASSIGN(schema::TableText out, schema::ParseTable(wanted.sql));
  if (keeps_dropped)
    for (const schema::ColumnText& column : have.columns)
      if (out.Find(column.name) == nullptr) out.columns.push_back(column);
  return out;
}

std::vector<std::string> LostColumns(const ObjectRow& have, const ObjectRow& wanted) {
  std::vector<std::string> out;
  for (const ColumnRow& column : have.columns) {
    const ColumnRow* theirs = wanted.Find(column.id);
    if (theirs != nullptr && theirs->dropped) out.push_back(column.name());
  }
  return out;
}

Result<bool> IsInLine(Connection* db, const ObjectRow& wanted, bool keeps_dropped) {
  HL_ASSIGN(const auto sql, sqlite::StoredSql(db, "table", wanted.name()));
  if (!sql) return false;
  if (schema::IsVirtual(wanted.sql) || schema::IsVirtual(*sql))
    return schema::InOneSpelling(*sql) == schema::InOneSpelling(wanted.sql);
  HL_ASSIGN(const schema::TableText have, schema::ParseTable(*sql));
  HL_ASSIGN(const schema::TableText want, WantedTable(wanted, have, keeps_dropped));
  return schema::SameDefinition(have, want);
}

Result<bool> IsInOrder(Connection* db, const ObjectRow& wanted) {
  HL_ASSIGN(const schema::TableText have, PresentTable(db, wanted.name()));
  HL_ASSIGN(const schema::TableText want, schema::ParseTable(wanted.sql));
  auto next = want.columns.begin();
  for (const schema::ColumnText& column : have.columns) {
    if (want.Find(column.name) == nullptr) continue;
    if (next == want.columns.end() || !SameName(next->name, column.name)) return false;
    ++next;
  }
  return true;
}

// Columns may exchange their names, which only a rebuild can do: a rename that fails is left to it.
Result<bool> RenameColumns(Connection* db, const ObjectRow& wanted, ObjectRow* have) {
  bool renamed = false;
  for (ColumnRow& column : have->columns) {
    const ColumnRow* theirs = wanted.Find(column.id);
    if (theirs == nullptr || theirs->dropped || theirs->name() == column.name()) continue;
    Status done =
        db->Exec(fmt::format("ALTER TABLE main.{} RENAME COLUMN {} TO {}", Quote(wanted.name()),
                             Quote(column.name()), Quote(theirs->name())));
    if (!done.ok() && done.error().code() != ErrorCode::kInvalidArgument)
      return std::move(done).error();
    if (!done.ok()) continue;
    column.names = {theirs->name()};
    renamed = true;
  }
  return renamed;
}

Status DropColumns(Connection* db, const std::vector<std::string>& columns,
                   const std::string& table) {
  for (const std::string& column : columns) {
    Status done =
        db->Exec(fmt::format("ALTER TABLE main.{} DROP COLUMN {}", Quote(table), Quote(column)));
    if (!done.ok() && done.error().code() != ErrorCode::kInvalidArgument) return done;
  }
  return Ok();
}

Status AddColumns(Connection* db, const ObjectRow& seen, const ObjectRow& wanted) {
  HL_ASSIGN(const schema::TableText text, schema::ParseTable(wanted.sql));
  for (const schema::ColumnText& column : text.columns) {
    const schema::ColumnRow* row = wanted.FindLive(column.name);
    if (row == nullptr || seen.Find(row->id) != nullptr) continue;
    Status done = db->Exec(
        fmt::format("ALTER TABLE main.{} ADD COLUMN {}", Quote(wanted.name()), column.sql));
    if (!done.ok() && done.error().code() != ErrorCode::kInvalidArgument &&
        done.error().code() != ErrorCode::kConflict)
      return done;
    if (done.ok() && row->initial) HL_TRY(SetInitial(db, wanted.name(), *row));
  }
  return Ok();
}

Status RebuildTable(Connection* db, const ObjectRow& seen, const ObjectRow& wanted,
                    bool keeps_dropped, std::vector<ClashingRow>* clashing) {
  const std::string& name = wanted.name();
  HL_ASSIGN(const schema::TableText have, PresentTable(db, name));
  HL_ASSIGN(const schema::TableText text, WantedTable(wanted, have, keeps_dropped));
  HL_TRY(MakeCopyOf(db, wanted, text));
  HL_ASSIGN(TableCopy copy, TableCopy::Plan(db, name, seen, wanted));
  Status copied = copy.CopyAll();
  if (!copied.ok() && clashing != nullptr && db->constraint_was_unique()) {
    auto left = copy.CopyWithRoom();
    copied = left.ok() ? Ok() : Status(std::move(left).error());
    if (left.ok()) *clashing = std::move(*left);
  }
  if (!copied.ok()) return NullsRefused(db, seen, wanted, std::move(copied).error());
  HL_TRY(db->Exec("DROP TABLE main." + Quote(name)));
  // Texts that name the table mean the new one: none of them is to be changed.
  HL_TRY(db->Exec("PRAGMA legacy_alter_table = ON"));
  Status renamed =
      db->Exec(fmt::format("ALTER TABLE main.{} RENAME TO {}", kTableCopy, Quote(name)));
  HL_TRY(db->Exec("PRAGMA legacy_alter_table = OFF"));
  if (!renamed.ok()) return HeldUp(wanted, std::move(renamed).error());
  return Ok();
}

Result<std::vector<ClashingRow>> TakeOutClashing(Connection* db, const ObjectRow& table,
                                                 const ObjectRow& index, const std::string& sql) {
  HL_ASSIGN(const schema::TableText text, PresentTable(db, table.name()));
  HL_TRY(MakeCopyOf(db, table, text));
  HL_ASSIGN(const std::string on_copy,
            sqlite::MoveIndexIn(schema::CreateTableSql(table.name(), text),
                                {index.name(), table.name(), sql}, kTableCopy));
  HL_TRY(sqlite::CreateObject(db, "index", {index.name(), kTableCopy, on_copy}));
  HL_ASSIGN(TableCopy copy, TableCopy::Plan(db, table.name(), table, table));
  HL_ASSIGN(std::vector<ClashingRow> clashing, copy.CopyWithRoom());
  for (const ClashingRow& row : clashing) HL_TRY(copy.RemoveFromSource(row.place));
  db->ClearCache();
  HL_TRY(db->Exec(fmt::format("DROP TABLE main.{}", kTableCopy)));
  return clashing;
}

}  // namespace harmonylite::apply
