#include "ledger/canonical_key.h"

#include <algorithm>
#include <cmath>

#include "base/mutant.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

using change::ValueType;
using change::ValueView;

namespace {

// NOCASE compares texts up to the first NUL, and then their lengths.
std::string FoldedCase(std::string_view text) {
  const size_t end = std::min(text.find('\0'), text.size());
  std::string out = sqlite::FoldCase(text.substr(0, end));
  out.resize(text.size(), '\0');
  return out;
}

std::string Folded(std::string_view collation, std::string_view text) {
  if (sqlite::SameName(collation, "NOCASE")) return FoldedCase(text);
  // The only other collation of a row key is RTRIM, which ignores spaces at the end.
  return std::string(text.substr(0, text.find_last_not_of(' ') + 1));
}

bool IsWholeReal(const ValueView& value) {
  return value.type == ValueType::kReal && std::trunc(value.real) == value.real &&
         std::abs(value.real) < 9e15;
}

bool IsFolded(const ValueView& value, std::string_view collation) {
  return value.type == ValueType::kText && !sqlite::SameName(collation, "BINARY");
}

}  // namespace

std::span<const ValueView> CanonicalKey::Of(const schema::Table& table,
                                            std::span<const ValueView> key) {
  bool other = false;
  for (size_t i = 0; i < key.size(); ++i)
    other = other || IsWholeReal(key[i]) || IsFolded(key[i], table.key[i].collation);
  // Nearly every key is canonical already, and is returned without being copied.
  if (!other || HL_MUTANT(other_spelling_unknown)) return key;
  values_.assign(key.begin(), key.end());
  texts_.clear();
  texts_.reserve(key.size());  // Views in values_ point to these texts, so they must not move.
  for (size_t i = 0; i < key.size(); ++i) {
    if (IsWholeReal(key[i])) values_[i] = ValueView::Integer(static_cast<int64_t>(key[i].real));
    if (IsFolded(key[i], table.key[i].collation))
      values_[i] =
          ValueView::Text(texts_.emplace_back(Folded(table.key[i].collation, key[i].bytes)));
  }
  return values_;
}

}  // namespace harmonylite::ledger
