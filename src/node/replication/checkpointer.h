// Moves the pages of the WAL into the database file on a thread of its own, while the consumer goes on applying.
//
// A quarter of what applying a long backlog costs is this moving. It needs no write lock, so it can go on beside the
// next transactions. The WAL begins anew only where a transaction finds that all of it was moved; so from some length on
// the last few pages are left to the commit that asks.
//
// Threads: everything but the moving itself on the thread of the writing connection.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class Checkpointer final : public sqlite::CheckpointTaker {
 public:
  // `open` is called once, on the thread, when there is something to move for the first time.
  using OpenConnection = std::function<Result<sqlite::Connection>()>;
  explicit Checkpointer(OpenConnection open) : open_(std::move(open)) {}
  ~Checkpointer() override;  // waits for what is being moved

  // The application writes at this time: the commit moves all pages, so that the WAL stays short. Where it is long,
  // each commit of the application would try to move them.
  void SetLocalWriters(bool local_writers) { local_writers_ = local_writers; }

  bool Take(int pages) override;

 private:
  bool Start();
  void Run();

  const OpenConnection open_;
  bool local_writers_ = false;
  int asked_at_ = 0;  // pages of the WAL when the thread was asked last
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;  // guarded by mutex_, as what follows
  bool moving_ = false;
  bool failed_ = false;  // no thread or no connection: the commits move everything
  bool stopping_ = false;
};

}  // namespace harmonylite::node
