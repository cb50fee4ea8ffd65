#include "sqlite/identifier.h"

#include <algorithm>

namespace harmonylite::sqlite {

namespace {
char Fold(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
}  // namespace

std::string FoldCase(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(), Fold);
  return out;
}

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Fold(x) == Fold(y); });
}

}  // namespace harmonylite::sqlite
