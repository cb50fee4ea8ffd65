// A heartbeat: the entry in the registry by which a node tells the others, every two seconds, where
// it stands. Format: docs/formats/heartbeat.md.
//
// Threads: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "change/version.h"

namespace harmonylite::node {

// Names one heartbeat: the process that wrote it, and its number among the entries of that process,
// counted from 1.
struct Beat {
  uint64_t session = 0;
  uint64_t number = 0;
  bool operator==(const Beat&) const = default;
};

struct Heartbeat {
  Origin origin;
  uint64_t session = 0;  // tells two processes with the same node id apart
  // The number of this entry among those of the process. 0: an earlier build wrote it, which does
  // not count its entries.
  uint64_t beat = 0;
  // The newest entry that the process has seen of another process with the same node id, if it saw
  // one within kPeerSilentMs.
  std::optional<Beat> hears;
  int64_t wall_ms = 0;  // the node's wall clock
  Lseq published;       // the node's own changes up to here are in the log
  uint64_t schema_fingerprint = 0;
  // Fingerprint of the tables' definitions. Absent in heartbeats of earlier builds.
  std::optional<uint64_t> definitions;
  change::ProgressVector progress;  // what the node has applied of other origins
  // The node's newest own change in the transaction that reached `progress`. Every later change of
  // the node is stamped above everything that `progress` covers. Absent in heartbeats of earlier
  // builds.
  std::optional<Lseq> journaled;
  change::ProgressVector collected;  // tombstones up to here may be forgotten on the node
  std::optional<NodeId> asks;        // the peer that shall send everything after `progress`
  bool operator==(const Heartbeat&) const = default;
};

std::string EncodeHeartbeat(const Heartbeat& heartbeat);
// Reads what EncodeHeartbeat() wrote, on this build or another one: lines that start with an
// unknown word are skipped. kCorruption: the text is not a heartbeat.
Result<Heartbeat> DecodeHeartbeat(std::string_view text);
// The key under which all nodes look for the heartbeat of `node`.
std::string HeartbeatKey(NodeId node);
// The key under which a new process of `node` puts its first heartbeats if the registry already has
// one of that node (Keeper::NextKey). Only processes of the same node read it.
std::string KnockKey(NodeId node);
// The session of a process that starts at `wall_ms`. A process that starts later, by the wall
// clock, has a greater one; `random` separates processes that start in the same millisecond.
uint64_t NewSession(int64_t wall_ms, uint64_t random);
inline constexpr const char* kHeartbeatPrefix = "node.";

}  // namespace harmonylite::node
