#include "base/url.h"

#include <charconv>

namespace harmonylite {

namespace {

constexpr int kHighestPort = 65535;
constexpr size_t kLongestHost = 255;
constexpr char kHidden[] = "***";

bool IsAlnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ValidName(std::string_view host) {
  for (const char c : host) {
    if (!IsAlnum(c) && c != '.' && c != '-' && c != '_') return false;
  }
  return host.size() <= kLongestHost;
}

bool ValidV6(std::string_view host) {
  for (const char c : host) {
    if (!IsAlnum(c) && c != ':' && c != '.' && c != '%') return false;
  }
  return host.find(':') != std::string_view::npos && host.size() <= kLongestHost;
}

bool ValidScheme(std::string_view scheme) {
  for (const char c : scheme) {
    if (!IsAlnum(c) && c != '+' && c != '-' && c != '.') return false;
  }
  return !scheme.empty();
}

Error Bad(const char* what) { return Error(ErrorCode::kInvalidArgument, what); }

struct HostAndPort {
  std::string host;
  std::string_view port;  // the text after the colon
  bool has_port = false;
};

Result<HostAndPort> SplitHostPort(std::string_view text) {
  HostAndPort out;
  std::string_view after;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return Bad("the '[' of an IPv6 address has no ']'");
    out.host = text.substr(1, close - 1);
    if (!ValidV6(out.host)) return Bad("between '[' and ']' an IPv6 address is expected");
    after = text.substr(close + 1);
    if (!after.empty() && after.front() != ':') return Bad("after ']' only ':port' may follow");
  } else {
    const size_t colon = text.find(':');
    if (colon != text.rfind(':')) {
      return Bad("more than one ':'; an IPv6 address is written in brackets, as in [::1]:4222");
    }
    out.host = text.substr(0, colon);
    if (!ValidName(out.host)) return Bad("the host has a character that no host name has");
    if (colon != std::string_view::npos) after = text.substr(colon);
  }
  if (!after.empty()) {
    out.has_port = true;
    out.port = after.substr(1);
  }
  return out;
}

Result<int> ParsePort(std::string_view text, int lowest) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Bad("the port is not a number");
  }
  if (port < lowest || port > kHighestPort) {
    return MakeError(ErrorCode::kInvalidArgument, "the port must be {} to {}", lowest,
                     kHighestPort);
  }
  return port;
}

// A URL for showing. Nothing that may be secret is in `scheme`, `server` and `path`.
struct UrlParts {
  std::string_view scheme;  // with "://"; empty if the URL has no scheme
  bool has_user = false;
  // False: it cannot be told where a password ends, so the parts below are empty.
  bool clear = true;
  std::string_view server;  // host and port
  std::string_view path;
  std::string_view query;  // from the first '?' or '#' on; may hold secrets
};

// This is the one place that decides where credentials end. A password that is not percent-encoded
// may contain any of / ? # @. The last '@' ends the password, unless the query contains an '@' of
// its own; it cannot be told which is the case if the last '@' comes after a '?' or '#'.
UrlParts Split(std::string_view url) {
  UrlParts out;
  const size_t mark = url.find("://");
  if (mark != std::string_view::npos && ValidScheme(url.substr(0, mark))) {
    out.scheme = url.substr(0, mark + 3);
    url.remove_prefix(mark + 3);
  }
  const size_t query = url.find_first_of("?#");
  std::string_view front = url.substr(0, query);
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
    out.has_user = true;
    out.clear = query == std::string_view::npos || at < query;
    if (!out.clear) return out;
    front.remove_prefix(at + 1);
  }
  out.server = front.substr(0, front.find('/'));
  out.path = front.substr(out.server.size());
  if (query != std::string_view::npos) out.query = url.substr(query);
  return out;
}

std::string RedactQuery(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view field = query.substr(0, end);
    const size_t equals = field.find('=');
    const std::string_view name = field.substr(0, equals);
    if (!out.empty()) out += '&';
    if (equals == std::string_view::npos) {
      out += kHidden;
    } else {
      out += name;
      out += '=';
      out += name == "dir" ? field.substr(equals + 1) : std::string_view(kHidden);
    }
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return out;
}

std::string DecodePercent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* begin = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(begin, begin + 2, value, 16).ptr == begin + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Result<HostPort> ParseHostPort(std::string_view text, int lowest_port) {
  HL_ASSIGN(HostAndPort split, SplitHostPort(text));
  if (!split.has_port) return Bad("expected host:port, as in 127.0.0.1:4222 or :4222");
  HL_ASSIGN(const int port, ParsePort(split.port, lowest_port));
  return HostPort{std::move(split.host), port};
}

std::string FormatHostPort(const std::string& host, int port) {
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

Result<ServerUrl> ParseServerUrl(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F) {
      return Bad("a URL has no spaces or control characters");
    }
  }
  ServerUrl out;
  if (const size_t mark = text.find("://"); mark != std::string_view::npos) {
    if (!ValidScheme(text.substr(0, mark))) return Bad("the part before '://' is no scheme");
    for (const char c : text.substr(0, mark)) {
      out.scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    text.remove_prefix(mark + 3);
  }
  const size_t end = text.find_first_of("/?#");
  std::string_view authority = text.substr(0, end);
  if (end != std::string_view::npos) out.rest = text.substr(end);
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    out.userinfo = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  HL_ASSIGN(HostAndPort split, SplitHostPort(authority));
  if (split.host.empty()) return Bad("the URL names no host");
  out.host = std::move(split.host);
  if (split.has_port) {
    HL_ASSIGN(out.port, ParsePort(split.port, 1));
  }
  return out;
}

std::string RedactUrl(std::string_view url) {
  const UrlParts parts = Split(url);
  std::string out(parts.scheme);
  if (!parts.clear) return out + kHidden;
  if (parts.has_user) out += std::string(kHidden) + "@";
  out += parts.server;
  out += parts.path;
  if (parts.query.empty()) return out;
  out += parts.query.front();
  return out + (parts.query.front() == '?' ? RedactQuery(parts.query.substr(1)) : kHidden);
}

std::string ServerOfUrl(std::string_view url) {
  const UrlParts parts = Split(url);
  return std::string(parts.scheme) + (parts.clear ? std::string(parts.server) : kHidden);
}

std::string ServersOfUrls(const std::vector<std::string>& urls) {
  std::string out;
  for (const std::string& url : urls) {
    if (!out.empty()) out += ", ";
    out += ServerOfUrl(url);
  }
  return out;
}

std::string UrlHost(std::string_view url) {
  std::string_view authority = Split(url).server;
  if (!authority.empty() && authority.front() == '[')
    return std::string(authority.substr(1, authority.find(']') - 1));
  return std::string(authority.substr(0, authority.rfind(':')));
}

UrlCredentials TakeCredentials(std::string* url) {
  UrlCredentials out;
  const size_t scheme = url->find("://");
  const size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const size_t at = url->rfind('@');
  const size_t colon = url->find(':', begin);
  if (at == std::string::npos || at < begin || colon >= at) return out;
  out.user = DecodePercent(std::string_view(*url).substr(begin, colon - begin));
  out.password = DecodePercent(std::string_view(*url).substr(colon + 1, at - colon - 1));
  url->erase(begin, at + 1 - begin);
  return out;
}

bool IsTlsUrl(std::string_view url) { return url.starts_with("tls://"); }

}  // namespace harmonylite
