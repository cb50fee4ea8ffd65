#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "adapters/nats/connection.h"
#include "cli/build_info.h"
#include "cli/commands.h"
#include "config/command_line.h"
#include "config/config.h"
#include "sqlite/library.h"

namespace {

using namespace harmonylite;
using cli::Complain;
using config::ExitCode;

constexpr const char* kVersion = HARMONYLITE_VERSION;

ExitCode Dispatch(const config::CommandLine& command, const config::Config& config,
                  Logger* logger) {
  switch (command.mode) {
    case config::Mode::kRun:
      return cli::Run(command, config, logger);
    case config::Mode::kCleanup:
      return cli::Cleanup(config, logger);
    case config::Mode::kSchemaStatus:
      return cli::SchemaStatus(config, /*cluster=*/false, logger);
    case config::Mode::kSchemaStatusCluster:
      return cli::SchemaStatus(config, /*cluster=*/true, logger);
    case config::Mode::kSaveSnapshot:
      return cli::SaveSnapshot(command, config, logger);
    default:
      return Complain("this is done before a configuration is needed", ExitCode::kUsage);
  }
}

// Makes malloc keep freed memory. Batches come and go as blocks of about a megabyte; by default
// each block would be returned to the system and fetched again page by page, which costs a
// twentieth of the throughput.
//
// All threads share one heap, because memory below the trim threshold at the end of any other heap
// could not be given back. The hot paths allocate per batch and not per row, and small blocks come
// from a cache of each thread, so sharing the heap costs little.
void KeepFreedMemory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

std::vector<config::SubcommandInfo> Summaries(const std::vector<cli::Command>& commands) {
  std::vector<config::SubcommandInfo> out;
  for (const cli::Command& command : commands) out.push_back({command.name, command.summary});
  return out;
}

// The first line stays as it is, because scripts read it.
ExitCode PrintVersion() {
  fmt::print("harmonylite {}\ncommit {}, built {}\ncompiler {}\nSQLite {}\nlibnats {}\n", kVersion,
             cli::kBuildInfo.commit, cli::kBuildInfo.date, cli::kBuildInfo.compiler,
             sqlite::LibraryVersion(), nats::LibraryVersion());
  return ExitCode::kOk;
}

ExitCode PrintHelp(const std::vector<cli::Command>& commands, const cli::Command* command) {
  fmt::print("{}", command != nullptr ? cli::CommandHelp(*command)
                                      : config::HelpText(Summaries(commands)));
  return ExitCode::kOk;
}

ExitCode Main(int argc, char** argv) {
  KeepFreedMemory();
  sqlite::DropMemoryStatistics();
  const std::vector<cli::Command> commands = cli::Commands();
  auto line = config::ParseCommandLine(argc, argv, Summaries(commands));
  if (!line.ok()) return Complain(line.error().message(), ExitCode::kUsage);
  const auto named = std::find_if(commands.begin(), commands.end(), [&](const auto& command) {
    return command.name == line->subcommand;
  });
  const cli::Command* const command = named == commands.end() ? nullptr : &*named;
  if (line->mode == config::Mode::kHelp) return PrintHelp(commands, command);
  if (line->mode == config::Mode::kVersion) {
    return PrintVersion();
  }
  if (command != nullptr) return cli::RunCommand(*command, *line);
  if (line->config_path.empty())
    return Complain("no configuration: give one with -config FILE (-help shows more)",
                    ExitCode::kUsage);
  auto config = config::Load(line->config_path);
  if (!config.ok()) return Complain(config.error().message(), ExitCode::kUsage);
  config::ApplyFlags(*line, &*config);
  Logger logger(STDERR_FILENO, config->logging.format,
                config->logging.verbose ? LogLevel::kDebug : LogLevel::kInfo);
  return Dispatch(*line, *config, &logger);
}

}  // namespace

int main(int argc, char** argv) { return static_cast<int>(Main(argc, argv)); }
