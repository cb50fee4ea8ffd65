#include "node/cluster/heartbeat.h"

#include <fmt/format.h>

#include <vector>

#include "base/text_fields.h"

namespace harmonylite::node {

namespace {

constexpr std::string_view kMagic = "harmonylite-heartbeat 1";
constexpr size_t kMaxBytes = 1 << 20;

bool ReadEntry(std::string_view* line, change::ProgressVector* out) {
  Origin origin;
  Lseq lseq;
  if (!NextOrigin(line, &origin) || !Number(*line, &lseq.value) || lseq.value < 0) return false;
  out->Advance(origin, lseq);
  return true;
}

void WriteEntries(const char* word, const change::ProgressVector& vector, std::string* out) {
  for (const auto& [origin, lseq] : vector.map())
    *out += fmt::format("{} {} {}\n", word, OriginWords(origin), lseq.value);
}

bool ReadLine(std::string_view line, Heartbeat* out) {
  const std::string_view word = NextField(&line, ' ');
  if (word == "origin") return NextOrigin(&line, &out->origin);
  if (word == "session") return Number(line, &out->session);
  if (word == "beat") return Number(line, &out->beat);
  if (word == "hears") {
    out->hears.emplace();
    return Number(NextField(&line, ' '), &out->hears->session) && Number(line, &out->hears->number);
  }
  if (word == "wall") return Number(line, &out->wall_ms);
  if (word == "published") return Number(line, &out->published.value);
  if (word == "schema") return Number(line, &out->schema_fingerprint);
  if (word == "definitions") {
    out->definitions = 0;
    return Number(line, &*out->definitions);
  }
  if (word == "journaled") {
    out->journaled = Lseq(0);
    return Number(line, &out->journaled->value) && out->journaled->value >= 0;
  }
  if (word == "asks") {
    out->asks = NodeId(0);
    return Number(line, &out->asks->value);
  }
  if (word == "progress") return ReadEntry(&line, &out->progress);
  if (word == "collected") return ReadEntry(&line, &out->collected);
  return true;
}

}  // namespace

std::string EncodeHeartbeat(const Heartbeat& h) {
  std::string out = fmt::format("{}\norigin {}\nsession {}\nwall {}\npublished {}\nschema {}\n",
                                kMagic, OriginWords(h.origin), h.session, h.wall_ms,
                                h.published.value, h.schema_fingerprint);
  if (h.beat > 0) out += fmt::format("beat {}\n", h.beat);
  if (h.hears) out += fmt::format("hears {} {}\n", h.hears->session, h.hears->number);
  if (h.definitions) out += fmt::format("definitions {}\n", *h.definitions);
  WriteEntries("progress", h.progress, &out);
  if (h.journaled) out += fmt::format("journaled {}\n", h.journaled->value);
  WriteEntries("collected", h.collected, &out);
  if (h.asks) out += fmt::format("asks {}\n", h.asks->value);
  return out;
}

Result<Heartbeat> DecodeHeartbeat(std::string_view text) {
  if (text.size() > kMaxBytes || NextField(&text, '\n') != kMagic)
    return MakeError(ErrorCode::kCorruption, "unreadable heartbeat");
  Heartbeat out;
  while (!text.empty())
    if (!ReadLine(NextField(&text, '\n'), &out))
      return MakeError(ErrorCode::kCorruption, "unreadable heartbeat");
  return out;
}

std::string HeartbeatKey(NodeId node) { return fmt::format("{}{}", kHeartbeatPrefix, node.value); }

std::string KnockKey(NodeId node) { return fmt::format("knock.{}", node.value); }

uint64_t NewSession(int64_t wall_ms, uint64_t random) {
  constexpr int kRandomBits = 20;
  return static_cast<uint64_t>(wall_ms) << kRandomBits | random >> (64 - kRandomBits);
}

}  // namespace harmonylite::node
