// Short ways to run SQL and to look at the result, for tests of every module that uses SQLite.
#pragma once

#include <fmt/format.h>
#include <sqlite3.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"
#include "sqlite/foreign_text.h"
#include "sqlite/literal.h"
#include "sqlite/sql_text.h"

namespace harmonylite::sqlite {

// Returns the value, or throws an exception that fails the test with the error's message.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message());
  return std::move(result).value();
}

// Spells a value so that its storage class shows: NULL, 5, real:5, 'text', x'00ff'.
inline std::string Render(const ValueView& value) {
  if (value.type == ValueType::kReal) return fmt::format("real:{}", value.real);
  if (value.type == ValueType::kText) return fmt::format("'{}'", value.bytes);
  return Literal(value);
}

// Returns all rows of a query, each with its values joined by '|'.
inline std::vector<std::string> Query(Connection* db, std::string_view sql) {
  Statement statement = Must(db->Prepare(sql));
  std::vector<std::string> out;
  while (Must(statement.Step())) {
    std::string row;
    for (int i = 0; i < statement.columns(); ++i)
      row += (i == 0 ? "" : "|") + Render(statement.Column(i));
    out.push_back(std::move(row));
  }
  return out;
}

// Runs every statement of a test's own text; stops at the first that fails.
inline Status ExecAll(Connection* db, std::string_view sql) {
  while (!HasNoStatement(sql)) {
    const size_t length = StatementLength(sql);
    HL_TRY(db->Exec(sql.substr(0, length)));
    sql.remove_prefix(length);
  }
  return Ok();
}
inline void Execute(Connection* db, std::string_view sql) { Must(ExecAll(db, sql)); }

// UseDefensive and UseStrictQuotes set a connection up as an application may have done.
inline void UseDefensive(Connection* db) {
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
}
inline void UseStrictQuotes(Connection* db) {
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
}
// Gives an application's connection back what Connection::Open takes away from the sidecar's own:
// attaching files, and writing to the schema as if it were a table.
inline void UseAllOfSqlite(Connection* db) {
  sqlite3_limit(db->raw(), SQLITE_LIMIT_ATTACHED, 10);
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
}
// Puts a text into the schema that SQLite would not store there. The file has it at once; a
// connection reads it when it next reads the schema.
inline void ForgeSchema(Connection* db, std::string_view update) {
  UseAllOfSqlite(db);
  Execute(db, "PRAGMA writable_schema = ON");
  Execute(db, update);
  Execute(db, fmt::format("PRAGMA schema_version = {}",
                          Must(db->QueryInt("PRAGMA schema_version")) + 1));
  Execute(db, "PRAGMA writable_schema = OFF");
}
// Adds a collation that only this connection has.
inline void AddCollation(Connection* db, const char* name, bool backwards = false) {
  static bool yes = true;  // what SQLite hands to the comparison says whether it is backwards
  sqlite3_create_collation(
      db->raw(), name, SQLITE_UTF8, backwards ? &yes : nullptr,
      [](void* turned, int a, const void* x, int b, const void* y) {
        const int order = std::string_view(static_cast<const char*>(x), static_cast<size_t>(a))
                              .compare({static_cast<const char*>(y), static_cast<size_t>(b)});
        return turned == nullptr ? order : -order;
      });
}
// Adds a function that only this connection has. It returns its argument.
inline void AddFunction(Connection* db, const char* name) {
  sqlite3_create_function(
      db->raw(), name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
      [](sqlite3_context* context, int, sqlite3_value** arguments) {
        sqlite3_result_value(context, arguments[0]);
      },
      nullptr, nullptr);
}

}  // namespace harmonylite::sqlite
