// How the embedded nats-server is configured.
//
// Threads: a plain value.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace harmonylite::nats_server {

struct ServerOptions {
  std::string binary;     // if empty, nats-server is looked up on PATH
  std::string store_dir;  // used by no other server; made if missing
  // Address for clients. Port -1 means a free port; without a host only loopback is bound.
  std::string bind_address = ":-1";
  std::string server_name;  // unique in the cluster; required
  std::string cluster_name = "harmonylite";
  std::string cluster_address;             // host:port for routes; empty for no cluster
  std::vector<std::string> cluster_peers;  // nats://host:port of the other servers
  // Urls of a remote cluster that the server joins as a leaf node: the remote JetStream is used,
  // and the server's own is off.
  std::vector<std::string> leaf_servers;
  std::string server_config;  // file with more nats-server configuration, or empty
  std::string user;           // what clients must log in with; empty for no login
  std::string password;
  int64_t max_payload = 8 << 20;
  // Limit of JetStream's files in bytes; 0 for the server's own default.
  int64_t max_store_bytes = 0;
  int sync_interval_seconds = 10;  // passed only to servers that know it (2.10)
  std::chrono::milliseconds ready_timeout{30000};
};

}  // namespace harmonylite::nats_server
