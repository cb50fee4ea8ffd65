// The embedded nats-server: a child process that we configure, start, watch and start again.
//
// It ends with us, also when we are killed. After a crash it comes back on the same client port, so
// that connections find it again. Its log goes to our Logger.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/nats_server/server_options.h"
#include "base/logger.h"
#include "base/result.h"

namespace harmonylite::nats_server {

class ServerSupervisor;  // private, adapters/nats_server/server_supervisor.h

// Threads: every method may be called from any thread.
class ServerProcess {
 public:
  // Returns when clients can connect. `logger` outlives the object. kInvalidArgument: no
  // nats-server, an address in use, a bad setting or extra configuration (with the server's own
  // words). kRetryLater: not ready in time, or another process still uses the store folder.
  static Result<std::unique_ptr<ServerProcess>> Start(ServerOptions options, Logger* logger);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();

  // Ends it within three seconds, and its supervision. May be called again.
  void Stop();

  // nats://host:port for our own connection; the same for as long as this object lives.
  std::string client_url() const;
  std::string version() const;  // "2.9.10"
  bool running() const;         // ready now
  pid_t pid() const;            // -1: none now
  int restarts() const;
  // For the operator, once: e.g. that two servers cannot keep a quorum.
  const std::vector<std::string>& warnings() const;

 private:
  explicit ServerProcess(std::unique_ptr<ServerSupervisor> supervisor);
  std::unique_ptr<ServerSupervisor> supervisor_;
};

}  // namespace harmonylite::nats_server
