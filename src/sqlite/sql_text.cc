#include "sqlite/sql_text.h"

#include <algorithm>

#include "sqlite/identifier.h"

namespace harmonylite::sqlite {

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

bool IsWordByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }

// Returns the length of the quoted token at `pos`. A doubled quote stands for one inside it.
size_t QuotedLength(std::string_view sql, size_t pos) {
  const char quote = sql[pos];
  size_t at = pos + 1;
  while (at < sql.size()) {
    if (sql[at] != quote) {
      ++at;
    } else if (at + 1 < sql.size() && sql[at + 1] == quote) {
      at += 2;
    } else {
      return at + 1 - pos;
    }
  }
  return sql.size() - pos;
}

template <typename Is>
size_t RunLength(std::string_view sql, size_t pos, Is is) {
  const auto end = std::find_if_not(sql.begin() + static_cast<ptrdiff_t>(pos), sql.end(), is);
  return static_cast<size_t>(end - sql.begin()) - pos;
}

// Steps through the tokens of a text that are not blank.
class Tokens {
 public:
  explicit Tokens(std::string_view sql) : sql_(sql) {}

  // Moves to the next token. False at the end.
  bool Next() {
    do {
      start_ = end_;
      if (start_ >= sql_.size()) return false;
      end_ = start_ + TokenLength(sql_, start_);
    } while (IsBlank(token()));
    return true;
  }
  std::string_view token() const { return sql_.substr(start_, end_ - start_); }
  bool Is(std::string_view word) const { return SameName(token(), word); }
  size_t start() const { return start_; }
  size_t end() const { return end_; }

 private:
  std::string_view sql_;
  size_t start_ = 0;
  size_t end_ = 0;
};

bool CreatesTrigger(std::string_view sql) {
  Tokens tokens(sql);
  if (!tokens.Next() || !tokens.Is("CREATE") || !tokens.Next()) return false;
  if ((tokens.Is("TEMP") || tokens.Is("TEMPORARY")) && !tokens.Next()) return false;
  return tokens.Is("TRIGGER");
}

}  // namespace

size_t TokenLength(std::string_view sql, size_t pos) {
  const auto until = [&](std::string_view end, size_t from) {
    const size_t at = sql.find(end, from);
    return at == std::string_view::npos ? sql.size() - pos : at + end.size() - pos;
  };
  const char c = sql[pos];
  if (sql.substr(pos, 2) == "--") return until("\n", pos);
  if (sql.substr(pos, 2) == "/*") return until("*/", pos + 2);
  if (c == '[') return until("]", pos);
  if (IsQuote(c)) return QuotedLength(sql, pos);
  if (IsSpace(c)) return RunLength(sql, pos, IsSpace);
  return IsWordByte(c) ? RunLength(sql, pos, IsWordByte) : 1;
}

bool IsComment(std::string_view token) {
  return token.starts_with("--") || token.starts_with("/*");
}

bool IsBlank(std::string_view token) {
  return IsComment(token) || (!token.empty() && IsSpace(token[0]));
}

bool IsUnterminated(std::string_view token) {
  if (token.starts_with('[')) return !token.ends_with(']');
  if (token.empty() || !IsQuote(token[0])) return false;
  // An even number of quotes closes the token; an inner one is doubled.
  return std::count(token.begin(), token.end(), token[0]) % 2 != 0;
}

bool HasNoStatement(std::string_view sql) {
  Tokens tokens(sql);
  while (tokens.Next())
    if (tokens.token() != ";") return false;
  return true;
}

size_t StatementLength(std::string_view sql) {
  const bool trigger = CreatesTrigger(sql);
  Tokens tokens(sql);
  bool behind_semicolon = false;
  while (tokens.Next()) {
    if (trigger && behind_semicolon && tokens.Is("END")) {
      const size_t end = tokens.end();
      return tokens.Next() && tokens.token() == ";" ? tokens.end() : end;
    }
    behind_semicolon = tokens.token() == ";";
    if (behind_semicolon && !trigger) return tokens.end();
  }
  return sql.size();
}

bool HasWord(std::string_view sql, std::string_view word) {
  Tokens tokens(sql);
  while (tokens.Next())
    if (tokens.Is(word)) return true;
  return false;
}

std::string WithoutComments(std::string_view sql) {
  std::string out;
  for (size_t pos = 0; pos < sql.size();) {
    const size_t length = TokenLength(sql, pos);
    const std::string_view token = sql.substr(pos, length);
    out += IsComment(token) ? std::string_view(" ") : token;
    pos += length;
  }
  return out;
}

std::string NameOf(std::string_view token) {
  if (token.size() < 2) return std::string(token);
  if (token.front() == '[') return std::string(token.substr(1, token.size() - 2));
  if (!IsQuote(token.front())) return std::string(token);
  std::string out;
  for (size_t at = 1; at + 1 < token.size(); ++at) {
    out += token[at];
    if (token[at] == token.front()) ++at;  // A doubled quote stands for one.
  }
  return out;
}

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace harmonylite::sqlite
