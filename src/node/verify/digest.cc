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

Digest::Digest(RowSurvey survey, const VerifyRequest& request)
    : survey_(std::move(survey)),
      kind_(request.kind),
      wanted_(request.buckets.begin(), request.buckets.end()) {}

Result<Digest> Digest::Begin(sqlite::Connection* db, const NodeOptions& options,
                             const VerifyRequest& request) {
  HL_ASSIGN(RowSurvey survey, RowSurvey::Begin(db, options.tables, options.publish,
                                               request.kind == VerifyKind::kRows, request.table));
  Digest out(std::move(survey), request);
  out.answer_.origin = out.survey_.point().state.self;
  out.answer_.joined = out.survey_.point().state.joined;
  out.answer_.settled = out.survey_.point().settled;
  out.answer_.progress = out.survey_.point().progress;
  out.answer_.schema = ledger::SchemaFingerprint(out.survey_.point().catalog);
  bool known = false;
  for (const ledger::TrackedTable& tracked : out.survey_.point().catalog.tables) {
    if (request.kind == VerifyKind::kDigest) {
      out.positions_[tracked.id] = out.answer_.tables.size();
      TableDigest digest;
      digest.table = tracked.table.name;
      digest.had_rows = tracked.had_rows;
      out.answer_.tables.push_back(std::move(digest));
    } else if (sqlite::SameName(tracked.table.name, request.table)) {
      known = true;
      out.answer_.had_rows = tracked.had_rows;
    }
  }
  if (request.kind != VerifyKind::kDigest && !known)
    return MakeError(ErrorCode::kNotFound, "there is no table {}", request.table);
  if (request.kind == VerifyKind::kBuckets) {
    out.answer_.images.assign(kVerifyBuckets, 0);
    out.answer_.versions.assign(kVerifyBuckets, 0);
  }
  return out;
}

Result<bool> Digest::Advance(int64_t rows) {
  return survey_.Visit(rows, [this](const SurveyedRow& row) { return Add(row); });
}

RowMark Digest::Mark(const SurveyedRow& row, uint64_t key, uint64_t image) const {
  RowMark mark;
  mark.key = key;
  mark.image = image;
  mark.shadowed = row.shadowed;
  mark.deleted = row.deleted;
  mark.versioned = row.versioned;
  mark.lseq = row.lseq;
  mark.stamp = row.stamp;
  mark.damage = row.damage;
  mark.key_text = KeyText(row.key);
  return mark;
}

// Adds one row to the answer. A kRows answer lists the rows of the wanted buckets. Both kinds of
// digests add up two hashes per row: one of key and content alone, which tells whether the rows are
// equal, and one that covers the version, too, because nodes with equal progress must also agree on
// versions (P4). Shadowed rows count apart from visible ones.
Status Digest::Add(const SurveyedRow& row) {
  const schema::Table& table = row.table->table;
  const uint64_t key = KeyHash(table, row.key);
  uint64_t image = 0;
  if (!row.image.empty()) {
    const int64_t hash = HL_MUTANT(digest_of_keys_only) ? 0 : capture::HashImage(table, row.image);
    image = std::max<uint64_t>(MixHashes(static_cast<uint64_t>(hash), key), 1);
  }
  Origin origin;
  if (row.versioned) {
    HL_ASSIGN(origin, survey_.point().origins.At(row.origin));
  }
  // A node that does not publish has no stored progress of its own, so its progress is the greatest
  // lseq among its own rows' versions.
  if (row.versioned && origin == answer_.origin) answer_.progress.Advance(origin, row.lseq);

  if (kind_ == VerifyKind::kRows) {
    if (!wanted_.contains(BucketOf(key))) return Ok();
    if (answer_.rows.size() >= kMaxAnswerRows) {
      answer_.cut = true;
      return Ok();
    }
    answer_.rows.push_back(Mark(row, key, image));
    answer_.rows.back().origin = origin;
    return Ok();
  }
  uint64_t version = MixHashes(image, 1);
  if (row.versioned)
    version = MixHashes(MixHashes(MixHashes(image, origin.node.value), origin.incarnation.value),
                        static_cast<uint64_t>(row.lseq.value));
  if (kind_ == VerifyKind::kBuckets) {
    if (image == 0) return Ok();
    answer_.images[BucketOf(key)] += image;
    answer_.versions[BucketOf(key)] += row.shadowed ? MixHashes(version, 2) : version;
    return Ok();
  }
  TableDigest& digest = answer_.tables[positions_.at(row.table->id)];
  if (row.damage != RowDamage::kNone) {
    ++digest.damaged;
    if (answer_.rows.size() < kMaxDamagedNamed) {
      answer_.rows.push_back(Mark(row, key, image));
      answer_.rows.back().origin = origin;
      answer_.row_tables.push_back(table.name);
    }
  }
  if (image == 0) return Ok();
  (row.shadowed ? digest.shadowed : digest.rows) += 1;
  if (row.shadowed) {
    digest.shadows += version;
  } else {
    digest.images += image;
    digest.versions += version;
  }
  return Ok();
}

Result<NamedRows> FindRows(sqlite::Connection* db, const NodeOptions& options,
                           const VerifyRequest& request) {
  NamedRows out;
  out.table = request.table;
  std::map<uint64_t, const RowMark*> wanted;
  for (const RowMark& row : request.rows) wanted[row.key] = &row;
  HL_ASSIGN(RowSurvey survey, RowSurvey::Begin(db, options.tables, options.publish,
                                               /*tombstones=*/true, request.table));
  HL_ASSIGN(const bool done, survey.Visit(kNoLimit, [&](const SurveyedRow& row) -> Status {
    const uint64_t key = KeyHash(row.table->table, row.key);
    const auto it = wanted.find(key);
    if (it == wanted.end()) return Ok();
    RowMark now;
    now.key = key;
    now.versioned = row.versioned;
    now.lseq = row.lseq;
    now.stamp = row.stamp;
    now.deleted = row.deleted;
    now.damage = row.damage;
    if (row.versioned) {
      HL_ASSIGN(now.origin, survey.point().origins.At(row.origin));
    }
    if (!SameVersion(now, *it->second)) return Ok();
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
