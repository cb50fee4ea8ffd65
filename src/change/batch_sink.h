// Receives the bytes of a batch from the encoder, stores or compresses them, and appends them to a
// Spool in large pieces.
//
// A batch that fits one chunk is stored or compressed, whichever is shorter; a longer one is always
// compressed, if compression is wanted. Memory: one chunk, one output buffer and zstd's window.
// Internal to change/. Threads: one at a time.
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
  // Batches shorter than this are stored: zstd would save little and cost more than writing them
  // does.
  static constexpr size_t kLeastCompressed = 512;

  // `out` is empty and outlives the sink.
  BatchSink(bool compress, Spool* out);

  // Free memory for `bytes` bytes (at most kChunk), which the caller fills and then takes with
  // Commit. Null if writing has failed; status() says why.
  char* Room(size_t bytes) {
    if (bytes > kChunk - used_) [[unlikely]] {
      if (!Flush()) return nullptr;
    }
    return raw_.get() + used_;
  }
  void Commit(size_t bytes) { used_ += bytes; }
  // Marks the bytes written so far as the header. In a batch of several chunks the header becomes a
  // zstd block of its own, so that a receiver can read it without unpacking what follows.
  void EndHeader() { header_ = used_; }
  // Writes bytes of any length. Long ones are not copied into the chunk.
  Status Write(std::string_view bytes);
  // Writes all that is still buffered. Nothing may be written afterwards.
  Status Finish();
  // The first failure, if any; it stays.
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
  // A buffer of kChunk bytes; the first `used_` wait to be passed on.
  std::unique_ptr<char[]> raw_;
  size_t used_ = 0;
  size_t header_ = 0;  // Length of the header within `used_`; 0 if not known yet or passed on.
  Packer zstd_;        // Made when it is first needed.
  std::unique_ptr<char[]> packed_;  // zstd's output; the first `packed_used_` bytes wait.
  size_t packed_used_ = 0;
  bool failed_ = false;
  ErrorCode failure_code_ = ErrorCode::kRetryLater;
  std::string failure_;
};

}  // namespace harmonylite::change
