// Addresses on which our servers listen, as configurations and flags write them.
//
// Threads: plain values and pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/url.h"

namespace harmonylite::config {

// An address on which a server of ours listens.
struct ListenAddress {
  std::string host;  // empty for all interfaces; an IPv6 address without brackets
  int port = 0;      // 0 or less for a free port

  bool any_port() const { return port <= 0; }
  // Returns "host:port", with brackets around an IPv6 host.
  std::string ToString() const;
  bool operator==(const ListenAddress&) const = default;
};

// Reads "host:port", ":port" or "[v6]:port". The ports 0 and -1 are allowed only with `any_port`.
Result<ListenAddress> ParseListenAddress(std::string_view text, bool any_port);

}  // namespace harmonylite::config
