// Takes server addresses apart, and shows them without their secrets.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite {

struct HostPort {
  std::string host;  // Without brackets; empty if none was given.
  int port = 0;      // -1 means any free port.
};

// Accepts "host:port", ":port" and "[v6]:port". kInvalidArgument: the text is anything else.
Result<HostPort> ParseHostPort(std::string_view text);
// Writes "host:port", with brackets around an IPv6 address.
std::string FormatHostPort(const std::string& host, int port);

// Shortens "scheme://user:secret@host:port" to "scheme://host:port", which is fit for logs and
// errors. Path and query go as well.
std::string RedactUrl(std::string_view url);
std::string RedactUrls(const std::vector<std::string>& urls);
// The host of a URL, without scheme, credentials, brackets, port or path.
std::string UrlHost(std::string_view url);
struct UrlCredentials {
  // Empty if the URL has none, or has only a token; a token stays in the URL.
  std::string user;
  std::string password;
};
// Removes "user:password@" from the URL and returns both parts. %XX is decoded here, because the
// NATS client library does not decode it.
UrlCredentials TakeCredentials(std::string* url);
// True for "tls://…".
bool IsTlsUrl(std::string_view url);

}  // namespace harmonylite
