#include "base/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace harmonylite {

Status MakeFileLike(const std::string& path, const std::string& model) {
  constexpr mode_t kOwner = S_IRUSR | S_IWUSR;
  constexpr mode_t kReadWrite = kOwner | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
  struct stat original {};
  const bool there = ::stat(model.c_str(), &original) == 0;
  const mode_t mode = there ? original.st_mode & kReadWrite : kOwner;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwner);
  if (fd < 0 && errno == EEXIST) return MakeError(ErrorCode::kConflict, "{} exists already", path);
  // The umask takes bits away from what open() is told, but not from what fchmod() is told.
  const bool made = fd >= 0 && ::fchmod(fd, mode) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (made) return Ok();
  return MakeError(ErrorCode::kRetryLater, "cannot make {}: {}", path, std::strerror(error));
}

}  // namespace harmonylite
