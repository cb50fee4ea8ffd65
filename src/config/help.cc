#include <algorithm>

#include "config/command_line.h"

namespace harmonylite::config {
namespace {

constexpr char kAbout[] =
    R"(harmonylite - keeps a SQLite database the same on several machines

Runs beside an application, picks up what it writes to its database, and brings that to every other
node over NATS JetStream. Every node may write, also while it is cut off from the others.

Usage:
  harmonylite -config FILE [flags]            replicate until stopped
  harmonylite -config FILE -cleanup           do one thing, then end
  harmonylite [flags] COMMAND [arguments]

Flags (one dash or two; "-flag value" or "-flag=value"):
  -config FILE            the configuration, TOML; db_path is the only key it must have
  -node-id N              this node's number, unique in the cluster; goes before the file's node_id
  -cleanup                remove all triggers and hidden tables from the database
  -save-snapshot          save a snapshot to the configured store
  -schema-status          show this node's tables and how their definitions are known to the cluster
  -schema-status-cluster  compare the table definitions of all nodes
  -version                print the version, and of what it was built
  -help                   print this text

Without nats.urls in the configuration harmonylite runs a nats-server of its own. To join several:
  -cluster-addr HOST:PORT where this node's server listens for the others
  -cluster-peers URL,...  the others' cluster addresses, as nats://host:port/
  -leaf-servers URL,...   servers of another NATS system to connect to, as nats://host:port/

Health (instead of the file's [health_check]):
  -health-check           answer health requests
  -health-bind HOST:PORT  where
  -health-path PATH       under which path
)";

constexpr char kExamples[] =
    R"(
Examples:
  harmonylite -config /etc/harmonylite.toml
  harmonylite -config node1.toml -node-id 1 -cluster-addr 10.0.0.1:4248 \
      -cluster-peers nats://10.0.0.2:4248/,nats://10.0.0.3:4248/
  harmonylite -config node1.toml -cleanup

Exit codes: 0 done, 1 failed, 2 a mistake in the command line.
)";

}  // namespace

std::string HelpText(const std::vector<SubcommandInfo>& subcommands) {
  std::string out = kAbout;
  if (!subcommands.empty()) {
    size_t width = 0;
    for (const auto& one : subcommands) width = std::max(width, one.name.size());
    out += "\nCommands (\"harmonylite COMMAND -help\" shows what each takes):\n";
    for (const auto& one : subcommands)
      out += fmt::format("  {:<{}}  {}\n", one.name, width, one.summary);
  }
  return out + kExamples;
}

}  // namespace harmonylite::config
