#include "adapters/nats_server/server_config.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/url.h"

namespace harmonylite::nats_server {

namespace {

// Writes a string in the configuration language of nats-server.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// The configuration language joins an included path to the folder of the including file, even if
// the path is absolute, and knows no escapes there. So the path is written relative to that folder.
Result<std::string> IncludeLine(const std::string& store_dir, const std::string& file) {
  std::error_code error;
  const auto target = std::filesystem::canonical(file, error);
  if (error)
    return MakeError(ErrorCode::kInvalidArgument, "[nats] server_config: cannot read {}: {}", file,
                     error.message());
  const std::string path =
      target.lexically_relative(std::filesystem::canonical(store_dir, error)).string();
  if (path.find_first_of("\"\n") != std::string::npos)
    return MakeError(ErrorCode::kInvalidArgument,
                     "[nats] server_config: a path with quotes cannot be included: {}", file);
  return fmt::format("include \"{}\"\n", path);
}

std::string UrlList(const std::vector<std::string>& urls) {
  std::string out;
  for (const std::string& url : urls) out += fmt::format("    {}\n", Quoted(url));
  return out;
}

std::string JetStreamBlock(const ServerOptions& options, const ServerVersion& version) {
  std::string out = fmt::format("jetstream {{\n  store_dir: {}\n", Quoted(options.store_dir));
  if (options.max_store_bytes > 0)
    out += fmt::format("  max_file_store: {}\n", options.max_store_bytes);
  if (version >= ServerVersion{2, 10, 0} && options.sync_interval_seconds > 0)
    out += fmt::format("  sync_interval: \"{}s\"\n", options.sync_interval_seconds);
  return out + "}\n";
}

// HarmonyLite 1.x allowed dns:// urls, with options behind a '?'; nats-server knows no such scheme.
std::string PlainRoute(const std::string& url) {
  std::string out = url.substr(0, url.find('?'));
  while (!out.empty() && out.back() == '/') out.pop_back();
  if (out.starts_with("dns://")) return "nats://" + out.substr(6);
  if (out.find("://") == std::string::npos) return "nats://" + out;
  return out;
}

std::vector<std::string> AddressesOf(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  std::set<std::string> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) ==
        0)
      addresses.insert(text);
  }
  freeaddrinfo(found);
  return {addresses.begin(), addresses.end()};
}

std::string WithoutScheme(const std::string& url) {
  const std::string plain = ServerOfUrl(PlainRoute(url));
  return plain.substr(plain.find("://") + 3);
}

}  // namespace

std::optional<ServerVersion> ParseServerVersion(std::string_view text) {
  const size_t at = text.find('v', text.find(':') == std::string_view::npos ? 0 : text.find(':'));
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + 1);
  ServerVersion version;
  for (int* part : {&version.major, &version.minor, &version.patch}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *part);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.empty() && text.front() == '.') text.remove_prefix(1);
  }
  return version;
}

Result<std::string> MakeServerConfig(const ServerOptions& options, const ServerVersion& version,
                                     const std::vector<std::string>& routes) {
  std::string out = "# Written by harmonylite at every start; changes are lost.\n";
  out += fmt::format("server_name: {}\n", Quoted(options.server_name));
  out += "logtime: false\n";
  out += fmt::format("max_payload: {}\n", options.max_payload);
  // A leaf node shows its clients the remote cluster's JetStream, so that there is only one log.
  // With a store of its own every record would go into two.
  if (options.leaf_servers.empty()) out += JetStreamBlock(options, version);
  if (!options.user.empty())
    out += fmt::format("authorization {{\n  user: {}\n  password: {}\n}}\n", Quoted(options.user),
                       Quoted(options.password));
  if (!options.cluster_address.empty()) {
    HL_ASSIGN(const HostPort listen, ParseHostPort(options.cluster_address));
    const std::string host = listen.host.empty() ? "0.0.0.0" : listen.host;
    // JetStream refuses to run in a cluster without routes. The server ignores a route to itself,
    // so such a route is harmless, and it makes this server the first member, which others join.
    const std::vector<std::string> self = {
        "nats://" + FormatHostPort(listen.host.empty() ? "127.0.0.1" : listen.host, listen.port)};
    out += fmt::format("cluster {{\n  name: {}\n  listen: {}\n  routes: [\n{}  ]\n}}\n",
                       Quoted(options.cluster_name), Quoted(FormatHostPort(host, listen.port)),
                       UrlList(routes.empty() ? self : routes));
  } else if (!options.cluster_peers.empty()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "-cluster-peers needs -cluster-addr: the address at which the peers reach us");
  }
  if (!options.leaf_servers.empty()) {
    out += "leafnodes {\n  remotes: [\n";
    for (const std::string& url : options.leaf_servers)
      out += fmt::format("    {{ url: {} }}\n", Quoted(url));
    out += "  ]\n}\n";
    // Without this line the leaf connection filters out everything that concerns JetStream. The
    // remote side needs the same line, or one system account for both sides.
    out += "default_js_domain: { \"$G\": \"\" }\n";
  }
  // The include comes late, so that the operator's settings override ours. Only the setting after
  // it may not be overridden, because we cannot work without it.
  if (!options.server_config.empty()) {
    HL_ASSIGN(const std::string include, IncludeLine(options.store_dir, options.server_config));
    out += include;
  }
  out += fmt::format("ports_file_dir: {}\n", Quoted(options.store_dir));
  return out;
}

