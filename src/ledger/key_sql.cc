#include "ledger/key_sql.h"

#include <fmt/format.h>

#include "sqlite/identifier.h"

namespace harmonylite::ledger {

using sqlite::Quote;

namespace {

char Letter(HiddenKey which) { return static_cast<char>(which); }

std::string RowidIn(std::string_view alias, const schema::Table& table) {
  return fmt::format("{}.{}", alias.empty() ? Quote(table.name) : alias, table.identity->rowid);
}

// Returns the rowid of the row that has an identity, which is an SQL expression.
std::string RowidOf(const schema::Table& table, std::string_view identity) {
  return fmt::format("(SELECT local FROM {} WHERE k1 = {})", Quote(table.identity->map), identity);
}

}  // namespace

std::string KeyColumns(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (size_t i = 1; i <= table.key.size(); ++i) out += fmt::format(", {}.k{}", alias, i);
  return out;
}

std::string ColumnIn(std::string_view alias, const schema::Table& table, std::string_view column) {
  if (table.identity && column == schema::kIdentityColumn)
    return fmt::format("(SELECT k1 FROM {} WHERE local = {})", Quote(table.identity->map),
                       RowidIn(alias, table));
  return alias.empty() ? Quote(column) : fmt::format("{}.{}", alias, Quote(column));
}

std::string ImageColumns(std::string_view alias, const schema::Table& table) {
  return ", " + (table.wide ? RowKey(alias, table) : AllColumns(alias, table));
}

std::string AllColumns(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (const std::string& column : table.columns)
    out += (out.empty() ? "" : ", ") + ColumnIn(alias, table, column);
  return out;
}

std::string KeyMatches(std::string_view row, std::string_view hidden, const schema::Table& table,
                       HiddenKey which) {
  if (table.identity)
    return fmt::format("{} = {}", RowidIn(row, table),
                       RowidOf(table, fmt::format("{}.{}1", hidden, Letter(which))));
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{}.{} = {}.{}{} COLLATE {}", i == 0 ? "" : " AND ", row,
                       Quote(table.key[i].name), hidden, Letter(which), i + 1,
                       Quote(table.key[i].collation));
  return out;
}

std::string HiddenMatches(std::string_view hidden, std::string_view row,
                          const schema::Table& table) {
  if (table.identity)
    return fmt::format("{}.k1 = {}", hidden, ColumnIn(row, table, schema::kIdentityColumn));
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
  if (table.identity)
    return fmt::format("{} = {}", table.identity->rowid, RowidOf(table, fmt::format("?{}", first)));
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{} = ?{} COLLATE {}", i == 0 ? "" : " AND ", Quote(table.key[i].name),
                       first + i, Quote(table.key[i].collation));
  return out;
}

std::string RowKey(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (const schema::KeyColumn& column : table.key)
    out += (out.empty() ? "" : ", ") + ColumnIn(alias, table, column.name);
  return out;
}

}  // namespace harmonylite::ledger
