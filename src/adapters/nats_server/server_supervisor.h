// Private to src/adapters/nats_server: the thread behind ServerProcess.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "adapters/nats_server/child_process.h"
#include "adapters/nats_server/server_config.h"
#include "adapters/nats_server/server_files.h"
#include "adapters/nats_server/server_options.h"
#include "base/logger.h"
#include "base/result.h"

namespace harmonylite::nats_server {

// One thread does everything to the child: spawns it (the child's life is tied to that thread),
// reads its log, waits for its end, starts it again.
// Threads: the public methods from any thread.
class ServerSupervisor {
 public:
  ServerSupervisor(ServerOptions options, Logger* logger);
  ~ServerSupervisor();

  Status Start();
  void Stop();

  struct State {
    std::string client_url;
    std::string version;
    bool running = false;
    pid_t pid = -1;
    int restarts = 0;
  };
  State state() const;
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  using Clock = std::chrono::steady_clock;

  void Main();
  // Before the first child: finds the program, makes and locks the folder.
  Status Prepare();
  Status FindVersion(const std::string& binary);
  Status LockStore();
  Result<ChildProcess> Spawn();
  std::vector<std::string> Arguments() const;
  // Until clients can connect. An error when the child ended before, or at the deadline.
  Status AwaitReady(ChildProcess* child, Clock::time_point deadline);
  bool LooksReady(const ChildProcess& child);
  // Until it ends or we are stopped.
  void Watch(ChildProcess* child);
  // One round of reading its log; false once its output has ended.
  bool Pump(ChildProcess* child, std::chrono::milliseconds wait);
  // Why it did not start, from what it said.
  Error StartError(const ChildProcess& child) const;
  void ReportStart(Status status);
  void SetRunning(pid_t pid, bool ready);
  bool stopping() const;
  // Returns early when stopped.
  void Pause(std::chrono::milliseconds time);

  const ServerOptions options_;
  Logger* const logger_;
  const std::vector<std::string> warnings_;
  const int wake_fd_;  // an eventfd: readable once stopped

  // Of the supervising thread alone:
  std::string binary_;
  ServerVersion version_;
  StoreLock lock_;
  std::string host_;
  int port_ = -1;           // once known, every later start uses it
  bool pass_host_ = true;   // false: the extra configuration names the address
  std::deque<std::string> said_;  // the child's last complaints

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable started_;
  std::optional<Status> start_result_;
  State state_;
  bool stopping_ = false;

  std::mutex stop_mutex_;  // guards joining thread_
  std::thread thread_;
};

}  // namespace harmonylite::nats_server
