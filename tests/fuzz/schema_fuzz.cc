// Fuzz target: any bytes as a text of sqlite_schema give an error or a meaning. Whatever they say,
// no file is attached, no row and no other part of the schema changes, and an expression that is
// let in stays one expression.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "schema/index_sql.h"
#include "sqlite/connection.h"
#include "sqlite/foreign_text.h"
#include "sqlite/script.h"
#include "sqlite/sql_text.h"

namespace {

using namespace harmonylite;  // NOLINT: a program of one file

sqlite::Connection Open() {
  auto db = sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate);
  HL_CHECK(db.ok());
  HL_CHECK(sqlite::RunScript(&*db,
                             "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b); CREATE TABLE log(x);"
                             "INSERT INTO log VALUES(1); CREATE TEMP TABLE v(v)")
               .ok());
  return std::move(*db);
}

int64_t Number(sqlite::Connection* db, std::string_view sql) {
  const auto number = db->QueryInt(sql);
  HL_CHECK(number.ok());
  return *number;
}

// An expression that was let in ends where it ends, also in the middle of other SQL.
void TryExpression(sqlite::Connection* db, std::string_view text) {
  const auto expression = sqlite::AsExpression(text);
  if (!expression.ok()) return;
  const std::string head = "SELECT " + *expression + " FROM t";
  HL_CHECK(sqlite::StatementLength(head + "; x") == head.size() + 1);
  HL_CHECK(!db->Prepare(head + "; x").ok());
  (void)sqlite::ColumnsRead(db, "t", {*expression});
  if (sqlite::InsertValueOf(db, "v", *expression).ok()) HL_CHECK(db->Exec("DELETE FROM v").ok());
}

void TryTrigger(sqlite::Connection* db, const std::string& sql) {
  if (!sqlite::CreateTempTrigger(db, {"x", "t", sql}).ok()) return;
  HL_CHECK(!sqlite::WrongInStoredText("trigger", sql));
  HL_CHECK(Number(db, "SELECT count(*) FROM sqlite_temp_schema WHERE type = 'trigger'") == 1);
  HL_CHECK(db->Exec("DROP TRIGGER temp.x").ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sqlite::Connection db = Open();
  const std::string text(reinterpret_cast<const char*>(data), size);
  TryExpression(&db, text);
  const schema::IndexText index = schema::SplitIndexSql(text);
  for (const std::string& term : index.terms) TryExpression(&db, term);
  TryExpression(&db, index.where_sql);
  TryTrigger(&db, text);
  TryTrigger(&db, "CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO log VALUES(1" + text);
  (void)sqlite::WrongInStoredText("table", text);
  HL_CHECK(
      Number(&db, "SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main', 'temp')") ==
      0);
  HL_CHECK(Number(&db, "SELECT count(*) FROM sqlite_schema") == 2);
  HL_CHECK(Number(&db, "SELECT count(*) FROM sqlite_temp_schema") == 1);
  HL_CHECK(Number(&db, "SELECT count(*) FROM log") == 1);
  return 0;
}
