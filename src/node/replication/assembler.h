// Puts frames back together into batches, in bounded memory: slices go to a spool until the last one is
// there. Frames are not trusted: whatever does not fit is dropped with a reason, and repair brings the
// rows another way.
//
// Threads: one owner at a time.
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

// A whole batch, not yet looked into.
struct ArrivedBatch {
  Origin sender;
  Spool bytes;
  ports::LogSeq first;  // of its records in the log
  ports::LogSeq last;
};

class Assembler {
 public:
  explicit Assembler(std::string spool_directory, size_t spool_memory = Spool::kDefaultMemoryLimit)
      : spool_directory_(std::move(spool_directory)), spool_memory_(spool_memory) {}

  // A batch when this record completes one. kCorruption: the record is damaged, foreign or out of place,
  // and is dropped. kInvalidArgument: a newer format. kRetryLater: this node's disk fails, and the record is not
  // taken. If first_open(its subject) still names a batch, give the same record again later; otherwise the slices
  // that were here are gone, and the log must be read again from where that batch began.
  Result<std::optional<ArrivedBatch>> Add(const ports::LogRecord& record);

  // Forgets slices; they will be read again.
  void Clear() { open_.clear(); }

  // Oldest record of a batch that is not complete.
  std::optional<ports::LogSeq> oldest_open() const;
  // First record of this origin's batch that is not complete.
  std::optional<ports::LogSeq> first_open(const Origin& origin) const;

 private:
  struct Open {
    change::FrameHeader header;  // of the newest slice
    ArrivedBatch batch;
  };
  std::string spool_directory_;
  size_t spool_memory_;  // of each batch, in bytes; what is larger goes to the disk
  std::map<Origin, Open> open_;  // one per origin: its records are in order
};

}  // namespace harmonylite::node
