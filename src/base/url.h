// Takes server addresses and URLs apart, and shows them without their secrets. Error messages never
// repeat the text of a URL, because it may hold a password.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite {

struct HostPort {
  std::string host;  // without brackets; empty if none was given
  int port = 0;      // 0 or less means any free port
};

// Accepts "host:port", ":port" and "[v6]:port". kInvalidArgument: the text is anything else, or its
// port is below `lowest_port`, which may be -1.
Result<HostPort> ParseHostPort(std::string_view text, int lowest_port = -1);
// Writes "host:port", with brackets around an IPv6 address.
std::string FormatHostPort(const std::string& host, int port);

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
std::string RedactUrl(std::string_view url);
// Returns "scheme://host:port", which is fit for logs and errors, too. Path and query go as well.
std::string ServerOfUrl(std::string_view url);
std::string ServersOfUrls(const std::vector<std::string>& urls);
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
