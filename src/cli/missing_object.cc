#include "cli/missing_object.h"

#include <fmt/format.h>

#include <utility>

#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"

namespace harmonylite::cli {

namespace {

using schema::Object;
using schema::ObjectKind;
using sqlite::Connection;

Status Make(Connection* db, const Object& object) {
  return sqlite::CreateObject(db, schema::KindName(object.kind),
                              {object.name, object.table, object.sql});
}

// Returns a query that has a row if two rows of the table are equal in the index.
std::string EqualRowsSql(const std::string& table, const schema::UniqueIndex& index) {
  std::string terms;
  std::string where = index.where_sql.empty() ? "1" : "(" + index.where_sql + ")";
  for (const schema::IndexTerm& term : index.terms) {
    terms += fmt::format("{}{} COLLATE {}", terms.empty() ? "" : ", ", term.sql,
                         sqlite::Quote(term.collation));
    where += fmt::format(" AND {} IS NOT NULL", term.sql);
  }
  return fmt::format("SELECT 1 FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
                     sqlite::Quote(table), where, terms);
}

// Returns the index as it is in `db`; without terms if it is not UNIQUE. An index that would be the
// row key is not among a table's other indexes; it has columns only.
Result<schema::UniqueIndex> FindUnique(Connection* db, const Object& index) {
  HL_ASSIGN(schema::Schema schema, schema::Load(db, {}));
  for (schema::Table& table : schema.tables)
    for (schema::UniqueIndex& made : table.unique_indexes)
      if (made.name == index.name) return std::move(made);
  HL_ASSIGN(auto columns, db->Prepare("SELECT x.name, x.coll FROM pragma_index_list(?1) l, "
                                      "pragma_index_xinfo(l.name) x WHERE l.name = ?2 AND "
                                      "l.\"unique\" AND NOT l.partial AND x.key"));
  columns.Bind(1, index.table);
  columns.Bind(2, index.name);
  schema::UniqueIndex out;
  HL_TRY(columns.ForEachRow([&](const sqlite::Statement& row) {
    out.terms.push_back({sqlite::Quote(row.Text(0)), std::string(row.Text(1)), true});
  }));
  return out;
}

}  // namespace

Result<SchemaTrial> SchemaTrial::Begin(Connection* db) {
  HL_ASSIGN(Connection copy, Connection::Open(":memory:", sqlite::OpenMode::kCreate));
  HL_ASSIGN(const std::vector<Object> objects, schema::ListObjects(db, {}));
  // What only the application can make is passed over, and so is what belongs to it.
  for (const Object& object : objects)
    if (object.kind != ObjectKind::kPragma) [[maybe_unused]]
      const bool made = Make(&copy, object).ok();
  return SchemaTrial(db, std::move(copy));
}

Result<std::string> SchemaTrial::WhyNot(const Object& object) {
  if (object.kind == ObjectKind::kPragma) return std::string();
  HL_TRY(copy_.Exec("SAVEPOINT trial"));
  Result<std::string> out = std::string();
  if (const Status made = Make(&copy_, object); !made.ok())
    out = made.error().message();
  else if (object.kind == ObjectKind::kIndex)
    out = EqualRows(object);
  HL_TRY(copy_.Exec("ROLLBACK TO trial"));
  HL_TRY(copy_.Exec("RELEASE trial"));
  return out;
}

Result<std::string> SchemaTrial::EqualRows(const Object& index) {
  HL_ASSIGN(const schema::UniqueIndex made, FindUnique(&copy_, index));
  if (made.terms.empty()) return std::string();
  auto find = db_->Prepare(EqualRowsSql(index.table, made));
  if (!find.ok()) return find.error().message();  // the node cannot read the rows either
  HL_ASSIGN(const bool equal, find->Step());
  return equal ? fmt::format("rows of table {} have equal values in it", index.table) : "";
}

}  // namespace harmonylite::cli
