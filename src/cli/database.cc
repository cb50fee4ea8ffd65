#include "cli/database.h"

#include "ledger/hidden_tables.h"

namespace harmonylite::cli {

namespace {

constexpr int kBusyTimeoutMs = 30'000;

}  // namespace

Status ChooseDatabase(const config::Config* config, std::string* database) {
  if (database->empty() && config != nullptr) *database = config->db_path;
  if (!database->empty()) return Ok();
  return MakeError(ErrorCode::kInvalidArgument,
                   "which database? name the file, or give -config FILE");
}

Result<sqlite::Connection> OpenPatiently(const std::string& db_path) {
  HL_ASSIGN(sqlite::Connection db, sqlite::Connection::Open(db_path, sqlite::OpenMode::kReadWrite));
  db.SetBusyTimeout(kBusyTimeoutMs);
  return db;
}

Result<sqlite::Connection> OpenAttached(const std::string& db_path) {
  HL_ASSIGN(sqlite::Connection db, OpenPatiently(db_path));
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&db));
  if (installed != ledger::Installed::kYes)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is not attached yet: start harmonylite on it once", db_path);
  return db;
}

BesideApplication::BesideApplication(sqlite::Connection* db)
    : db_(db), door_(db, &clock_, [this](bool stay_awake) {
        pause_.Wait(stay_awake);
        return true;
      }) {
  db->SetWriteLockListener(&door_);
}

}  // namespace harmonylite::cli
