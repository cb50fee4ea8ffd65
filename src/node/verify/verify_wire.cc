#include "node/verify/verify_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "base/text_fields.h"

namespace harmonylite::node {

namespace {

constexpr std::string_view kRequestMagic = "harmonylite-verify 1";
constexpr std::string_view kAnswerMagic = "harmonylite-verify-answer 1";
constexpr size_t kPieceBytes = 192 << 10;
constexpr size_t kMaxBytes = 16 << 20;

constexpr std::array<std::string_view, 3> kQuestions = {"digest", "buckets", "rows"};
constexpr std::array<std::string_view, 3> kOrders = {"journal", "resend", "remove"};
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
  return fmt::format("table {} {} {} {} {:d} {:x} {:x} {:x} {:x}\n", Word(t.table), t.rows,
                     t.shadowed, t.damaged, t.had_rows, t.images, t.versions, t.shadows, t.uniques);
}
bool ReadTable(std::string_view line, TableDigest* out) {
  return Unword(NextField(&line, ' '), &out->table) && NextNumber(&line, &out->rows) &&
         NextNumber(&line, &out->shadowed) && NextNumber(&line, &out->damaged) &&
         NextFlag(&line, &out->had_rows) && NextNumber(&line, &out->images, 16) &&
         NextNumber(&line, &out->versions, 16) && NextNumber(&line, &out->shadows, 16) &&
         (line.empty() || NextNumber(&line, &out->uniques, 16));
}

// The lines of a request, of whatever kind it is.
struct RequestLines {
  std::string_view kind = kQuestions[0];
  std::optional<NodeId> to;
  std::string table;
  std::vector<size_t> buckets;
  std::vector<RowMark> rows;
};

// The lines of an answer, whatever it answers.
struct AnswerLines {
  VerifyAnswer answer;  // without its body
  std::string failure;
  std::vector<TableDigest> tables;
  std::vector<uint64_t> images;
  std::vector<uint64_t> versions;
  std::vector<RowMark> rows;
  std::vector<std::string> row_tables;
  bool had_rows = false;
  bool cut = false;
  int64_t done = 0;
};

bool ReadRequestLine(std::string_view line, RequestLines* out) {
  const std::string_view word = NextField(&line, ' ');
  if (word == "kind") {
    out->kind = NextField(&line, ' ');
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

bool ReadAnswerLine(std::string_view line, AnswerLines* out) {
  const std::string_view word = NextField(&line, ' ');
  VerifyAnswer& answer = out->answer;
  if (word == "origin") return NextOrigin(&line, &answer.origin);
  if (word == "joined") return NextFlag(&line, &answer.joined);
  if (word == "compared") return NextFlag(&line, &answer.compared);
  if (word == "settled") return NextFlag(&line, &answer.settled);
  if (word == "schema") return NextNumber(&line, &answer.schema, 16);
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
    answer.progress.Advance(origin, lseq);
  }
  return true;
}

bool Assemble(RequestLines lines, VerifyRequest* out) {
  out->to = lines.to;
  const auto question = std::find(kQuestions.begin(), kQuestions.end(), lines.kind);
  const auto order = std::find(kOrders.begin(), kOrders.end(), lines.kind);
  if (question != kQuestions.end())
    out->what = VerifyQuestion{static_cast<QuestionKind>(question - kQuestions.begin()),
                               std::move(lines.table), std::move(lines.buckets)};
  else if (order != kOrders.end())
    out->what = VerifyOrder{static_cast<OrderKind>(order - kOrders.begin()), std::move(lines.table),
                            std::move(lines.rows)};
  return question != kQuestions.end() || order != kOrders.end();
}

VerifyAnswer Assemble(const VerifyRequest& request, AnswerLines lines) {
  VerifyAnswer out = std::move(lines.answer);
  const auto* question = std::get_if<VerifyQuestion>(&request.what);
  if (!lines.failure.empty()) {
    out.body = VerifyFailure{std::move(lines.failure)};
  } else if (question == nullptr) {
    out.body = RowsTouched{lines.done};
  } else if (question->kind == QuestionKind::kBuckets) {
    out.body = BucketDigests{lines.had_rows, std::move(lines.images), std::move(lines.versions)};
  } else if (question->kind == QuestionKind::kRows) {
    out.body = BucketRows{lines.had_rows, std::move(lines.rows), lines.cut};
  } else {
    TableDigests digests{std::move(lines.tables), {}};
    for (size_t i = 0; i < lines.rows.size() && i < lines.row_tables.size(); ++i)
      digests.damaged.push_back({std::move(lines.row_tables[i]), std::move(lines.rows[i])});
    out.body = std::move(digests);
  }
  return out;
}

using AddLine = std::function<void(const std::string&)>;

void EncodeBody(const TableDigests& body, const AddLine& add) {
  for (const TableDigest& table : body.tables) add(TableLine(table));
  for (const NamedRow& row : body.damaged) add(MarkLine(row.mark));
  for (const NamedRow& row : body.damaged) add(fmt::format("of {}\n", Word(row.table)));
}
void EncodeBody(const BucketDigests& body, const AddLine& add) {
  for (size_t i = 0; i < body.images.size(); ++i)
    add(fmt::format("bucket {:x} {:x}\n", body.images[i], body.versions[i]));
}
void EncodeBody(const BucketRows& body, const AddLine& add) {
  for (const RowMark& row : body.rows) add(MarkLine(row));
  if (body.cut) add("cut\n");
}
void EncodeBody(const RowsTouched&, const AddLine&) {}    // The number is in the head.
void EncodeBody(const VerifyFailure&, const AddLine&) {}  // The text comes before the progress.

bool HadRows(const VerifyAnswer& answer) {
  if (const auto* digests = std::get_if<BucketDigests>(&answer.body)) return digests->had_rows;
  const auto* rows = std::get_if<BucketRows>(&answer.body);
  return rows != nullptr && rows->had_rows;
}

int64_t Done(const VerifyAnswer& answer) {
  const auto* touched = std::get_if<RowsTouched>(&answer.body);
  return touched == nullptr ? 0 : touched->rows;
}

}  // namespace

size_t BucketOf(uint64_t key_hash) { return key_hash % kVerifyBuckets; }

std::string EncodeVerifyRequest(const VerifyRequest& request) {
  const auto* question = std::get_if<VerifyQuestion>(&request.what);
  const auto* order = std::get_if<VerifyOrder>(&request.what);
  const std::string_view kind = question != nullptr
                                    ? kQuestions[static_cast<size_t>(question->kind)]
                                    : kOrders[static_cast<size_t>(order->kind)];
  const std::string& table = question != nullptr ? question->table : order->table;
  std::string out = fmt::format("{}\nkind {}\n", kRequestMagic, kind);
  if (request.to) out += fmt::format("to {}\n", request.to->value);
  if (!table.empty()) out += fmt::format("table {}\n", Word(table));
  if (question != nullptr)
    for (const size_t bucket : question->buckets) out += fmt::format("bucket {}\n", bucket);
  else
    for (const RowMark& row : order->rows) out += MarkLine(row);
  return out;
}

Result<VerifyRequest> DecodeVerifyRequest(std::string_view id, std::string_view text) {
  const auto unreadable = [] { return MakeError(ErrorCode::kCorruption, "unreadable request"); };
  if (text.size() > kMaxBytes || NextField(&text, '\n') != kRequestMagic) return unreadable();
  RequestLines lines;
  while (!text.empty())
    if (!ReadRequestLine(NextField(&text, '\n'), &lines)) return unreadable();
  VerifyRequest out;
  out.id = id;
  if (!Assemble(std::move(lines), &out)) return unreadable();
  return out;
}

std::vector<std::string> EncodeVerifyAnswer(const VerifyAnswer& answer) {
  std::vector<std::string> pieces(1);
  const AddLine add = [&](const std::string& line) {
    if (pieces.back().size() + line.size() > kPieceBytes) pieces.emplace_back();
    pieces.back() += line;
  };
  add(fmt::format(
      "{}\norigin {}\njoined {:d}\ncompared {:d}\nsettled {:d}\nschema {:x}\nhad_rows {:d}\ndone {}\n",
      kAnswerMagic, OriginWords(answer.origin), answer.joined, answer.compared, answer.settled,
      answer.schema, HadRows(answer), Done(answer)));
  if (answer.failure() != nullptr) add(fmt::format("failure {}\n", Word(*answer.failure())));
  for (const auto& [origin, lseq] : answer.progress.map())
    add(fmt::format("progress {} {}\n", OriginWords(origin), lseq.value));
  std::visit([&](const auto& body) { EncodeBody(body, add); }, answer.body);
  add("end\n");
  return pieces;
}

Result<VerifyAnswer> DecodeVerifyAnswer(const VerifyRequest& request,
                                        const std::vector<std::string_view>& pieces) {
  AnswerLines lines;
  bool first = true;
  size_t bytes = 0;
  for (std::string_view text : pieces) {
    bytes += text.size();
    if (bytes > kMaxBytes ||
        (std::exchange(first, false) && NextField(&text, '\n') != kAnswerMagic))
      return MakeError(ErrorCode::kCorruption, "unreadable answer");
    while (!text.empty())
      if (!ReadAnswerLine(NextField(&text, '\n'), &lines))
        return MakeError(ErrorCode::kCorruption, "unreadable answer");
  }
  return Assemble(request, std::move(lines));
}

}  // namespace harmonylite::node
