// A text that must never get into a log, an error message or a process list.
//
// The class has no formatter and no stream operator on purpose: code that needs the text must call
// reveal().
//
// Threads: a plain value.
#pragma once

#include <string>
#include <utility>

namespace harmonylite::config {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const { return text_.empty(); }
  const std::string& reveal() const { return text_; }
  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace harmonylite::config
