// Which NATS servers to connect to, and with which credentials.
//
// Threads: a plain value.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace harmonylite::nats {

struct ConnectionOptions {
  // "nats://host:port" or "tls://host:port"; credentials may stand inside.
  std::vector<std::string> urls;
  std::string user_name;
  std::string user_password;
  std::string seed_file;   // file with an nkey seed
  std::string creds_file;  // file with a JWT and a seed
  std::string ca_file;     // if empty, the system's certificate authorities are used
  std::string cert_file;   // our certificate for mutual TLS, together with key_file
  std::string key_file;
  std::string client_name = "harmonylite";  // the name under which the server's operator sees us
  int connect_retries = 5;                  // attempts of Open() after its first one
  std::chrono::milliseconds reconnect_wait{2000};
  std::chrono::milliseconds connect_timeout{5000};  // for each server
};

}  // namespace harmonylite::nats
