// Server addresses as text: taking them apart, and showing them without what must stay secret.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite {

struct HostPort {
  std::string host;  // without brackets; empty when none was given
  int port = 0;      // -1: any free one
};

// "host:port", ":port", "[v6]:port". kInvalidArgument: anything else.
Result<HostPort> ParseHostPort(std::string_view text);
// "host:port", with brackets around an IPv6 address.
std::string FormatHostPort(const std::string& host, int port);

// "scheme://user:secret@host:port" as "scheme://host:port"; fit for logs and errors.
std::string RedactUrl(std::string_view url);
std::string RedactUrls(const std::vector<std::string>& urls);
// The part between scheme (and credentials) and path, without brackets or port.
std::string UrlHost(std::string_view url);
struct UrlCredentials {
  std::string user;  // empty: none, or a token, which stays in the url
  std::string password;
};
// Removes "user:password@" from the url; %XX are decoded, as the client library does not.
UrlCredentials TakeCredentials(std::string* url);
// "tls://…"
bool IsTlsUrl(std::string_view url);

}  // namespace harmonylite
