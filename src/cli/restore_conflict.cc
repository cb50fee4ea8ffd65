#include "cli/restore_conflict.h"

#include <algorithm>
#include <charconv>

#include "cli/database.h"
#include "cli/print.h"
#include "ledger/contradiction.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/orphan_list.h"
#include "ledger/row_identity.h"
#include "sqlite/identifier.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using change::NamedImage;
using change::ValueView;
using schema::Table;
using sqlite::Quote;
using sqlite::SameName;
using sqlite::Statement;

ValueView ParseValue(const std::string& text) {
  if (text == "NULL") return ValueView::Null();
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end && !text.empty()) return ValueView::Integer(number);
  return ValueView::Text(text);
}

Result<int64_t> Run(sqlite::Connection* db, const std::string& sql,
                    const std::vector<ValueView>& values) {
  // A CHECK may need what only the application has, and is passed over then. The row passed it when
  // it was written, but for what --set changes.
  HL_ASSIGN(const auto lacks, db->WhatItLacks(sql));
  if (lacks) HL_TRY(db->Exec("PRAGMA ignore_check_constraints = ON"));
  HL_ASSIGN(Statement statement, db->Prepare(sql));
  statement.BindAll(values);
  HL_TRY(statement.Run());
  return db->changes();
}

// Gives the row without a key that was just inserted the identity of the row that was kept: it is
// that row again, so that writing it back twice makes one row.
Status TakeIdentity(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                    const ValueView& identity) {
  const std::string map = Quote(tracked.table.identity->map);
  HL_ASSIGN(Statement find,
            db->Prepare(fmt::format("SELECT k1 FROM {} WHERE local = last_insert_rowid()", map)));
  HL_ASSIGN(const bool found, find.Step());
  if (!found) return Ok();  // a trigger of the application has moved or removed it
  const change::Value drawn(find.Column(0));
  find.Reset();
  HL_TRY(Run(db, fmt::format("DELETE FROM {} WHERE k1 = ?1", map), {identity}));
  HL_TRY(Run(db, fmt::format("UPDATE {} SET k1 = ?1 WHERE k1 = ?2", map), {identity, drawn}));
  HL_TRY(Run(
      db,
      fmt::format("UPDATE {} SET k1 = ?1 WHERE tbl = {} AND k1 = ?2", ledger::kJournal, tracked.id),
      {identity, drawn}));
  return Ok();
}

Status Write(sqlite::Connection* db, const ledger::TrackedTable& tracked, const NamedImage& row) {
  const Table& table = tracked.table;
  std::string sets;
  std::vector<ValueView> values;
  for (size_t i = 0; i < row.columns.size(); ++i) {
    values.push_back(row.values[i].view());
    if (row.columns[i] == schema::kIdentityColumn) continue;
    sets += fmt::format("{}{} = ?{}", sets.empty() ? "" : ", ", Quote(row.columns[i]), i + 1);
  }
  const size_t columns = values.size();
  for (const schema::KeyColumn& key : table.key)
    for (size_t i = 0; i < row.columns.size(); ++i)
      if (row.columns[i] == key.name) values.push_back(row.values[i].view());
  if (values.size() != columns + table.key.size())
    return ledger::Contradiction("a kept row has a column twice, or lacks one of its key");
  HL_ASSIGN(const int64_t updated,
            Run(db,
                fmt::format("UPDATE OR ABORT {} SET {} WHERE {}", Quote(table.name), sets,
                            ledger::RowKeyIs(table, columns + 1)),
                values));
  if (updated > 0) return Ok();
  HL_TRY(InsertRow(db, table, row));
  return table.identity ? TakeIdentity(db, tracked, values[columns]) : Ok();
}

