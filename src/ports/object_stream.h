// The bytes of an object on their way into a store or out of it, without lying anywhere as a whole.
//
// Threads: the caller's of the store. An error ends the call of the store, which may begin a further attempt after
// kRetryLater.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/spool.h"

namespace harmonylite::ports {

// Gives the bytes of an object that is being put.
class ObjectSource {
 public:
  virtual ~ObjectSource() = default;
  // Each attempt begins with it, and is given all bytes anew; they may be other ones than before.
  virtual Status Begin() = 0;
  // The bytes that come next; none: that was all.
  virtual Status Next(std::string* out) = 0;
  // Whether it sums up what it gives; then, after the end, SHA-256 of all of it, 32 bytes.
  virtual bool sums() const { return false; }
  virtual std::string Sha256() const { return {}; }
};

// Takes the bytes of an object that is being got.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;
  // Each attempt begins with it: what came before does not count.
  virtual Status Begin() = 0;
  virtual Status Append(std::string_view bytes) = 0;
  // Whether its owner compares a SHA-256 of all of it anyway, so that the store need not.
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
