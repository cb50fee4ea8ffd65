#include "apply/table_copy.h"

#include <fmt/format.h>

#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/statement.h"

namespace harmonylite::apply {

namespace {

using change::NamedImage;
using change::Row;
using schema::ColumnRow;
using schema::ObjectRow;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::SameName;
using sqlite::Statement;

struct Column {
  std::string name;
  bool not_null = false;
  bool in_key = false;
  std::string default_sql;
};
using Columns = std::vector<Column>;

// Returns the columns that are stored as they are written, in their order.
Result<Columns> StoredColumns(Connection* db, std::string_view table) {
  HL_ASSIGN(Statement list, db->Prepare("SELECT name, \"notnull\", pk, dflt_value FROM "
                                        "pragma_table_xinfo(?1) WHERE hidden = 0"));
  list.Bind(1, table);
  Columns out;
  HL_TRY(list.ForEachRow([&](const Statement& row) {
    out.push_back(
        {std::string(row.Text(0)), row.Int(1) != 0, row.Int(2) != 0, std::string(row.Text(3))});
  }));
  return out;
}

const Column* Find(const Columns& columns, std::string_view name) {
  for (const Column& column : columns)
    if (SameName(column.name, name)) return &column;
  return nullptr;
}

// Returns a name of the rowid that is no column of either table; empty if there is none, or if one
// of the tables has no rowid.
Result<std::string> RowidName(Connection* db, std::string_view from, const Columns& old_columns,
                              const Columns& new_columns) {
  HL_ASSIGN(Statement list, db->Prepare("SELECT count(*) FROM pragma_table_list WHERE schema = "
                                        "'main' AND name IN (?1, ?2) AND wr = 1"));
  list.Bind(1, from);
  list.Bind(2, std::string_view(kTableCopy));
  HL_ASSIGN(const bool row, list.Step());
  if (!row || list.Int(0) != 0) return std::string();
  for (const char* name : {"rowid", "_rowid_", "oid"})
    if (Find(old_columns, name) == nullptr && Find(new_columns, name) == nullptr)
      return std::string(name);
  return std::string();
}

// Returns what a column of the copy takes from a row of the source; empty: its default. Where it
// may not be NULL and the source's may, NULL becomes the default.
Result<std::string> SourceOf(const Column& column, const Columns& old_columns,
                             const ObjectRow& seen, const ObjectRow& wanted) {
  // A column that is new takes its initial value, even if another one had its name.
  const ColumnRow* row = wanted.FindLive(column.name);
  const ColumnRow* before = row == nullptr ? nullptr : seen.Find(row->id);
  if (row != nullptr && before == nullptr)
    return row->initial ? sqlite::AsExpression(*row->initial) : std::string();
  const Column* from = Find(old_columns, before == nullptr ? column.name : before->name());
  if (from == nullptr) return std::string();
  if (!column.not_null || column.default_sql.empty()) return Quote(from->name);
  HL_ASSIGN(const std::string value, sqlite::AsExpression(column.default_sql));
  return fmt::format("ifnull({}, {})", Quote(from->name), value);
}

void Append(std::string* list, std::string_view item, std::string_view separator = ", ") {
  if (!list->empty()) *list += separator;
  *list += item;
}

}  // namespace

Result<TableCopy> TableCopy::Plan(Connection* db, std::string_view from, const ObjectRow& seen,
                                  const ObjectRow& wanted) {
  TableCopy out(db, Quote(from));
  HL_ASSIGN(const Columns old_columns, StoredColumns(db, from));
  HL_ASSIGN(const Columns new_columns, StoredColumns(db, kTableCopy));
  HL_ASSIGN(const std::string rowid, RowidName(db, from, old_columns, new_columns));
  if (!rowid.empty()) out.assignments_.push_back({rowid, rowid});
  out.place_ = out.assignments_;
  for (const Column& column : new_columns) {
    out.columns_.push_back(column.name);
    HL_ASSIGN(std::string source, SourceOf(column, old_columns, seen, wanted));
    if (source.empty()) continue;
    out.assignments_.push_back({Quote(column.name), std::move(source)});
    if (rowid.empty() && column.in_key) out.place_.push_back(out.assignments_.back());
  }
  return out;
}

std::string TableCopy::CopySql(std::string_view on_conflict) const {
  std::string names;
  std::string sources;
  for (const Assignment& one : assignments_) {
    Append(&names, one.name);
    Append(&sources, one.source);
  }
  return fmt::format("INSERT OR {} INTO main.{}({}) SELECT {} FROM main.{}", on_conflict,
                     kTableCopy, names, sources, from_);
}

Status TableCopy::CopyAll() { return assignments_.empty() ? Ok() : db_->Exec(CopySql("ABORT")); }

std::string TableCopy::IsPlace() const {
  std::string out;
  for (size_t i = 0; i < place_.size(); ++i)
    Append(&out, fmt::format("{} = ?{}", place_[i].source, i + 1), " AND ");
  return out;
}

Result<std::vector<Row>> TableCopy::NotCopied() {
  std::string sources;
  std::string names;
  std::string same;
  for (size_t i = 0; i < place_.size(); ++i) {
    Append(&sources, fmt::format("{} AS p{}", place_[i].source, i));
    Append(&names, fmt::format("source.p{}", i));
    Append(&same, fmt::format("copy.{} IS source.p{}", place_[i].name, i), " AND ");
  }
  HL_ASSIGN(Statement list,
            db_->Prepare(fmt::format("SELECT {} FROM (SELECT {} FROM main.{}) AS source WHERE NOT "
                                     "EXISTS(SELECT 1 FROM main.{} AS copy WHERE {})",
                                     names, sources, from_, kTableCopy, same)));
  return list.AllRows();
}

// The row is inserted in place of those that clash with it, read back, and taken out again: so
// defaults, affinities and constraints count exactly as SQLite counts them.
Result<NamedImage> TableCopy::ImageOf(const Row& place) {
  std::string returned;
  for (const std::string& column : columns_) Append(&returned, Quote(column));
  HL_TRY(db_->Exec("SAVEPOINT clashing"));
  const auto read = [&]() -> Result<NamedImage> {
    HL_ASSIGN(Statement insert, db_->Prepare(fmt::format("{} WHERE {} RETURNING {}",
                                                         CopySql("REPLACE"), IsPlace(), returned)));
    insert.BindAll(place);
    HL_ASSIGN(const bool row, insert.Step());
    if (!row) return MakeError(ErrorCode::kConflict, "a row cannot be found again");
    NamedImage image{columns_, insert.Values()};
    HL_TRY(insert.Run());
    return image;
  };
  auto image = read();
  HL_TRY(db_->Exec("ROLLBACK TO clashing"));
  HL_TRY(db_->Exec("RELEASE clashing"));
  return image;
}

Result<std::vector<ClashingRow>> TableCopy::CopyWithRoom() {
  if (place_.empty())
    return MakeError(ErrorCode::kConflict, "rows clash, and nothing tells them apart");
  HL_TRY(db_->Exec(CopySql("IGNORE")));
  HL_ASSIGN(std::vector<Row> places, NotCopied());
  std::vector<ClashingRow> out;
  for (Row& place : places) {
    HL_ASSIGN(NamedImage image, ImageOf(place));
    out.push_back({std::move(place), std::move(image)});
  }
  return out;
}

Status TableCopy::RemoveFromSource(const Row& place) {
  HL_ASSIGN(auto remove,
            db_->PrepareCached(fmt::format("DELETE FROM main.{} WHERE {}", from_, IsPlace())));
  remove->BindAll(place);
  return remove->Run();
}

}  // namespace harmonylite::apply
