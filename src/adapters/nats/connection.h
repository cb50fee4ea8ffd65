// One connection to a NATS cluster, kept alive: connects with a deadline, verifies TLS, reconnects
// for ever once it has been connected.
//
// Nothing is buffered while disconnected: a publish then fails at once instead of arriving later.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/nats/connection_options.h"
#include "base/result.h"

namespace harmonylite::nats {

class Session;  // adapters/nats/session.h, private to this module

struct ConnectionState {
  bool connected = false;
  uint64_t reconnects = 0;  // since this object was made
  std::string url;          // of the server we are connected to, without credentials; or empty
};

// Threads: every method may be called from any thread. Share it by shared_ptr. Once connected, a
// thread of its own connects again after every loss.
class Connection {
 public:
  // Not connected yet.
  explicit Connection(ConnectionOptions options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Connects, with connect_retries further attempts while nothing answers. A refused login or a TLS
  // failure is returned at once, as trying again would not help.
  static Result<std::shared_ptr<Connection>> Open(ConnectionOptions options);

  // Before the first success: one attempt. Later cheap: whether we are connected, or why not.
  // kRetryLater: nobody answers. kInvalidArgument: authentication, TLS or an option; the message
  // names the url and what to do.
  Status EnsureConnected();

  ConnectionState state() const;

  // The live connection, or what EnsureConnected would say, without an attempt. For this module
  // only.
  Result<std::shared_ptr<Session>> Acquire();
  // The connection as it is, alive or not; null before the first success. For this module only.
  std::shared_ptr<Session> Newest() const;

 private:
  void KeepConnected();
  void Adopt(std::shared_ptr<Session> session);
  // False: stopping.
  bool Pause(std::chrono::milliseconds time);
  Error DisconnectedError() const;

  ConnectionOptions options_;            // constant once constructed
  std::optional<Error> options_failure_;  // likewise
  std::mutex connecting_;                // held during the first attempts; taken before mutex_
  std::atomic<bool> stop_{false};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable stopped_;
  std::shared_ptr<Session> session_;  // null before the first success
  std::vector<std::string> servers_;  // of the cluster, as it told us
  uint64_t reconnects_ = 0;
  ErrorCode failure_code_ = ErrorCode::kRetryLater;  // of the newest attempt since the loss
  std::string failure_;                              // empty: none yet

  std::thread keeper_;  // started by the first success
};

}  // namespace harmonylite::nats
