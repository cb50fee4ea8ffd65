// One connection to a NATS cluster that is kept alive. It connects with a deadline, verifies TLS,
// and once it has been connected, reconnects for ever.
//
// Nothing is buffered while the connection is down: a publish fails at once instead of arriving
// later.
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
  uint64_t reconnects = 0;  // counted since this object was made
  // The server that we are connected to, without credentials; empty while not connected.
  std::string url;
};

// Shared by shared_ptr. After the first success a thread of its own connects again after every
// loss. Threads: every method may be called from any thread.
class Connection {
 public:
  // Does not connect yet; see EnsureConnected().
  explicit Connection(ConnectionOptions options);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Connects; while nothing answers, tries connect_retries more times. A refused login or a TLS
  // failure is returned at once, because trying again would not help.
  static Result<std::shared_ptr<Connection>> Open(ConnectionOptions options);

  // Until the first success, every call is one attempt to connect. After that a call is cheap: it
  // returns whether the connection is up, or why not. kRetryLater: no server answers.
  // kInvalidArgument: authentication, TLS or an option is wrong; the message names the url and what
  // to do.
  Status EnsureConnected();

  ConnectionState state() const;

  // Returns the live connection, or the error that EnsureConnected() would return, without an
  // attempt to connect. Only for this module.
  Result<std::shared_ptr<Session>> Acquire();
  // Returns the newest connection, whether it is alive or not; null before the first success. Only
  // for this module.
  std::shared_ptr<Session> Newest() const;

 private:
  void KeepConnected();
  void Adopt(std::shared_ptr<Session> session);
  // Sleeps for `time`; returns false if the object is being destroyed.
  bool Pause(std::chrono::milliseconds time);
  Error DisconnectedError() const;

  ConnectionOptions options_;             // constant once constructed
  std::optional<Error> options_failure_;  // constant once constructed
  std::mutex connecting_;                 // held during the first attempts; taken before mutex_
  std::atomic<bool> stop_{false};

  mutable std::mutex mutex_;  // guards the members from session_ to failure_
  std::condition_variable stopped_;
  std::shared_ptr<Session> session_;  // null before the first success
  std::vector<std::string> servers_;  // servers of the cluster that it told us about
  uint64_t reconnects_ = 0;
  // Why the newest attempt since the connection was lost failed.
  ErrorCode failure_code_ = ErrorCode::kRetryLater;
  std::string failure_;  // empty if none has failed yet

  std::thread keeper_;  // started by the first success
};

// Returns the version of libnats that this program is linked with.
std::string LibraryVersion();

}  // namespace harmonylite::nats
