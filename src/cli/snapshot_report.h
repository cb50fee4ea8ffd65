// How a list of snapshots is shown: as a table and as JSON.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "snapshot/catalog.h"

namespace harmonylite::cli {

void PrintSnapshots(const std::vector<snapshot::Listed>& all);

// Returns JSON; docs/command-line.md lists the keys. Those of the manifest are left out where it
// cannot be read.
std::string JsonOf(const std::vector<snapshot::Listed>& all);

}  // namespace harmonylite::cli
