#include "adapters/stores/store_sftp_listing.h"

#include <charconv>
#include <string>
#include <vector>

namespace harmonylite::stores {

namespace {

// A line has the words: mode, links, user, group, size, three words of a date, name.
constexpr size_t kLeastWords = 9;
constexpr size_t kSizeFromEnd = 5;

std::vector<std::string_view> Words(std::string_view line) {
  constexpr std::string_view kSpaces = " \t\r\n";
  std::vector<std::string_view> out;
  while (true) {
    const size_t begin = line.find_first_not_of(kSpaces);
    if (begin == std::string_view::npos) return out;
    line.remove_prefix(begin);
    out.push_back(line.substr(0, line.find_first_of(kSpaces)));
    line.remove_prefix(out.back().size());
  }
}

}  // namespace

std::optional<ports::ObjectInfo> ParseSftpLine(std::string_view line) {
  const auto words = Words(line);
  if (words.size() < kLeastWords || words[0][0] != '-') return std::nullopt;
  const std::string_view size = words[words.size() - kSizeFromEnd];
  ports::ObjectInfo out;
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), out.size);
  if (error != std::errc() || end != size.data() + size.size()) return std::nullopt;
  out.name = words.back();
  return out;
}

}  // namespace harmonylite::stores
