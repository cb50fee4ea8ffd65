// A byte sequence that is written once and read many times. A small one lies in memory; a larger
// one lies in an unlinked temporary file. So a batch of any size needs only bounded memory.
//
// Threads: one owner at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite {

class Spool {
 public:
  static constexpr size_t kDefaultMemoryLimit = 4 << 20;

  // If a file is needed, it is made in `directory`. It never has a name that another program could
  // open, except for an instant on file systems without O_TMPFILE.
  explicit Spool(std::string directory, size_t memory_limit = kDefaultMemoryLimit);
  Spool(Spool&& other) noexcept;
  Spool& operator=(Spool&& other) noexcept;
  ~Spool();

  // Appends bytes. kRetryLater: the disk is full or fails; the spool is unchanged then, and the
  // same call may succeed later.
  Status Append(std::string_view bytes);
  // Replaces `out` with up to `length` bytes from `offset`; it gets fewer only at the end.
  Status ReadAt(uint64_t offset, size_t length, std::string* out) const;
  // Makes the spool empty, as if newly made.
  void Clear();
  uint64_t size() const { return size_; }
  bool on_disk() const { return fd_ >= 0; }
  // Bytes of memory that the spool holds now.
  size_t memory() const { return buffer_.capacity(); }
  // XXH3-64 of all bytes.
  Result<uint64_t> Checksum() const;

 private:
  Status MoveToDisk();

  std::string directory_;
  size_t memory_limit_;
  std::string buffer_;  // All bytes while there is no file (fd_ < 0).
  int fd_ = -1;         // Owned; -1 while all bytes are in memory.
  uint64_t size_ = 0;
};

}  // namespace harmonylite
