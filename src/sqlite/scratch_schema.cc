#include "sqlite/scratch_schema.h"

#include <fmt/format.h>

#include "sqlite/connection.h"
#include "sqlite/identifier.h"

namespace harmonylite::sqlite {

namespace {

// `change` is what follows ALTER TABLE and the table's name; empty: nothing is changed.
Result<std::string> Altered(const std::string& create_sql, const std::string& table,
                            const std::string& change) {
  HL_ASSIGN(Connection db, Connection::Open(":memory:", OpenMode::kCreate));
  HL_TRY(CreateObject(&db, "table", {table, {}, create_sql}));
  if (!change.empty()) HL_TRY(db.Exec(fmt::format("ALTER TABLE {} {}", Quote(table), change)));
  return db.QueryText(
      "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
      "'sqlite\\_%' ESCAPE '\\'");
}

}  // namespace

Result<std::string> TableIn(const std::string& create_sql, const std::string& table) {
  return Altered(create_sql, table, {});
}

Result<std::string> RenameColumnIn(const std::string& create_sql, const std::string& table,
                                   const std::string& from, const std::string& to) {
  return Altered(create_sql, table, fmt::format("RENAME COLUMN {} TO {}", Quote(from), Quote(to)));
}

Result<std::string> DropColumnIn(const std::string& create_sql, const std::string& table,
                                 const std::string& column) {
  return Altered(create_sql, table, "DROP COLUMN " + Quote(column));
}

Result<std::string> RenameTableIn(const std::string& create_sql, const std::string& table,
                                  const std::string& to) {
  return Altered(create_sql, table, "RENAME TO " + Quote(to));
}

Result<std::string> MoveIndexIn(const std::string& create_sql, const StoredTrigger& index,
                                const std::string& to) {
  HL_ASSIGN(Connection db, Connection::Open(":memory:", OpenMode::kCreate));
  HL_TRY(CreateObject(&db, "table", {index.table, {}, create_sql}));
  HL_TRY(CreateObject(&db, "index", index));
  HL_TRY(db.Exec(fmt::format("ALTER TABLE {} RENAME TO {}", Quote(index.table), Quote(to))));
  return db.QueryText("SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL");
}

}  // namespace harmonylite::sqlite
