#include "schema/table_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "schema/definition.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::schema {

namespace {

using sqlite::SameName;
using sqlite::TokenLength;

// The words with which a constraint of the whole table begins. A column of such a name is quoted.
bool BeginsConstraint(std::string_view token) {
  for (const char* word : {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
    if (SameName(token, word)) return true;
  return false;
}

// Returns the first token of a text that is not blank; empty if there is none.
std::string_view FirstToken(std::string_view sql) {
  for (size_t at = 0; at < sql.size(); at += TokenLength(sql, at)) {
    const std::string_view token = sql.substr(at, TokenLength(sql, at));
    if (!sqlite::IsBlank(token)) return token;
  }
  return {};
}

void Add(std::string_view sql, TableText* out) {
  const std::string_view text = sqlite::TrimSpaces(sql);
  const std::string_view first = FirstToken(text);
  if (BeginsConstraint(first))
    out->constraints.emplace_back(text);
  else
    out->columns.push_back({sqlite::NameOf(first), std::string(text)});
}

// The parts of a table in one spelling and in one order.
std::vector<std::string> Parts(const TableText& table) {
  std::vector<std::string> out;
  for (const ColumnText& column : table.columns) out.push_back("c " + InOneSpelling(column.sql));
  for (const std::string& constraint : table.constraints)
    out.push_back("t " + InOneSpelling(constraint));
  std::ranges::sort(out);
  out.push_back(InOneSpelling(table.options));
  return out;
}

}  // namespace

const ColumnText* TableText::Find(std::string_view column) const {
  const auto it = std::ranges::find_if(
      columns, [&](const ColumnText& one) { return SameName(one.name, column); });
  return it == columns.end() ? nullptr : &*it;
}

Result<TableText> ParseTable(std::string_view create_sql) {
  const std::string sql = sqlite::WithoutComments(create_sql);
  TableText out;
  int depth = 0;
  size_t begin = 0;  // of the present definition
  for (size_t at = 0; at < sql.size();) {
    const size_t length = TokenLength(sql, at);
    const std::string_view token = std::string_view(sql).substr(at, length);
    if (token == "(" && depth++ == 0) begin = at + length;
    const bool closes = token == ")" && --depth == 0;
    if (closes || (token == "," && depth == 1)) {
      Add(std::string_view(sql).substr(begin, at - begin), &out);
      begin = at + length;
    }
    at += length;
    if (!closes) continue;
    out.options = sqlite::TrimSpaces(std::string_view(sql).substr(at));
    if (out.columns.empty()) break;
    return out;
  }
  return MakeError(ErrorCode::kInvalidArgument, "not a table's definition: {}",
                   create_sql.substr(0, 200));
}

std::string CreateTableSql(const std::string& name, const TableText& table) {
  std::string definitions;
  for (const ColumnText& column : table.columns)
    definitions += (definitions.empty() ? "" : ", ") + column.sql;
  for (const std::string& constraint : table.constraints) definitions += ", " + constraint;
  return fmt::format("CREATE TABLE {}({}){}{}", sqlite::Quote(name), definitions,
                     table.options.empty() ? "" : " ", table.options);
}

bool SameDefinition(const TableText& a, const TableText& b) { return Parts(a) == Parts(b); }

ColumnText Renamed(const ColumnText& column, const std::string& name) {
  const std::string_view old = FirstToken(column.sql);
  return {name,
          sqlite::Quote(name) + column.sql.substr(old.data() - column.sql.data() + old.size())};
}

}  // namespace harmonylite::schema
