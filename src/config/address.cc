#include "config/address.h"

#include <charconv>

namespace harmonylite::config {
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

struct HostPort {
  std::string host;
  std::string_view port;  // the text after the colon
  bool has_port = false;
};

Result<HostPort> SplitHostPort(std::string_view text) {
  HostPort out;
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

std::string Bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
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

}  // namespace

std::string ListenAddress::ToString() const { return fmt::format("{}:{}", Bracketed(host), port); }

Result<ListenAddress> ParseListenAddress(std::string_view text, bool any_port) {
  HL_ASSIGN(const HostPort split, SplitHostPort(text));
  if (!split.has_port) return Bad("expected host:port, as in 127.0.0.1:4222 or :4222");
  HL_ASSIGN(const int port, ParsePort(split.port, any_port ? -1 : 1));
  return ListenAddress{split.host, port};
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
  HL_ASSIGN(HostPort split, SplitHostPort(authority));
  if (split.host.empty()) return Bad("the URL names no host");
  out.host = std::move(split.host);
  if (split.has_port) {
    HL_ASSIGN(out.port, ParsePort(split.port, 1));
  }
  return out;
}

std::string RedactUrl(std::string_view text) {
  std::string out;
  const size_t mark = text.find("://");
  if (mark != std::string_view::npos && ValidScheme(text.substr(0, mark))) {
    out = text.substr(0, mark + 3);
    text.remove_prefix(mark + 3);
  }
  const size_t query = text.find_first_of("?#");
  std::string_view front = text.substr(0, query);
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    // A password that is not percent-encoded may contain any of / ? # @. The last '@' ends the
    // password, unless the query contains an '@' of its own. It cannot be told which is the case,
    // so everything is hidden if the last '@' comes after a '?' or '#'.
    if (query != std::string_view::npos && at > query) return out + kHidden;
    out += kHidden;
    front.remove_prefix(at);
  }
  out += front;
  if (query == std::string_view::npos) return out;
  out += text[query];
  return out + (text[query] == '?' ? RedactQuery(text.substr(query + 1)) : std::string(kHidden));
}

}  // namespace harmonylite::config
