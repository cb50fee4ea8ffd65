#include "snapshot/manifest.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <ctime>

#include "base/text_fields.h"

namespace harmonylite::snapshot {

namespace {

constexpr std::string_view kMagic = "harmonylite-snapshot 2";
constexpr size_t kSha256Digits = 64;
constexpr size_t kMinDatabase = 512;  // one page of the smallest size that SQLite allows

bool ReadVectorLine(std::string_view line, change::ProgressVector* out) {
  Origin origin;
  Lseq lseq;
  if (!NextOrigin(&line, &origin) || !Number(line, &lseq.value) || lseq.value < 1) return false;
  out->Advance(origin, lseq);
  return true;
}

bool ReadLine(std::string_view line, Manifest* out, bool* checked) {
  const std::string_view word = NextField(&line, ' ');
  if (word == "maker") return NextOrigin(&line, &out->maker);
  if (word == "made") return Number(line, &out->made_ms);
  if (word == "size") return Number(line, &out->size);
  if (word == "packed") return Number(line, &out->packed);
  if (word == "sha256") {
    out->sha256 = line;
    return true;
  }
  if (word == "hash") return Number(line, &out->hash, 16);
  if (word == "schema") return Number(line, &out->schema);
  if (word == "cursor")
    return Number(NextField(&line, ' '), &out->cursor) && Number(line, &out->log_created);
  if (word == "progress") return ReadVectorLine(line, &out->progress);
  if (word == "collected") return ReadVectorLine(line, &out->collected);
  *checked = word == "check";
  return *checked;
}

// Says what is impossible about a manifest whose checksum is right; null: nothing.
const char* Nonsense(const Manifest& m) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (m.size < kMinDatabase || m.size > kMaxDatabase || m.size % kMinDatabase != 0)
    return "the size cannot be a database's";
  if (m.packed == 0 || m.packed > kMaxDatabase) return "the packed size is impossible";
  if (m.sha256.size() != kSha256Digits || !std::all_of(m.sha256.begin(), m.sha256.end(), is_digit))
    return "the sha256 is none";
  if (m.made_ms < 0) return "it was made before 1970";
  return nullptr;
}

void AppendVector(std::string_view word, const change::ProgressVector& vector, std::string* out) {
  for (const auto& [origin, lseq] : vector.map())
    *out +=
        fmt::format("{} {} {} {}\n", word, origin.node.value, origin.incarnation.value, lseq.value);
}

Error Unreadable(std::string_view why) {
  return MakeError(ErrorCode::kCorruption, "unreadable manifest of a snapshot: {}", why);
}

}  // namespace

std::string EncodeManifest(const Manifest& m) {
  std::string out = fmt::format(
      "{}\nmaker {}\nmade {}\nsize {}\npacked {}\nsha256 {}\nhash {:016x}\nschema {}\ncursor {} "
      "{}\n",
      kMagic, OriginWords(m.maker), m.made_ms, m.size, m.packed, m.sha256, m.hash, m.schema,
      m.cursor, m.log_created);
  AppendVector("progress", m.progress, &out);
  AppendVector("collected", m.collected, &out);
  out += fmt::format("check {:016x}\n", XXH3_64bits(out.data(), out.size()));
  return out;
}

Result<Manifest> DecodeManifest(std::string_view text) {
  if (text.size() > kMaxManifest) return Unreadable("it is too long");
  std::string_view rest = text;
  const std::string_view magic = NextField(&rest, '\n');
  if (magic != kMagic) {
    if (magic.starts_with("harmonylite-snapshot "))
      return Unreadable("its format is of another version of HarmonyLite");
    return Unreadable("it does not begin as one");
  }
  Manifest out;
  bool checked = false;
  for (int line = 2; !rest.empty(); ++line) {
    if (checked || !ReadLine(NextField(&rest, '\n'), &out, &checked))
      return Unreadable(fmt::format("line {}", line));
  }
  if (!checked) return Unreadable("it ends too early");
  if (const char* why = Nonsense(out)) return Unreadable(why);
  // A manifest has exactly one text. Comparing it also compares the checksum, and finds lines that
  // are missing or repeated.
  if (EncodeManifest(out) != text) return Unreadable("it was altered");
  return out;
}

std::string SnapshotName(int64_t made_ms, NodeId node) {
  const std::time_t seconds = static_cast<std::time_t>(made_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:%Y%m%dT%H%M%S}{:03}Z-{}", utc, made_ms % 1000, node.value);
}

std::optional<int64_t> SnapshotTime(std::string_view name) {
  constexpr size_t kNode = 20;  // where the node id begins
  std::tm utc{};
  int64_t ms = 0;
  NodeId node;
  const auto field = [&](size_t at, size_t length, auto* out) {
    return Number(name.substr(at, length), out);
  };
  if (name.size() <= kNode || !field(0, 4, &utc.tm_year) || !field(4, 2, &utc.tm_mon) ||
      !field(6, 2, &utc.tm_mday) || !field(9, 2, &utc.tm_hour) || !field(11, 2, &utc.tm_min) ||
      !field(13, 2, &utc.tm_sec) || !field(15, 3, &ms) || !Number(name.substr(kNode), &node.value))
    return std::nullopt;
  utc.tm_year -= 1900;
  utc.tm_mon -= 1;
  const int64_t at = static_cast<int64_t>(timegm(&utc)) * 1000 + ms;
  // One time has exactly one name.
  if (at < 0 || SnapshotName(at, node) != name) return std::nullopt;
  return at;
}

}  // namespace harmonylite::snapshot
