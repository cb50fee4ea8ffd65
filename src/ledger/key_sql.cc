#include "ledger/key_sql.h"

#include <fmt/format.h>

#include "sqlite/identifier.h"

namespace harmonylite::ledger {

using sqlite::Quote;

namespace {

char Letter(HiddenKey which) { return static_cast<char>(which); }

}  // namespace

std::string KeyColumns(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (size_t i = 1; i <= table.key.size(); ++i) out += fmt::format(", {}.k{}", alias, i);
  return out;
}

std::string ImageColumns(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (const std::string& column : table.columns)
    out += fmt::format(", {}.{}", alias, Quote(column));
  return out;
}

std::string KeyMatches(std::string_view row, std::string_view hidden, const schema::Table& table,
                       HiddenKey which) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{}.{} = {}.{}{} COLLATE {}", i == 0 ? "" : " AND ", row,
                       Quote(table.key[i].name), hidden, Letter(which), i + 1,
                       Quote(table.key[i].collation));
  return out;
}

std::string HiddenMatches(std::string_view hidden, std::string_view row,
                          const schema::Table& table) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{}.k{} = +{}.{}", i == 0 ? "" : " AND ", hidden, i + 1, row,
                       Quote(table.key[i].name));
  return out;
}

std::string HiddenKeysEqual(std::string_view indexed, std::string_view other,
                            const schema::Table& table, HiddenKey of_other) {
  std::string out;
  for (size_t i = 1; i <= table.key.size(); ++i)
    out += fmt::format("{}{}.k{} = {}.{}{}", i == 1 ? "" : " AND ", indexed, i, other,
                       Letter(of_other), i);
  return out;
}

std::string HiddenKeyIs(const schema::Table& table, size_t first, std::string_view alias,
                        HiddenKey which) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{}{}{}{} = ?{}", i == 0 ? "" : " AND ", alias, alias.empty() ? "" : ".",
                       Letter(which), i + 1, first + i);
  return out;
}

std::string RowKeyIs(const schema::Table& table, size_t first) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{} = ?{} COLLATE {}", i == 0 ? "" : " AND ", Quote(table.key[i].name),
                       first + i, Quote(table.key[i].collation));
  return out;
}

std::string RowKey(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (const schema::KeyColumn& column : table.key)
    out += fmt::format("{}{}{}{}", out.empty() ? "" : ", ", alias, alias.empty() ? "" : ".",
                       Quote(column.name));
  return out;
}

}  // namespace harmonylite::ledger
