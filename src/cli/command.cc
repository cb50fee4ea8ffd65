#include "cli/command.h"

#include <fmt/format.h>

#include <optional>

#include "base/visible_text.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;

ExitCode ComplainOfUsage(const Command& command, const std::string& what) {
  return Complain(fmt::format("{} ('harmonylite {} -help' lists all)", what, command.name),
                  ExitCode::kUsage);
}

// Returns nothing if the line names no configuration.
Result<std::optional<config::Config>> Load(const config::CommandLine& line) {
  std::optional<config::Config> out;
  if (line.config_path.empty()) return out;
  HL_ASSIGN(out, config::Load(line.config_path));
  config::ApplyFlags(line, &*out);
  return out;
}

}  // namespace

Argument ConfigFlag(std::string help) {
  return {"-config", "FILE", std::move(help), ReadElsewhere{}};
}

std::string CommandHelp(const Command& command) {
  std::string out = fmt::format("harmonylite {} - {}\n\nUsage:\n", command.name, command.summary);
  for (const std::string& form : command.forms) out += "  harmonylite " + form + "\n";
  out += "\n" + DescribeArguments(command.arguments);
  return out + "\nExit codes: " + command.exit_codes + "\n";
}

ExitCode RunCommand(const Command& command, const config::CommandLine& line) {
  const Result<Parsed> parsed = ParseArguments(command.arguments, line.arguments);
  if (!parsed.ok()) return ComplainOfUsage(command, parsed.error().message());
  if (parsed->help) {
    fmt::print("{}", CommandHelp(command));
    return ExitCode::kOk;
  }
  const auto config = Load(line);
  if (!config.ok()) return Complain(config.error().message(), ExitCode::kUsage);
  const config::Config* const given = *config ? &**config : nullptr;
  if (command.needs_config && given == nullptr)
    return ComplainOfUsage(command, command.name + " needs the configuration: add -config FILE");
  if (command.check)
    if (const Status right = command.check(given); !right.ok())
      return ComplainOfUsage(command, right.error().message());
  return command.run(line, given);
}

ExitCode Complain(const std::string& message, ExitCode code) {
  fmt::print(stderr, "harmonylite: {}\n", VisibleLines(message));
  return code;
}

}  // namespace harmonylite::cli
