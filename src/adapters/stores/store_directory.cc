#include "adapters/stores/store_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "ports/retry.h"

namespace harmonylite::stores {

namespace {

constexpr size_t kChunk = 1 << 20;
// Files are readable by their owner only, because snapshots hold all data of the database.
constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
// The prefix of temporary names starts with a dot, because no object's name does.
constexpr std::string_view kPartPrefix = ".harmonylite-part-";
// A file that was not written to for this long has no writer any more.
constexpr time_t kStalePartSeconds = 3600;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Close(); }
  int get() const { return fd_; }
  int Close() {
    const int result = fd_ >= 0 ? ::close(fd_) : 0;
    fd_ = -1;
    return result;
  }

 private:
  int fd_;
};

Error FileError(int number, std::string_view what, const std::string& path) {
  const char* why = std::strerror(number);
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return MakeError(ErrorCode::kRetryLater, "cannot {} {}: {}: make room there", what, path,
                       why);
    case EACCES:
    case EPERM:
    case EROFS:
      return MakeError(ErrorCode::kInvalidArgument,
                       "cannot {} {}: {}: let our user write there, or choose another directory",
                       what, path, why);
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return MakeError(ErrorCode::kInvalidArgument,
                       "cannot {} {}: {}: correct the path, or make it", what, path, why);
    case EFBIG:
      return MakeError(ErrorCode::kInvalidArgument,
                       "cannot {} {}: {}: raise the limit, or choose another file system", what,
                       path, why);
    default:
      return MakeError(ErrorCode::kRetryLater, "cannot {} {}: {}", what, path, why);
  }
}

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Ok();
}

Status WriteContent(int fd, const Spool& content, const std::string& path,
                    ports::Transfer* transfer) {
  std::string chunk;
  for (uint64_t done = 0; done < content.size(); done += chunk.size()) {
    HL_TRY(ports::CheckCancelled(transfer));
    HL_TRY(content.ReadAt(done, kChunk, &chunk));
    HL_TRY(WriteAll(fd, chunk, path));
    if (transfer != nullptr) transfer->bytes = done + chunk.size();
  }
  return ports::CheckCancelled(transfer);
}

// Makes a rename in `directory` durable.
Status SyncDirectory(const std::string& directory) {
  const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return FileError(errno, "open", directory);
  // Some network file systems cannot flush a directory, and do not need to.
  if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOTSUP)
    return FileError(errno, "flush", directory);
  return Ok();
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using DirPtr = std::unique_ptr<DIR, DirCloser>;

}  // namespace

DirectoryStore::DirectoryStore(std::string directory) : directory_(std::move(directory)) {}

Status DirectoryStore::MakeDirectory() {
  if (::mkdir(directory_.c_str(), kDirectoryMode) == 0 || errno == EEXIST) return Ok();
  return FileError(errno, "make the directory", directory_);
}

void DirectoryStore::RemoveStaleParts() {
  const DirPtr dir(::opendir(directory_.c_str()));
  if (!dir) return;
  const time_t now = ::time(nullptr);
  while (const dirent* entry = ::readdir(dir.get())) {
    if (!std::string_view(entry->d_name).starts_with(kPartPrefix)) continue;
    struct stat info {};
    const std::string path = PathOf(entry->d_name);
    if (::stat(path.c_str(), &info) == 0 && now - info.st_mtime > kStalePartSeconds)
      ::unlink(path.c_str());
  }
}

Status DirectoryStore::Put(const std::string& name, const Spool& content,
                           ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  HL_TRY(MakeDirectory());
  RemoveStaleParts();
  std::string part = PathOf(std::string(kPartPrefix) + "XXXXXX");
  Fd fd(::mkostemp(part.data(), O_CLOEXEC));
  if (fd.get() < 0) return FileError(errno, "make a file in", directory_);
  const std::string path = PathOf(name);
  Status status = WriteContent(fd.get(), content, path, transfer);
  if (status.ok() && ::fchmod(fd.get(), kFileMode) != 0) status = FileError(errno, "write", path);
  if (status.ok() && ::fsync(fd.get()) != 0) status = FileError(errno, "write", path);
  // Network file systems may report a full disk only at close.
  if (fd.Close() != 0 && status.ok()) status = FileError(errno, "write", path);
  if (status.ok() && ::rename(part.c_str(), path.c_str()) != 0)
    status = FileError(errno, "write", path);
  if (!status.ok()) {
    ::unlink(part.c_str());
    return status;
  }
  return SyncDirectory(directory_);
}

Status DirectoryStore::Get(const std::string& name, Spool* out, ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  out->Clear();
  const std::string path = PathOf(name);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0 && errno == ENOENT)
    return MakeError(ErrorCode::kNotFound, "there is no file {}", path);
  if (fd.get() < 0) return FileError(errno, "open", path);
  std::string chunk(kChunk, '\0');
  while (true) {
    HL_TRY(ports::CheckCancelled(transfer));
    const ssize_t n = ::read(fd.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(errno, "read", path);
    if (n == 0) return Ok();
    HL_TRY(out->Append(std::string_view(chunk.data(), static_cast<size_t>(n))));
    if (transfer != nullptr) transfer->bytes = out->size();
  }
}

Result<std::vector<ports::ObjectInfo>> DirectoryStore::List(const std::string& prefix) {
  std::vector<ports::ObjectInfo> out;
  const DirPtr dir(::opendir(directory_.c_str()));
  if (!dir && errno == ENOENT) return out;
  if (!dir) return FileError(errno, "read the directory", directory_);
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) return FileError(errno, "read the directory", directory_);
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (!name.starts_with(prefix) || !ports::IsObjectName(name)) continue;
    struct stat info {};
    // The file may have been deleted meanwhile.
    if (::stat(PathOf(name).c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    out.push_back({name, static_cast<uint64_t>(info.st_size)});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Status DirectoryStore::Delete(const std::string& name) {
  HL_TRY(ports::CheckObjectName(name));
  const std::string path = PathOf(name);
  if (::unlink(path.c_str()) == 0) return SyncDirectory(directory_);
  if (errno == ENOENT) return Ok();
  return FileError(errno, "delete", path);
}

}  // namespace harmonylite::stores
