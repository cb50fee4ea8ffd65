// Strong ids: numbers that must not be mixed up.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include <fmt/format.h>

namespace harmonylite {

template <typename Tag, typename Rep>
struct StrongId {
  Rep value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}
  auto operator<=>(const StrongId&) const = default;
};

// A node, as the operator names it: unique in the cluster.
using NodeId = StrongId<struct NodeIdTag, uint64_t>;
// Which life of a node's database: drawn anew when a file turns out to be a clone or an old copy.
using Incarnation = StrongId<struct IncarnationTag, uint32_t>;
// A node's own count of journaled changes (the journal's rowid); 0 is "nothing yet".
using Lseq = StrongId<struct LseqTag, int64_t>;
// A hybrid logical clock stamp: milliseconds since 1970 in the upper 44 bits (until the year 2248), a counter below.
using Hlc = StrongId<struct HlcTag, int64_t>;

constexpr int kHlcCounterBits = 20;
constexpr int64_t HlcMillis(Hlc hlc) { return hlc.value >> kHlcCounterBits; }
constexpr Hlc HlcFromMillis(int64_t ms) { return Hlc(ms << kHlcCounterBits); }

// Who wrote something: one life of one node. lseqs count within an origin.
struct Origin {
  NodeId node;
  Incarnation incarnation;
  auto operator<=>(const Origin&) const = default;
};

// "node.incarnation", as in subjects, logs and messages.
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
