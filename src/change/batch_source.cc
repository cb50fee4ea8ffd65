#include "change/batch_source.h"

#include <zstd_errors.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "change/batch_grammar.h"

namespace harmonylite::change {

namespace {

constexpr size_t kLeastWindow = 4 << 10;
// Often only the header is needed for a while. If its zstd block ends within these bytes, nothing
// more is unpacked.
constexpr uint64_t kFirstChunk = 512;
constexpr const char* kEndsEarly = "a batch is damaged: it ends early";

}  // namespace

Result<BatchSource> BatchSource::Open(const Spool* in) {
  BatchSource source(in);
  HL_TRY(source.NextChunk(kFirstChunk));
  if (source.chunk_.size() < kBatchPrefix) return Error(ErrorCode::kCorruption, kEndsEarly);
  const uint8_t format = static_cast<uint8_t>(source.chunk_[0]);
  const uint8_t codec = static_cast<uint8_t>(source.chunk_[1]);
  if (format > kWireFormat)
    return MakeError(ErrorCode::kInvalidArgument,
                     "a newer version of HarmonyLite wrote this batch: its format is {}, this "
                     "version reads {}",
                     format, kWireFormat);
  if (format != kWireFormat)
    return MakeError(ErrorCode::kCorruption, "not a batch: its format would be {}", format);
  if (codec == kCodecZstd)
    HL_TRY(source.StartZstd());
  else if (codec != kCodecStored)
    return MakeError(ErrorCode::kCorruption, "a batch is damaged: it names codec {}", codec);
  source.chunk_used_ = kBatchPrefix;
  return source;
}

Status BatchSource::StartZstd() {
  zstd_ = TakeUnpacker();
  if (zstd_ == nullptr) return Error(ErrorCode::kRetryLater, "reading a batch: no memory for zstd");
  ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  return Ok();
}

Status BatchSource::NextChunk(uint64_t most) {
  chunk_used_ = 0;
  HL_TRY(in_->ReadAt(offset_, most, &chunk_));
  offset_ += chunk_.size();
  return Ok();
}

Status BatchSource::Fill(size_t missing) {
  HL_TRY(MakeRoom(missing));
  const size_t before = end_;
  // Fill the buffer completely, so that a long value is scanned once per doubling rather than once
  // per chunk. The first read is the exception: it stops early, because the header is often enough.
  const bool first = std::exchange(first_, false);
  while (end_ < capacity_) {
    const size_t had = end_;
    HL_TRY(Read());
    if (end_ == had || first) break;
  }
  if (end_ == before) return Error(ErrorCode::kCorruption, kEndsEarly);
  return Ok();
}

Status BatchSource::MakeRoom(size_t missing) {
  if (begin_ > 0) {
    std::memmove(memory_.get(), memory_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ < capacity_) return Ok();
  // Most batches are small, and unpacking rarely makes one more than four times as long. So this
  // first size usually suffices.
  const auto least =
      static_cast<size_t>(std::clamp<uint64_t>(4 * in_->size(), kLeastWindow, kChunk));
  const size_t wanted = capacity_ + std::clamp(missing, capacity_ / 2, capacity_);
  const size_t capacity = std::max(wanted, least);
  void* memory = std::realloc(memory_.get(), capacity);
  if (memory == nullptr)
    return MakeError(ErrorCode::kRetryLater, "reading a batch: no memory for {} bytes", capacity);
  (void)memory_.release();
  memory_.reset(static_cast<char*>(memory));
  capacity_ = capacity;
  return Ok();
}

Status BatchSource::Read() { return zstd_ == nullptr ? ReadStored() : ReadZstd(); }

Status BatchSource::ReadStored() {
  if (chunk_used_ == chunk_.size()) HL_TRY(NextChunk());
  const size_t bytes = std::min(chunk_.size() - chunk_used_, capacity_ - end_);
  std::memcpy(memory_.get() + end_, chunk_.data() + chunk_used_, bytes);
  chunk_used_ += bytes;
  end_ += bytes;
  return Ok();
}

Status BatchSource::ReadZstd() {
  while (!ended_) {
    if (failed_) return Error(ErrorCode::kCorruption, "a batch is damaged: it cannot be unpacked");
    if (chunk_used_ == chunk_.size()) HL_TRY(NextChunk());
    ZSTD_inBuffer in{chunk_.data(), chunk_.size(), chunk_used_};
    ZSTD_outBuffer out{memory_.get(), capacity_, end_};
    const size_t left = ZSTD_decompressStream(zstd_.get(), &out, &in);
    if (ZSTD_isError(left)) {
      failed_ = true;
      if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
        return Error(ErrorCode::kRetryLater, "reading a batch: no memory for zstd");
      return MakeError(ErrorCode::kCorruption, "a batch is damaged: it cannot be unpacked: {}",
                       ZSTD_getErrorName(left));
    }
    const bool more = out.pos > end_;
    chunk_used_ = in.pos;
    end_ = out.pos;
    ended_ = left == 0;
    if (more) return Ok();
    if (!ended_ && chunk_.empty()) return Error(ErrorCode::kCorruption, kEndsEarly);
  }
  return Ok();
}

Result<bool> BatchSource::AtEnd() {
  if (begin_ != end_) return false;
  begin_ = end_ = 0;
  HL_TRY(MakeRoom(0));
  HL_TRY(Read());
  if (end_ > 0) return false;
  return chunk_used_ == chunk_.size() && offset_ == in_->size();
}

}  // namespace harmonylite::change
