// The manifest of a snapshot: a small text beside its object, written last, that says what the
// object is and contains (docs/formats/snapshot.md).
//
// Threads: pure functions and values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "change/version.h"

namespace harmonylite::snapshot {

// Largest size of a database that a manifest may claim, in bytes: SQLite's own limit.
constexpr uint64_t kMaxDatabase = uint64_t{1} << 48;
constexpr size_t kMaxManifest = 4 << 20;  // bytes

// The content of a manifest.
struct Manifest {
  // The node whose database this is a copy of.
  Origin maker;
  int64_t made_ms = 0;  // when the snapshot was made, by the maker's wall clock
  uint64_t size = 0;    // size of the database in bytes
  uint64_t packed = 0;  // size of the object in bytes
  std::string sha256;   // SHA-256 of the object, 64 hexadecimal digits
  uint64_t hash = 0;    // checksum of the database: XXH3-64 of its pieces' checksums (piece.h)
  uint64_t schema = 0;  // fingerprint of the replicated tables
  // Position in the log from which a node that restores the snapshot reads on. It only saves
  // reading: a wrong one does no harm.
  uint64_t cursor = 0;
  int64_t log_created = 0;           // identity of the log that the cursor belongs to
  change::ProgressVector progress;   // the changes of every origin that the snapshot contains
  change::ProgressVector collected;  // tombstones up to here may be missing from the snapshot
  bool operator==(const Manifest&) const = default;
};

std::string EncodeManifest(const Manifest& manifest);
// kCorruption: EncodeManifest did not make this text; the message says what is wrong with it.
Result<Manifest> DecodeManifest(std::string_view text);

// A snapshot's name. Names sort by age: "20261127T150922123Z-7" was made at that time (UTC, with
// milliseconds) by node 7.
std::string SnapshotName(int64_t made_ms, NodeId node);
// The time in a snapshot's name; nothing: it is no such name.
std::optional<int64_t> SnapshotTime(std::string_view name);
inline bool IsSnapshotName(std::string_view name) { return SnapshotTime(name).has_value(); }

inline constexpr std::string_view kObjectSuffix = ".db.zst";
inline constexpr std::string_view kManifestSuffix = ".manifest";

}  // namespace harmonylite::snapshot
