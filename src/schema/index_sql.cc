#include "schema/index_sql.h"

#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::schema {

namespace {

using sqlite::TokenLength;
using sqlite::TrimSpaces;

std::string WithoutSortOrder(std::string term) {
  size_t last = 0;  // start of the term's last token that is not a space
  for (size_t pos = 0; pos < term.size(); pos += TokenLength(term, pos))
    if (!sqlite::IsBlank(std::string_view(term).substr(pos, 1))) last = pos;
  const std::string_view word = std::string_view(term).substr(last);
  if (last == 0 || !(sqlite::SameName(word, "ASC") || sqlite::SameName(word, "DESC"))) return term;
  return std::string(TrimSpaces(std::string_view(term).substr(0, last)));
}

}  // namespace

IndexText SplitIndexSql(std::string_view commented_sql) {
  const std::string sql_text = sqlite::WithoutComments(commented_sql);
  const std::string_view sql = sql_text;
  IndexText out;
  int depth = 0;
  bool seen_on = false;
  bool listed = false;  // true after the list of terms
  size_t start = 0;
  for (size_t pos = 0; pos < sql.size();) {
    const size_t length = TokenLength(sql, pos);
    const std::string_view token = sql.substr(pos, length);
    if (depth == 0 && !listed && sqlite::SameName(token, "ON")) seen_on = true;
    if (depth == 0 && listed && sqlite::SameName(token, "WHERE")) {
      out.where_sql = TrimSpaces(sql.substr(pos + length));
      return out;
    }
    if (token == "(" && ++depth == 1 && seen_on && !listed) start = pos + 1;
    const bool ends_term = seen_on && !listed && depth == 1 && (token == "," || token == ")");
    if (ends_term) {
      out.terms.push_back(
          WithoutSortOrder(std::string(TrimSpaces(sql.substr(start, pos - start)))));
      start = pos + 1;
    }
    if (token == ")" && --depth == 0 && seen_on) listed = true;
    pos += length;
  }
  return out;
}

}  // namespace harmonylite::schema