// Refuses to write back an orphan whose parent is still missing, because the row would be an orphan
// again.
Status HasParents(sqlite::Connection* db, const ledger::Catalog& catalog,
                  const ledger::TrackedTable& tracked, const NamedImage& row) {
  std::vector<ValueView> image(tracked.table.columns.size());
  for (size_t i = 0; i < image.size(); ++i)
    for (size_t j = 0; j < row.columns.size(); ++j)
      if (row.columns[j] == tracked.table.columns[i]) image[i] = row.values[j].view();
  HL_ASSIGN(const std::string missing, ledger::MissingParents(db, catalog, tracked, image));
  if (missing.empty()) return Ok();
  return MakeError(
      ErrorCode::kConflict,
      "{} is not there: insert it, and the row is back by itself; or give the row another parent "
      "with --set COLUMN=VALUE",
      missing);
}

// Two rows that were given the same id are two rows, and one must not be written over the other
// unless that is what was asked for.
Status CheckNotOverStranger(const ledger::Catalog& catalog, const Table& table,
                            const ledger::ListedConflict& conflict,
                            const std::vector<Assignment>& sets) {
  const bool stranger =
      conflict.kind == ledger::conflict_kind::kSameId && LostItsId(catalog, conflict);
  if (!stranger) return Ok();
  for (const Assignment& set : sets)
    if (SameName(set.column, table.key.at(0).name)) return Ok();
  return MakeError(
      ErrorCode::kInvalidArgument,
      "another row has this id now: --new-ids writes this one back under a new id, with "
      "the rows that refer to it; --set {}={} writes it over the other row",
      table.key.at(0).name, conflict.key.values.at(0).view().integer);
}

}  // namespace

bool LostItsId(const ledger::Catalog& catalog, const ledger::ListedConflict& conflict) {
  namespace kind = ledger::conflict_kind;
  const bool gave_way = conflict.kind == kind::kSameId || conflict.kind == kind::kFirstJoin;
  if (!gave_way || !conflict.loser.image) return false;
  const ledger::TrackedTable* tracked = catalog.ByName(conflict.table);
  return tracked != nullptr && tracked->table.integer_key && conflict.key.values.size() == 1 &&
         conflict.key.values[0].view().type == change::ValueType::kInteger;
}

Status CanFindRows(sqlite::Connection* db) {
  HL_ASSIGN(const bool changed, ledger::RowidsChanged(db));
  if (!changed) return Ok();
  return MakeError(ErrorCode::kRetryLater,
                   "VACUUM has run, and the node has not looked at the file since: nothing is "
                   "written; start the node, or try again in a moment");
}

Status InsertRow(sqlite::Connection* db, const Table& table, const NamedImage& row) {
  std::string names;
  std::string parameters;
  std::vector<ValueView> values;
  for (size_t i = 0; i < row.columns.size(); ++i) {
    // A row without a key is given a new identity.
    if (row.columns[i] == schema::kIdentityColumn) continue;
    const char* comma = values.empty() ? "" : ", ";
    names += comma + Quote(row.columns[i]);
    values.push_back(row.values[i].view());
    parameters += fmt::format("{}?{}", comma, values.size());
  }
  const std::string sql = values.empty()
                              ? fmt::format("INSERT INTO {} DEFAULT VALUES", Quote(table.name))
                              : fmt::format("INSERT OR ABORT INTO {}({}) VALUES({})",
                                            Quote(table.name), names, parameters);
  HL_ASSIGN(const int64_t inserted, Run(db, sql, values));
  if (inserted == 1) return Ok();
  return MakeError(ErrorCode::kInvalidArgument,
                   "a trigger of table {} leaves the row out (RAISE(IGNORE)): nothing is written",
                   table.name);
}

Status TakeOffTheList(sqlite::Connection* db, const ledger::ListedConflict& conflict) {
  int64_t number = 0;
  const char* const end = conflict.id.data() + conflict.id.size();
  const auto [stop, error] = std::from_chars(conflict.id.data(), end, number);
  if (error != std::errc() || stop != end) return Ok();
  return ledger::RemoveConflict(db, number);
}

