// Decides when a node that joins has what the cluster had, so that it may take part: when
// everything is applied that the node had which it was compared with, and that the log held when
// catching up began. It gives up on what does not come, unless its file has no tables yet: then
// nothing is written here that could be taken for newer. docs/decisions/0036-first-join-merges.md
//
// Threads: one owner at a time; in production the consumer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "change/retirements.h"
#include "change/version.h"
#include "ports/replication_log.h"

namespace harmonylite::node {

// So long nothing may move before a node takes part without something that does not come.
constexpr int64_t kCatchUpPatienceMs = 60'000;

class CatchUp {
 public:
  // Where the node stands at one look.
  struct Standing {
    const change::ProgressVector* progress;  // what is applied of the other origins
    const change::Knowledge* knowledge;      // `progress`, with what it leaves out
    ports::LogSeq next;                      // position in the log to read next
    bool log_read;                           // every record of the log was read
    std::string held;     // why a change that was read is not applied; empty: all are
    uint64_t schema = 0;  // fingerprint of the node's tables; kNoTables: there are none
    int64_t now_ms = 0;   // monotonic
  };
  enum class Verdict {
    kNotYet,   // why() says what is missing
    kDone,     // the node has everything
    kGivesUp,  // why() does not come
  };

  bool knows_log_end() const { return log_end_.has_value(); }
  // The newest record of the log when catching up began.
  void SetLogEnd(ports::LogSeq end) { log_end_ = end; }
  // `reach` is what the node had that this file was compared with.
  Verdict Look(const change::ProgressVector& reach, const Standing& standing);
  const std::string& why() const { return why_; }

 private:
  std::string Missing(const change::ProgressVector& reach, const Standing& standing) const;

  // What changes while something still comes.
  struct Moved {
    change::ProgressVector progress;
    uint64_t schema = 0;
    bool operator==(const Moved&) const = default;
  };
  std::optional<ports::LogSeq> log_end_;
  Moved moved_;
  std::optional<int64_t> still_since_ms_;
  std::string why_;
};

}  // namespace harmonylite::node
