#include "config/address.h"

namespace harmonylite::config {

std::string ListenAddress::ToString() const { return FormatHostPort(host, port); }

Result<ListenAddress> ParseListenAddress(std::string_view text, bool any_port) {
  HL_ASSIGN(HostPort address, ParseHostPort(text, any_port ? -1 : 1));
  return ListenAddress{std::move(address.host), address.port};
}

}  // namespace harmonylite::config
