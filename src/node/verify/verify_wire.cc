#include "node/verify/verify_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text_fields.h"

namespace harmonylite::node {

namespace {

constexpr std::string_view kRequestMagic = "harmonylite-verify 1";
constexpr std::string_view kAnswerMagic = "harmonylite-verify-answer 1";
constexpr size_t kPieceBytes = 192 << 10;
constexpr size_t kMaxBytes = 16 << 20;

constexpr std::array<std::string_view, 6> kKinds = {"digest",  "buckets", "rows",
                                                    "journal", "resend",  "remove"};
constexpr std::array<std::string_view, 4> kDamages = {"-", "altered", "missing", "unwritten"};

template <typename T>
bool NextNumber(std::string_view* line, T* out, int base = 10) {
  return Number(NextField(line, ' '), out, base);
}

bool NextFlag(std::string_view* line, bool* out) {
  const std::string_view field = NextField(line, ' ');
  *out = field == "1";
  return field == "1" || field == "0";
}

template <typename Words>
bool NextWord(std::string_view* line, const Words& words, size_t* out) {
  const auto it = std::find(words.begin(), words.end(), NextField(line, ' '));
  *out = static_cast<size_t>(it - words.begin());
  return it != words.end();
}

// Writes a name or a key, which may hold any bytes, as one word: bytes up to the space, '%' and 127
// become %XX, and an empty text becomes "%".
std::string Word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == '%' || byte == 0x7f)
      out += fmt::format("%{:02x}", byte);
    else
      out += c;
  }
  return out.empty() ? "%" : out;
}

bool Unword(std::string_view word, std::string* out) {
  out->clear();
  if (word == "%") return true;
  for (size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      *out += word[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= word.size() || !Number(word.substr(i + 1, 2), &byte, 16)) return false;
    *out += static_cast<char>(byte);
    i += 2;
  }
  return !word.empty();
}

std::string OriginWords(const Origin& origin) {
  return fmt::format("{} {}", origin.node.value, origin.incarnation.value);
}
bool NextOrigin(std::string_view* line, Origin* out) {
  return NextNumber(line, &out->node.value) && NextNumber(line, &out->incarnation.value);
}

std::string MarkLine(const RowMark& row) {
  return fmt::format("row {:x} {:x} {:d} {:d} {:d} {} {} {} {} {}\n", row.key, row.image,
                     row.shadowed, row.deleted, row.versioned, OriginWords(row.origin),
                     row.lseq.value, row.stamp.value, kDamages[static_cast<size_t>(row.damage)],
                     Word(row.key_text));
}
bool ReadMark(std::string_view line, RowMark* out) {
  size_t damage = 0;
  const bool good = NextNumber(&line, &out->key, 16) && NextNumber(&line, &out->image, 16) &&
                    NextFlag(&line, &out->shadowed) && NextFlag(&line, &out->deleted) &&
                    NextFlag(&line, &out->versioned) && NextOrigin(&line, &out->origin) &&
                    NextNumber(&line, &out->lseq.value) && NextNumber(&line, &out->stamp.value) &&
                    NextWord(&line, kDamages, &damage) && Unword(line, &out->key_text);
  out->damage = static_cast<capture::RowDamage>(damage);
  return good;
}

std::string TableLine(const TableDigest& t) {
  return fmt::format("table {} {} {} {} {:d} {:x} {:x} {:x}\n", Word(t.table), t.rows, t.shadowed,
                     t.damaged, t.had_rows, t.images, t.versions, t.shadows);
}
bool ReadTable(std::string_view line, TableDigest* out) {
  return Unword(NextField(&line, ' '), &out->table) && NextNumber(&line, &out->rows) &&
         NextNumber(&line, &out->shadowed) && NextNumber(&line, &out->damaged) &&
         NextFlag(&line, &out->had_rows) && NextNumber(&line, &out->images, 16) &&
         NextNumber(&line, &out->versions, 16) && NextNumber(&line, &out->shadows, 16);
}

bool ReadRequestLine(std::string_view line, VerifyRequest* out) {
  const std::string_view word = NextField(&line, ' ');
  if (word == "kind") {
    size_t kind = 0;
    if (!NextWord(&line, kKinds, &kind)) return false;
    out->kind = static_cast<VerifyKind>(kind);
  } else if (word == "to") {
    out->to = NodeId(0);
    return Number(line, &out->to->value);
  } else if (word == "table") {
    return Unword(line, &out->table);
  } else if (word == "bucket") {
    return Number(line, &out->buckets.emplace_back()) && out->buckets.back() < kVerifyBuckets;
  } else if (word == "row") {
    return ReadMark(line, &out->rows.emplace_back());
  }
  return true;
}

