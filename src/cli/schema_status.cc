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

Result<ledger::Catalog> PrintTables(const config::Config& config) {
  HL_ASSIGN(sqlite::Connection db, OpenAttached(config.db_path));
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kRead));
  HL_ASSIGN(ledger::Catalog catalog, capture::LoadCatalog(&db, MakeLoadOptions(config)));
  for (const ledger::TrackedTable& tracked : catalog.tables) {
    Print("{}: {} columns, {}\n", tracked.table.name,
          tracked.table.columns.size() - tracked.table.first_real_column(), KeyText(tracked.table));
  }
  for (const schema::SkippedTable& skipped : catalog.skipped)
    Print("{}: not replicated: {}\n", skipped.name, skipped.reason);
  Print("fingerprint of all: {:016x}\n", ledger::SchemaFingerprint(catalog));
  return catalog;
}

Status PrintCluster(const config::Config& config, uint64_t ours) {
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
          heartbeat.schema_fingerprint == ours ? "same as here" : "DIFFERS from here");
  }
  return Ok();
}

}  // namespace

config::ExitCode SchemaStatus(const config::Config& config, bool cluster, Logger* logger) {
  const auto run = [&]() -> Status {
    HL_TRY(CheckDatabasePath(config.db_path));
    HL_ASSIGN(const ledger::Catalog catalog, PrintTables(config));
    return cluster ? PrintCluster(config, ledger::SchemaFingerprint(catalog)) : Ok();
  };
  if (Status done = run(); !done.ok()) {
    logger->Error("{}", done.error().message());
    return config::ExitCode::kFailure;
  }
  return config::ExitCode::kOk;
}

}  // namespace harmonylite::cli
