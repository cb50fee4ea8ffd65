#include "node/verify/digest.h"

#include <algorithm>

#include "base/mutant.h"
#include "capture/journal.h"
#include "change/row_hash.h"
#include "ledger/canonical_key.h"
#include "ledger/fingerprint.h"
#include "sqlite/identifier.h"
#include "sqlite/literal.h"

namespace harmonylite::node {

namespace {

using capture::RowDamage;
using capture::RowSurvey;
using capture::SurveyedRow;
using change::MixHashes;
using change::ValueView;

// Most damaged rows that a digest names. Their number is counted in any case.
constexpr size_t kMaxDamagedNamed = 1'000;
constexpr size_t kMaxKeyText = 80;
constexpr int64_t kNoLimit = INT64_MAX / 2;

bool SameVersion(const RowMark& a, const RowMark& b) {
  return a.versioned == b.versioned && (!a.versioned || (a.origin == b.origin && a.lseq == b.lseq));
}

// Describes a row by what was read of it. Its image and its key text take work of their own and are
// left to the caller.
Result<RowMark> MarkOf(const SurveyedRow& row, const ledger::OriginTable& origins) {
  RowMark mark;
  mark.key = KeyHash(row.table->table, row.key);
  mark.shadowed = row.shadowed;
  mark.deleted = row.deleted;
  mark.versioned = row.versioned;
  if (row.versioned) {
    HL_ASSIGN(mark.origin, origins.At(row.origin));
  }
  mark.lseq = row.lseq;
  mark.stamp = row.stamp;
  mark.damage = row.damage;
  return mark;
}

}  // namespace

uint64_t KeyHash(const schema::Table& table, std::span<const ValueView> key) {
  ledger::CanonicalKey canonical;
  const std::span<const ValueView> values = canonical.Of(table, key);
  uint64_t sum = 0;
  for (size_t i = 0; i < values.size(); ++i)
    sum += change::HashColumn(table.column_seeds[table.key_positions[i]], values[i]);
  return MixHashes(sum, 0);
}

std::string KeyText(std::span<const ValueView> key) {
  std::string out;
  for (const ValueView& value : key)
    out += (out.empty() ? "" : ", ") + sqlite::Literal(value, kMaxKeyText);
  if (out.size() <= kMaxKeyText) return out;
  size_t end = kMaxKeyText;
  // The cut must not fall inside a UTF-8 character.
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
  return out.substr(0, end) + "…";
}

Digest::Digest(RowSurvey survey, const VerifyQuestion& question)
    : survey_(std::move(survey)), wanted_(question.buckets.begin(), question.buckets.end()) {}

Result<Digest> Digest::Begin(sqlite::Connection* db, const NodeOptions& options,
                             const VerifyQuestion& question) {
  HL_ASSIGN(RowSurvey survey,
            RowSurvey::Begin(db, options.tables, options.publish,
                             question.kind == QuestionKind::kRows, question.table));
  Digest out(std::move(survey), question);
  const auto& point = out.survey_.point();
  out.answer_.origin = point.state.self;
  out.answer_.joined = point.state.joined;
  out.answer_.compared = point.state.compared;
  out.answer_.settled = point.settled;
  out.answer_.progress = point.progress;
  out.answer_.schema = ledger::SchemaFingerprint(point.catalog);
  const std::vector<ledger::TrackedTable>& tables = point.catalog.tables;
  if (question.kind == QuestionKind::kDigest) {
    TableDigests digests;
    for (const ledger::TrackedTable& tracked : tables) {
      out.positions_[tracked.id] = digests.tables.size();
      TableDigest& digest = digests.tables.emplace_back();
      digest.table = tracked.table.name;
      digest.had_rows = tracked.had_rows;
      digest.uniques = ledger::UniquesFingerprint(tracked.table);
    }
    out.answer_.body = std::move(digests);
    return out;
  }
  const auto asked = std::find_if(tables.begin(), tables.end(), [&](const auto& tracked) {
    return sqlite::SameName(tracked.table.name, question.table);
  });
  if (asked == tables.end())
    return MakeError(ErrorCode::kNotFound, "there is no table {}", question.table);
  if (question.kind == QuestionKind::kRows)
    out.answer_.body = BucketRows{asked->had_rows, {}, false};
  else
    out.answer_.body = BucketDigests{asked->had_rows, std::vector<uint64_t>(kVerifyBuckets),
                                     std::vector<uint64_t>(kVerifyBuckets)};
  return out;
}

Result<bool> Digest::Advance(int64_t rows) {
  return survey_.Visit(rows, [this](const SurveyedRow& row) { return Add(row); });
}

// Hashes a row and adds it to the answer. There are two hashes per row: one of key and content
// alone, which tells whether rows are equal, and one that covers the version, too, because nodes
// with equal progress must also agree on versions (P4).
Status Digest::Add(const SurveyedRow& row) {
  Hashed hashed;
  HL_ASSIGN(hashed.mark, MarkOf(row, survey_.point().origins));
  RowMark& mark = hashed.mark;
  if (!row.image.empty()) {
    const int64_t hash =
        HL_MUTANT(digest_of_keys_only) ? 0 : capture::HashImage(row.table->table, row.image);
    mark.image = std::max<uint64_t>(MixHashes(static_cast<uint64_t>(hash), mark.key), 1);
  }
  // A node that does not publish has no stored progress of its own, so its progress is the greatest
  // lseq among its own rows' versions.
  if (row.versioned && mark.origin == answer_.origin)
    answer_.progress.Advance(mark.origin, row.lseq);
  hashed.version = MixHashes(mark.image, 1);
  if (row.versioned)
    hashed.version = MixHashes(
        MixHashes(MixHashes(mark.image, mark.origin.node.value), mark.origin.incarnation.value),
        static_cast<uint64_t>(row.lseq.value));
  if (auto* digests = std::get_if<TableDigests>(&answer_.body))
    AddTo(digests, row, hashed);
  else if (auto* buckets = std::get_if<BucketDigests>(&answer_.body))
    AddTo(buckets, hashed);
  else
    AddTo(&answer_.As<BucketRows>(), row, hashed);
  return Ok();
}

// Shadowed rows count apart from visible ones.
void Digest::AddTo(TableDigests* answer, const SurveyedRow& row, const Hashed& hashed) const {
  TableDigest& digest = answer->tables[positions_.at(row.table->id)];
  if (row.damage != RowDamage::kNone) {
    ++digest.damaged;
    if (answer->damaged.size() < kMaxDamagedNamed) {
      answer->damaged.push_back({row.table->table.name, hashed.mark});
      answer->damaged.back().mark.key_text = KeyText(row.key);
    }
  }
  if (hashed.mark.image == 0) return;
  if (row.shadowed) {
    ++digest.shadowed;
    digest.shadows += hashed.version;
  } else {
    ++digest.rows;
    digest.images += hashed.mark.image;
    digest.versions += hashed.version;
  }
}

void Digest::AddTo(BucketDigests* answer, const Hashed& hashed) {
  if (hashed.mark.image == 0) return;
  const size_t bucket = BucketOf(hashed.mark.key);
  answer->images[bucket] += hashed.mark.image;
  answer->versions[bucket] += hashed.mark.shadowed ? MixHashes(hashed.version, 2) : hashed.version;
}

void Digest::AddTo(BucketRows* answer, const SurveyedRow& row, const Hashed& hashed) const {
  if (!wanted_.contains(BucketOf(hashed.mark.key))) return;
  if (answer->rows.size() >= kMaxAnswerRows) {
    answer->cut = true;
    return;
  }
  answer->rows.push_back(hashed.mark);
  answer->rows.back().key_text = KeyText(row.key);
}

Result<NamedRows> FindRows(sqlite::Connection* db, const NodeOptions& options,
                           const std::string& table, const std::vector<RowMark>& named) {
  NamedRows out;
  out.table = table;
  if (named.empty()) return out;
  std::map<uint64_t, const RowMark*> wanted;
  for (const RowMark& row : named) wanted[row.key] = &row;
  HL_ASSIGN(RowSurvey survey, RowSurvey::Begin(db, options.tables, options.publish,
                                               /*tombstones=*/true, table));
  HL_ASSIGN(const bool done, survey.Visit(kNoLimit, [&](const SurveyedRow& row) -> Status {
    HL_ASSIGN(RowMark now, MarkOf(row, survey.point().origins));
    const auto it = wanted.find(now.key);
    if (it == wanted.end() || !SameVersion(now, *it->second)) return Ok();
    change::Row owned;
    for (const ValueView& value : row.key) owned.emplace_back(value);
    out.keys.push_back(std::move(owned));
    out.marks.push_back(std::move(now));
    return Ok();
  }));
  HL_CHECK(done);
  return out;
}

}  // namespace harmonylite::node
