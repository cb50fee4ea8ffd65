// Private to src/adapters/stores: takes apart the URLs of stores as the configuration writes them.
//
// Threads: any; pure functions, except that part names depend on the clock and on random numbers.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite::stores {

struct StoreUrl {
  // "scheme://host:port" without credentials; the port is there only if the URL names it.
  std::string server;
  std::string user;                          // decoded; may be empty
  std::string password;                      // decoded; may be empty
  std::string path;                          // decoded, such as "/a/b"
  std::map<std::string, std::string> query;  // decoded; may hold a secret
};

// kInvalidArgument: `text` is not a URL; the message quotes nothing of it.
Result<StoreUrl> ParseStoreUrl(const std::string& text);

// Percent-encodes `text`, so that it can be one part of a path or a value in a query.
std::string UrlEncode(std::string_view text);
// Reverses UrlEncode(). Never fails: a sequence that is not encoded correctly is kept literally.
std::string UrlDecode(std::string_view text);
// Splits a path into its non-empty parts, so that "/a/b c/" yields "a" and "b c".
std::vector<std::string> PathParts(std::string_view path);
// Joins the parts into an encoded path such as "/a/b%20c"; returns "" if there are none.
std::string EncodedPath(const std::vector<std::string>& parts);

// Returns a new temporary name for an incomplete file; no object has such a name.
std::string NewPartName();
// Returns whether `name` was made by NewPartName() so long ago that its writer must be dead.
bool IsStalePart(std::string_view name);

}  // namespace harmonylite::stores
