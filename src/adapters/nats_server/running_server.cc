#include "adapters/nats_server/running_server.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "adapters/nats_server/server_config.h"

namespace harmonylite::nats_server {

Result<std::string> UrlOfRunningServer(const ServerOptions& options) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.store_dir, error)) {
    if (entry.path().extension() != ".ports") continue;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    if (const auto url = ClientUrlOfPorts(text, "127.0.0.1")) return *url;
  }
  return MakeError(ErrorCode::kRetryLater,
                   "a node runs on this database, but its nats-server cannot be found in {}",
                   options.store_dir);
}

}  // namespace harmonylite::nats_server
