// What the embedded nats-server is to be.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace harmonylite::nats_server {

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

}  // namespace harmonylite::nats_server
