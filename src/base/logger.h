// Writes log lines for the operator, as console text or as JSON, to one file descriptor.
//
// A line says what happened, to what, and what to do next. Secrets must not be passed to the
// logger. Threads: all methods may be called from any thread. A line goes out in one write call
// unless the system takes only part of it.
#pragma once

#include <fmt/format.h>

#include <mutex>
#include <string>
#include <string_view>

namespace harmonylite {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kConsole, kJson };

class Logger {
 public:
  // Writes to `fd`, which is not owned. Lines below `least` are dropped.
  Logger(int fd, LogFormat format, LogLevel least, std::string node = {});

  template <typename... Args>
  void Debug(fmt::format_string<Args...> f, Args&&... args) {
    if (least_ <= LogLevel::kDebug)
      Write(LogLevel::kDebug, fmt::format(f, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void Info(fmt::format_string<Args...> f, Args&&... args) {
    if (least_ <= LogLevel::kInfo)
      Write(LogLevel::kInfo, fmt::format(f, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void Warning(fmt::format_string<Args...> f, Args&&... args) {
    if (least_ <= LogLevel::kWarning)
      Write(LogLevel::kWarning, fmt::format(f, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void Error(fmt::format_string<Args...> f, Args&&... args) {
    Write(LogLevel::kError, fmt::format(f, std::forward<Args>(args)...));
  }

  void Write(LogLevel level, std::string_view message);
  // Sets the node's name, which every later line shows; it is called once the node's id is known.
  void set_node(std::string node);

 private:
  std::mutex mutex_;  // Guards node_ and keeps lines whole.
  const int fd_;
  const LogFormat format_;
  const LogLevel least_;
  std::string node_;
};

// Escapes `text` for the inside of a JSON string: quotes, backslashes and characters that act on a
// terminal are escaped, and bytes that are not UTF-8 become U+FFFD.
std::string JsonEscape(std::string_view text);

}  // namespace harmonylite
