// Gives the bytes of a batch out of a Spool, unpacked, as a window that always is one piece of
// memory.
//
// Memory: the window, which grows only as bytes arrive (at most twofold at a time), one chunk of
// input and zstd's own window of at most 2 MiB. Internal to change/. Threads: one at a time.
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

  // Reads the two bytes in front. `in` outlives the source.
  // kCorruption: not a batch. kInvalidArgument: a newer version wrote it.
  static Result<BatchSource> Open(const Spool* in);

  // What was read and not yet consumed; valid until the next call of Fill.
  std::string_view window() const { return {memory_.get() + begin_, end_ - begin_}; }
  void Consume(size_t bytes) { begin_ += bytes; }
  // Lengthens the window by at least one byte, aiming at `missing` and as many as there is room
  // for. kCorruption: there are no more bytes, or they cannot be unpacked.
  Status Fill(size_t missing);
  // True when every byte was consumed and nothing follows.
  Result<bool> AtEnd();
  // Bytes of memory that the window takes.
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

  const Spool* in_;          // not owned
  uint64_t offset_ = 0;      // in in_, of what comes after chunk_
  std::string chunk_;        // of in_, of which chunk_used_ bytes are done
  size_t chunk_used_ = 0;
  Unpacker zstd_;  // null: stored
  bool first_ = true;        // nothing has been read into the window yet
  bool ended_ = false;       // zstd has seen the end of its frame
  bool failed_ = false;      // zstd cannot go on
  std::unique_ptr<char, Free> memory_;
  size_t capacity_ = 0;
  size_t begin_ = 0;         // the window is [begin_, end_) of memory_
  size_t end_ = 0;
};

}  // namespace harmonylite::change
