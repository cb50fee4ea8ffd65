// Private to src/adapters/nats: ends sockets on which the client library hangs, and to which it
// gives us no handle.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace harmonylite::nats {

// Remembers which connected sockets exist, and later recognizes newer ones. Sockets that other
// threads open to the same servers meanwhile count as newer: they are shut down too, and their
// owners connect again. Threads: one at a time.
class StraySockets {
 public:
  StraySockets();
  // Shuts down TCP sockets that are newer than this object and connected to a port of one of
  // `urls`.
  void ShutDownNewer(const std::vector<std::string>& urls) const;

 private:
  // Names that the kernel gives to sockets; descriptors do not serve, because they are reused.
  std::set<std::string> known_;
};

}  // namespace harmonylite::nats
