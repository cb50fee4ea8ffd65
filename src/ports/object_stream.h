// Streams the bytes of an object into a store or out of it, so that the object never lies anywhere
// as a whole on this side.
//
// Threads: methods are called on the thread that called the store. An error of a stream ends the
// attempt; after kRetryLater the store may begin another.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/spool.h"

namespace harmonylite::ports {

// The source of an object that is being put.
class ObjectSource {
 public:
  virtual ~ObjectSource() = default;
  // Starts an attempt. Every attempt gets all bytes from the first one on; they may differ from
  // those of an earlier attempt.
  virtual Status Begin() = 0;
  // Replaces `out` with the next bytes; empty after the last.
  virtual Status Next(std::string* out) = 0;
  // True if this stream hashes its output. Then Sha256() is, after the end, the 32-byte SHA-256 of
  // everything it returned, and the store need not compute one.
  virtual bool sums() const { return false; }
  virtual std::string Sha256() const { return {}; }
};

// The receiver of an object that is being got.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;
  // Starts an attempt; bytes of an earlier attempt do not count.
  virtual Status Begin() = 0;
  virtual Status Append(std::string_view bytes) = 0;
  // True if the sink's owner compares a SHA-256 of everything anyway, so that the store need not.
  virtual bool sums() const { return false; }
};

class SpoolSource final : public ObjectSource {
 public:
  explicit SpoolSource(const Spool* spool) : spool_(spool) {}
  Status Begin() override {
    offset_ = 0;
    return Ok();
  }
  Status Next(std::string* out) override {
    HL_TRY(spool_->ReadAt(offset_, kPiece, out));
    offset_ += out->size();
    return Ok();
  }

 private:
  static constexpr size_t kPiece = 128 << 10;
  const Spool* spool_;  // not owned
  uint64_t offset_ = 0;
};

class SpoolSink final : public ObjectSink {
 public:
  explicit SpoolSink(Spool* spool) : spool_(spool) {}
  Status Begin() override {
    spool_->Clear();
    return Ok();
  }
  Status Append(std::string_view bytes) override { return spool_->Append(bytes); }

 private:
  Spool* spool_;  // not owned
};

}  // namespace harmonylite::ports
