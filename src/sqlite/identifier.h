// Names and text literals in SQL. A name gets into SQL text only through Quote; values are bound,
// and written into the text only where binding is impossible.
//
// Threads: values and pure functions.
#pragma once

#include <string>
#include <string_view>

namespace harmonylite::sqlite {

// A name that is quoted when it is written into SQL. It may hold any Unicode, quotes, dots and
// spaces. SQLite allows no NUL in a name.
class Identifier {
 public:
  explicit Identifier(std::string_view name) : name_(name) {}
  const std::string& name() const { return name_; }
  // The name in double quotes, with inner quotes doubled.
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

// The text in single quotes, with inner quotes doubled: for triggers and DEFAULTs, where values
// cannot be bound.
inline std::string TextLiteral(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out += '\'';
}

// FoldCase and SameName ignore case as SQLite does when it compares names: for ASCII letters only.
std::string FoldCase(std::string_view name);
bool SameName(std::string_view a, std::string_view b);

}  // namespace harmonylite::sqlite
