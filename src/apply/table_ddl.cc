#include "apply/table_ddl.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "schema/definition.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
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

constexpr const char* kNew = "__harmonylite__rebuilt";

struct Column {
  std::string name;
  bool not_null = false;
  std::string default_sql;
};

// Returns the columns that are stored as they are written, in their order.
Result<std::vector<Column>> StoredColumns(Connection* db, const std::string& table) {
  HL_ASSIGN(Statement list, db->Prepare("SELECT name, \"notnull\", dflt_value FROM "
                                        "pragma_table_xinfo(?1) WHERE hidden = 0"));
  list.Bind(1, table);
  std::vector<Column> out;
  HL_TRY(list.ForEachRow([&](const Statement& row) {
    out.push_back({std::string(row.Text(0)), row.Int(1) != 0, std::string(row.Text(2))});
  }));
  return out;
}

const Column* Find(const std::vector<Column>& columns, std::string_view name) {
  for (const Column& column : columns)
    if (SameName(column.name, name)) return &column;
  return nullptr;
}

// Returns a name of the rowid that is no column of either table; empty if there is none, or if one
// of the tables has no rowid.
Result<std::string> RowidName(Connection* db, const std::string& from,
                              const std::vector<Column>& old_columns,
                              const std::vector<Column>& new_columns) {
  HL_ASSIGN(Statement list, db->Prepare("SELECT count(*) FROM pragma_table_list WHERE schema = "
                                        "'main' AND name IN (?1, ?2) AND wr = 1"));
  list.Bind(1, from);
  list.Bind(2, std::string_view(kNew));
  HL_ASSIGN(const bool row, list.Step());
  if (!row || list.Int(0) != 0) return std::string();
  for (const char* name : {"rowid", "_rowid_", "oid"})
    if (Find(old_columns, name) == nullptr && Find(new_columns, name) == nullptr)
      return std::string(name);
  return std::string();
}

// Returns what a column of the new table takes from a row of the old one. Where the new one may not
// be NULL and the old one was, NULL becomes the default.
Result<std::string> SourceOf(const Column& column, const Column& from) {
  if (!column.not_null || column.default_sql.empty()) return Quote(from.name);
  HL_ASSIGN(const std::string value, sqlite::AsExpression(column.default_sql));
  return fmt::format("ifnull({}, {})", Quote(from.name), value);
}

// Gives a column that was just added its initial value, where its default is another one by now.
Status SetInitial(Connection* db, const std::string& table, const ColumnRow& added) {
  HL_ASSIGN(const std::vector<Column> columns, StoredColumns(db, table));
  const Column* column = Find(columns, added.name());
  if (column == nullptr) return Ok();  // it is computed
  const std::string shown = column->default_sql.empty() ? "NULL" : column->default_sql;
  if (shown == *added.initial) return Ok();
  HL_ASSIGN(const std::string value, sqlite::AsExpression(*added.initial));
  return db->Exec(fmt::format("UPDATE main.{0} SET {1} = {2} WHERE {1} IS NOT {2}", Quote(table),
                              Quote(column->name), value));
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
                    bool keeps_dropped) {
  const std::string& name = wanted.name();
  HL_ASSIGN(const schema::TableText have, PresentTable(db, name));
  HL_ASSIGN(const schema::TableText text, WantedTable(wanted, have, keeps_dropped));
  Status made = sqlite::CreateObject(db, "table", {kNew, {}, schema::CreateTableSql(kNew, text)});
  if (!made.ok()) return HeldUp(wanted, std::move(made).error());
  HL_ASSIGN(const std::vector<Column> old_columns, StoredColumns(db, name));
  HL_ASSIGN(const std::vector<Column> new_columns, StoredColumns(db, kNew));
  HL_ASSIGN(const std::string rowid, RowidName(db, name, old_columns, new_columns));
  std::string into = rowid;
  std::string from = rowid;
  for (const Column& column : new_columns) {
    // A column that is new takes its default, even if another one had its name.
    const ColumnRow* row = wanted.FindLive(column.name);
    const ColumnRow* before = row == nullptr ? nullptr : seen.Find(row->id);
    if (row != nullptr && before == nullptr) {
      if (!row->initial) continue;
      HL_ASSIGN(const std::string value, sqlite::AsExpression(*row->initial));
      into += (into.empty() ? "" : ", ") + Quote(column.name);
      from += (from.empty() ? "" : ", ") + value;
      continue;
    }
    const Column* source = Find(old_columns, before == nullptr ? column.name : before->name());
    if (source == nullptr) continue;
    HL_ASSIGN(const std::string value, SourceOf(column, *source));
    into += (into.empty() ? "" : ", ") + Quote(column.name);
    from += (from.empty() ? "" : ", ") + value;
  }
  if (!into.empty()) {
    Status copied = db->Exec(fmt::format("INSERT INTO main.{}({}) SELECT {} FROM main.{}", kNew,
                                         into, from, Quote(name)));
    if (!copied.ok()) return HeldUp(wanted, std::move(copied).error());
  }
  HL_TRY(db->Exec("DROP TABLE main." + Quote(name)));
  // Texts that name the table mean the new one: none of them is to be changed.
  HL_TRY(db->Exec("PRAGMA legacy_alter_table = ON"));
  Status renamed = db->Exec(fmt::format("ALTER TABLE main.{} RENAME TO {}", kNew, Quote(name)));
  HL_TRY(db->Exec("PRAGMA legacy_alter_table = OFF"));
  if (!renamed.ok()) return HeldUp(wanted, std::move(renamed).error());
  return Ok();
}

}  // namespace harmonylite::apply