bool ReadAnswerLine(std::string_view line, VerifyAnswer* out) {
  const std::string_view word = NextField(&line, ' ');
  if (word == "origin") return NextOrigin(&line, &out->origin);
  if (word == "joined") return NextFlag(&line, &out->joined);
  if (word == "settled") return NextFlag(&line, &out->settled);
  if (word == "schema") return NextNumber(&line, &out->schema, 16);
  if (word == "failure") return Unword(line, &out->failure);
  if (word == "table") return ReadTable(line, &out->tables.emplace_back());
  if (word == "had_rows") return NextFlag(&line, &out->had_rows);
  if (word == "row") return ReadMark(line, &out->rows.emplace_back());
  if (word == "of") return Unword(line, &out->row_tables.emplace_back());
  if (word == "bucket")
    return NextNumber(&line, &out->images.emplace_back(), 16) &&
           NextNumber(&line, &out->versions.emplace_back(), 16);
  if (word == "done") return Number(line, &out->done);
  if (word == "cut") out->cut = true;
  if (word == "progress") {
    Origin origin;
    Lseq lseq;
    if (!NextOrigin(&line, &origin) || !Number(line, &lseq.value) || lseq.value < 0) return false;
    out->progress.Advance(origin, lseq);
  }
  return true;
}

}  // namespace

size_t BucketOf(uint64_t key_hash) { return key_hash % kVerifyBuckets; }

std::string EncodeVerifyRequest(const VerifyRequest& request) {
  std::string out =
      fmt::format("{}\nkind {}\n", kRequestMagic, kKinds[static_cast<size_t>(request.kind)]);
  if (request.to) out += fmt::format("to {}\n", request.to->value);
  if (!request.table.empty()) out += fmt::format("table {}\n", Word(request.table));
  for (const size_t bucket : request.buckets) out += fmt::format("bucket {}\n", bucket);
  for (const RowMark& row : request.rows) out += MarkLine(row);
  return out;
}

Result<VerifyRequest> DecodeVerifyRequest(std::string_view id, std::string_view text) {
  VerifyRequest out;
  out.id = id;
  if (text.size() > kMaxBytes || NextField(&text, '\n') != kRequestMagic)
    return MakeError(ErrorCode::kCorruption, "unreadable request");
  while (!text.empty())
    if (!ReadRequestLine(NextField(&text, '\n'), &out))
      return MakeError(ErrorCode::kCorruption, "unreadable request");
  return out;
}

std::vector<std::string> EncodeVerifyAnswer(const VerifyAnswer& answer) {
  std::vector<std::string> pieces(1);
  const auto add = [&](const std::string& line) {
    if (pieces.back().size() + line.size() > kPieceBytes) pieces.emplace_back();
    pieces.back() += line;
  };
  add(fmt::format("{}\norigin {}\njoined {:d}\nsettled {:d}\nschema {:x}\nhad_rows {:d}\ndone {}\n",
                  kAnswerMagic, OriginWords(answer.origin), answer.joined, answer.settled,
                  answer.schema, answer.had_rows, answer.done));
  if (!answer.failure.empty()) add(fmt::format("failure {}\n", Word(answer.failure)));
  for (const auto& [origin, lseq] : answer.progress.map())
    add(fmt::format("progress {} {}\n", OriginWords(origin), lseq.value));
  for (const TableDigest& table : answer.tables) add(TableLine(table));
  for (size_t i = 0; i < answer.images.size(); ++i)
    add(fmt::format("bucket {:x} {:x}\n", answer.images[i], answer.versions[i]));
  for (const RowMark& row : answer.rows) add(MarkLine(row));
  for (const std::string& table : answer.row_tables) add(fmt::format("of {}\n", Word(table)));
  if (answer.cut) add("cut\n");
  add("end\n");
  return pieces;
}

bool IsWholeAnswer(const std::vector<std::string_view>& pieces) {
  return !pieces.empty() && pieces.back().ends_with("end\n");
}

Result<VerifyAnswer> DecodeVerifyAnswer(const std::vector<std::string_view>& pieces) {
  VerifyAnswer out;
  bool first = true;
  size_t bytes = 0;
  for (std::string_view text : pieces) {
    bytes += text.size();
    if (bytes > kMaxBytes ||
        (std::exchange(first, false) && NextField(&text, '\n') != kAnswerMagic))
      return MakeError(ErrorCode::kCorruption, "unreadable answer");
    while (!text.empty())
      if (!ReadAnswerLine(NextField(&text, '\n'), &out))
        return MakeError(ErrorCode::kCorruption, "unreadable answer");
  }
  return out;
}

std::string VerifyRequestKey(const std::string& id) {
  return fmt::format("{}request.{}", kVerifyPrefix, id);
}
std::string VerifyWorkingKey(const std::string& id, NodeId node) {
  return fmt::format("{}answer.{}.{}.working", kVerifyPrefix, id, node.value);
}
std::string VerifyAnswerKey(const std::string& id, NodeId node, size_t piece) {
  return fmt::format("{}answer.{}.{}.{}", kVerifyPrefix, id, node.value, piece);
}

std::optional<ReplyKey> ParseReplyKey(std::string_view key) {
  if (NextField(&key, '.') != "verify" || NextField(&key, '.') != "answer") return std::nullopt;
  ReplyKey out;
  out.id = NextField(&key, '.');
  if (!Number(NextField(&key, '.'), &out.node.value)) return std::nullopt;
  out.working = key == "working";
  if (!out.working && !Number(key, &out.piece)) return std::nullopt;
  return out;
}

}  // namespace harmonylite::node
