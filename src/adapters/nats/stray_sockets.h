// Private to src/adapters/nats: ends sockets that the client library hangs on and gives us no handle of.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace harmonylite::nats {

// Remembers which connected sockets are there; later, tells new ones apart.
// Threads: one at a time. Sockets that other threads open to the same servers meanwhile count as
// new: they are then reset too and connect again.
class StraySockets {
 public:
  StraySockets();
  // Shuts down TCP sockets that are newer than this object and connected to a port of one of
  // `urls`.
  void ShutDownNewer(const std::vector<std::string>& urls) const;

 private:
  std::set<std::string> known_;  // by the kernel's names: descriptors are used again
};

}  // namespace harmonylite::nats
