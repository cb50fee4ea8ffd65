// A text that must never reach a log, an error message or a process list.
//
// It has no formatter and no stream operator on purpose: whoever needs the text says so with
// reveal().
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
