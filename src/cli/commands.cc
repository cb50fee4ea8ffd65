#include "cli/commands.h"

#include <fmt/format.h>

namespace harmonylite::cli {

namespace {

struct Subcommand {
  config::SubcommandInfo info;
  config::ExitCode (*run)(const config::CommandLine& command, const config::Config* config);
};

const Subcommand kSubcommands[] = {
    {{"lint", "what of a database does not replicate, or collides, and what to do"}, LintDatabase},
    {{"snapshot", "save, list, verify or restore snapshots of the database"}, Snapshots},
    {{"conflicts", "list writes that lost to another node's write, show one, write one back"},
     Conflicts},
    {{"verify", "compare the rows of all running nodes; --repair ends what differs"}, Verify},
    {{"join", "say whose rows count when a file's old rows differ from the cluster's"}, Join},
};

}  // namespace

std::vector<config::SubcommandInfo> Subcommands() {
  std::vector<config::SubcommandInfo> out;
  for (const Subcommand& subcommand : kSubcommands) out.push_back(subcommand.info);
  return out;
}

config::ExitCode RunSubcommand(const config::CommandLine& command, const config::Config* config) {
  for (const Subcommand& subcommand : kSubcommands)
    if (subcommand.info.name == command.subcommand) return subcommand.run(command, config);
  return Complain("unknown command " + command.subcommand, config::ExitCode::kUsage);
}

config::ExitCode Complain(const std::string& message, config::ExitCode code) {
  fmt::print(stderr, "harmonylite: {}\n", message);
  return code;
}

}  // namespace harmonylite::cli
