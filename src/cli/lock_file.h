// One sidecar per database: an OFD lock on a file beside it, gone with the process.
#pragma once

#include <string>

#include "base/result.h"

namespace harmonylite::cli {

class LockFile {
 public:
  // kConflict: another process holds it. The file stays: removing it would let two hold "the" lock.
  static Result<LockFile> Take(const std::string& db_path);
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;  // owned
};

}  // namespace harmonylite::cli
