#include "snapshot/restore.h"

#include "ledger/hidden_tables.h"
#include "schema/schema.h"
#include "sqlite/foreign_text.h"
#include "sqlite/raw_file.h"
#include "sqlite/vacuum.h"

namespace harmonylite::snapshot {

namespace {

using sqlite::Connection;
using sqlite::OpenMode;

constexpr int kBusyTimeoutMs = 10'000;
constexpr int kCacheKib = 16 * 1024;

Result<bool> IsEmpty(Connection* db) {
  HL_ASSIGN(const int64_t objects,
            db->QueryInt(
                fmt::format("SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' "
                            "ESCAPE '\\' AND substr(lower(name), 1, {}) <> '{}'",
                            schema::kHiddenPrefix.size(), schema::kHiddenPrefix)));
  if (objects != 0) return false;
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(db));
  if (installed == ledger::Installed::kNo) return true;
  if (installed == ledger::Installed::kLegacy) return false;
  HL_ASSIGN(
      const int64_t tables,
      db->QueryInt(fmt::format("SELECT count(*) FROM __harmonylite__tables WHERE name <> '{}'",
                               schema::kSchemaTable)));
  return tables == 0;
}

// Prepares a target that has pages: switches it to WAL, in which a crash leaves the old content and
// readers are not kept out, and gives `from` the target's page size.
Status MatchPages(PrivateDatabase* from, Connection* to) {
  HL_ASSIGN(const std::string mode, to->QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal")
    return MakeError(ErrorCode::kInvalidArgument,
                     "it cannot be switched to WAL (its journal mode stays '{}'): it must be an "
                     "ordinary file on a local disk",
                     mode);
  HL_ASSIGN(const int64_t pages, to->QueryInt("PRAGMA page_size"));
  HL_ASSIGN(const int64_t wanted, from->db().QueryInt("PRAGMA page_size"));
  if (pages == wanted) return Ok();
  HL_TRY(from->db().Exec(fmt::format("PRAGMA page_size = {}", pages)));
  return sqlite::Vacuum(&from->db());
}

Status CopyInto(PrivateDatabase* from, const std::string& path, const std::string& vfs) {
  HL_ASSIGN(Connection to, Connection::Open(path, OpenMode::kCreate, vfs));
  sqlite::DistrustSchema(&to);
  to.SetBusyTimeout(kBusyTimeoutMs);
  HL_TRY(to.SetCacheKib(kCacheKib));
  HL_ASSIGN(const int64_t pages, to.QueryInt("PRAGMA page_count"));
  const bool has_pages = pages != 0;
  if (has_pages) HL_TRY(MatchPages(from, &to));
  HL_ASSIGN(Connection look, Connection::Open(path, OpenMode::kReadWrite, vfs));
  sqlite::DistrustSchema(&look);
  HL_TRY(sqlite::CopyDatabase(&from->db(), &to, [&look, has_pages]() -> Status {
    // A file without pages holds nothing that a rollback journal would have to keep, so each page
    // is written once; in WAL mode it would be written twice (decision 30). The file's size is
    // asked for, because the lock keeps readers out.
    if (!has_pages) {
      HL_ASSIGN(const uint64_t size, sqlite::FileSize(&look));
      return size == 0 ? Ok()
                       : MakeError(ErrorCode::kRetryLater, "somebody has just written to it");
    }
    HL_ASSIGN(const bool empty, IsEmpty(&look));
    if (empty) return Ok();
    return MakeError(ErrorCode::kConflict, "it is not empty: a snapshot never replaces rows");
  }));
  // Gives the file the journal mode that attaching would give it, or empties the WAL, which is as
  // large as the database now. The restore counts even if this fails: the node does both later.
  (void)to.Exec(has_pages ? "PRAGMA wal_checkpoint(TRUNCATE)" : "PRAGMA journal_mode = WAL");
  return Ok();
}

}  // namespace

Result<bool> CanBecomeReplica(const std::string& path, const std::string& vfs) {
  auto db = Connection::Open(path, OpenMode::kReadWrite, vfs);
  if (!db.ok()) {
    if (db.error().code() == ErrorCode::kNotFound) return true;
    return std::move(db).error();
  }
  sqlite::DistrustSchema(&*db);
  db->SetBusyTimeout(kBusyTimeoutMs);
  return IsEmpty(&*db);
}

Status Restore(PrivateDatabase* from, const std::string& path, const std::string& vfs,
               Activity* activity) {
  activity->Begin(Phase::kRestoring, 0);
  if (activity->cancelled()) return MakeError(ErrorCode::kRetryLater, "it was told to end");
  Status copied = CopyInto(from, path, vfs);
  if (!copied.ok()) return std::move(copied).error().Wrap("cannot restore into " + path);
  return Ok();
}

}  // namespace harmonylite::snapshot
