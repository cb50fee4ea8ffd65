#include "base/result.h"

#include <cstdio>

namespace harmonylite {

const char* ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRetryLater:
      return "retry later";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kLogGap:
      return "log gap";
    case ErrorCode::kSchemaMismatch:
      return "schema mismatch";
    case ErrorCode::kCorruption:
      return "corruption";
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
  }
  return "unknown";
}

void Panic(const char* file, int line, std::string_view message) {
  std::fprintf(stderr, "harmonylite: bug at %s:%d: %.*s\n", file, line,
               static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace harmonylite
