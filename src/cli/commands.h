// What the program can do: its commands, and the actions that a flag chooses. An action prints its
// own errors and returns the exit code of the process.
//
// Threads: the main thread.
#pragma once

#include <vector>

#include "base/logger.h"
#include "cli/command.h"
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

// -save-snapshot: does the same as `harmonylite snapshot save`.
config::ExitCode SaveSnapshot(const config::CommandLine& command, const config::Config& config,
                              Logger* logger);

// harmonylite lint: lists what in the database does not replicate, and then returns kFailure: P9.
Command LintCommand();

// harmonylite snapshot save|list|verify|restore. May be used while a node runs on the database,
// too.
Command SnapshotCommand();

// harmonylite conflicts: lists the writes that lost to another node's write, and the rows that are
// shadowed. May be used while a node runs on the database.
Command ConflictsCommand();

// harmonylite verify: compares the rows of all running nodes. Returns kOk if they are equal,
// kFailure if they differ, and kUsage if they could not be compared.
Command VerifyCommand();

// harmonylite join: records whose rows count if a file that had rows before HarmonyLite differs
// from the cluster.
Command JoinCommand();

// harmonylite ids: lists who gives out the ids of each table, and makes keys AUTOINCREMENT. May be
// used while a node runs on the database.
Command IdsCommand();

// harmonylite schema: lists the objects of the schema that all nodes share, and writes back rows
// that were set aside with their table. May be used while a node runs on the database.
Command SchemaCommand();

// Returns all commands in the order in which the help lists them.
std::vector<Command> Commands();

}  // namespace harmonylite::cli
