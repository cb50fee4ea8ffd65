// Moves the pages of the WAL into the database file on a thread of its own, while the consumer goes
// on applying.
//
// Moving pages is a quarter of the cost of applying a long backlog. It needs no write lock, so it
// can run beside the next transactions. SQLite starts writing the WAL from its beginning again only
// if a transaction finds that all its pages have been moved, and the next transaction usually adds
// some while the thread moves others. So once the WAL is long, and the thread has nothing to do,
// the commit moves the last few pages itself.
//
// Source: docs/decisions/0029-the-wal-is-moved-beside-the-applying.md.
// Threads: all methods are called on the thread of the writing connection, except Run(), which is
// the checkpointer's own thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/result.h"
#include "sqlite/connection.h"
#include "sqlite/hooks.h"

namespace harmonylite::node {

class Checkpointer final : public sqlite::CheckpointTaker {
 public:
  // `open` is called at most once, on the checkpointer's thread, when pages are first to be moved.
  using OpenConnection = std::function<Result<sqlite::Connection>()>;
  explicit Checkpointer(OpenConnection open) : open_(std::move(open)) {}
  ~Checkpointer() override;  // waits until the pages that are being moved are in the file

  // Whether the application has written lately. If so, our commits move all pages themselves and
  // the WAL stays short: beside a long WAL each commit of the application would try to move its
  // pages.
  void SetLocalWriters(bool local_writers) { local_writers_ = local_writers; }

  // Called by a commit when the WAL holds `pages` pages. True: the thread moves them, or they can
  // wait. False: the commit must move them itself.
  bool Take(int pages) override;

 private:
  bool Start();
  void Run();

  const OpenConnection open_;
  bool local_writers_ = false;
  int asked_at_ = 0;  // pages of the WAL when the thread was last asked; 0: not since it began anew
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool wanted_ = false;    // the thread is asked to move pages
  bool moving_ = false;    // the thread is moving pages
  bool failed_ = false;    // there is no thread or no connection, so commits move all pages
  bool stopping_ = false;  // the thread must end
};

}  // namespace harmonylite::node
