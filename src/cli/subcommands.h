// The words behind the flags: harmonylite lint FILE. Each prints its own errors and returns the exit code.
#pragma once

#include <vector>

#include "config/command_line.h"
#include "config/config.h"

namespace harmonylite::cli {

// As the help lists them.
std::vector<config::SubcommandInfo> Subcommands();

// `config`: null when no -config was given; a command that needs one says so.
config::ExitCode RunSubcommand(const config::CommandLine& command, const config::Config* config);

}  // namespace harmonylite::cli
