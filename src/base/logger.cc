#include "base/logger.h"

#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/visible_text.h"

namespace harmonylite {

namespace {

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string TimestampUtc() {
  timeval now{};
  gettimeofday(&now, nullptr);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[40];
  const size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(text, n), now.tv_usec / 1000);
}

}  // namespace

std::string JsonEscape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  while (!text.empty()) {
    const char c = text[0];
    const size_t length = Utf8Length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (ActsOnTerminal(text, length)) {
      out += fmt::format("\\u{:04x}", CodePoint(text.substr(0, length)));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

Logger::Logger(int fd, LogFormat format, LogLevel least, std::string node)
    : fd_(fd), format_(format), least_(least), node_(std::move(node)) {}

void Logger::set_node(std::string node) {
  const std::lock_guard lock(mutex_);
  node_ = std::move(node);
}

void Logger::Write(LogLevel level, std::string_view message) {
  if (level < least_) return;
  const std::lock_guard lock(mutex_);
  std::string line;
  if (format_ == LogFormat::kJson) {
    line = fmt::format(R"({{"time":"{}","level":"{}","node":"{}","message":"{}"}})"
                       "\n",
                       TimestampUtc(), LevelName(level), JsonEscape(node_), JsonEscape(message));
  } else {
    // A message is one line, so that a hostile name in it cannot forge another line.
    std::string flat(message);
    for (char& c : flat)
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    flat = Visible(flat);
    line = fmt::format("{} {:<7} {}{}\n", TimestampUtc(), LevelName(level),
                       node_.empty() ? "" : "[" + node_ + "] ", flat);
  }
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n <= 0) break;  // There is no other place to report this failure.
    done += static_cast<size_t>(n);
  }
}

}  // namespace harmonylite
