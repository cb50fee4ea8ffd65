#include <filesystem>

#include "apply/applier.h"
#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/lock_file.h"
#include "cli/wiring.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/shadows.h"
#include "sqlite/connection.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

// Puts rows that are shadowed or hidden back into their tables, where that is possible. A row whose
// unique value is taken by another row cannot go back.
Status PutBack(sqlite::Connection* db, schema::LoadOptions options, Logger* logger) {
  options.hide_orphans = false;
  HL_ASSIGN(const ledger::Catalog catalog, capture::LoadCatalog(db, options));
  HL_ASSIGN(ledger::State state, ledger::LoadState(db));
  while (true) {
    HL_ASSIGN(const bool folded, capture::Fold(db, catalog, &state, INT64_MAX / 2));
    if (folded) break;
  }
  HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db));
  apply::Applier applier(db);
  HL_ASSIGN(const std::vector<std::string> unused, applier.SetCatalog(catalog));
  apply::ShadowStats shadows;
  apply::OrphanStats orphans;
  int64_t left = 0;
  for (const ledger::TrackedTable& tracked : catalog.tables)
    if (tracked.has_shadow_table) {
      HL_ASSIGN(const int64_t rows, ledger::ShadowTable(db, tracked).MarkAllPending());
      left += rows;
    }
  HL_TRY(applier.Settle(origins, &shadows, &orphans));
  left -= shadows.shown - shadows.hidden;
  if (left > 0)
    logger->Warning(
        "{} rows that had lost a unique value to a newer row are given up here; other nodes that "
        "have them keep them",
        left);
  return Ok();
}

Status Detach(const std::string& db_path, const schema::LoadOptions& options, Logger* logger) {
  HL_TRY(CheckDatabasePath(db_path));
  HL_ASSIGN(const LockFile lock, LockFile::Take(db_path));
  HL_ASSIGN(sqlite::Connection db, OpenPatiently(db_path));
  const BesideApplication beside(&db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&db));
  if (installed == ledger::Installed::kYes) {
    HL_TRY(db.Exec("SAVEPOINT put_back"));
    HL_TRY(db.Exec("PRAGMA ignore_check_constraints = ON"));
    const Status put = PutBack(&db, options, logger);
    if (!put.ok()) {
      HL_TRY(db.Exec("ROLLBACK TO put_back"));
      logger->Warning("rows that were kept beside their tables are given up: {}",
                      put.error().message());
    }
    HL_TRY(db.Exec("RELEASE put_back"));
  }
  HL_ASSIGN(const std::string journal_mode, ledger::RemoveAll(&db));
  HL_TRY(transaction.Commit());
  // The file says what the mode was, and anything may stand there.
  if (journal_mode == "delete" || journal_mode == "truncate" || journal_mode == "persist") {
    // This fails while the application has the file open; the mode then stays as it is.
    const Status back = db.Exec("PRAGMA journal_mode = " + journal_mode);
    if (!back.ok())
      logger->Warning("the journal mode of {} stays wal (it was {}): {}", db_path, journal_mode,
                      back.error().message());
  }
  logger->Info("removed every table and trigger of harmonylite from {}", db_path);
  return Ok();
}

}  // namespace

config::ExitCode Cleanup(const config::Config& config, Logger* logger) {
  if (Status detached = Detach(config.db_path, MakeLoadOptions(config), logger); !detached.ok()) {
    logger->Error("cannot clean up: {}", detached.error().message());
    return config::ExitCode::kFailure;
  }
  // The embedded server's copy of the log belongs to us, so it is removed, too.
  std::error_code error;
  const std::string base = std::filesystem::absolute(config.db_path).string();
  std::filesystem::remove_all(base + "-harmonylite", error);
  std::filesystem::remove(base + "-harmonylite.lock", error);
  return config::ExitCode::kOk;
}

}  // namespace harmonylite::cli
