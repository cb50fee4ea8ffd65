#include "node/replication/sent_mark.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "base/nameless_file.h"
#include "base/text_fields.h"

namespace harmonylite::node {

namespace {

constexpr size_t kFileBytes = 128;  // small enough for one write within one page of memory

uint64_t Hash(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

Error Failed(const std::string& path, std::string_view why) {
  return MakeError(ErrorCode::kRetryLater, "cannot use {}: {}", path, why);
}

// The path of the mark's file. It contains the node id and a hash of the database's real path, so
// that the databases of several nodes on one machine do not share a mark.
std::string PathOf(const std::string& directory, const std::string& database, NodeId node) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(database.c_str(), nullptr),
                                                         &std::free);
  const std::string_view name = real != nullptr ? real.get() : database.c_str();
  return fmt::format("{}/harmonylite-sent-{}-{:016x}", directory, node.value, Hash(name));
}

std::string Encode(const SentMark& mark) {
  std::string text = fmt::format("1 {} {} {} {}", mark.origin.node.value,
                                 mark.origin.incarnation.value, mark.to.value, mark.stamp.value);
  text += fmt::format(" {:016x}\n", Hash(text));
  text.resize(kFileBytes, '\0');
  return text;
}

std::optional<SentMark> Decode(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  const size_t last_space = text.rfind(' ');
  if (last_space == std::string_view::npos) return std::nullopt;
  uint64_t hash = 0;
  std::string_view fields = text.substr(0, last_space);
  if (!Number(text.substr(last_space + 1), &hash, 16) || hash != Hash(fields)) return std::nullopt;
  SentMark mark;
  if (NextField(&fields, ' ') != "1" || !Number(NextField(&fields, ' '), &mark.origin.node.value) ||
      !Number(NextField(&fields, ' '), &mark.origin.incarnation.value) ||
      !Number(NextField(&fields, ' '), &mark.to.value) || !Number(fields, &mark.stamp.value))
    return std::nullopt;
  return mark;
}

}  // namespace

TmpfsSentMark::TmpfsSentMark(const std::string& database, NodeId node, std::string directory)
    : directory_(std::move(directory)), path_(PathOf(directory_, database, node)) {}

TmpfsSentMark::~TmpfsSentMark() {
  if (fd_ >= 0) ::close(fd_);
}

// Opens the file of the mark, and creates it if there is none. Any user may write to the directory,
// so a file found there is trusted only if it is a regular file of this user, has no second link,
// and gives other users no access.
Status TmpfsSentMark::Open() {
  if (fd_ >= 0) return Ok();
  struct statfs system {};
  if (::statfs(directory_.c_str(), &system) != 0) return Failed(directory_, std::strerror(errno));
  if (system.f_type != TMPFS_MAGIC) return Failed(directory_, "it is not a tmpfs");
  const int fd =
      ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return Failed(path_, std::strerror(errno));
  struct stat status {};
  const bool ours = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                    status.st_uid == ::geteuid() && (status.st_mode & 077) == 0 &&
                    status.st_nlink == 1;
  if (!ours) {
    ::close(fd);
    return Failed(path_, "it is not a private file of this user; remove it");
  }
  fd_ = fd;
  return Ok();
}

std::optional<SentMark> TmpfsSentMark::Load() {
  if (!Open().ok()) return std::nullopt;
  std::array<char, kFileBytes> bytes{};
  const auto length = ReadAt(fd_, 0, bytes.data(), bytes.size());
  if (!length.ok() || *length != bytes.size()) return std::nullopt;
  return Decode({bytes.data(), bytes.size()});
}

Status TmpfsSentMark::Write(const SentMark& mark) {
  HL_TRY(Open());
  return WriteAt(fd_, 0, Encode(mark));
}

Status TmpfsSentMark::Save(const SentMark& mark) {
  Status saved = Write(mark);
  if (saved.ok()) return saved;
  // An older mark would vouch for a database that lacks the changes sent from now on.
  ::unlink(path_.c_str());
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  return saved;
}

}  // namespace harmonylite::node
