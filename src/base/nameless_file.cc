#include "base/nameless_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace harmonylite {

namespace {

Error Failed(std::string_view what) {
  return MakeError(ErrorCode::kRetryLater, "cannot {} a temporary file: {}", what,
                   std::strerror(errno));
}

}  // namespace

Result<int> MakeNamelessFile(const std::string& directory) {
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    // Some file systems have no O_TMPFILE. There the file is made with a name, which is removed at
    // once.
    std::string path = directory + "/.harmonylite-spool-XXXXXX";
    fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd >= 0) ::unlink(path.c_str());
  }
  if (fd < 0)
    return MakeError(ErrorCode::kRetryLater, "cannot make a temporary file in {}: {}", directory,
                     std::strerror(errno));
  return fd;
}

Status WriteAt(int fd, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Failed("write");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return Ok();
}

Result<size_t> ReadAt(int fd, uint64_t offset, char* out, size_t length) {
  size_t done = 0;
  while (done < length) {
    const ssize_t n = ::pread(fd, out + done, length - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
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
  return WriteAt(fd_, offset, bytes);
}

Status NamelessFile::Read(uint64_t offset, char* out, size_t length) const {
  size_t there = 0;
  if (fd_ >= 0) {
    HL_ASSIGN(there, ReadAt(fd_, offset, out, length));
  }
  std::memset(out + there, 0, length - there);
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
