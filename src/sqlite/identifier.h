// Names in SQL text: the only way one gets there. Values are bound, never written into text.
#pragma once

#include <string>
#include <string_view>

namespace harmonylite::sqlite {

// A name, quoted when written. Any Unicode, quotes, dots and spaces are fine; NUL cannot occur.
class Identifier {
 public:
  explicit Identifier(std::string_view name) : name_(name) {}
  const std::string& name() const { return name_; }
  // "name" with inner quotes doubled.
  std::string quoted() const {
    std::string out = "\"";
    for (const char c : name_) {
      if (c == '"') out += '"';
      out += c;
    }
    return out += '"';
  }

 private:
  std::string name_;
};

inline std::string Quote(std::string_view name) { return Identifier(name).quoted(); }

// 'text' as an SQL literal, for trigger text and DEFAULTs, where binding is impossible.
inline std::string TextLiteral(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out += '\'';
}

// Case-insensitive as SQLite compares names: ASCII letters only.
std::string FoldCase(std::string_view name);
bool SameName(std::string_view a, std::string_view b);

}  // namespace harmonylite::sqlite
