#include "schema/generated_columns.h"

#include <algorithm>

#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::schema {

namespace {

using sqlite::SameName;

const std::string* Named(std::span<const std::string> columns, std::string_view token) {
  const std::string name = sqlite::NameOf(token);
  const auto at = std::find_if(columns.begin(), columns.end(),
                               [&](const std::string& column) { return SameName(column, name); });
  return at == columns.end() ? nullptr : &*at;
}

}  // namespace

std::vector<std::string> ColumnsBehindGenerated(std::string_view create_sql,
                                                std::span<const std::string> columns) {
  std::vector<std::string> out;
  int depth = 0;
  bool begins = false;     // The next token is the first of a definition.
  bool generated = false;  // It is the definition of no plain column.
  for (size_t pos = 0, length = 0; pos < create_sql.size(); pos += length) {
    length = sqlite::TokenLength(create_sql, pos);
    const std::string_view token = create_sql.substr(pos, length);
    if (sqlite::IsBlank(token)) continue;
    const std::string* column = Named(columns, token);
    if (begins) generated = column == nullptr;
    begins = (token == "(" && depth == 0) || (token == "," && depth == 1);
    depth += token == "(" ? 1 : token == ")" ? -1 : 0;
    const bool known = column == nullptr || std::count(out.begin(), out.end(), *column) > 0;
    if (generated && depth > 1 && !known) out.push_back(*column);
  }
  return out;
}

}  // namespace harmonylite::schema
