// Network addresses as configurations and flags write them. Messages never repeat the text of a
// URL: it may hold a password.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::config {

// Where to listen.
struct ListenAddress {
  std::string host;  // empty: all interfaces. IPv6 addresses without brackets.
  int port = 0;      // 0 or less: a free one

  bool any_port() const { return port <= 0; }
  // "host:port", IPv6 in brackets.
  std::string ToString() const;
  bool operator==(const ListenAddress&) const = default;
};

// Reads "host:port", ":port" or "[v6]:port". any_port allows 0 and -1.
Result<ListenAddress> ParseListenAddress(std::string_view text, bool any_port);

// The parts of "scheme://user@host:port/rest".
struct ServerUrl {
  std::string scheme;    // lower case; empty when the text has none
  std::string userinfo;  // as written; may be a secret
  std::string host;      // IPv6 addresses without brackets
  int port = 0;          // 0: not given
  std::string rest;      // from the first '/', '?' or '#' on; may hold secrets
};

// Requires a host. A password with '/', '?', '#' or '@' must be percent-encoded.
Result<ServerUrl> ParseServerUrl(std::string_view text);

// The URL for a log: user, password and query values (except dir) become "***"; where it is not
// clear which part is which, all of it does.
std::string RedactUrl(std::string_view text);

}  // namespace harmonylite::config
