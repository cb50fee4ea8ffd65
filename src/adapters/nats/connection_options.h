// How to reach and enter a NATS cluster.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace harmonylite::nats {

struct ConnectionOptions {
  std::vector<std::string> urls;  // nats://host:port or tls://host:port, credentials allowed inside
  std::string user_name;
  std::string user_password;
  std::string seed_file;   // nkey seed
  std::string creds_file;  // JWT and seed
  std::string ca_file;     // empty: the system's certificate authorities
  std::string cert_file;   // ours, with key_file: mutual TLS
  std::string key_file;
  std::string client_name = "harmonylite";  // as the server's operator sees us
  int connect_retries = 5;                  // of Open, after its first attempt
  std::chrono::milliseconds reconnect_wait{2000};
  std::chrono::milliseconds connect_timeout{5000};  // for one server
};

}  // namespace harmonylite::nats
