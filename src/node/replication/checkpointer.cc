#include "node/replication/checkpointer.h"

#include <system_error>

#include "base/thread_name.h"

namespace harmonylite::node {

namespace {

// New pages of the WAL after which the thread is asked to move them. Asking for fewer would only
// sync the files more often.
constexpr int kAskPages = 1'000;
// A WAL with this many pages should begin anew: a commit moves its last pages itself if the thread
// is idle.
constexpr int kLongPages = 4'000;
// At this many pages a commit waits for the thread and then moves the rest, so the WAL is bounded.
constexpr int kMostPages = 2 * kLongPages;

}  // namespace

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool Checkpointer::Take(int pages) {
  std::unique_lock lock(mutex_);
  const auto idle = [this] { return !wanted_ && !moving_; };
  if (pages < asked_at_) asked_at_ = 0;  // the WAL has begun anew
  if (local_writers_ || pages >= kMostPages) {
    changed_.wait(lock, idle);
    return false;
  }
  if (failed_) return false;
  if (pages - asked_at_ < kAskPages) return pages < kLongPages || !idle();
  if (!thread_.joinable() && !Start()) return false;
  asked_at_ = pages;
  wanted_ = true;
  changed_.notify_all();
  return true;
}

// Starts the thread. False if the system has no thread left; then no further attempt is made.
bool Checkpointer::Start() {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {  // the system has no thread left
    failed_ = true;
  }
  return !failed_;
}

void Checkpointer::Run() {
  NameThisThread("checkpointer");
  auto db = open_();
  std::unique_lock lock(mutex_);
  failed_ = !db.ok();
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    wanted_ = false;
    moving_ = true;
    lock.unlock();
    // Pages that cannot be moved now stay in the WAL, which is part of the database, until later.
    if (db.ok()) (void)db->MoveWalPages();
    lock.lock();
    moving_ = false;
    changed_.notify_all();
  }
}

}  // namespace harmonylite::node
