#include "cli/missing_object.h"

#include <fmt/format.h>

#include <algorithm>
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
  HL_ASSIGN(const schema::Schema schema, schema::Load(&copy_, {}));
  for (const schema::Table& table : schema.tables) {
    const auto made =
        std::ranges::find(table.unique_indexes, index.name, &schema::UniqueIndex::name);
    if (made == table.unique_indexes.end()) continue;
    HL_ASSIGN(auto find, db_->Prepare(EqualRowsSql(table.name, *made)));
    HL_ASSIGN(const bool equal, find.Step());
    if (equal) return fmt::format("rows of table {} have equal values in it", table.name);
  }
  return std::string();
}

}  // namespace harmonylite::cli
