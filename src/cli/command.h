// One command of the program, such as `harmonylite lint`: how it is typed, what it takes, and what
// it does. Parsing, the help, docs/command-line.md and its test all follow this value.
//
// Threads: the main thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/arguments.h"
#include "config/command_line.h"
#include "config/config.h"

namespace harmonylite::cli {

struct Command {
  std::string name;
  std::string summary;             // half a line, for the list of all commands
  std::vector<std::string> forms;  // the ways to type it, without "harmonylite"
  std::vector<Argument> arguments;
  std::string exit_codes;  // what each of them means, in one line
  // Whether it cannot do without -config.
  bool needs_config = true;
  // Checks what the table cannot say, after the fields are filled; may be empty. `config` is null
  // if none was given. Every error is a mistake in the command line.
  std::function<Status(const config::Config* config)> check = nullptr;
  std::function<config::ExitCode(const config::CommandLine& line, const config::Config* config)>
      run;
};

// The row of the table for the flag that every command takes.
Argument ConfigFlag(std::string help);

// Returns what `harmonylite NAME -help` prints.
std::string CommandHelp(const Command& command);

// Fills the fields and runs the command, or prints its help, or what is wrong with the command
// line.
config::ExitCode RunCommand(const Command& command, const config::CommandLine& line);

// Prints "harmonylite: MESSAGE" to standard error and returns `code`.
config::ExitCode Complain(const std::string& message, config::ExitCode code);

}  // namespace harmonylite::cli
