// Private to src/adapters/nats_server: what our nats-server is told, as text, and what it tells us.
//
// Threads: pure functions, but for the look-ups of names in ExpandRoutes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/nats_server/server_options.h"
#include "base/logger.h"
#include "base/result.h"

namespace harmonylite::nats_server {

struct ServerVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const ServerVersion&) const = default;
};

// From "nats-server: v2.9.10" or alike.
std::optional<ServerVersion> ParseServerVersion(std::string_view text);

// The configuration file. `routes`: already expanded. kInvalidArgument: an option cannot be used.
Result<std::string> MakeServerConfig(const ServerOptions& options, const ServerVersion& version,
                                     const std::vector<std::string>& routes);

// Each url once per address its host has now (in a deterministic order); as it is when that is
// unknown.
std::vector<std::string> ExpandRoutes(const std::vector<std::string>& urls);

// The host to bind, from bind_address: loopback unless a host is given.
Result<std::pair<std::string, int>> BindAddress(const std::string& bind_address);
// The extra configuration sets listen, host or port itself.
bool SetsListen(std::string_view config_text);

// A line of the server's log: its level, and the text without process id and level.
struct ServerLine {
  LogLevel level = LogLevel::kInfo;
  std::string_view text;
  bool marked = false;  // had a level; others come from before its log is set up
};
ServerLine ParseServerLine(std::string_view line);

// The client url in a ports file, preferring `host`. Nothing: the file is incomplete.
std::optional<std::string> ClientUrlOfPorts(std::string_view json, const std::string& host);

// Things the operator should know about this configuration.
std::vector<std::string> ServerWarnings(const ServerOptions& options);

}  // namespace harmonylite::nats_server
