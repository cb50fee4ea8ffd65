// Private to src/adapters/stores: URLs as the configuration writes them, taken apart.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite::stores {

struct StoreUrl {
  std::string server;    // "scheme://host:port", no credentials; the port only when it is given
  std::string user;      // decoded; may be empty
  std::string password;  // likewise
  std::string path;      // decoded, as "/a/b"
  std::map<std::string, std::string> query;  // decoded; a secret perhaps
};

// kInvalidArgument: it is none; the message holds nothing of it.
Result<StoreUrl> ParseStoreUrl(const std::string& text);

// Percent-encoded, so that it is one part of a path or a value of a query.
std::string UrlEncode(std::string_view text);
// kInvalidArgument never; what is not encoded well is taken as it is.
std::string UrlDecode(std::string_view text);
// "/a/b c/" and "/d" → "a", "b c", "d"
std::vector<std::string> PathParts(std::string_view path);
// Encoded: "/a/b%20c", or "" for none.
std::string EncodedPath(const std::vector<std::string>& parts);

// A name for what is not whole yet, which no object has.
std::string NewPartName();
// Whether `name` is one of those, so old that its writer must be dead.
bool IsStalePart(std::string_view name);

}  // namespace harmonylite::stores
