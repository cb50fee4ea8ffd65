#include "cli/cluster_tables.h"

#include <memory>

#include "cli/wiring.h"
#include "node/cluster/heartbeat.h"

namespace harmonylite::cli {

namespace {

Likeness Compare(const node::Heartbeat& theirs, const Fingerprints& ours) {
  if (theirs.schema_fingerprint != ours.shapes) return Likeness::kOtherShapes;
  if (!theirs.definitions) return Likeness::kSameShapes;
  return *theirs.definitions == ours.definitions ? Likeness::kSame : Likeness::kOtherDefinitions;
}

}  // namespace

Fingerprints FingerprintsOf(const ledger::Catalog& catalog,
                            const ledger::Definitions& definitions) {
  return {ledger::SchemaFingerprint(catalog), ledger::DefinitionsFingerprint(catalog, definitions)};
}

const char* Describe(Likeness likeness) {
  switch (likeness) {
    case Likeness::kSame:
      return "same as here";
    case Likeness::kSameShapes:
      return "same columns and keys as here (its version tells no more)";
    case Likeness::kOtherDefinitions:
      return "same columns and keys as here, rows flow; types, defaults or constraints DIFFER: "
             "compare what -schema-status prints there";
    case Likeness::kOtherShapes:
      return "DIFFERS from here: rows of tables with other columns or keys wait";
  }
  return "";
}

Result<std::vector<NodeTables>> AskNodes(const config::Config& config,
                                         const std::vector<std::string>& urls,
                                         const Fingerprints& ours) {
  nats::ConnectionOptions options = MakeConnectionOptions(config, NodeId(0));
  options.urls = urls;
  HL_ASSIGN(auto connection, nats::Connection::Open(std::move(options)));
  nats::KvMetaStore store(connection, MakeMetaOptions(config));
  HL_ASSIGN(const auto entries, store.List(node::kHeartbeatPrefix));
  std::vector<NodeTables> out;
  for (const auto& [key, entry] : entries) {
    HL_ASSIGN(const node::Heartbeat heartbeat, node::DecodeHeartbeat(entry.value));
    out.push_back({heartbeat.origin.node, heartbeat.schema_fingerprint, Compare(heartbeat, ours)});
  }
  return out;
}

}  // namespace harmonylite::cli
