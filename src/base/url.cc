#include "base/url.h"

#include <charconv>

namespace harmonylite {

namespace {

struct UrlParts {
  std::string_view scheme;     // With "://"; empty if the URL has no scheme.
  std::string_view authority;  // Host and port.
};

UrlParts Split(std::string_view url) {
  UrlParts parts;
  if (const size_t at = url.find("://"); at != std::string_view::npos) {
    parts.scheme = url.substr(0, at + 3);
    url.remove_prefix(at + 3);
  }
  // Credentials end at the last '@' before the path, because a password may contain one. A '/' in a
  // password would end this search early and show the rest of the password, so everything up to the
  // very last '@' of the URL is removed.
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  parts.authority = url.substr(0, url.find_first_of("/?#"));
  return parts;
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

Result<HostPort> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  const auto bad = [&] {
    return MakeError(ErrorCode::kInvalidArgument,
                     "\"{}\" is not an address: write host:port, or :port", text);
  };
  if (colon == std::string_view::npos) return bad();
  HostPort out;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size()) return bad();
  if (out.port < -1 || out.port > 65535) return bad();
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();  // An IPv6 address without brackets is ambiguous.
  }
  out.host = host;
  return out;
}

std::string FormatHostPort(const std::string& host, int port) {
  if (host.find(':') != std::string::npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

std::string RedactUrl(std::string_view url) {
  const UrlParts parts = Split(url);
  return std::string(parts.scheme) + std::string(parts.authority);
}

std::string RedactUrls(const std::vector<std::string>& urls) {
  std::string out;
  for (const std::string& url : urls) {
    if (!out.empty()) out += ", ";
    out += RedactUrl(url);
  }
  return out;
}

std::string UrlHost(std::string_view url) {
  std::string_view authority = Split(url).authority;
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
