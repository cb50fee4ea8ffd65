// Private to src/adapters/nats_server: the thread that runs the server for ServerProcess.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "adapters/nats_server/server_config.h"
#include "adapters/nats_server/server_files.h"
#include "adapters/nats_server/server_options.h"
#include "base/child_process.h"
#include "base/logger.h"
#include "base/result.h"

namespace harmonylite::nats_server {

// One thread does everything to the child: it spawns it (the child's life is tied to that thread),
// reads its log, waits for its end and starts it again. Threads: the public methods may be called
// from any thread.
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
  // Prepares for the first child: finds the program, makes the store folder and locks it.
  Status Prepare();
  Status FindVersion(const std::string& binary);
  Status LockStore();
  Result<ChildProcess> Spawn();
  std::vector<std::string> Arguments() const;
  // Waits until clients can connect. Returns an error if the child ends before that, or at the
  // deadline.
  Status AwaitReady(ChildProcess* child, Clock::time_point deadline);
  bool LooksReady(const ChildProcess& child);
  // Returns when the child has ended, or when the supervisor is being stopped.
  void Watch(ChildProcess* child);
  // Reads the child's log once; returns false after its output has ended.
  bool Pump(ChildProcess* child, std::chrono::milliseconds wait);
  // Makes an error of the child's last complaints: why it did not start.
  Error StartError(const ChildProcess& child) const;
  void ReportStart(Status status);
  void SetRunning(pid_t pid, bool ready);
  bool stopping() const;
  // Sleeps for `time`; returns early when the supervisor is being stopped.
  void Pause(std::chrono::milliseconds time);

  const ServerOptions options_;
  Logger* const logger_;
  const std::vector<std::string> warnings_;
  const int wake_fd_;  // an eventfd, readable once Stop() was called

  // The members from here to `mutex_` belong to the supervising thread alone.
  std::string binary_;
  ServerVersion version_;
  StoreLock lock_;
  std::string host_;
  int port_ = -1;                 // once known, every later start uses the same port
  bool pass_host_ = true;         // false if the extra configuration names the address
  std::deque<std::string> said_;  // the child's last complaints

  mutable std::mutex mutex_;  // guards the members from started_ to stopping_
  std::condition_variable started_;
  std::optional<Status> start_result_;
  State state_;
  bool stopping_ = false;

  std::mutex stop_mutex_;  // guards joining thread_
  std::thread thread_;
};

}  // namespace harmonylite::nats_server
