#include "config/glob.h"

#include <cstddef>

namespace harmonylite::config {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Returns the index after the character that starts at `i`.
size_t NextCharacter(std::string_view text, size_t i) {
  ++i;
  while (i < text.size() && IsContinuation(text[i])) ++i;
  return i;
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  // Only the last '*' is ever extended. Extending an earlier one could not help, because the last
  // '*' can match everything that the earlier one would take in addition.
  size_t after_star = std::string_view::npos;
  size_t star_end = 0;  // where in `name` the match of the last '*' ends so far
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      star_end = n;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      n = NextCharacter(name, n);
    } else if (p < pattern.size() && Lower(pattern[p]) == Lower(name[n])) {
      ++p;
      ++n;
    } else if (after_star != std::string_view::npos) {
      p = after_star;
      star_end = NextCharacter(name, star_end);
      n = star_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace harmonylite::config
