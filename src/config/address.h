// Network addresses as configurations and flags write them. Error messages never repeat the text of
// a URL, because it may hold a password.
//
// Threads: plain values and pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::config {

// An address on which a server of ours listens.
struct ListenAddress {
  std::string host;  // empty for all interfaces; an IPv6 address without brackets
  int port = 0;      // 0 or less for a free port

  bool any_port() const { return port <= 0; }
  // Returns "host:port", with brackets around an IPv6 host.
  std::string ToString() const;
  bool operator==(const ListenAddress&) const = default;
};

// Reads "host:port", ":port" or "[v6]:port". The ports 0 and -1 are allowed only with `any_port`.
Result<ListenAddress> ParseListenAddress(std::string_view text, bool any_port);

// A URL taken apart: "scheme://userinfo@host:port/rest".
struct ServerUrl {
  std::string scheme;    // in lower case; empty if the text has none
  std::string userinfo;  // as written; may be a secret
  std::string host;      // an IPv6 address without brackets
  int port = 0;          // 0 if the URL gives none
  std::string rest;      // from the first '/', '?' or '#' on; may hold secrets
};

// Splits a URL, which must name a host. A password with '/', '?', '#' or '@' must be
// percent-encoded.
Result<ServerUrl> ParseServerUrl(std::string_view text);

// Returns the URL for a log: user, password and the values of the query (except dir) become "***".
// If it is not clear which part is which, everything after the scheme becomes "***".
std::string RedactUrl(std::string_view text);

}  // namespace harmonylite::config
