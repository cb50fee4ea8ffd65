#include <filesystem>

#include "capture/hidden_tables.h"
#include "cli/commands.h"
#include "cli/lock_file.h"
#include "cli/wiring.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

namespace {

constexpr int kBusyTimeoutMs = 30'000;

Status Detach(const std::string& db_path, Logger* logger) {
  HL_TRY(CheckDatabasePath(db_path));
  HL_ASSIGN(const LockFile lock, LockFile::Take(db_path));
  HL_ASSIGN(sqlite::Connection db,
            sqlite::Connection::Open(db_path, sqlite::OpenMode::kReadWrite));
  db.SetBusyTimeout(kBusyTimeoutMs);
  HL_ASSIGN(auto transaction,
            sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
  HL_ASSIGN(const std::string journal_mode, capture::RemoveAll(&db));
  HL_TRY(transaction.Commit());
  if (!journal_mode.empty() && journal_mode != "wal") {
    // Fails while the application has the file open; its own business then.
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
  if (Status detached = Detach(config.db_path, logger); !detached.ok()) {
    logger->Error("cannot clean up: {}", detached.error().message());
    return config::ExitCode::kFailure;
  }
  // The embedded server's copy of the log belongs to us, too.
  std::error_code error;
  const std::string base = std::filesystem::absolute(config.db_path).string();
  std::filesystem::remove_all(base + "-harmonylite", error);
  std::filesystem::remove(base + "-harmonylite.lock", error);
  return config::ExitCode::kOk;
}

}  // namespace harmonylite::cli
