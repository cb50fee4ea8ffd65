#include "adapters/nats/stray_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>

#include "base/url.h"

namespace harmonylite::nats {

namespace {

constexpr int kDefaultPort = 4222;

// Returns the port of the other end, or -1 if `fd` is not a connected TCP socket.
int PeerPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return -1;
}

struct Socket {
  int fd;
  std::string name;  // "socket:[number]", which is never reused
  int peer_port;
};

std::vector<Socket> ConnectedSockets() {
  std::vector<Socket> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    const auto name = std::filesystem::read_symlink(entry.path(), error);
    const int port = PeerPort(fd);
    if (!error && port >= 0) out.push_back({fd, name.string(), port});
  }
  return out;
}

}  // namespace

StraySockets::StraySockets() {
  for (const Socket& socket : ConnectedSockets()) known_.insert(socket.name);
}

void StraySockets::ShutDownNewer(const std::vector<std::string>& urls) const {
  std::set<int> ports;
  for (const std::string& url : urls) {
    const std::string plain = ServerOfUrl(url);
    const size_t scheme = plain.find("://");
    const auto address =
        ParseHostPort(scheme == std::string::npos ? plain : plain.substr(scheme + 3));
    ports.insert(address.ok() ? address->port : kDefaultPort);
  }
  for (const Socket& socket : ConnectedSockets())
    if (known_.count(socket.name) == 0 && ports.count(socket.peer_port) != 0)
      shutdown(socket.fd, SHUT_RDWR);
}

}  // namespace harmonylite::nats
