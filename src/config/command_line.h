// The command line as a validated value: the flags of 1.x, and subcommands.
//
// Flags take one dash or two, "-flag value" or "-flag=value"; the last one of several wins; "--" or
// the first word that is no flag ends them. That word is a subcommand and all after it are its
// arguments, except that -config is understood there, too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/config.h"

namespace harmonylite::config {

enum class ExitCode { kOk = 0, kFailure = 1, kUsage = 2 };

enum class Mode {
  kRun,
  kCleanup,
  kSaveSnapshot,
  kSchemaStatus,
  kSchemaStatusCluster,
  kVersion,
  kHelp,
  kSubcommand,
};

// A subcommand as the help lists it.
struct SubcommandInfo {
  std::string name;
  std::string summary;  // half a line
};

struct CommandLine {
  Mode mode = Mode::kRun;
  std::string config_path;  // empty: not given
  std::optional<uint64_t> node_id;
  // Joins the embedded servers of several nodes into one NATS cluster.
  std::optional<ListenAddress> cluster_addr;
  std::vector<std::string> cluster_peers;  // URLs with scheme and port: nats://, tls:// or dns://
  std::vector<std::string> leaf_servers;   // likewise
  // Over the configuration's [health_check].
  bool health_check = false;
  std::optional<ListenAddress> health_bind;
  std::optional<std::string> health_path;
  // With kSubcommand; also with kHelp, when the help of that one is asked for.
  std::string subcommand;
  std::vector<std::string> arguments;
};

// kInvalidArgument with one sentence for the operator; the program ends with kUsage. With a list of
// subcommands, a name that is not in it is an error.
Result<CommandLine> ParseCommandLine(int argc, const char* const* argv,
                                     const std::vector<SubcommandInfo>& subcommands = {});

// Puts the flags that stand above the file into the configuration.
void ApplyFlags(const CommandLine& command_line, Config* config);

std::string HelpText(const std::vector<SubcommandInfo>& subcommands);

}  // namespace harmonylite::config
