// Structured log lines for the operator, as console text or JSON, on one file descriptor.
//
// A line says what happened, to what, and what to do next. Secrets never get here.
// Threads: all methods may be called from any thread; a line is written by one write call.
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
  // Writes to `fd` (not owned). Lines below `least` are dropped.
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
  // Shown in every line from now on; set once the node's id is known.
  void set_node(std::string node);

 private:
  std::mutex mutex_;  // guards node_ and the order of lines
  const int fd_;
  const LogFormat format_;
  const LogLevel least_;
  std::string node_;
};

// `text` as the inside of a JSON string: quotes, backslashes and control characters escaped;
// bytes that are not UTF-8 become U+FFFD.
std::string JsonEscape(std::string_view text);

}  // namespace harmonylite
