#include "schema/index_sql.h"

#include <cctype>
#include <optional>

#include "sqlite/identifier.h"

namespace harmonylite::schema {

namespace {

// Returns the length of the token at `pos`: a quoted name or string, a comment, a word, or one
// character.
size_t TokenLength(std::string_view sql, size_t pos) {
  const auto until = [&](std::string_view end, size_t from) {
    const size_t at = sql.find(end, from);
    return at == std::string_view::npos ? sql.size() - pos : at + end.size() - pos;
  };
  const char c = sql[pos];
  if (sql.substr(pos, 2) == "--") return until("\n", pos);
  if (sql.substr(pos, 2) == "/*") return until("*/", pos + 2);
  if (c == '[') return until("]", pos);
  if (c == '"' || c == '\'' || c == '`') {
    size_t at = pos + 1;
    while (at < sql.size()) {
      if (sql[at] == c) {
        if (at + 1 >= sql.size() || sql[at + 1] != c) break;
        ++at;  // A doubled quote stands for one inside the name or string.
      }
      ++at;
    }
    return std::min(at + 1, sql.size()) - pos;
  }
  const auto is_word = [](char w) {
    return std::isalnum(static_cast<unsigned char>(w)) || w == '_' || w == '$' || (w & 0x80);
  };
  if (!is_word(c)) return 1;
  size_t at = pos;
  while (at < sql.size() && is_word(sql[at])) ++at;
  return at - pos;
}

std::string Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return std::string(text);
}

// Replaces each comment by a space. A comment that runs to the end of its line would otherwise
// swallow the SQL that callers put behind a term.
std::string WithoutComments(std::string_view sql) {
  std::string out;
  for (size_t pos = 0; pos < sql.size();) {
    const size_t length = TokenLength(sql, pos);
    const std::string_view token = sql.substr(pos, length);
    const bool comment = token.starts_with("--") || token.starts_with("/*");
    out += comment ? std::string_view(" ") : token;
    pos += length;
  }
  return out;
}

std::string WithoutSortOrder(std::string term) {
  size_t last = 0;  // start of the term's last token that is not a space
  for (size_t pos = 0; pos < term.size(); pos += TokenLength(term, pos))
    if (!std::isspace(static_cast<unsigned char>(term[pos]))) last = pos;
  const std::string_view word = std::string_view(term).substr(last);
  if (last == 0 || !(sqlite::SameName(word, "ASC") || sqlite::SameName(word, "DESC"))) return term;
  return Trim(std::string_view(term).substr(0, last));
}

}  // namespace

IndexText SplitIndexSql(std::string_view commented_sql) {
  const std::string sql_text = WithoutComments(commented_sql);
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
      out.where_sql = Trim(sql.substr(pos + length));
      return out;
    }
    if (token == "(" && ++depth == 1 && seen_on && !listed) start = pos + 1;
    const bool ends_term = seen_on && !listed && depth == 1 && (token == "," || token == ")");
    if (ends_term) {
      out.terms.push_back(WithoutSortOrder(Trim(sql.substr(start, pos - start))));
      start = pos + 1;
    }
    if (token == ")" && --depth == 0 && seen_on) listed = true;
    pos += length;
  }
  return out;
}

}  // namespace harmonylite::schema
