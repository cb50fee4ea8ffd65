// How the comparison of all nodes' rows is shown: as text and as JSON.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "node/verify/verify_rows.h"

namespace harmonylite::cli {

// `config_path` stands in the command that repairs what differs.
void PrintVerification(const node::Verification& result, const std::string& config_path);

// Returns JSON; docs/command-line.md lists the keys. `repaired` is empty if no repair was asked
// for.
std::string JsonOf(const node::Verification& result, std::optional<int64_t> repaired);

}  // namespace harmonylite::cli
