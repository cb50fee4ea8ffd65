// Takes the bytes of a batch, stores or compresses them, and appends them to a Spool in large
// pieces.
//
// What fits one chunk is stored or compressed, whichever is shorter; what does not is compressed.
// Memory: one chunk, one output buffer and zstd's window. Internal to change/.
// Threads: one at a time.
#pragma once

#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/spool.h"
#include "change/zstd_contexts.h"

namespace harmonylite::change {

class BatchSink {
 public:
  static constexpr size_t kChunk = 128 << 10;
  // Shorter batches are stored: zstd would win little and cost more than writing them does.
  static constexpr size_t kLeastCompressed = 512;

  // `out` is empty and outlives the sink.
  BatchSink(bool compress, Spool* out);

  // `bytes` (at most kChunk) of free memory, to be taken with Commit; null when writing failed: see
  // status().
  char* Room(size_t bytes) {
    if (bytes > kChunk - used_) [[unlikely]] {
      if (!Flush()) return nullptr;
    }
    return raw_.get() + used_;
  }
  void Commit(size_t bytes) { used_ += bytes; }
  // What was written so far is the header. In a batch of several chunks it becomes a block of zstd's of its own, so
  // that a receiver reads it without unpacking what follows.
  void EndHeader() { header_ = used_; }
  // For bytes of any length, which are not copied when they are many.
  Status Write(std::string_view bytes);
  // Writes all that is held. Nothing may be written after it.
  Status Finish();
  // The first failure; it stays.
  Status status() const;

 private:
  enum class Mode { kUndecided, kStored, kZstd };

  bool Flush();
  bool Pass(std::string_view bytes, ZSTD_EndDirective end);
  bool Compress(std::string_view bytes, ZSTD_EndDirective end);
  bool FinishShort();
  bool StartZstd();
  bool Append(std::string_view bytes);
  bool Fail(Error error);

  const bool compress_;
  Spool* out_;  // not owned
  Mode mode_ = Mode::kUndecided;
  std::unique_ptr<char[]> raw_;  // kChunk bytes, of which used_ wait to be passed on
  size_t used_ = 0;
  size_t header_ = 0;  // of those; 0: not known, or passed on
  Packer zstd_;  // made when needed
  std::unique_ptr<char[]> packed_;                // zstd's output, of which packed_used_ wait
  size_t packed_used_ = 0;
  bool failed_ = false;
  ErrorCode failure_code_ = ErrorCode::kRetryLater;
  std::string failure_;
};

}  // namespace harmonylite::change