std::vector<std::string> ExpandRoutes(const std::vector<std::string>& urls) {
  std::vector<std::string> out;
  for (const std::string& url : urls) {
    const std::string route = PlainRoute(url);
    const std::string host = UrlHost(route);
    const std::vector<std::string> addresses = AddressesOf(host);
    const size_t at = route.rfind(host);
    if (addresses.size() < 2 || at == std::string::npos) {
      out.push_back(route);
      continue;
    }
    for (const std::string& address : addresses) {
      const bool v6 = address.find(':') != std::string::npos;
      out.push_back(route.substr(0, at) + (v6 ? "[" + address + "]" : address) +
                    route.substr(at + host.size()));
    }
  }
  return out;
}

Result<std::pair<std::string, int>> BindAddress(const std::string& bind_address) {
  auto parsed = ParseHostPort(bind_address);
  if (!parsed.ok()) return std::move(parsed).error().Wrap("[nats] bind_address");
  if (parsed->port == 0) parsed->port = -1;  // the server would read 0 as its default port
  return std::pair(parsed->host.empty() ? "127.0.0.1" : parsed->host, parsed->port);
}

bool SetsListen(std::string_view config_text) {
  // Only settings at the top level count. Without a parser, such a setting is taken to be one that
  // begins at the start of a line, without indentation.
  while (!config_text.empty()) {
    const std::string_view line = config_text.substr(0, config_text.find('\n'));
    config_text.remove_prefix(std::min(config_text.size(), line.size() + 1));
    const size_t end = line.find_first_of(" \t:=");
    const std::string_view key = line.substr(0, end);
    if (end != std::string_view::npos &&
        (key == "listen" || key == "host" || key == "port" || key == "net"))
      return true;
  }
  return false;
}

ServerLine ParseServerLine(std::string_view line) {
  ServerLine out{LogLevel::kInfo, line, false};
  static constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
      {"[INF] ", LogLevel::kDebug},  // the server's routine messages are not news for our operator
      {"[DBG] ", LogLevel::kDebug}, {"[TRC] ", LogLevel::kDebug}, {"[WRN] ", LogLevel::kWarning},
      {"[ERR] ", LogLevel::kError}, {"[FTL] ", LogLevel::kError},
  };
  for (const auto& [mark, level] : kLevels) {
    const size_t at = line.find(mark);
    if (at == std::string_view::npos || at > 64) continue;
    return {level, line.substr(at + mark.size()), true};
  }
  return out;
}

std::optional<std::string> ClientUrlOfPorts(std::string_view json, const std::string& host) {
  const auto ports = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!ports.is_object() || !ports.contains("nats") || !ports["nats"].is_array())
    return std::nullopt;
  std::optional<std::string> best;
  int best_rank = 0;
  for (const auto& one : ports["nats"]) {
    if (!one.is_string()) continue;
    const auto url = one.get<std::string>();
    const std::string its_host = UrlHost(url);
    const int rank = its_host == host ? 3 : its_host == "127.0.0.1" ? 2 : 1;
    if (rank > best_rank) best = url;
    best_rank = std::max(best_rank, rank);
  }
  return best;
}

std::vector<std::string> ServerWarnings(const ServerOptions& options) {
  std::vector<std::string> out;
  std::set<std::string> members;
  for (const std::string& peer : options.cluster_peers) members.insert(WithoutScheme(peer));
  if (!options.cluster_address.empty()) members.insert(options.cluster_address);
  if (!options.cluster_peers.empty() && members.size() == 2)
    out.push_back(
        "two embedded NATS servers cannot keep a quorum: when either is down, neither carries "
        "changes until it is back. Use three, or one that is not embedded");
  if (!options.leaf_servers.empty())
    out.push_back(
        "as a leaf node we use the JetStream of -leaf-servers; its nats-server must let that "
        "through: put default_js_domain: { \"$G\": \"\" } into its configuration");
  const auto bind = BindAddress(options.bind_address);
  const bool loopback = !bind.ok() || bind->first == "localhost" || bind->first == "::1" ||
                        bind->first.starts_with("127.");
  if (!loopback && options.user.empty() && options.server_config.empty())
    out.push_back(fmt::format(
        "the embedded NATS server listens on {} without a password: anyone who reaches it can "
        "change the database. Set [nats] user_name and user_password",
        bind->first));
  return out;
}

}  // namespace harmonylite::nats_server
