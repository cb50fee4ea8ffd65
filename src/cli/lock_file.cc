#include "cli/lock_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace harmonylite::cli {

Result<LockFile> LockFile::Take(const std::string& db_path) {
  const std::string path = db_path + "-harmonylite.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0 && errno == ELOOP)
    return MakeError(
        ErrorCode::kInvalidArgument,
        "{} is a link, which harmonylite does not make: look who made it, and remove it", path);
  if (fd < 0)
    return MakeError(ErrorCode::kInvalidArgument, "cannot make {}: {}", path, std::strerror(errno));
  LockFile lock(fd);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) return lock;
  return MakeError(ErrorCode::kConflict,
                   "another harmonylite already replicates {} (it holds {}): stop that one first",
                   db_path, path);
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LockFile::~LockFile() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace harmonylite::cli
