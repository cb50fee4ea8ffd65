#include "capture/cut_points.h"

#include <algorithm>
#include <string>
#include <vector>

#include "capture/journal.h"
#include "ledger/canonical_key.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using change::ValueType;
using change::ValueView;

// The longest backlog that is cut. Its keys are indexed, at about 64 bytes each. A longer one, as
// after a time without the sidecar, becomes one batch.
constexpr int64_t kMaxIndexed = 1 << 19;
// The most places that are remembered. If there are more, every other one is forgotten.
constexpr size_t kMaxEnds = 4'096;

}  // namespace

void CutPoints::Look() {
  if (watch_ == nullptr) return;
  // Errors are ignored here: they only mean that there is one place less to cut.
  auto version = watch_->DataVersion();
  if (!version.ok() || *version == data_version_) return;
  auto end = ReadJournalEnd(watch_);
  if (!end.ok()) return;
  data_version_ = *version;
  if (end->last_change.value > 0) ends_.insert(end->last_change);
  if (ends_.size() <= kMaxEnds) return;
  for (auto it = ends_.begin(); it != ends_.end() && ++it != ends_.end();) it = ends_.erase(it);
}

void CutPoints::ForgetKeys() {
  keys_.clear();
  indexed_from_ = indexed_ = Lseq(0);
  noted_ = 0;
}

// If a key has entries at `before` and at `entry.lseq`, every place in [before, entry.lseq) has
// entries of the key on both sides. Comparing each entry with the newest earlier one of its key is
// enough, because the places before that one were dropped when it was read. An earlier entry that
// is published already does not count. The index starts anew if the backlog is not a continuation
// of the former one, or if it has grown too large.
Status CutPoints::Extend(sqlite::Connection* db, const ledger::Catalog& catalog, Lseq published,
                         Lseq newest) {
  if (published < indexed_from_ || published >= indexed_ || noted_ > kMaxIndexed) {
    keys_.clear();
    indexed_from_ = indexed_ = published;
    noted_ = 0;
  }
  ledger::CanonicalKey canonical;
  HL_TRY(VisitEntries(db, catalog, indexed_, newest, [&](const Entry& entry) {
    KeyIndex& keys = keys_[entry.table->id];
    const auto key = canonical.Of(entry.table->table, entry.key);
    const Lseq before = keys.Newest(key);
    keys.Note(key, entry.lseq);
    ++noted_;
    // Rows are sent in the shape that they have when the batch is built. A batch that ended before
    // a change of the schema would hold rows whose shape no receiver knows yet.
    const bool objects = entry.table->table.name == schema::kSchemaTable;
    const Lseq from = objects ? published : before;
    if (from > published || objects)
      ends_.erase(ends_.lower_bound(from), ends_.lower_bound(entry.lseq));
    return Ok();
  }));
  indexed_ = newest;
  return Ok();
}

Result<Lseq> CutPoints::Choose(sqlite::Connection* db, const ledger::Catalog& catalog,
                               Lseq published, Lseq newest, int64_t limit) {
  ends_.erase(ends_.begin(), ends_.upper_bound(published));
  if (newest.value - published.value <= limit || newest.value - published.value > kMaxIndexed)
    return newest;
  if (ends_.empty() || *ends_.begin() >= newest) return newest;
  HL_TRY(Extend(db, catalog, published, newest));
  auto it = ends_.upper_bound(Lseq(published.value + limit));
  if (it != ends_.begin()) --it;
  return it == ends_.end() ? newest : std::min(*it, newest);
}

}  // namespace harmonylite::capture
