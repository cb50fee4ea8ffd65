// The commands of the program, one function each. A command prints its own errors and returns the
// exit code of the process.
//
// Threads: the main thread.
#pragma once

#include <string>
#include <vector>

#include "base/logger.h"
#include "config/command_line.h"
#include "config/config.h"

namespace harmonylite::cli {

// Runs the sidecar until a signal arrives, or until nothing has happened for sleep_timeout.
config::ExitCode Run(const config::CommandLine& command, const config::Config& config,
                     Logger* logger);

// -cleanup: removes every hidden table and trigger from the database, those of HarmonyLite 1.x too.
config::ExitCode Cleanup(const config::Config& config, Logger* logger);

// -schema-status and -schema-status-cluster: prints the replicated tables and their fingerprint;
// with `cluster` also the fingerprints of the other nodes.
config::ExitCode SchemaStatus(const config::Config& config, bool cluster, Logger* logger);

// harmonylite lint: lists what in the database does not replicate, and then returns kFailure: P9.
config::ExitCode LintDatabase(const config::CommandLine& command, const config::Config* config);

// harmonylite conflicts: lists the writes that lost to another node's write, and the rows that are
// shadowed. May be used while a node runs on the database.
config::ExitCode Conflicts(const config::CommandLine& command, const config::Config* config);

// harmonylite snapshot save|list|verify|restore. May be used while a node runs on the database,
// too.
config::ExitCode Snapshots(const config::CommandLine& command, const config::Config* config);
// -save-snapshot: does the same as `harmonylite snapshot save`.
config::ExitCode SaveSnapshot(const config::CommandLine& command, const config::Config& config,
                              Logger* logger);

// harmonylite verify: compares the rows of all running nodes. Returns kOk if they are equal,
// kFailure if they differ, and kUsage if they could not be compared.
config::ExitCode Verify(const config::CommandLine& command, const config::Config* config);

// harmonylite join: records whose rows count if a file that had rows before HarmonyLite differs
// from the cluster.
config::ExitCode Join(const config::CommandLine& command, const config::Config* config);

// Prints "harmonylite: MESSAGE" to standard error and returns `code`.
config::ExitCode Complain(const std::string& message, config::ExitCode code);

// Returns the subcommands in the order in which the help lists them.
std::vector<config::SubcommandInfo> Subcommands();

// Runs the subcommand that the command line names, such as `harmonylite lint FILE`. `config` is
// null if no -config was given; a subcommand that needs a configuration says so.
config::ExitCode RunSubcommand(const config::CommandLine& command, const config::Config* config);

}  // namespace harmonylite::cli
