// Runs several statements of HarmonyLite's own, one after the other.
//
// Connection::Exec and Prepare take one statement, so that no name or value can bring in a second
// one. A script is therefore always a literal of this program: it cannot be put together.
// Threads: the rule of the connection.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

class Script {
 public:
  template <size_t N>
  consteval Script(const char (&literal)[N]) : text_(literal, N - 1) {}  // NOLINT: implicit
  std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

// Stops at the first statement that fails. The statements before it have been run.
Status RunScript(Connection* db, Script script);

}  // namespace harmonylite::sqlite
