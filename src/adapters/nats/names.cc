#include "adapters/nats/names.h"

#include <algorithm>
#include <charconv>

namespace harmonylite::nats {

namespace {

constexpr size_t kMaxPrefix = 200;

bool IsWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool HasEmptyToken(std::string_view text) {
  return text.empty() || text.front() == '.' || text.back() == '.' ||
         text.find("..") != std::string_view::npos;
}

template <typename T>
bool ParseNumber(std::string_view text, T* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string StreamName(const std::string& stream_prefix, int format, int shard) {
  return fmt::format("{}-v{}-{}", stream_prefix, format, shard);
}

std::string BucketName(const std::string& stream_prefix, int format) {
  return fmt::format("{}-v{}-meta", stream_prefix, format);
}

std::string SubjectRoot(const std::string& subject_prefix, int format, int shard) {
  return fmt::format("{}.v{}.{}", subject_prefix, format, shard);
}

std::optional<Origin> OriginOfSubject(std::string_view subject, std::string_view root) {
  if (!subject.starts_with(root) || subject.size() <= root.size() || subject[root.size()] != '.')
    return std::nullopt;
  subject.remove_prefix(root.size() + 1);
  const size_t dot = subject.find('.');
  Origin origin;
  if (dot == std::string_view::npos || !ParseNumber(subject.substr(0, dot), &origin.node.value) ||
      !ParseNumber(subject.substr(dot + 1), &origin.incarnation.value))
    return std::nullopt;
  return origin;
}

Status CheckStreamPrefix(std::string_view prefix) {
  if (!prefix.empty() && prefix.size() <= kMaxPrefix &&
      std::all_of(prefix.begin(), prefix.end(), IsWordChar))
    return Ok();
  return MakeError(ErrorCode::kInvalidArgument,
                   "stream_prefix \"{}\" cannot be used in NATS names: only letters, digits, '-' "
                   "and '_' (at most {})",
                   prefix, kMaxPrefix);
}

Status CheckSubjectPrefix(std::string_view prefix) {
  const bool clean = std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '*' && c != '>' && c != 0x7F;
  });
  if (clean && !HasEmptyToken(prefix) && prefix.front() != '$' && prefix.size() <= kMaxPrefix)
    return Ok();
  return MakeError(ErrorCode::kInvalidArgument,
                   "subject_prefix \"{}\" is not a NATS subject: words with dots between them, no "
                   "spaces, '*' or '>', not starting with '$' (at most {} characters)",
                   prefix, kMaxPrefix);
}

Status CheckKey(std::string_view key) {
  const bool clean = std::all_of(key.begin(), key.end(),
                                 [](char c) { return IsWordChar(c) || c == '.' || c == '='; });
  if (clean && !HasEmptyToken(key)) return Ok();
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is not a key of the meta store", key);
}

}  // namespace harmonylite::nats
