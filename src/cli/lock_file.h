// Keeps two sidecars from using one database: an OFD lock on a file beside the database. The lock
// disappears with the process.
//
// Threads: one owner.
#pragma once

#include <string>

#include "base/result.h"

namespace harmonylite::cli {

class LockFile {
 public:
  // kConflict: another process holds the lock. The file is never removed, because two processes
  // could then hold locks on two files of the same name.
  static Result<LockFile> Take(const std::string& db_path);
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;  // owned; -1 after a move from this object
};

}  // namespace harmonylite::cli
