#include "sqlite/wal_index.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <array>
#include <deque>
#include <random>
#include <vector>

namespace harmonylite::sqlite {
namespace {

constexpr int kFirstMark = 3;
constexpr int kLocks = kFirstMark + kReadMarks;

enum Hold { kNone, kShared, kExclusive };

// The locks that the operating system knows: of this process, and of one other.
struct System {
  std::array<Hold, kLocks> ours{};
  std::array<Hold, kLocks> others{};

  static bool Agree(Hold a, Hold b) {
    return a == kNone || b == kNone || (a == kShared && b == kShared);
  }
  // A lock that this process takes replaces the one that it has.
  bool Set(int lock, Hold hold) {
    if (!Agree(hold, others[lock])) return false;
    ours[lock] = hold;
    CheckNeeds();
    return true;
  }
  bool SetOther(int lock, Hold hold) {
    if (!Agree(hold, ours[lock])) return false;
    others[lock] = hold;
    return true;
  }
  // What connections of this process rely on must be held at every moment.
  void CheckNeeds() const {
    for (int lock = 0; lock < kLocks; ++lock) EXPECT_GE(ours[lock], needed[lock]) << lock;
  }
  std::array<Hold, kLocks> needed{};
  bool has_room = false;  // false: now and then there is no memory for a lock
};

// An open file as SQLite's unix VFS keeps it: counts within the process, and the system's locks.
struct File {
  sqlite3_file base;
  System* system;
  std::array<int, kLocks>* counts;  // -1: exclusive; else how many files share the lock
  std::array<Hold, kLocks> holds{};
};

int ShmLock(sqlite3_file* base, int first, int count, int flags) {
  File* file = reinterpret_cast<File*>(base);
  auto& counts = *file->counts;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  EXPECT_TRUE(exclusive || count == 1);
  for (int lock = first; lock < first + count; ++lock) {
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      EXPECT_EQ(file->holds[lock], exclusive ? kExclusive : kShared);
      if (exclusive || counts[lock] == 1) {
        EXPECT_TRUE(file->system->Set(lock, kNone));
        counts[lock] = 0;
      } else {
        --counts[lock];
      }
      file->holds[lock] = kNone;
      continue;
    }
    if (exclusive ? counts[lock] != 0 : counts[lock] < 0) return SQLITE_BUSY;
  }
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return SQLITE_OK;
  for (int lock = first; lock < first + count; ++lock) {
    if ((exclusive || counts[lock] == 0) &&
        !file->system->Set(lock, exclusive ? kExclusive : kShared)) {
      for (int taken = first; taken < lock; ++taken) {
        file->system->Set(taken, kNone);
        counts[taken] = 0;
        file->holds[taken] = kNone;
      }
      return SQLITE_BUSY;
    }
    counts[lock] = exclusive ? -1 : counts[lock] + 1;
    file->holds[lock] = exclusive ? kExclusive : kShared;
  }
  return SQLITE_OK;
}

class SystemLocks final : public ReadMarkLocks {
 public:
  SystemLocks(System* system, std::mt19937* random) : system_(system), random_(random) {}
  Taken Take(int mark, const OwnHold&) override {
    const int lock = kFirstMark + mark;
    if (system_->Set(lock, kExclusive)) return Taken::kYes;
    return system_->others[lock] == kShared ? Taken::kOthersShareIt : Taken::kAnotherExcludesUs;
  }
  std::optional<int> HeldByOthers(const OwnHolds&) override {
    for (int mark = 0; mark < kReadMarks; ++mark)
      if (system_->others[kFirstMark + mark] != kNone) return mark;
    return std::nullopt;
  }
  bool TakeAll(const OwnHolds& own) override {
    if (HeldByOthers(own)) return false;
    for (int mark = 0; mark < kReadMarks; ++mark) system_->Set(kFirstMark + mark, kExclusive);
    return true;
  }
  bool AnotherWrites() override { return system_->others[0] == kExclusive; }
  bool Return(int mark, const OwnHold& own, bool wanted_shared, bool wanted_exclusive) override {
    if (!system_->has_room && (*random_)() % 16 == 0) return false;
    if (own.exclusive || wanted_exclusive) return true;
    return system_->Set(kFirstMark + mark, own.shared > 0 || wanted_shared ? kShared : kNone);
  }

