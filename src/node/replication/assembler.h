// Puts frames back together into batches: the first half of step 5 in the life of a change.
//
// Memory is bounded: the slices of a batch go to a spool until the last one has arrived. Frames are
// not trusted: a frame that does not fit is dropped, and a repair brings its rows (P7).
// Source: docs/decisions/0002-spool-instead-of-inbox.md.
//
// Threads: one owner at a time; in production the consumer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/spool.h"
#include "change/codec.h"
#include "ports/replication_log.h"

namespace harmonylite::node {

// A complete batch whose checksum is right. Its contents are not decoded yet.
struct ArrivedBatch {
  Origin sender;
  Spool bytes;
  ports::LogSeq first;  // the batch's first record in the log
  ports::LogSeq last;   // the batch's last record in the log
};

class Assembler {
 public:
  explicit Assembler(std::string spool_directory, size_t spool_memory = Spool::kDefaultMemoryLimit)
      : spool_directory_(std::move(spool_directory)), spool_memory_(spool_memory) {}

  // Takes the next record of the log. Returns a batch if this record completes one. Errors:
  // - kCorruption: the record is damaged or foreign, or the complete batch does not match its
  //   checksum; it is dropped.
  // - kInvalidArgument: the record has a newer format; it is dropped.
  // - kRetryLater: this node's disk fails, and the record is not taken. If first_open() of its
  //   subject still names a batch, give the same record again later. Otherwise the slices of the
  //   batch are lost, and the log must be read again from the batch's first record.
  Result<std::optional<ArrivedBatch>> Add(const ports::LogRecord& record);

  // Drops the slices of all incomplete batches. The caller reads the log again from an earlier
  // position, or knows that the log has lost them.
  void Clear() { open_.clear(); }

  // The oldest record of all batches that are not complete.
  std::optional<ports::LogSeq> oldest_open() const;
  // The first record of this origin's batch that is not complete.
  std::optional<ports::LogSeq> first_open(const Origin& origin) const;

 private:
  // A batch that is not complete.
  struct Open {
    change::FrameHeader header;  // header of the newest slice
    ArrivedBatch batch;
  };
  std::string spool_directory_;
  size_t spool_memory_;  // bytes of each batch that stay in memory; a larger batch goes to the disk
  std::map<Origin, Open> open_;  // one per origin, because an origin sends one batch at a time
};

}  // namespace harmonylite::node
