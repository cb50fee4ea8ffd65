// What a snapshot says of itself: a small text beside its object, written last. Format: docs/formats/snapshot.md.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "change/version.h"

namespace harmonylite::snapshot {

// Larger databases are not taken for one: SQLite's own limit.
constexpr uint64_t kMaxDatabase = uint64_t{1} << 48;
constexpr size_t kMaxManifest = 4 << 20;  // bytes

struct Manifest {
  Origin maker;
  int64_t made_ms = 0;     // wall clock of the maker
  uint64_t size = 0;       // bytes of the database
  uint64_t packed = 0;     // bytes of the object
  std::string sha256;      // of the object: 64 hexadecimal digits
  uint64_t hash = 0;       // of the database: XXH3-64 of those of its pieces (piece.h)
  uint64_t schema = 0;     // fingerprint of the replicated tables
  uint64_t cursor = 0;     // position in the log from which to follow it; an optimisation
  int64_t log_created = 0; // identity of the log that the cursor belongs to
  change::ProgressVector progress;   // what is in it, of every origin
  change::ProgressVector collected;  // tombstones up to here may have been removed from it
  bool operator==(const Manifest&) const = default;
};

std::string EncodeManifest(const Manifest& manifest);
// kCorruption, with what is wrong, for any text that EncodeManifest did not make.
Result<Manifest> DecodeManifest(std::string_view text);

// Names sort by age: "20261127T150922123Z-7" was made at that time (UTC, milliseconds) by node 7.
std::string SnapshotName(int64_t made_ms, NodeId node);
// The time in a name; nothing when it is no such name.
std::optional<int64_t> SnapshotTime(std::string_view name);
inline bool IsSnapshotName(std::string_view name) { return SnapshotTime(name).has_value(); }

inline constexpr std::string_view kObjectSuffix = ".db.zst";
inline constexpr std::string_view kManifestSuffix = ".manifest";

}  // namespace harmonylite::snapshot
