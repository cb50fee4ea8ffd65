// Number types that cannot be mixed up. The words are those of docs/design.md, "Words". Threads:
// plain values.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace harmonylite {

template <typename Tag, typename Rep>
struct StrongId {
  Rep value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}
  auto operator<=>(const StrongId&) const = default;
};

// A node's id, given by the operator and unique in the cluster.
using NodeId = StrongId<struct NodeIdTag, uint64_t>;
// One life of a node's database. It is drawn anew when the file turns out to be a clone or an old
// copy.
using Incarnation = StrongId<struct IncarnationTag, uint32_t>;
// An origin's own count of its journaled changes: the rowid in its journal. 0 means "nothing yet".
using Lseq = StrongId<struct LseqTag, int64_t>;
// A stamp of a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014):
// milliseconds since 1970 in the upper 44 bits, which last until the year 2248 as a signed number,
// and a counter below.
using Hlc = StrongId<struct HlcTag, int64_t>;

constexpr int kHlcCounterBits = 20;
constexpr int64_t HlcMillis(Hlc hlc) { return hlc.value >> kHlcCounterBits; }
constexpr Hlc HlcFromMillis(int64_t ms) { return Hlc(ms << kHlcCounterBits); }
// No clock gives a stamp below this one, which lies in April 1970. Smaller stamps are those of
// writes that count as oldest (capture/count_as_oldest.h).
constexpr Hlc kLeastClockStamp = HlcFromMillis(int64_t{1} << 33);

// The writer of a change: one life of one node. Lseqs are counted per origin.
struct Origin {
  NodeId node;
  Incarnation incarnation;
  auto operator<=>(const Origin&) const = default;
};

// Writes "node.incarnation", as in subjects, logs and messages.
inline std::string ToString(const Origin& origin) {
  return fmt::format("{}.{}", origin.node.value, origin.incarnation.value);
}

}  // namespace harmonylite

template <>
struct std::hash<harmonylite::Origin> {
  size_t operator()(const harmonylite::Origin& o) const noexcept {
    return std::hash<uint64_t>()(o.node.value * 0x9E3779B97F4A7C15ull ^ o.incarnation.value);
  }
};
