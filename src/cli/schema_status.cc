#include <algorithm>
#include <cstdio>

#include "capture/catalog_sync.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/print.h"
#include "cli/wiring.h"
#include "ledger/catalog.h"
#include "ledger/fingerprint.h"
#include "node/cluster/heartbeat.h"
#include "node/replication/replica.h"
#include "sqlite/connection.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

std::string KeyText(const schema::Table& table) {
  if (table.identity) return "no key: rows are known by hidden identities";
  std::string key;
  for (const schema::KeyColumn& column : table.key) key += (key.empty() ? "" : ", ") + column.name;
  return fmt::format("key ({}){}", key, table.rowid_key ? " (rowid: wrong rows after VACUUM)" : "");
}

// Fingerprints of the tables of this node.
struct Fingerprints {
  uint64_t shapes = 0;  // of names and keys
  uint64_t definitions = 0;
};

Result<Fingerprints> PrintTables(const config::Config& config) {
  HL_ASSIGN(sqlite::Connection db, OpenAttached(config.db_path));
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kRead));
  HL_ASSIGN(const ledger::Catalog catalog, capture::LoadCatalog(&db, MakeLoadOptions(config)));
  HL_ASSIGN(const ledger::Definitions definitions, ledger::LoadDefinitions(&db, catalog));
  for (const ledger::TrackedTable& tracked : catalog.tables) {
    if (tracked.table.name == schema::kSchemaTable) continue;
    Print("{}: {} columns, {}, definition {:016x}\n", tracked.table.name,
          tracked.table.columns.size() - tracked.table.first_real_column(), KeyText(tracked.table),
          definitions.at(tracked.id));
  }
  for (const schema::SkippedTable& skipped : catalog.skipped)
    Print("{}: not replicated: {}\n", skipped.name, skipped.reason);
  Fingerprints out;
  out.shapes = ledger::SchemaFingerprint(catalog);
  out.definitions = ledger::DefinitionsFingerprint(catalog, definitions);
  Print("fingerprint of all: {:016x}, of their definitions: {:016x}\n", out.shapes,
        out.definitions);
  return out;
}

// What another node's tables have to do with those of this one.
const char* Compare(const node::Heartbeat& theirs, const Fingerprints& ours) {
  if (theirs.schema_fingerprint != ours.shapes)
    return "DIFFERS from here: rows of tables with other columns or keys wait";
  if (!theirs.definitions) return "same columns and keys as here (its version tells no more)";
  if (*theirs.definitions == ours.definitions) return "same as here";
  return "same columns and keys as here, rows flow; types, defaults or constraints DIFFER: compare "
         "what -schema-status prints there";
}

Status PrintCluster(const config::Config& config, const Fingerprints& ours) {
  if (config.nats.embedded())
    return MakeError(ErrorCode::kInvalidArgument,
                     "the other nodes are found through NATS: set [nats] urls to the server that "
                     "the running node listens on (its log names it)");
  HL_ASSIGN(auto connection, nats::Connection::Open(MakeConnectionOptions(config, NodeId(0))));
  nats::KvMetaStore store(connection, MakeMetaOptions(config));
  HL_ASSIGN(const auto entries, store.List(node::kHeartbeatPrefix));
  for (const auto& [key, entry] : entries) {
    HL_ASSIGN(const node::Heartbeat heartbeat, node::DecodeHeartbeat(entry.value));
    Print("node {}: {:016x} {}\n", heartbeat.origin.node.value, heartbeat.schema_fingerprint,
          Compare(heartbeat, ours));
  }
  return Ok();
}

}  // namespace

config::ExitCode SchemaStatus(const config::Config& config, bool cluster, Logger* logger) {
  const auto run = [&]() -> Status {
    HL_TRY(CheckDatabasePath(config.db_path));
    HL_ASSIGN(const Fingerprints ours, PrintTables(config));
    return cluster ? PrintCluster(config, ours) : Ok();
  };
  if (Status done = run(); !done.ok()) {
    logger->Error("{}", done.error().message());
    return config::ExitCode::kFailure;
  }
  return config::ExitCode::kOk;
}

}  // namespace harmonylite::cli
