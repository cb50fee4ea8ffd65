#include "adapters/nats_server/running_server.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "adapters/nats_server/server_config.h"

namespace harmonylite::nats_server {

Result<std::vector<std::string>> UrlsOfRunningServer(const std::string& store_dir) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store_dir, error)) {
    if (entry.path().extension() != ".ports") continue;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    if (auto url = ClientUrlOfPorts(text, "127.0.0.1")) out.push_back(std::move(*url));
  }
  if (!out.empty()) return out;
  return MakeError(ErrorCode::kRetryLater,
                   "no nats-server of a running node is found in {}: start the node first",
                   store_dir);
}

}  // namespace harmonylite::nats_server
