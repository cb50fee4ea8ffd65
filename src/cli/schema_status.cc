#include <algorithm>
#include <cstdio>

#include "capture/catalog_sync.h"
#include "cli/cluster_tables.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/print.h"
#include "cli/wiring.h"
#include "ledger/catalog.h"
#include "ledger/fingerprint.h"
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
  const Fingerprints out = FingerprintsOf(catalog, definitions);
  Print("fingerprint of all: {:016x}, of their definitions: {:016x}\n", out.shapes,
        out.definitions);
  return out;
}

Status PrintCluster(const config::Config& config, const Fingerprints& ours) {
  if (config.nats.embedded())
    return MakeError(ErrorCode::kInvalidArgument,
                     "the other nodes are found through NATS: set [nats] urls to the server that "
                     "the running node listens on (its log names it)");
  HL_ASSIGN(const std::vector<std::string> urls, ServerUrls(config));
  HL_ASSIGN(const auto nodes, AskNodes(config, urls, ours));
  for (const NodeTables& one : nodes)
    Print("node {}: {:016x} {}\n", one.node.value, one.shapes, Describe(one.likeness));
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
