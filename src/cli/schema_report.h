// How the schema that all nodes share is shown: for people, and as JSON.
//
// Threads: any.
#pragma once

#include <string>
#include <vector>

#include "cli/cluster_tables.h"
#include "cli/schema_look.h"

namespace harmonylite::cli {

// Prints the objects, with `all` also those that were dropped, and what was set aside.
void PrintSchema(const SchemaLook& look, bool all);
void PrintNodes(const std::vector<NodeTables>& nodes);

// Returns JSON; docs/command-line.md lists the keys. `nodes` is null unless the registry was asked.
std::string JsonOf(const SchemaLook& look, const std::vector<NodeTables>* nodes);

}  // namespace harmonylite::cli
