// Shows what `harmonylite lint` found: findings in groups for people, everything for programs.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <vector>

#include "cli/lint_findings.h"

namespace harmonylite::cli {

// Returns lines of at most 100 characters, except where a single word is longer. Of each finding
// the subjects that fit into one line are named, and of what is fine only the number; with `all`,
// everything. Names are as they are in the file: print the lines with Print() (cli/print.h).
std::vector<std::string> LintLines(const std::string& path, const LintResult& result, bool all);

std::string JsonOf(const LintResult& result);

}  // namespace harmonylite::cli
