// A temporary file without a name, which no other program can open. It can be read and written at
// any offset, and its bytes are in the file system from the first one on.
//
// Threads: any, once the file is open. The result of reading bytes that another thread is writing
// is undefined.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite {

// Makes a new file in `directory`, without a name and with mode 0600. The caller owns the
// descriptor. Errors are kRetryLater, with the reason.
Result<int> MakeNamelessFile(const std::string& directory);

// Writes all of `bytes` to any file. kRetryLater: the disk is full or fails.
Status WriteAt(int fd, uint64_t offset, std::string_view bytes);
// Reads up to `length` bytes of any file and returns how many it read: fewer than `length` only at
// the file's end.
Result<size_t> ReadAt(int fd, uint64_t offset, char* out, size_t length);

class NamelessFile {
 public:
  explicit NamelessFile(std::string directory) : directory_(std::move(directory)) {}
  ~NamelessFile();
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;

  // Makes the file; the first Write does the same if Open was not called. Errors of all methods are
  // kRetryLater: the disk is full or fails.
  Status Open();
  Status Write(uint64_t offset, std::string_view bytes);
  // Reads exactly `length` bytes; bytes that were never written are zeros.
  Status Read(uint64_t offset, char* out, size_t length) const;
  // Cuts the file to at most `size` bytes.
  Status Cut(uint64_t size);

 private:
  const std::string directory_;
  int fd_ = -1;  // Owned; -1 before the file is made.
};

}  // namespace harmonylite
