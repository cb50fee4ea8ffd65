#include "sim/sim_read_marks.h"

#include <fmt/format.h>

#include <utility>

namespace harmonylite::sim {

namespace {

using sqlite::OwnHold;
using sqlite::OwnHolds;

constexpr size_t kWriteLock = 0;
constexpr size_t kFirstMark = 3;  // the first three of an index's locks are no read marks

class SimLocks final : public sqlite::ReadMarkLocks {
 public:
  explicit SimLocks(std::shared_ptr<DiskFile> file) : file_(std::move(file)) {}

  Taken Take(int mark, const OwnHold& own) override {
    int& lock = Lock(mark);
    if (lock < 0 && !own.exclusive) return Taken::kAnotherExcludesUs;
    if (lock > own.shared) return Taken::kOthersShareIt;
    lock = -1;
    return Taken::kYes;
  }
  std::optional<int> HeldByOthers(const OwnHolds& own) override {
    for (int mark = 0; mark < sqlite::kReadMarks; ++mark) {
      const OwnHold& hold = own[static_cast<size_t>(mark)];
      if (Lock(mark) < 0 ? !hold.exclusive : Lock(mark) > hold.shared) return mark;
    }
    return std::nullopt;
  }
  // The door is closed before a transaction of the sidecar begins, so the writer is another
  // process.
  bool AnotherWrites() override { return file_->shm_locks[kWriteLock] != 0; }
  bool TakeAll(const OwnHolds& own) override {
    if (HeldByOthers(own)) return false;
    for (int mark = 0; mark < sqlite::kReadMarks; ++mark) Lock(mark) = -1;
    return true;
  }
  bool Return(int mark, const OwnHold& own, bool, bool) override {
    Lock(mark) = own.exclusive ? -1 : own.shared;
    return true;
  }

 private:
  int& Lock(int mark) { return file_->shm_locks[kFirstMark + static_cast<size_t>(mark)]; }
  std::shared_ptr<DiskFile> file_;
};

}  // namespace

std::string SimReadMarks::Key(const std::string& path) {
  const auto file = disk_->Find(path);
  return file == nullptr ? std::string() : fmt::format("{}", fmt::ptr(file.get()));
}

std::unique_ptr<sqlite::ReadMarkLocks> SimReadMarks::Open(const std::string& path,
                                                          const std::string&) {
  return std::make_unique<SimLocks>(disk_->Find(path));
}

}  // namespace harmonylite::sim
