// The command line as a validated value: the flags of HarmonyLite 1.x, and subcommands.
//
// A flag takes one dash or two, and is written "-flag value" or "-flag=value". If a flag is given
// more than once, the last one counts. The flags end at "--" or at the first word that is not a
// flag. That word is a subcommand, and all words after it are its arguments, except that -config is
// understood there, too.
//
// Threads: plain values and pure functions.
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

// The name and summary of a subcommand, for the help.
struct SubcommandInfo {
  std::string name;
  std::string summary;  // half a line of text
};

struct CommandLine {
  Mode mode = Mode::kRun;
  std::string config_path;  // empty if the flag is not given
  std::optional<uint64_t> node_id;
  // The address at which this node's embedded server accepts the embedded servers of other nodes,
  // with which it forms one NATS cluster.
  std::optional<ListenAddress> cluster_addr;
  std::vector<std::string> cluster_peers;  // URLs with scheme and port: nats://, tls:// or dns://
  std::vector<std::string> leaf_servers;   // URLs with scheme and port: nats://, tls:// or dns://
  // The health_ flags override the configuration's [health_check].
  bool health_check = false;
  std::optional<ListenAddress> health_bind;
  std::optional<std::string> health_path;
  // Set with kSubcommand, and with kHelp if the help of one subcommand is asked for.
  std::string subcommand;
  std::vector<std::string> arguments;
};

// Parses the command line. If `subcommands` is not empty, a subcommand that is not in it is an
// error. kInvalidArgument: the message is one sentence for the operator, and the program ends with
// kUsage.
Result<CommandLine> ParseCommandLine(int argc, const char* const* argv,
                                     const std::vector<SubcommandInfo>& subcommands = {});

// Returns the names of all flags, without dashes.
std::vector<std::string> FlagNames();

// Overrides values of the configuration with those of the flags that take precedence.
void ApplyFlags(const CommandLine& command_line, Config* config);

std::string HelpText(const std::vector<SubcommandInfo>& subcommands);

}  // namespace harmonylite::config
