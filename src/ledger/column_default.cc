#include "ledger/column_default.h"

#include <fmt/format.h>

#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::ledger {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// A temporary table with such a column does the conversion.
Result<change::Value> ValueOfLiteral(Connection* db, const schema::Table& table,
                                     const std::string& column, const std::string& literal) {
  HL_ASSIGN(const std::string text, sqlite::AsExpression(literal));
  HL_TRY(db->Exec(
      fmt::format("CREATE TEMP TABLE __harmonylite__default AS SELECT {} AS v FROM main.{} "
                  "LIMIT 0",
                  Quote(column), Quote(table.name))));
  const auto read = [&]() -> Result<change::Value> {
    HL_TRY(sqlite::InsertValueOf(db, "__harmonylite__default", text));
    HL_ASSIGN(Statement value, db->Prepare("SELECT v FROM temp.__harmonylite__default"));
    HL_ASSIGN(const bool row, value.Step());
    HL_CHECK(row);
    return change::Value(value.Column(0));
  };
  auto value = read();
  HL_TRY(db->Exec("DROP TABLE temp.__harmonylite__default"));
  return value;
}

Result<change::Value> DefaultOf(Connection* db, const schema::Table& table,
                                const std::string& column) {
  HL_ASSIGN(Statement find, db->Prepare("SELECT dflt_value FROM pragma_table_info(?1) "
                                        "WHERE name = ?2 COLLATE NOCASE"));
  find.Bind(1, table.name);
  find.Bind(2, column);
  HL_ASSIGN(const bool found, find.Step());
  if (!found || find.IsNull(0)) return change::Value();
  const std::string text(find.Text(0));
  find.Reset();
  auto value = ValueOfLiteral(db, table, column, text);
  if (!value.ok() && value.error().code() == ErrorCode::kInvalidArgument) return change::Value();
  return value;
}

// A default that is an expression has a parenthesis, but for three words that tell the time.
bool IsConstantDefault(std::string_view text) {
  constexpr std::string_view kTime = "current_";
  for (size_t at = 0; at < text.size(); at += sqlite::TokenLength(text, at)) {
    const std::string_view token = text.substr(at, sqlite::TokenLength(text, at));
    if (token == "(" || sqlite::SameName(token.substr(0, kTime.size()), kTime)) return false;
  }
  return true;
}

Result<std::optional<change::Value>> ConstantDefaultOf(Connection* db, const schema::Table& table,
                                                       const std::string& column) {
  HL_ASSIGN(Statement find,
            db->Prepare("SELECT coalesce(dflt_value, '') FROM pragma_table_info(?1) "
                        "WHERE name = ?2 COLLATE NOCASE"));
  find.Bind(1, table.name);
  find.Bind(2, column);
  HL_ASSIGN(const bool found, find.Step());
  if (!found || !IsConstantDefault(find.Text(0))) return std::optional<change::Value>();
  find.Reset();
  HL_ASSIGN(change::Value value, DefaultOf(db, table, column));
  return std::optional<change::Value>(std::move(value));
}

Result<NotNullDefaults> LoadNotNullDefaults(Connection* db, const schema::Table& table) {
  std::vector<std::string> columns;
  {
    HL_ASSIGN(auto list,
              db->PrepareCached("SELECT name FROM pragma_table_info(?1) WHERE \"notnull\" "
                                "<> 0 AND pk = 0 AND dflt_value IS NOT NULL"));
    list->Bind(1, table.name);
    HL_TRY(list->ForEachRow([&](const Statement& row) { columns.emplace_back(row.Text(0)); }));
  }
  NotNullDefaults out;
  for (const std::string& column : columns) {
    HL_ASSIGN(auto value, ConstantDefaultOf(db, table, column));
    if (!value) continue;
    for (size_t i = 0; i < table.columns.size(); ++i)
      if (table.columns[i] == column) out.emplace_back(i, std::move(*value));
  }
  return out;
}

}  // namespace harmonylite::ledger
