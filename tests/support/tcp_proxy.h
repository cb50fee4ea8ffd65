// A TCP proxy on loopback that breaks connections on demand.
//
// - Cut: open connections are reset, and new ones are not served.
// - BlackHole: everything stays open and no byte moves, as if a cable had been pulled.
// - Resume: traffic flows again, and bytes that were held are delivered.
//
// An Edit may alter what clients send.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace harmonylite::test {

// Threads: the mode may be changed from any thread; one thread moves the bytes.
class TcpProxy {
 public:
  // Called with the bytes that were read from a client at one time, on the thread that moves the
  // bytes.
  using Edit = std::function<void(std::string* bytes)>;

  // Forwards to 127.0.0.1:target_port. `edit` may be null.
  explicit TcpProxy(int target_port, Edit edit = nullptr)
      : target_port_(target_port), edit_(std::move(edit)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    thread_ = std::thread([this] { Run(); });
  }
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy() {
    Switch(Mode::kEnd);
    thread_.join();
    close(listener_);
    close(wake_);
  }

  int port() const { return port_; }
  std::string nats_url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
  void Cut() { Switch(Mode::kCut); }
  void BlackHole() { Switch(Mode::kBlackHole); }
  void Resume() { Switch(Mode::kPass); }
  uint64_t accepted() const { return accepted_; }

 private:
  enum class Mode { kPass, kCut, kBlackHole, kEnd };
  struct Way {  // One direction; `held` was read and is not written yet.
    std::string held;
  };
  struct Link {
    int fd[2];
    Way way[2];  // way[i] leads from fd[i] to the other descriptor.
    bool broken = false;
  };
  static constexpr size_t kHeld = 256 << 10;

  static sockaddr_in Loopback(int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(static_cast<uint16_t>(port));
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  }

  void Switch(Mode mode) {
    mode_ = mode;
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(wake_, &one, sizeof one);
  }

  void Run() {
    while (mode_ != Mode::kEnd) {
      std::vector<pollfd> fds = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (Link& link : links_)
        for (int side = 0; side < 2; ++side) fds.push_back({link.fd[side], Wanted(link, side), 0});
      if (poll(fds.data(), fds.size(), -1) < 0) continue;
      uint64_t ignored;
      [[maybe_unused]] const ssize_t n = read(wake_, &ignored, sizeof ignored);
      size_t at = 2;
      for (Link& link : links_)
        for (int side = 0; side < 2; ++side) Serve(&link, side, fds[at++].revents);
      if (mode_ == Mode::kCut || mode_ == Mode::kEnd)
        for (Link& link : links_) link.broken = true;
      Sweep();
      if (fds[1].revents & POLLIN) Accept();
    }
    Sweep();
  }

  short Wanted(const Link& link, int side) const {
    if (mode_ != Mode::kPass) return 0;
    short out = 0;
    if (link.way[side].held.size() < kHeld) out |= POLLIN;
    if (!link.way[1 - side].held.empty()) out |= POLLOUT;
    return out;
  }

  void Serve(Link* link, int side, short ready) {
    if (mode_ != Mode::kPass || link->broken) return;
    if (ready & (POLLIN | POLLHUP | POLLERR)) {
      char buffer[65536];
      const ssize_t n = read(link->fd[side], buffer, sizeof buffer);
      std::string bytes(buffer, n > 0 ? static_cast<size_t>(n) : 0);
      if (side == 0 && edit_) edit_(&bytes);
      link->way[side].held += bytes;
      if (n == 0 || (n < 0 && errno != EAGAIN)) link->broken = true;
    }
    for (int from = 0; from < 2; ++from) {
      std::string& held = link->way[from].held;
      if (held.empty()) continue;
      const ssize_t n = send(link->fd[1 - from], held.data(), held.size(), MSG_NOSIGNAL);
      if (n > 0) held.erase(0, static_cast<size_t>(n));
      if (n < 0 && errno != EAGAIN) link->broken = true;
    }
  }

  void Accept() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    if (mode_ == Mode::kCut) {
      Reset(client);
      return;
    }
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(target_port_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      Reset(client);
      close(server);
      return;
    }
    fcntl(server, F_SETFL, O_NONBLOCK);
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    links_.push_back({{client, server}, {}, false});
    ++accepted_;
  }

  void Sweep() {
    links_.remove_if([&](const Link& link) {
      if (!link.broken && mode_ != Mode::kEnd) return false;
      Reset(link.fd[0]);
      Reset(link.fd[1]);
      return true;
    });
  }

  static void Reset(int fd) {
    const linger hard{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(fd);
  }

  const int target_port_;
  const Edit edit_;
  int listener_ = -1;
  int port_ = 0;
  int wake_ = -1;
  std::atomic<Mode> mode_{Mode::kPass};
  std::atomic<uint64_t> accepted_{0};
  std::list<Link> links_;  // Used by the moving thread only.
  std::thread thread_;
};

}  // namespace harmonylite::test
