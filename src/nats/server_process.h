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

#include "base/logger.h"
#include "base/result.h"

namespace harmonylite::nats {

struct ServerOptions {
  std::string binary;                 // empty: nats-server on PATH
  std::string store_dir;              // ours alone; made when missing
  std::string bind_address = ":-1";   // for clients; -1: a free port; no host: loopback only
  std::string server_name;            // unique in the cluster; required
  std::string cluster_name = "harmonylite";
  std::string cluster_address;        // host:port for routes; empty: no cluster
  std::vector<std::string> cluster_peers;  // nats://host:port of the other servers
  // Urls of a remote cluster to join as a leaf node: its JetStream is used, ours is off.
  std::vector<std::string> leaf_servers;
  std::string server_config;          // file with more nats-server configuration, or empty
  std::string user;                   // what clients must present; empty: nothing
  std::string password;
  int64_t max_payload = 8 << 20;
  int64_t max_store_bytes = 0;        // of JetStream on disk; 0: the server's own default
  int sync_interval_seconds = 10;     // where the server knows it (2.10)
  std::chrono::milliseconds ready_timeout{30000};
};

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
  class Supervisor;
  explicit ServerProcess(std::unique_ptr<Supervisor> supervisor);
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace harmonylite::nats
