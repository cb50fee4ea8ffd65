// Private to src/adapters/nats_server: writes the configuration of our nats-server, and reads its
// log lines and ports file.
//
// Threads: pure functions, except that ExpandRoutes() looks up names.
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

// Parses text such as "nats-server: v2.9.10".
std::optional<ServerVersion> ParseServerVersion(std::string_view text);

// Returns the text of the configuration file. `routes` must already be expanded. kInvalidArgument:
// an option cannot be used.
Result<std::string> MakeServerConfig(const ServerOptions& options, const ServerVersion& version,
                                     const std::vector<std::string>& routes);

// Replaces each url by one url for every address that its host has now, in a deterministic order. A
// url whose host has fewer than two addresses keeps its name.
std::vector<std::string> ExpandRoutes(const std::vector<std::string>& urls);

// Returns host and port to bind. The host is loopback unless `bind_address` names one; port -1
// means a free one.
Result<std::pair<std::string, int>> BindAddress(const std::string& bind_address);
// Returns whether the operator's own configuration sets listen, host, port or net.
bool SetsListen(std::string_view config_text);

// One line of the server's log: its level, and its text without process id and level.
struct ServerLine {
  LogLevel level = LogLevel::kInfo;
  std::string_view text;
  // Whether the line names a level. Lines without one come from before the server's log is set up.
  bool marked = false;
};
ServerLine ParseServerLine(std::string_view line);

// Returns the client url in a ports file; among several, prefers `host`, then 127.0.0.1. Returns
// nothing if the file is incomplete.
std::optional<std::string> ClientUrlOfPorts(std::string_view json, const std::string& host);

// Returns what the operator should know about this configuration, one sentence or two for each
// risk.
std::vector<std::string> ServerWarnings(const ServerOptions& options);

}  // namespace harmonylite::nats_server
