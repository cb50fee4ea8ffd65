// Reads the bytes of a batch from a Spool, unpacks them, and offers them as a window: one
// contiguous piece of memory.
//
// Memory: the window, which at most doubles at a time and only as bytes arrive, so that a false
// claim of length costs nothing; one chunk of input; and zstd's own window of at most 2 MiB.
// Internal to change/. Threads: one at a time.
#pragma once

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/spool.h"
#include "change/zstd_contexts.h"

namespace harmonylite::change {

class BatchSource {
 public:
  static constexpr size_t kChunk = 128 << 10;

  // Reads the two leading bytes. `in` is not owned and outlives the source. kCorruption: it is not
  // a batch. kInvalidArgument: a newer version of HarmonyLite wrote it.
  static Result<BatchSource> Open(const Spool* in);

  // The bytes that were read and are not consumed yet; valid until the next call of Fill.
  std::string_view window() const { return {memory_.get() + begin_, end_ - begin_}; }
  void Consume(size_t bytes) { begin_ += bytes; }
  // Lengthens the window by at least one byte. It aims at `missing` bytes and fills whatever room
  // it then has. kCorruption: there are no more bytes, or they cannot be unpacked.
  Status Fill(size_t missing);
  // True if every byte was consumed and nothing follows.
  Result<bool> AtEnd();
  // Bytes of memory that the window occupies.
  size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  explicit BatchSource(const Spool* in) : in_(in) {}
  Status StartZstd();
  Status MakeRoom(size_t missing);
  Status Read();
  Status ReadStored();
  Status ReadZstd();
  Status NextChunk(uint64_t most = kChunk);

  const Spool* in_;      // not owned
  uint64_t offset_ = 0;  // Offset in `*in_` of the bytes after `chunk_`.
  std::string chunk_;    // A piece of `*in_`; the first `chunk_used_` bytes are done.
  size_t chunk_used_ = 0;
  Unpacker zstd_;        // Null if the batch is stored.
  bool first_ = true;    // True until something was read into the window.
  bool ended_ = false;   // zstd has reached the end of its frame.
  bool failed_ = false;  // zstd has reported an error.
  std::unique_ptr<char, Free> memory_;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // The window is [begin_, end_) of `memory_`.
  size_t end_ = 0;
};

}  // namespace harmonylite::change
