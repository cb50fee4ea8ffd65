// A byte sequence that is written once and read many times: in memory while small, in an unlinked
// temporary file beyond that. Holds a batch of any size in bounded memory.
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

  // The file, if one is needed, is made in `directory`; it never has a name others can open.
  explicit Spool(std::string directory, size_t memory_limit = kDefaultMemoryLimit);
  Spool(Spool&& other) noexcept;
  Spool& operator=(Spool&& other) noexcept;
  ~Spool();

  // kRetryLater when the disk is full or fails; the spool is then what it was, and the same call may succeed later.
  Status Append(std::string_view bytes);
  // Fills `out` with up to `length` bytes from `offset`; fewer only at the end.
  Status ReadAt(uint64_t offset, size_t length, std::string* out) const;
  // Empty again, as newly made.
  void Clear();
  uint64_t size() const { return size_; }
  bool on_disk() const { return fd_ >= 0; }
  // Bytes of memory held now.
  size_t memory() const { return buffer_.capacity(); }
  // XXH3-64 over all bytes.
  Result<uint64_t> Checksum() const;

 private:
  Status MoveToDisk();

  std::string directory_;
  size_t memory_limit_;
  std::string buffer_;  // all bytes while fd_ < 0
  int fd_ = -1;         // owned
  uint64_t size_ = 0;
};

}  // namespace harmonylite
