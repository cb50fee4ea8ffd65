// How the tables of the registered nodes compare with those of this one, by their fingerprints
// (ledger/fingerprint.h).
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "config/config.h"
#include "ledger/catalog.h"
#include "ledger/fingerprint.h"

namespace harmonylite::cli {

// Fingerprints of the tables of this node.
struct Fingerprints {
  uint64_t shapes = 0;  // of names and keys
  uint64_t definitions = 0;
};

Fingerprints FingerprintsOf(const ledger::Catalog& catalog, const ledger::Definitions& definitions);

enum class Likeness {
  kSame,
  kSameShapes,        // its version does not tell its definitions
  kOtherDefinitions,  // rows flow
  kOtherShapes,       // rows of tables that differ wait
};

struct NodeTables {
  NodeId node;
  uint64_t shapes = 0;
  Likeness likeness = Likeness::kSame;
};

// What is printed of it.
const char* Describe(Likeness likeness);

// Asks the registry on these servers.
Result<std::vector<NodeTables>> AskNodes(const config::Config& config,
                                         const std::vector<std::string>& urls,
                                         const Fingerprints& ours);

}  // namespace harmonylite::cli