 private:
  System* system_;
  std::mt19937* random_;
};

// The connections of one process, as SQLite's WAL code uses them, and another process.
class Model {
 public:
  explicit Model(uint32_t seed) : random_(seed) {
    system_.has_room = seed % 2 == 0;
    methods_.xShmLock = ShmLock;
    for (int i = 0; i < kFiles; ++i) {
      files_.push_back(File{{&methods_}, &system_, &counts_, {}});
      users_.emplace_back(&files_.back().base);
      index_.Add(&users_.back());
      believed_.emplace_back();
    }
    header_[0] = 3'007'000;
    index_.SetHeader(header_.data());
  }
  ~Model() {
    system_.has_room = true;
    system_.needed = {};
    index_.Open();
    for (auto& user : users_) index_.Remove(&user);
    for (const Hold hold : system_.ours) EXPECT_EQ(hold, kNone);
  }

  void Step() {
    switch (random_() % 8) {
      case 0:
        if (closed_) break;
        closed_ = index_.TryClose() == DoorAnswer::kClosed;
        passed_over_ = system_.others;
        break;
      case 1:
        if (closed_) index_.Open();
        closed_ = false;
        break;
      case 2:
        header_[random_() % 2 == 0 ? 4 : 24 + random_() % 6] = static_cast<uint32_t>(random_() % 3);
        break;
      case 3:
        (void)system_.SetOther(Lock(), static_cast<Hold>(random_() % 3));
        break;
      default:
        Use(random_() % kFiles);
    }
    Check();
  }

 private:
  static constexpr int kFiles = 4;

  int Lock() { return static_cast<int>(random_() % kLocks); }

  // Takes or gives back a lock, or a run of exclusive ones.
  void Use(size_t file) {
    const int first = Lock();
    Hold& believed = believed_[file][first];
    if (believed != kNone) {
      const int flags = believed == kShared ? SQLITE_SHM_SHARED : SQLITE_SHM_EXCLUSIVE;
      believed = kNone;
      Need();
      ASSERT_EQ(index_.Lock(&users_[file], first, 1, SQLITE_SHM_UNLOCK | flags), SQLITE_OK);
      return;
    }
    const bool exclusive = random_() % 3 == 0;
    int count = exclusive ? 1 + static_cast<int>(random_() % (kLocks - first)) : 1;
    for (int lock = first; lock < first + count; ++lock)
      if (believed_[file][lock] != kNone) count = lock - first;
    const int flags = exclusive ? SQLITE_SHM_EXCLUSIVE : SQLITE_SHM_SHARED;
    if (index_.Lock(&users_[file], first, count, SQLITE_SHM_LOCK | flags) != SQLITE_OK) return;
    for (int lock = first; lock < first + count; ++lock)
      believed_[file][lock] = exclusive ? kExclusive : kShared;
    Need();
  }

  // Tells the system what connections rely on from now on.
  void Need() {
    for (int lock = 0; lock < kLocks; ++lock) {
      system_.needed[lock] = kNone;
      for (const auto& holds : believed_)
        system_.needed[lock] = std::max(system_.needed[lock], holds[lock]);
    }
  }

  void Check() {
    for (int lock = 0; lock < kLocks; ++lock) {
      int shared = 0;
      int exclusive = 0;
      for (const auto& holds : believed_) {
        shared += holds[lock] == kShared;
        exclusive += holds[lock] == kExclusive;
      }
      EXPECT_TRUE(exclusive == 0 || (exclusive == 1 && shared == 0)) << lock;
      EXPECT_TRUE(System::Agree(system_.needed[lock], system_.others[lock])) << lock;
    }
    system_.CheckNeeds();
    for (int lock = kFirstMark; lock < kLocks; ++lock) {
      if (closed_ && passed_over_[lock] == kNone) {
        EXPECT_EQ(system_.ours[lock], kExclusive) << lock;
      }
      if (!closed_ && system_.has_room) {
        EXPECT_EQ(system_.ours[lock], system_.needed[lock]) << lock;
      }
    }
  }

  std::mt19937 random_;
  System system_;
  std::array<int, kLocks> counts_{};
  sqlite3_io_methods methods_{};
  std::deque<File> files_;
  std::deque<WalIndex::User> users_;
  std::vector<std::array<Hold, kLocks>> believed_;  // what SQLite believes that each file holds
  std::array<uint32_t, 32> header_{};
  WalIndex index_{std::make_unique<SystemLocks>(&system_, &random_)};
  bool closed_ = false;
  std::array<Hold, kLocks> passed_over_{};  // what the other process held when the door was closed
};

// Whatever connections of this process, the door and another process do: nobody has a lock that
// another's excludes, and no lock that a connection relies on is ever free.
TEST(WalIndex, LocksHoldWhateverTheDoorDoes) {
  for (uint32_t seed = 1; seed <= 300 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) model.Step();
  }
}

}  // namespace
}  // namespace harmonylite::sqlite
