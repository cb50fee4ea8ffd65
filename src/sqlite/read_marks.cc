#include "sqlite/read_marks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace harmonylite::sqlite {

namespace {

// The bytes of the "-shm" file whose locks are the write lock and the first read mark's.
constexpr off_t kWriteByte = 120;
constexpr off_t kFirstByte = 123;

std::string IndexPath(const std::string& path) { return path + "-shm"; }

std::string KeyOf(const struct stat& file) {
  return fmt::format("{}:{}", file.st_dev, file.st_ino);
}

// POSIX gives locks to processes, not to descriptors: a lock taken through this descriptor replaces
// the one that SQLite took on the same byte through its own. When any descriptor of a file is
// closed, all locks of the process on that file are gone. The owner therefore destroys this object
// only when no connection of the process uses the index.
class PosixLocks final : public ReadMarkLocks {
 public:
  explicit PosixLocks(int descriptor) : descriptor_(descriptor) {}
  ~PosixLocks() override { ::close(descriptor_); }

  Taken Take(int mark, const OwnHold&) override {
    if (Set(F_WRLCK, mark, 1)) return Taken::kYes;
    struct flock asked = Lock(F_WRLCK, mark, 1);
    const bool shared = ::fcntl(descriptor_, F_GETLK, &asked) == 0 && asked.l_type != F_WRLCK;
    return shared ? Taken::kOthersShareIt : Taken::kAnotherExcludesUs;
  }

  std::optional<int> HeldByOthers(const OwnHolds&) override {
    struct flock asked = Lock(F_WRLCK, 0, kReadMarks);
    if (::fcntl(descriptor_, F_GETLK, &asked) != 0 || asked.l_type == F_UNLCK) return std::nullopt;
    return static_cast<int>(std::max<off_t>(asked.l_start - kFirstByte, 0));
  }

  bool AnotherWrites() override {
    struct flock asked = Lock(F_WRLCK, 0, 1);
    asked.l_start = kWriteByte;
    return ::fcntl(descriptor_, F_GETLK, &asked) != 0 || asked.l_type != F_UNLCK;
  }

  bool TakeAll(const OwnHolds&) override { return Set(F_WRLCK, 0, kReadMarks); }

  // SQLite changes a byte from here on by itself where one of its connections does. A shared lock
  // keeps the byte for a connection that will share it, or that still has to give it back.
  bool Return(int mark, const OwnHold& own, bool wanted_shared, bool wanted_exclusive) override {
    if (own.exclusive || wanted_exclusive) return true;
    const bool needed = own.shared > 0 || wanted_shared;
    return Set(needed ? F_RDLCK : F_UNLCK, mark, 1);
  }

 private:
  static struct flock Lock(short type, int mark, int count) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = kFirstByte + mark;
    lock.l_len = count;
    return lock;
  }
  bool Set(short type, int mark, int count) {
    struct flock lock = Lock(type, mark, count);
    return ::fcntl(descriptor_, F_SETLK, &lock) == 0;
  }

  const int descriptor_;  // owned
};

}  // namespace

std::string PosixReadMarks::Key(const std::string& path) {
  struct stat file {};
  return ::stat(IndexPath(path).c_str(), &file) == 0 ? KeyOf(file) : std::string();
}

std::unique_ptr<ReadMarkLocks> PosixReadMarks::Open(const std::string& path,
                                                    const std::string& key) {
  const int descriptor = ::open(IndexPath(path).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return nullptr;
  struct stat file {};
  if (::fstat(descriptor, &file) == 0 && KeyOf(file) == key)
    return std::make_unique<PosixLocks>(descriptor);
  // The file was replaced between the two looks. The descriptor stays open for good, because it may
  // be of an index on which this process holds locks.
  return nullptr;
}

}  // namespace harmonylite::sqlite