Result<NamedImage> KeptRow(const Table& table, const ledger::ListedConflict& conflict,
                           const std::vector<Assignment>& sets) {
  NamedImage out;
  for (size_t i = 0; i < conflict.loser.image->columns.size(); ++i)
    for (const std::string& column : table.columns)
      if (SameName(column, conflict.loser.image->columns[i])) {
        out.columns.push_back(column);
        out.values.push_back(conflict.loser.image->values[i]);
      }
  for (const Assignment& set : sets) {
    bool found = false;
    for (size_t i = 0; i < out.columns.size(); ++i) {
      if (!SameName(out.columns[i], set.column)) continue;
      out.values[i] = change::Value(ParseValue(set.value));
      found = true;
    }
    if (!found)
      return MakeError(ErrorCode::kInvalidArgument, "table {} has no column {}", table.name,
                       set.column);
  }
  return out;
}

bool HasAllColumns(const Table& table, const NamedImage& image) {
  return std::ranges::all_of(image.columns, [&](const std::string& column) {
    return column == schema::kIdentityColumn ||
           std::ranges::any_of(table.columns,
                               [&](const std::string& mine) { return SameName(mine, column); });
  });
}

Status WriteBack(sqlite::Connection* db, const ledger::Catalog& catalog,
                 const ledger::TrackedTable& tracked, const ledger::ListedConflict& conflict,
                 const std::vector<Assignment>& sets) {
  const Table& table = tracked.table;
  HL_ASSIGN(const NamedImage row, KeptRow(table, conflict, sets));
  HL_TRY(CheckNotOverStranger(catalog, table, conflict, sets));
  Status written = Write(db, tracked, row);
  if (!written.ok() && db->constraint_was_unique())
    return std::move(written).error().Wrap(
        "another row has its unique value: give it another with --set COLUMN=VALUE, or delete that "
        "row");
  HL_TRY(std::move(written));
  if (conflict.kind == ledger::conflict_kind::kOrphan)
    HL_TRY(HasParents(db, catalog, tracked, row));
  // It is a row of its own now, and must not be written back once more.
  if (conflict.kind == ledger::conflict_kind::kSameId) return TakeOffTheList(db, conflict);
  // A column that is not there has its values on the list only.
  if (conflict.kind == ledger::conflict_kind::kDropped &&
      HasAllColumns(table, *conflict.loser.image))
    return TakeOffTheList(db, conflict);
  return Ok();
}

Status Restore(sqlite::Connection* db, const ledger::Catalog& catalog,
               const ledger::ListedConflict& conflict, const std::vector<Assignment>& sets) {
  const ledger::TrackedTable* tracked = catalog.ByName(conflict.table);
  if (tracked == nullptr)
    return MakeError(ErrorCode::kNotFound, "table {} is not replicated any more", conflict.table);
  const Table& table = tracked->table;
  if (conflict.kind == ledger::conflict_kind::kStaysHere)
    return MakeError(ErrorCode::kInvalidArgument,
                     "the row is in its table, and nothing was lost: give its key a value with an "
                     "UPDATE of the application, and it goes to all nodes");
  const BesideApplication beside(db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kWrite));
  HL_TRY(CanFindRows(db));
  if (!conflict.loser.image) {
    const std::vector<ValueView> key(conflict.key.values.begin(), conflict.key.values.end());
    HL_ASSIGN(
        const int64_t deleted,
        Run(db, fmt::format("DELETE FROM {} WHERE {}", Quote(table.name), ledger::RowKeyIs(table)),
            key));
    HL_TRY(transaction.Commit());
    Print("deleted {} rows of {}\n", deleted, table.name);
    return Ok();
  }
  HL_TRY(WriteBack(db, catalog, *tracked, conflict, sets));
  HL_TRY(transaction.Commit());
  Print("written back to {}\n", table.name);
  return Ok();
}

}  // namespace harmonylite::cli
