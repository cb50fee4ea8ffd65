#include "base/nameless_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace harmonylite {

namespace {

Error Failed(std::string_view what) {
  return MakeError(ErrorCode::kRetryLater, "cannot {} a temporary file: {}", what, std::strerror(errno));
}

}  // namespace

Result<int> MakeNamelessFile(const std::string& directory) {
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    // Not every file system has nameless files.
    std::string path = directory + "/.harmonylite-spool-XXXXXX";
    fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd >= 0) ::unlink(path.c_str());
  }
  if (fd < 0)
    return MakeError(ErrorCode::kRetryLater, "cannot make a temporary file in {}: {}", directory,
                     std::strerror(errno));
  return fd;
}

NamelessFile::~NamelessFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status NamelessFile::Open() {
  if (fd_ >= 0) return Ok();
  HL_ASSIGN(fd_, MakeNamelessFile(directory_));
  return Ok();
}

Status NamelessFile::Write(uint64_t offset, std::string_view bytes) {
  HL_TRY(Open());
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failed("write");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return Ok();
}

Status NamelessFile::Read(uint64_t offset, char* out, size_t length) const {
  while (length > 0) {
    const ssize_t n = fd_ < 0 ? 0 : ::pread(fd_, out, length, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read");
    if (n == 0) break;
    out += n;
    length -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
  std::memset(out, 0, length);
  return Ok();
}

Status NamelessFile::Cut(uint64_t size) {
  if (fd_ < 0) return Ok();
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return Failed("measure");
  if (static_cast<uint64_t>(status.st_size) <= size) return Ok();
  return ::ftruncate(fd_, static_cast<off_t>(size)) == 0 ? Ok() : Status(Failed("cut"));
}

}  // namespace harmonylite
