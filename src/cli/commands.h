// What the program can be asked to do, one function each. They return the process's exit code and print
// their own errors.
#pragma once

#include <string>
#include <vector>

#include "base/logger.h"
#include "config/command_line.h"
#include "config/config.h"

namespace harmonylite::cli {

// The sidecar itself: until a signal, or until nothing happened for sleep_timeout.
config::ExitCode Run(const config::CommandLine& command, const config::Config& config,
                     Logger* logger);

// -cleanup: removes every hidden table and trigger, ours and those of 1.x.
config::ExitCode Cleanup(const config::Config& config, Logger* logger);

// -schema-status, -schema-status-cluster.
config::ExitCode SchemaStatus(const config::Config& config, bool cluster, Logger* logger);

// harmonylite lint: kFailure when something does not replicate.
config::ExitCode LintDatabase(const config::CommandLine& command, const config::Config* config);

// harmonylite conflicts: writes that lost to another node's, and rows that are shadowed. Works on the database while
// a node runs on it.
config::ExitCode Conflicts(const config::CommandLine& command, const config::Config* config);

// harmonylite snapshot save|list|verify|restore. Works while a node runs on the database, too.
config::ExitCode Snapshots(const config::CommandLine& command, const config::Config* config);
// -save-snapshot: the same as `snapshot save`.
config::ExitCode SaveSnapshot(const config::CommandLine& command, const config::Config& config, Logger* logger);

// harmonylite verify: compares the rows of all running nodes. kOk: equal, kFailure: different, kUsage: could not.
config::ExitCode Verify(const config::CommandLine& command, const config::Config* config);

// harmonylite join: says whose rows count when a file that had rows before HarmonyLite differs from the cluster.
config::ExitCode Join(const config::CommandLine& command, const config::Config* config);

// Prints "harmonylite: MESSAGE" and returns `code`.
config::ExitCode Complain(const std::string& message, config::ExitCode code);

// As the help lists them.
std::vector<config::SubcommandInfo> Subcommands();

// The words behind the flags: harmonylite lint FILE. `config`: null when no -config was given; a command that needs one says so.
config::ExitCode RunSubcommand(const config::CommandLine& command, const config::Config* config);

}  // namespace harmonylite::cli
