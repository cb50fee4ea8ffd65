#include "snapshot/private_database.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "sqlite/no_journal.h"
#include "sqlite/raw_file.h"
#include "sqlite/script.h"

namespace harmonylite::snapshot {

namespace fs = std::filesystem;

namespace {

constexpr int kCacheKib = 16 * 1024;

std::string Prefix(const std::string& database) {
  return fmt::format(".{}-harmonylite-copy-", fs::path(database).filename().string());
}

}  // namespace

Result<PrivateDatabase> PrivateDatabase::Reserve(const std::string& database,
                                                 const std::string& vfs) {
  PrivateDatabase out;
  out.vfs_ = vfs;
  if (!vfs.empty()) {
    out.path_ = database + "-harmonylite-copy";
    HL_TRY(sqlite::DeleteFile(out.path_, vfs));
    return out;
  }
  RemoveLeftovers(database);
  const fs::path folder = fs::absolute(database).parent_path();
  out.path_ = (folder / (Prefix(database) + "XXXXXX")).string();
  out.lock_ = ::mkostemp(out.path_.data(), O_CLOEXEC);  // creates the file with mode 0600
  struct stat status {};
  if (out.lock_ < 0 || ::flock(out.lock_, LOCK_EX | LOCK_NB) != 0 ||
      ::fstat(out.lock_, &status) != 0 || status.st_nlink == 0) {
    const int error = out.lock_ >= 0 && status.st_nlink == 0 ? EAGAIN : errno;
    out.named_ = out.lock_ >= 0;
    return MakeError(ErrorCode::kRetryLater, "cannot make a temporary file in {}: {}",
                     folder.string(), std::strerror(error));
  }
  return out;
}

PrivateDatabase::PrivateDatabase(PrivateDatabase&& other) noexcept
    : path_(std::move(other.path_)),
      vfs_(std::move(other.vfs_)),
      lock_(std::exchange(other.lock_, -1)),
      named_(std::exchange(other.named_, false)),
      db_(std::move(other.db_)) {
  other.db_.reset();
}

PrivateDatabase::~PrivateDatabase() {
  db_.reset();
  RemoveName();
  if (lock_ >= 0) ::close(lock_);
}

void PrivateDatabase::RemoveName() {
  if (!std::exchange(named_, false)) return;
  if (vfs_.empty())
    ::unlink(path_.c_str());
  else if (!sqlite::DeleteFile(path_, vfs_).ok())
    return;  // the next Reserve tries again and says why
}

Status PrivateDatabase::Open() {
  HL_ASSIGN(db_, sqlite::Connection::Open(path_, sqlite::OpenMode::kCreate, vfs_));
  HL_TRY(MakePrivate(&*db_));
  if (vfs_.empty()) RemoveName();
  return Ok();
}

Status MakePrivate(sqlite::Connection* db) {
  HL_TRY(db->SetCacheKib(kCacheKib));
  HL_TRY(sqlite::RunScript(db,
                           "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF; "
                           "PRAGMA secure_delete = ON"));
  HL_TRY(sqlite::UseNoJournal(db));
  db->EnableTriggers(false);
  db->EnableForeignKeys(false);
  return Ok();
}

void RemoveLeftovers(const std::string& database) {
  const std::string prefix = Prefix(database);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fs::absolute(database).parent_path(), error)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(entry.path().c_str());
    ::close(fd);
  }
}

}  // namespace harmonylite::snapshot
