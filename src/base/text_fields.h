// Reading the text formats of ours that have one fact a line: words between separators, and whole numbers.
//
// Threads: pure functions.
#pragma once

#include <charconv>
#include <string_view>

namespace harmonylite {

// Takes what stands before the next separator, or everything, off the front of `text`, and the separator with it.
inline std::string_view NextField(std::string_view* text, char separator) {
  const size_t at = text->find(separator);
  const std::string_view field = text->substr(0, at);
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  return field;
}

// False when `text` is anything but one number that fits.
template <typename T>
bool Number(std::string_view text, T* out, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace harmonylite
