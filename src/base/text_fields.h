// Reads HarmonyLite's own text formats, which have one fact per line: words between separators,
// whole numbers, and origins.
//
// Threads: pure functions.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace harmonylite {

// Removes the text before the next separator from the front of `text`, and the separator with it,
// and returns that text. Without a separator it takes everything.
inline std::string_view NextField(std::string_view* text, char separator) {
  const size_t at = text->find(separator);
  const std::string_view field = text->substr(0, at);
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  return field;
}

// Reads a whole number. False if `text` is anything but one number that fits into T.
template <typename T>
bool Number(std::string_view text, T* out, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// Writes an origin as two words, and removes two such words from the front of `text`.
inline std::string OriginWords(const Origin& origin) {
  return fmt::format("{} {}", origin.node.value, origin.incarnation.value);
}
inline bool NextOrigin(std::string_view* text, Origin* out) {
  return Number(NextField(text, ' '), &out->node.value) &&
         Number(NextField(text, ' '), &out->incarnation.value);
}

}  // namespace harmonylite
