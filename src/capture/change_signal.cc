#include "capture/change_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string_view>

namespace harmonylite::capture {

namespace {

timespec Timeout(std::chrono::microseconds most) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
  return {seconds.count(), (most - seconds).count() * 1000};
}

}  // namespace

ChangeSignal::ChangeSignal(const std::string& db_path) {
  const std::filesystem::path path = std::filesystem::absolute(db_path);
  db_name_ = path.filename().string();
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  HL_CHECK(wake_ >= 0);
  inotify_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  // The folder is watched and not the files, because SQLite deletes the WAL and makes it again.
  if (inotify_ >= 0 && ::inotify_add_watch(inotify_, path.parent_path().c_str(), IN_MODIFY) < 0) {
    ::close(inotify_);
    inotify_ = -1;
  }
}

ChangeSignal::~ChangeSignal() {
  if (inotify_ >= 0) ::close(inotify_);
  ::close(wake_);
}

bool ChangeSignal::Pause(std::chrono::microseconds most) {
  pollfd fd{wake_, POLLIN, 0};
  const timespec timeout = Timeout(most);
  return ::ppoll(&fd, 1, &timeout, nullptr) > 0 && TakeInterrupt();
}

bool ChangeSignal::TakeInterrupt() {
  uint64_t count = 0;
  return ::read(wake_, &count, sizeof count) > 0;
}

bool ChangeSignal::Wait(std::chrono::microseconds most) {
  pollfd fds[2] = {{wake_, POLLIN, 0}, {inotify_, POLLIN, 0}};
  const timespec timeout = Timeout(most);
  if (::ppoll(fds, inotify_ >= 0 ? 2 : 1, &timeout, nullptr) <= 0) return false;
  if (fds[0].revents != 0) return TakeInterrupt();
  return Drain();
}

bool ChangeSignal::Drain() {
  alignas(inotify_event) char buffer[16'384];
  bool ours = false;
  while (true) {
    const ssize_t n = ::read(inotify_, buffer, sizeof buffer);
    if (n <= 0) return ours;
    for (const char* at = buffer; at < buffer + n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      const std::string_view name = event->len > 0 ? event->name : "";
      ours = ours || name == db_name_ || name == db_name_ + "-wal" ||
             (event->mask & IN_Q_OVERFLOW) != 0;
      at += sizeof(inotify_event) + event->len;
    }
  }
}

void ChangeSignal::Interrupt() {
  const uint64_t one = 1;
  // If the counter is full, the eventfd is readable already, and the failed write does no harm.
  if (::write(wake_, &one, sizeof one) < 0) return;
}

}  // namespace harmonylite::capture
