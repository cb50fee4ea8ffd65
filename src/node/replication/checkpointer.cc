#include "node/replication/checkpointer.h"

#include <system_error>

#include "base/thread_name.h"

namespace harmonylite::node {

namespace {

// Asking for fewer would only sync the files more often.
constexpr int kAskPages = 1'000;
// From here on the WAL is to begin anew …
constexpr int kLongPages = 4'000;
// … and here the writer waits for that.
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
  if (pages < asked_at_) asked_at_ = 0;  // it has begun anew
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

bool Checkpointer::Start() {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {  // no more threads
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
    // What cannot be moved now is moved later: nothing is lost.
    if (db.ok()) (void)db->MoveWalPages();
    lock.lock();
    moving_ = false;
    changed_.notify_all();
  }
}

}  // namespace harmonylite::node
