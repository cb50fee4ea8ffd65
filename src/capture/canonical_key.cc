#include "capture/canonical_key.h"

#include <cmath>

#include "base/mutant.h"

#include "sqlite/identifier.h"

namespace harmonylite::capture {

using change::ValueType;
using change::ValueView;

namespace {

std::string Folded(std::string_view collation, std::string_view text) {
  if (sqlite::SameName(collation, "NOCASE")) return sqlite::FoldCase(text);
  return std::string(text.substr(0, text.find_last_not_of(' ') + 1));  // RTRIM
}

}  // namespace

std::span<const ValueView> CanonicalKey::Of(const schema::Table& table, std::span<const ValueView> key) {
  values_.assign(key.begin(), key.end());
  texts_.clear();
  texts_.reserve(key.size());  // views point into them
  for (size_t i = 0; i < key.size() && !HL_MUTANT(other_spelling_unknown); ++i) {
    if (key[i].type == ValueType::kReal && std::trunc(key[i].real) == key[i].real && std::abs(key[i].real) < 9e15)
      values_[i] = ValueView::Integer(static_cast<int64_t>(key[i].real));
    if (key[i].type == ValueType::kText && !sqlite::SameName(table.key[i].collation, "BINARY"))
      values_[i] = ValueView::Text(texts_.emplace_back(Folded(table.key[i].collation, key[i].bytes)));
  }
  return values_;
}

}  // namespace harmonylite::capture
