// A temporary file that nobody else can open, read and written anywhere. On the disk from its first byte on.
//
// Threads: any, once it is open; what one writes while another one reads it is undefined.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite {

// A new one in `directory`, without a name and with rights 0600; the caller closes it. kRetryLater, with the reason.
Result<int> MakeNamelessFile(const std::string& directory);

// Of any file. Errors: kRetryLater, the disk is full or fails.
Status WriteAt(int fd, uint64_t offset, std::string_view bytes);
// How much there was: less than `length` only at the file's end.
Result<size_t> ReadAt(int fd, uint64_t offset, char* out, size_t length);

class NamelessFile {
 public:
  explicit NamelessFile(std::string directory) : directory_(std::move(directory)) {}
  ~NamelessFile();
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;

  // Errors: kRetryLater, the disk is full or fails. The first Write opens it where nobody did.
  Status Open();
  Status Write(uint64_t offset, std::string_view bytes);
  // What was never written is zeros.
  Status Read(uint64_t offset, char* out, size_t length) const;
  // Nothing is left from `size` on.
  Status Cut(uint64_t size);

 private:
  const std::string directory_;
  int fd_ = -1;  // owned
};

}  // namespace harmonylite
