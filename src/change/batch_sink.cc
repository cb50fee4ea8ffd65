#include "change/batch_sink.h"

#include <cstring>
#include <utility>

#include "change/batch_grammar.h"

namespace harmonylite::change {

namespace {

constexpr int kLevel = 1;
// The output of one whole chunk, compressed in one call, always fits.
constexpr size_t kPackedSize = ZSTD_COMPRESSBOUND(BatchSink::kChunk);

}  // namespace

BatchSink::BatchSink(bool compress, Spool* out)
    : compress_(compress), out_(out), raw_(std::make_unique_for_overwrite<char[]>(kChunk)) {}

Status BatchSink::status() const {
  if (failed_) return Error(failure_code_, failure_);
  return Ok();
}

bool BatchSink::Fail(Error error) {
  failed_ = true;
  failure_code_ = error.code();
  failure_ = "writing a batch: " + error.message();
  return false;
}

bool BatchSink::Append(std::string_view bytes) {
  Status appended = out_->Append(bytes);
  return appended.ok() || Fail(std::move(appended).error());
}

bool BatchSink::StartZstd() {
  zstd_ = TakePacker();
  if (zstd_ == nullptr) return Fail(Error(ErrorCode::kRetryLater, "no memory for zstd"));
  ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_compressionLevel, kLevel);
  packed_ = std::make_unique_for_overwrite<char[]>(kPackedSize);
  packed_[0] = static_cast<char>(kWireFormat);
  packed_[1] = static_cast<char>(kCodecZstd);
  packed_used_ = kBatchPrefix;
  return true;
}

bool BatchSink::Flush() {
  const std::string_view bytes(raw_.get(), used_);
  used_ = 0;
  return Pass(bytes, ZSTD_e_continue);
}

// Decides between storing and compressing at the first call. It is called only if the batch is
// longer than one chunk or is not to be compressed: FinishShort and Finish handle short batches.
// The header is flushed as a zstd block of its own; see EndHeader.
bool BatchSink::Pass(std::string_view bytes, ZSTD_EndDirective end) {
  if (failed_) return false;
  if (mode_ == Mode::kUndecided) {
    mode_ = compress_ ? Mode::kZstd : Mode::kStored;
    const char prefix[kBatchPrefix] = {static_cast<char>(kWireFormat),
                                       static_cast<char>(kCodecStored)};
    if (!(compress_ ? StartZstd() : Append({prefix, kBatchPrefix}))) return false;
  }
  if (mode_ == Mode::kStored) return Append(bytes);
  const size_t header = std::exchange(header_, 0);
  if (header > 0 && !Compress(bytes.substr(0, header), ZSTD_e_flush)) return false;
  return Compress(bytes.substr(header), end);
}

bool BatchSink::Compress(std::string_view bytes, ZSTD_EndDirective end) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{packed_.get(), kPackedSize, packed_used_};
    const size_t left = ZSTD_compressStream2(zstd_.get(), &out, &in, end);
    if (ZSTD_isError(left))
      return Fail(MakeError(ErrorCode::kRetryLater, "zstd: {}", ZSTD_getErrorName(left)));
    packed_used_ = out.pos;
    const bool done = end == ZSTD_e_continue ? in.pos == in.size : left == 0;
    if (packed_used_ >= kChunk || !done || end == ZSTD_e_end) {
      if (!Append({packed_.get(), packed_used_})) return false;
      packed_used_ = 0;
    }
    if (done) return true;
  }
}

Status BatchSink::Write(std::string_view bytes) {
  if (bytes.size() <= kChunk / 2) {
    char* room = Room(bytes.size());
    if (room == nullptr) return status();
    if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
    Commit(bytes.size());
    return status();
  }
  if (Flush()) Pass(bytes, ZSTD_e_continue);
  return status();
}

// Compresses the only chunk in one call and keeps the result if it is shorter than the chunk;
// otherwise the chunk is stored.
bool BatchSink::FinishShort() {
  if (!StartZstd()) return false;
  const size_t packed = ZSTD_compress2(zstd_.get(), packed_.get() + kBatchPrefix,
                                       kPackedSize - kBatchPrefix, raw_.get(), used_);
  if (!ZSTD_isError(packed) && packed < used_) {
    used_ = 0;
    return Append({packed_.get(), kBatchPrefix + packed});
  }
  packed_[1] = static_cast<char>(kCodecStored);
  std::memcpy(packed_.get() + kBatchPrefix, raw_.get(), used_);
  return Append({packed_.get(), kBatchPrefix + std::exchange(used_, 0)});
}

Status BatchSink::Finish() {
  if (failed_) return status();
  if (mode_ == Mode::kUndecided) {
    if (compress_ && used_ >= kLeastCompressed) {
      FinishShort();
      return status();
    }
    // Most batches are this short, so prefix and content go out in one append.
    char prefixed[kBatchPrefix + kLeastCompressed];
    if (used_ <= kLeastCompressed) {
      prefixed[0] = static_cast<char>(kWireFormat);
      prefixed[1] = static_cast<char>(kCodecStored);
      std::memcpy(prefixed + kBatchPrefix, raw_.get(), used_);
      Append({prefixed, kBatchPrefix + std::exchange(used_, 0)});
      return status();
    }
  }
  Pass({raw_.get(), std::exchange(used_, 0)}, ZSTD_e_end);
  return status();
}

}  // namespace harmonylite::change
