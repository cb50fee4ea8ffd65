// The embedded nats-server: a child process that this class configures, starts, watches and
// restarts.
//
// The server ends with this process, also when this process is killed. After a crash it comes back
// on the same client port, so that connections find it again. Its log goes to our Logger.
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
  // Returns when clients can connect. `logger` must outlive the object. kInvalidArgument: there is
  // no nats-server, an address is in use, or a setting or the extra configuration is wrong (the
  // message quotes the server). kRetryLater: the server was not ready in time, or another process
  // still uses the store folder.
  static Result<std::unique_ptr<ServerProcess>> Start(ServerOptions options, Logger* logger);
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  ~ServerProcess();

  // Stops the supervision and ends the server within three seconds. May be called again.
  void Stop();

  // nats://host:port for our own connection; it stays the same as long as this object lives.
  std::string client_url() const;
  std::string version() const;  // for example "2.9.10"
  bool running() const;         // whether clients can connect now
  pid_t pid() const;            // -1 while no server runs
  int restarts() const;
  // Warnings for the operator, to be shown once: for example that two servers cannot keep a quorum.
  const std::vector<std::string>& warnings() const;

 private:
  explicit ServerProcess(std::unique_ptr<ServerSupervisor> supervisor);
  std::unique_ptr<ServerSupervisor> supervisor_;
};

}  // namespace harmonylite::nats_server
