#include "sqlite/wal_index.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <bit>

namespace harmonylite::sqlite {

namespace {

// SQLite's eight locks of an index: writing, moving pages, recovery, and then the read marks.
constexpr int kFirstMark = 3;

// Positions in the header, in units of 32 bits.
constexpr size_t kVersion = 0;
constexpr size_t kLastFrame = 4;     // the number of the WAL's last valid frame
constexpr size_t kMovedFrames = 24;  // up to which frame the file has the WAL's pages
constexpr size_t kMarkValues = 25;   // up to which frame the holders of each mark read

// The only version of the format that there has been.
constexpr uint32_t kKnownVersion = 3'007'000;

constexpr unsigned kAllMarks = ((1u << kReadMarks) - 1) << kFirstMark;
// Looks at the marks that are not ours, once newcomers are led to ours. Each takes a microsecond or
// more.
constexpr int kLooksAtLatecomers = 10;

unsigned Bits(int first, int count) { return ((1u << count) - 1) << first; }
unsigned BitOfMark(int mark) { return 1u << (kFirstMark + mark); }

}  // namespace

void WalIndex::Add(User* user) {
  const std::lock_guard lock(mutex_);
  users_.push_back(user);
}

void WalIndex::Remove(User* user) {
  const std::lock_guard lock(mutex_);
  user->held_ = {};
  for (int mark = 0; mark < kReadMarks; ++mark)
    if ((user->passed_.all() & closed_ & BitOfMark(mark)) != 0) (void)ReturnMark(mark);
  (void)Pass(user, user->passed_.shared, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
  (void)Pass(user, user->passed_.exclusive, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  std::erase(users_, user);
}

void WalIndex::SetHeader(volatile void* header) {
  const std::lock_guard lock(mutex_);
  header_ = static_cast<uint32_t*>(const_cast<void*>(header));
}

int WalIndex::Lock(User* user, int first, int count, int flags) {
  const std::lock_guard lock(mutex_);
  const unsigned locks = Bits(first, count);
  const unsigned counted = locks & closed_;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    user->held_.shared &= ~counted;
    user->held_.exclusive &= ~counted;
    return Pass(user, locks & ~counted, flags);
  }
  if (!MayTake(counted, exclusive)) return SQLITE_BUSY;
  const int rc = Pass(user, locks & ~counted, flags);
  if (rc == SQLITE_OK) (exclusive ? user->held_.exclusive : user->held_.shared) |= counted;
  return rc;
}

// Hands locks to the VFS below, all or none of them. SQLite's VFS takes exclusive locks in runs,
// and shared ones singly.
int WalIndex::Pass(User* user, unsigned locks, int flags) {
  const bool runs = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  unsigned done = 0;
  while (done != locks) {
    const int first = std::countr_zero(locks & ~done);
    const int count = runs ? std::countr_one((locks & ~done) >> first) : 1;
    const int rc = PassRun(user, first, count, flags);
    if (rc != SQLITE_OK) {
      if ((flags & SQLITE_SHM_LOCK) != 0 && done != 0)
        (void)Pass(user, done, (flags & ~SQLITE_SHM_LOCK) | SQLITE_SHM_UNLOCK);
      return rc;
    }
    done |= Bits(first, count);
  }
  return SQLITE_OK;
}

int WalIndex::PassRun(User* user, int first, int count, int flags) {
  const int rc = user->file_->pMethods->xShmLock(user->file_, first, count, flags);
  if (rc != SQLITE_OK) return rc;
  const unsigned locks = Bits(first, count);
  for (User::Locks* known : {&user->held_, &user->passed_}) {
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      known->shared &= ~locks;
      known->exclusive &= ~locks;
    } else {
      ((flags & SQLITE_SHM_EXCLUSIVE) != 0 ? known->exclusive : known->shared) |= locks;
    }
  }
  return SQLITE_OK;
}

// Judges by what connections hold and also by what the VFS below still holds for them, so that
// opening the door never has to give a lock back before it takes another on the same mark: another
// process could come in between.
bool WalIndex::MayTake(unsigned locks, bool exclusive) const {
  return std::none_of(users_.begin(), users_.end(), [&](const User* user) {
    const unsigned excluded = user->held_.exclusive | user->passed_.exclusive;
    const unsigned shared = user->held_.shared | user->passed_.shared;
    return (excluded & locks) != 0 || (exclusive && (shared & locks) != 0);
  });
}

OwnHold WalIndex::Passed(int mark) const {
  OwnHold out;
  for (const User* user : users_) {
    if ((user->passed_.shared & BitOfMark(mark)) != 0) ++out.shared;
    if ((user->passed_.exclusive & BitOfMark(mark)) != 0) out.exclusive = true;
  }
  return out;
}

bool WalIndex::KnowsHeader() const {
  return header_ != nullptr && Header(kVersion) == kKnownVersion;
}

uint32_t WalIndex::Header(size_t at) const { return std::atomic_ref(header_[at]).load(); }

// True if whoever shares the mark reads an older state than the present one. The first mark is that
// of readers who need nothing from the WAL, which is the present state only if the file has all of
// the WAL's pages.
bool WalIndex::IsStale(int mark) const {
  if (!KnowsHeader()) return false;
  return Header(mark == 0 ? kMovedFrames : kMarkValues + mark) != Header(kLastFrame);
}

// Notes that a mark is ours, and leads newcomers to it. A newcomer takes the mark with the greatest
// value that is not beyond the present state, so ours get the present state as their value: while
// they are taken, newcomers ask for them again and again, and do not share the mark of somebody who
// reads an older state. One that had chosen a mark before finds that its value has changed, and
// chooses again. A mark that a connection of this process holds must keep its value.
void WalIndex::NoteTaken(int mark) {
  const unsigned bit = BitOfMark(mark);
  closed_ |= bit;
  if (mark == 0 || !KnowsHeader()) return;
  const bool ours = std::any_of(users_.begin(), users_.end(), [&](const User* user) {
    return ((user->held_.all() | user->passed_.all()) & bit) != 0;
  });
  if (!ours) std::atomic_ref(header_[kMarkValues + mark]).store(Header(kLastFrame));
}

// True if newcomers ask for a mark of ours.
bool WalIndex::LeadsNewcomers() const {
  for (int mark = 1; mark < kReadMarks; ++mark)
    if ((closed_ & BitOfMark(mark)) != 0 && !IsStale(mark)) return true;
  return false;
}

DoorAnswer WalIndex::TryClose() {
  const std::lock_guard lock(mutex_);
  if (!is_closed_) ReturnMarks();  // those that could not be returned before
  if (closed_ != 0) return DoorAnswer::kOthersInside;
  const bool taken = TakeMarks();
  const bool writes = locks_->AnotherWrites();
  is_closed_ = taken && !writes;
  if (is_closed_) return DoorAnswer::kClosed;
  ReturnMarks();
  return writes ? DoorAnswer::kAnotherWrites : DoorAnswer::kOthersInside;
}

// Takes all marks but those on which others read an older state. False: another process is inside a
// transaction on the present state, or newcomers cannot be kept out.
bool WalIndex::TakeMarks() {
  OwnHolds own;
  for (int mark = 0; mark < kReadMarks; ++mark) own[mark] = Passed(mark);
  if (locks_->TakeAll(own)) {
    for (int mark = 0; mark < kReadMarks; ++mark) NoteTaken(mark);
    return true;
  }
  const auto blocker = locks_->HeldByOthers(own);
  if (blocker && !IsStale(*blocker)) return false;
  if (!TakeOrPassOver() || !LeadsNewcomers()) return false;
  // Who has chosen its mark before that may still take one that is not ours, for as long as it
  // takes to ask for a few locks.
  for (int look = 0; look < kLooksAtLatecomers && closed_ != kAllMarks; ++look)
    if (!TakeOrPassOver()) return false;
  return true;
}

// Takes each mark that is not ours, or passes over it if others read an older state with it. False
// if another process holds one that matters.
bool WalIndex::TakeOrPassOver() {
  for (int mark = 0; mark < kReadMarks; ++mark) {
    if ((closed_ & BitOfMark(mark)) != 0) continue;
    const auto taken = locks_->Take(mark, Passed(mark));
    if (taken == ReadMarkLocks::Taken::kYes)
      NoteTaken(mark);
    else if (taken == ReadMarkLocks::Taken::kAnotherExcludesUs || !IsStale(mark))
      return false;
  }
  return true;
}

// The marks are set to the present state once more, which our transaction has made another one. A
// newcomer that could set no mark to it while all were ours takes the one that it has chosen as it
// is, as soon as it gets it, and would look like a reader of an older state; now it finds that the
// value has changed, and chooses again.
void WalIndex::Open() {
  const std::lock_guard lock(mutex_);
  is_closed_ = false;
  for (int mark = 0; mark < kReadMarks; ++mark)
    if ((closed_ & BitOfMark(mark)) != 0) NoteTaken(mark);
  ReturnMarks();
}

void WalIndex::ReturnMarks() {
  for (int mark = 0; mark < kReadMarks; ++mark)
    if ((closed_ & BitOfMark(mark)) != 0) (void)ReturnMark(mark);
}

// Makes one mark's locks in the operating system those that our connections hold now. False: that
// did not succeed for want of a resource of the system. The mark then stays ours alone, which is
// safe, and the next call tries again.
bool WalIndex::ReturnMark(int mark) {
  const unsigned bit = BitOfMark(mark);
  bool shared = false;
  bool exclusive = false;
  for (const User* user : users_) {
    shared = shared || (user->held_.shared & bit) != 0;
    exclusive = exclusive || (user->held_.exclusive & bit) != 0;
  }
  if (!locks_->Return(mark, Passed(mark), shared, exclusive)) return false;
  // First every lock that is new to the VFS below, so that it always has one where we need one.
  for (User* user : users_) {
    const unsigned take_shared = user->held_.shared & ~user->passed_.shared & bit;
    const unsigned take_exclusive = user->held_.exclusive & ~user->passed_.exclusive & bit;
    if (take_shared != 0 && Pass(user, bit, SQLITE_SHM_LOCK | SQLITE_SHM_SHARED) != SQLITE_OK)
      return false;
    if (take_exclusive != 0 && Pass(user, bit, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) != SQLITE_OK)
      return false;
  }
  for (User* user : users_) {
    if ((user->passed_.shared & ~user->held_.shared & bit) != 0)
      (void)Pass(user, bit, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
    if ((user->passed_.exclusive & ~user->held_.exclusive & bit) != 0)
      (void)Pass(user, bit, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  }
  closed_ &= ~bit;
  return true;
}

}  // namespace harmonylite::sqlite
