// The words that a command takes behind its name: one table says for each of them what it is
// called, where its value goes, and what the help says about it.
//
// A flag takes one dash or two, and its value as the next word or after "=". "--" ends the flags.
// Words that are no flags are taken in the order of the table.
//
// Threads: plain values and pure functions; parsing writes to the fields that a table names.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace harmonylite::cli {

// Stands in the table for a flag that is read elsewhere, and only shown by the help: -config.
struct ReadElsewhere {};

// Where the value goes; not owned. A bool is a switch. A list takes a flag that may be repeated;
// if a flag with one value is repeated, the last one counts.
using Field = std::variant<ReadElsewhere, bool*, std::string*, std::vector<std::string>*>;

struct Argument {
  std::string name;   // "--json", or "DB" for a word that is no flag
  std::string value;  // what the help calls the value of a flag; empty if it takes none
  std::string help;   // what it does, in less than a line
  Field field;

  bool is_flag() const { return name.starts_with("-"); }
};

// The flag without its dashes: "json".
std::string_view FlagName(const Argument& argument);

struct Parsed {
  bool help = false;  // -help or -h was among the words; those after it were not looked at
};

// Fills the fields of the table. kInvalidArgument: the message says which word is wrong, and which
// one was meant if it is close to a known one.
Result<Parsed> ParseArguments(const std::vector<Argument>& table,
                              const std::vector<std::string>& words);

// Returns one line for each argument, and one for -help.
std::string DescribeArguments(const std::vector<Argument>& table);

}  // namespace harmonylite::cli
