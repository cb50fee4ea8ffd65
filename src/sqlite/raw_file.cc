#include "sqlite/raw_file.h"

#include <sqlite3.h>

#include <algorithm>

#include "sqlite/transaction.h"

namespace harmonylite::sqlite {

namespace {

// Pages that CopyPages copies between two looks at `cancelled`.
constexpr int kPagesAtOnce = 256;

// Where a file's header says which versions of SQLite may write and read it, and what it says in a
// file without a WAL.
constexpr uint64_t kFormatVersions = 18;
constexpr std::string_view kNoWal("\1\1", 2);

// Bytes in one call to the VFS. SQLite itself reads and writes single pages, which are at most as
// large.
constexpr size_t kPiece = 64 << 10;

sqlite3_file* FileOf(Connection* db) {
  sqlite3_file* file = nullptr;
  HL_CHECK(sqlite3_file_control(db->raw(), "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK);
  HL_CHECK(file != nullptr && file->pMethods != nullptr);
  return file;
}

Error IoError(std::string_view what, int rc) {
  const bool full = (rc & 0xFF) == SQLITE_FULL;
  return MakeError(ErrorCode::kRetryLater, "cannot {} a temporary database: {} (SQLite {})", what,
                   full ? "the disk is full" : sqlite3_errstr(rc), rc);
}

ErrorCode CodeOf(int rc) {
  switch (rc & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorruption;
    case SQLITE_READONLY:
      return ErrorCode::kInvalidArgument;
    default:
      return ErrorCode::kRetryLater;
  }
}

}  // namespace

Result<uint64_t> FileSize(Connection* db) {
  sqlite3_file* file = FileOf(db);
  sqlite3_int64 size = 0;
  const int rc = file->pMethods->xFileSize(file, &size);
  if (rc != SQLITE_OK) return IoError("measure", rc);
  return static_cast<uint64_t>(size);
}

Status ReadFileAt(Connection* db, uint64_t offset, size_t length, std::string* out) {
  sqlite3_file* file = FileOf(db);
  out->resize(length);
  for (size_t done = 0; done < length;) {
    const size_t piece = std::min(kPiece, length - done);
    const int rc = file->pMethods->xRead(file, out->data() + done, static_cast<int>(piece),
                                         static_cast<sqlite3_int64>(offset + done));
    if (rc != SQLITE_OK) return IoError("read", rc);
    done += piece;
  }
  return Ok();
}

Status WriteFileAt(Connection* db, uint64_t offset, std::string_view bytes) {
  sqlite3_file* file = FileOf(db);
  for (size_t done = 0; done < bytes.size();) {
    const size_t piece = std::min(kPiece, bytes.size() - done);
    const int rc = file->pMethods->xWrite(file, bytes.data() + done, static_cast<int>(piece),
                                          static_cast<sqlite3_int64>(offset + done));
    if (rc != SQLITE_OK) return IoError("write", rc);
    done += piece;
  }
  return Ok();
}

Status DeleteFile(const std::string& path, const std::string& vfs) {
  sqlite3_vfs* system = sqlite3_vfs_find(vfs.empty() ? nullptr : vfs.c_str());
  HL_CHECK(system != nullptr);
  const int rc = system->xDelete(system, path.c_str(), 0);
  if (rc != SQLITE_OK && rc != SQLITE_IOERR_DELETE_NOENT) return IoError("delete", rc);
  return Ok();
}

Status CopyDatabase(Connection* from, Connection* to, const std::function<Status()>& once_locked) {
  sqlite3_backup* backup = sqlite3_backup_init(to->raw(), "main", from->raw(), "main");
  if (backup == nullptr)
    return MakeError(ErrorCode::kRetryLater, "cannot copy a database: {}",
                     sqlite3_errmsg(to->raw()));
  int step = sqlite3_backup_step(backup, 0);  // A step of no pages takes the lock on `to`.
  Status allowed = Ok();
  if (step == SQLITE_OK) {
    allowed = once_locked();
    if (allowed.ok()) step = sqlite3_backup_step(backup, -1);
  }
  const int rc = sqlite3_backup_finish(backup);
  if (!allowed.ok()) return allowed;
  if (step == SQLITE_DONE && rc == SQLITE_OK) return Ok();
  const int failed = rc != SQLITE_OK ? rc : step;
  return MakeError(CodeOf(failed), "cannot copy a database: {} (SQLite {})", sqlite3_errstr(failed),
                   failed);
}

// The transaction keeps the copying from beginning again whenever somebody writes to `from`.
Status CopyPages(Connection* from, Connection* to, const std::atomic<bool>& cancelled) {
  HL_ASSIGN(const Transaction reading, Transaction::Begin(from, TransactionKind::kRead));
  sqlite3_backup* backup = sqlite3_backup_init(to->raw(), "main", from->raw(), "main");
  if (backup == nullptr)
    return MakeError(ErrorCode::kRetryLater, "cannot copy a database: {}",
                     sqlite3_errmsg(to->raw()));
  int step = SQLITE_OK;
  while (step == SQLITE_OK && !cancelled.load()) step = sqlite3_backup_step(backup, kPagesAtOnce);
  const int rc = sqlite3_backup_finish(backup);
  if (cancelled.load()) return MakeError(ErrorCode::kRetryLater, "it was told to end");
  const int failed = rc != SQLITE_OK ? rc : step;
  if (failed != SQLITE_DONE)
    return MakeError(CodeOf(failed), "cannot copy a database: {} (SQLite {})",
                     sqlite3_errstr(failed), failed);
  return WriteFileAt(to, kFormatVersions, kNoWal);
}

}  // namespace harmonylite::sqlite
