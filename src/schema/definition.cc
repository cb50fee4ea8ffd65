#include "schema/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "change/row_hash.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::schema {

namespace {

using sqlite::Connection;
using sqlite::FoldCase;
using sqlite::Statement;
using sqlite::TokenLength;

using Facts = std::vector<std::string>;

// True for the quoted tokens that are names, and for words.
bool IsName(std::string_view token) {
  const char first = token[0];
  return first == '"' || first == '`' || first == '[' || first == '_' ||
         (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
         static_cast<unsigned char>(first) >= 0x80;
}

// Returns the length of the parenthesis that opens at `pos`, with what is in it.
size_t ParenthesisLength(std::string_view sql, size_t pos) {
  int depth = 0;
  for (size_t at = pos; at < sql.size();) {
    const size_t length = TokenLength(sql, at);
    const std::string_view token = sql.substr(at, length);
    at += length;
    if (token == "(") ++depth;
    if (token == ")" && --depth == 0) return at - pos;
  }
  return sql.size() - pos;
}

// Adds the CHECKs, and the expressions of generated columns. `sql` is what stands in the
// parenthesis of a CREATE TABLE. Only these stand in parentheses behind the words CHECK and AS.
void AddExpressions(std::string_view sql, Facts* out) {
  std::string_view before;  // the last token that is not blank
  for (size_t at = 0; at < sql.size();) {
    const size_t length = TokenLength(sql, at);
    const std::string_view token = sql.substr(at, length);
    if (sqlite::IsBlank(token)) {
      at += length;
      continue;
    }
    const bool check = sqlite::SameName(before, "CHECK");
    if (token == "(" && (check || sqlite::SameName(before, "AS"))) {
      const size_t whole = ParenthesisLength(sql, at);
      out->push_back((check ? "check " : "as ") + InOneSpelling(sql.substr(at, whole)));
      at += whole;
      before = {};
      continue;
    }
    before = token;
    at += length;
  }
}

// Adds what stands behind the parenthesis of a CREATE TABLE: WITHOUT ROWID, STRICT.
void AddOptions(std::string_view sql, Facts* out) {
  const std::string options = InOneSpelling(sql);
  for (size_t at = 0; at < options.size();) {
    const size_t end = std::min(options.find(" , ", at), options.size());
    out->push_back("option " + options.substr(at, end - at));
    at = end + 3;
  }
}

// Adds what only the text of a CREATE TABLE tells.
void AddText(std::string_view sql, Facts* out) {
  size_t at = 0;
  while (at < sql.size() && sql.substr(at, TokenLength(sql, at)) != "(") at += TokenLength(sql, at);
  const size_t length = at < sql.size() ? ParenthesisLength(sql, at) : 0;
  if (length < 2) return;
  AddExpressions(sql.substr(at + 1, length - 2), out);
  AddOptions(sql.substr(at + length), out);
}

Status AddColumns(Connection* db, const Table& table, Facts* out) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name, type, \"notnull\", dflt_value, hidden FROM "
                                         "pragma_table_xinfo(?1)"));
  list->Bind(1, table.name);
  return list->ForEachRow([&](const Statement& row) -> Status {
    const std::string name(row.Text(0));
    HL_ASSIGN(const std::string collation, db->ColumnCollation(table.name, name));
    out->push_back(fmt::format("column {} {} {} {} {} {}", FoldCase(name),
                               InOneSpelling(row.Text(1)), row.Int(2), InOneSpelling(row.Text(3)),
                               row.Int(4), FoldCase(collation)));
    return Ok();
  });
}

Status AddForeignKeys(Connection* db, const Table& table, Facts* out) {
  if (table.foreign_keys.empty()) return Ok();
  // Table::foreign_keys has the same order.
  HL_ASSIGN(auto list, db->PrepareCached("SELECT DISTINCT id, on_update, on_delete FROM "
                                         "pragma_foreign_key_list(?1) ORDER BY id DESC"));
  list->Bind(1, table.name);
  auto key = table.foreign_keys.begin();
  return list->ForEachRow([&](const Statement& row) {
    if (key == table.foreign_keys.end()) return;
    std::string fact =
        fmt::format("references {} {} {}", FoldCase(key->parent), row.Text(1), row.Text(2));
    for (const std::string& column : key->columns) fact += " " + FoldCase(column);
    fact += " =";
    for (const std::string& column : key->parent_columns) fact += " " + FoldCase(column);
    out->push_back(std::move(fact));
    ++key;
  });
}

void AddUniqueIndexes(const Table& table, Facts* out) {
  for (const UniqueIndex& index : table.unique_indexes) {
    std::string fact = "unique";
    for (const IndexTerm& term : index.terms)
      fact += fmt::format(" {} {},", InOneSpelling(term.sql), FoldCase(term.collation));
    if (!index.where_sql.empty()) fact += " where " + InOneSpelling(index.where_sql);
    out->push_back(std::move(fact));
  }
}

}  // namespace

std::string InOneSpelling(std::string_view sql) {
  std::string out;
  for (size_t at = 0; at < sql.size(); at += TokenLength(sql, at)) {
    const std::string_view token = sql.substr(at, TokenLength(sql, at));
    if (sqlite::IsBlank(token)) continue;
    if (!out.empty()) out += ' ';
    out += IsName(token) ? FoldCase(sqlite::NameOf(token)) : std::string(token);
  }
  return out;
}

Result<uint64_t> DefinitionOf(Connection* db, const Table& table, std::string_view create_sql) {
  Facts facts;
  if (table.autoincrement) facts.push_back("autoincrement");
  HL_TRY(AddColumns(db, table, &facts));
  HL_TRY(AddForeignKeys(db, table, &facts));
  AddUniqueIndexes(table, &facts);
  AddText(create_sql, &facts);
  std::sort(facts.begin(), facts.end());
  std::string text;
  for (const std::string& fact : facts) text += fact + '\n';
  return change::ColumnSeed(text);
}

}  // namespace harmonylite::schema
