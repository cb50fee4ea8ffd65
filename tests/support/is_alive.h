// Tells whether a process lives, for tests of what becomes of child processes.
#pragma once

#include <sys/types.h>

#include <fstream>
#include <string>

namespace harmonylite::test {

// A zombie, which its parent has not reaped yet, does not count as alive.
inline bool IsAlive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const size_t at = text.rfind(") ");
  return at != std::string::npos && text[at + 2] != 'Z' && text[at + 2] != 'X';
}

}  // namespace harmonylite::test
