#include "adapters/nats_server/server_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/child_process.h"

namespace harmonylite::nats_server {

namespace fs = std::filesystem;

namespace {

// Returns an error unless the folder, and a link that leads to it, belong to this user, and not
// everybody may write to it.
Status CheckOwner(const std::string& path) {
  struct stat name {};
  struct stat folder {};
  if (lstat(path.c_str(), &name) != 0 || stat(path.c_str(), &folder) != 0)
    return MakeError(ErrorCode::kInvalidArgument,
                     "cannot look at the folder {} for nats-server: {}", path, strerror(errno));
  const char* problem = folder.st_uid != geteuid()        ? "belongs to another user"
                        : name.st_uid != geteuid()        ? "is a link that another user made"
                        : (folder.st_mode & S_IWOTH) != 0 ? "may be written to by everybody"
                                                          : nullptr;
  if (problem == nullptr) return Ok();
  return MakeError(
      ErrorCode::kInvalidArgument,
      "the folder {} for nats-server {}: others could read and change all rows that are "
      "sent: make it this user's own (chown, chmod 700), or choose another store_dir",
      path, problem);
}

}  // namespace

Result<std::string> FindServer(const std::string& binary) {
  const std::string name = binary.empty() ? "nats-server" : binary;
  // Debian installs nats-server in a folder that is not on an ordinary user's PATH.
  const char* path = getenv("PATH");
  const std::string folders = std::string(path != nullptr ? path : "") +
                              ":/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin";
  if (auto found = FindProgram(name, folders)) return std::move(*found);
  if (name.find('/') != std::string::npos)
    return MakeError(ErrorCode::kInvalidArgument, "{} is not a program that can be run", name);
  return MakeError(ErrorCode::kInvalidArgument,
                   "no {} was found on PATH: install it (Debian: package nats-server), or "
                   "set [nats] urls to use servers that run elsewhere",
                   name);
}

Status PrepareStoreDir(const std::string& path) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error)
    return MakeError(ErrorCode::kInvalidArgument, "cannot make the folder {} for nats-server: {}",
                     path, error.message());
  if (made) chmod(path.c_str(), 0700);
  return CheckOwner(path);
}

Status WritePrivateFile(const std::string& path, const std::string& content) {
  // The older file is not written to: what has its name may be a link to another one.
  unlink(path.c_str());
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0)
    return MakeError(ErrorCode::kInvalidArgument, "cannot write {}: {}", path, strerror(errno));
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  const int failure = errno;
  close(fd);
  if (done == content.size()) return Ok();
  return MakeError(ErrorCode::kRetryLater, "cannot write {}: {}", path, strerror(failure));
}

void RemovePortsFiles(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.path().extension() == ".ports") fs::remove(entry.path(), error);
}

StoreLock::StoreLock(StoreLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

StoreLock::~StoreLock() {
  if (fd_ >= 0) close(fd_);
}

Result<StoreLock> StoreLock::Take(const std::string& store_dir) {
  StoreLock lock;
  const std::string path = store_dir + "/harmonylite.lock";
  lock.fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (lock.fd_ < 0)
    return MakeError(ErrorCode::kInvalidArgument, "cannot write {}: {}", path, strerror(errno));
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) == 0) return lock;
  return MakeError(ErrorCode::kRetryLater,
                   "another nats-server still uses {}: stop the other harmonylite, or give each "
                   "its own folder",
                   store_dir);
}

}  // namespace harmonylite::nats_server
