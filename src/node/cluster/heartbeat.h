// What a node says of itself every two seconds, in the registry. Format: docs/formats/heartbeat.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "change/version.h"

namespace harmonylite::node {

// One entry of a process: which process, and which of its entries, counted from 1.
struct Beat {
  uint64_t session = 0;
  uint64_t number = 0;
  bool operator==(const Beat&) const = default;
};

struct Heartbeat {
  Origin origin;
  uint64_t session = 0;  // of this process: tells two processes with one node id apart
  uint64_t beat =
      0;  // how many entries this process has put, with this one; 0: an earlier build wrote it
  std::optional<Beat>
      hears;  // the newest entry of another process with this node id, if there was one lately
  int64_t wall_ms = 0;
  Lseq published;  // of its own changes
  uint64_t schema_fingerprint = 0;
  change::ProgressVector progress;  // of other origins
  // Its newest own change when it had applied `progress`: later ones are stamped above all that is
  // in there. Nothing: an earlier build wrote this.
  std::optional<Lseq> journaled;
  change::ProgressVector collected;  // deletes up to here may be forgotten there
  std::optional<NodeId> asks;        // wants everything after `progress` from this node
  bool operator==(const Heartbeat&) const = default;
};

std::string EncodeHeartbeat(const Heartbeat& heartbeat);
// kCorruption for anything else; unknown lines of a newer version are passed over.
Result<Heartbeat> DecodeHeartbeat(std::string_view text);
std::string HeartbeatKey(NodeId node);
// Where a process that finds an entry of its node in the registry puts its own at first.
std::string KnockKey(NodeId node);
// Drawn anew for every process, and greater the later it started.
uint64_t NewSession(int64_t wall_ms, uint64_t random);
inline constexpr const char* kHeartbeatPrefix = "node.";

}  // namespace harmonylite::node
