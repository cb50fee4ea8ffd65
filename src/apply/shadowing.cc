#include "apply/shadowing.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "apply/unique_probe.h"
#include "base/mutant.h"
#include "ledger/contradiction.h"
#include "ledger/references.h"
#include "merge/settle.h"

namespace harmonylite::apply {

namespace {

using change::Row;
using change::ValueType;
using change::ValueView;
using change::Version;
using change::Views;
using merge::Contender;
using merge::RowHandle;
using merge::Shown;

// The version of a row with NULL in its key. Such a row exists on this node only, so no other
// node's row may make it give way: it counts as newer than everything.
const Version kLocalForEver{Hlc(std::numeric_limits<int64_t>::max()), Origin{}};

bool IsLocal(const Row& key) {
  return std::any_of(key.begin(), key.end(), [](const change::Value& value) {
    return value.view().type == ValueType::kNull;
  });
}

// One table and its shadow table as merge::Settle sees them.
class TableStage final : public merge::UniqueStage {
 public:
  TableStage(sqlite::Connection* db, TableWriter* writer, ledger::ShadowTable* shadows,
             const ledger::OriginTable& origins, const ledger::TrackedTable& tracked,
             ShadowStats* stats)
      : db_(db),
        writer_(writer),
        shadows_(shadows),
        origins_(origins),
        tracked_(tracked),
        stats_(stats) {}

  Result<Contender> Add(Row key) {
    Version version = kLocalForEver;
    if (!IsLocal(key)) {
      version = Version{};  // The row is from before HarmonyLite unless a version is found.
      HL_ASSIGN(const auto stored, writer_->FindVersion(Views(key)));
      if (stored) {
        HL_ASSIGN(const Origin origin, origins_.At(stored->origin));
        version = {stored->stamp, origin};
      }
    }
    keys_.push_back(std::move(key));
    return Contender{keys_.size() - 1, version};
  }

  Result<std::vector<Contender>> AddAll(std::vector<Row> keys) {
    std::vector<Contender> out;
    for (Row& key : keys) {
      HL_ASSIGN(const Contender contender, Add(std::move(key)));
      out.push_back(contender);
    }
    return out;
  }

  Result<Shown> Show(RowHandle row) override {
    const std::vector<ValueView> key = Views(keys_[row]);
    HL_ASSIGN(const std::optional<Row> image, shadows_->Image(key));
    if (!image) return Shown::kYes;  // It was shown earlier in this call.
    Status put = writer_->PutRow(Views(*image));
    if (put.ok()) {
      ++stats_->shown;
      HL_TRY(shadows_->Remove(key));
      if (tracked_.in_references) HL_TRY(ledger::Touch(db_, tracked_, key));
      return Shown::kYes;
    }
    if (put.error().code() != ErrorCode::kConflict) return std::move(put).error();
    return db_->constraint_was_unique() ? Shown::kTaken : Shown::kRefused;
  }

  Result<std::vector<Contender>> Holders(RowHandle row) override {
    HL_ASSIGN(const std::optional<Row> image, shadows_->Image(Views(keys_[row])));
    if (!image) return ledger::Contradiction("a shadowed row has no image");
    HL_ASSIGN(std::vector<Row> holders, FindHolders(db_, writer_->table(), Views(*image)));
    return AddAll(std::move(holders));
  }

  Status Hide(RowHandle row, RowHandle blocker) override {
    const std::vector<ValueView> key = Views(keys_[row]);
    const std::vector<ValueView> blocker_key = Views(keys_[blocker]);
    std::optional<ledger::ShadowTable::Key> by = blocker_key;
    // A local row may leave without HarmonyLite noticing, so it is no blocker: the row stays
    // pending.
    if (IsLocal(keys_[blocker])) by.reset();
    HL_ASSIGN(const bool shadowed, shadows_->SetBlocker(key, by));
    if (shadowed) return Ok();
    HL_ASSIGN(const std::optional<Row> image, writer_->ReadRow(key));
    // The holder was found through two indexes and has been hidden already.
    if (!image) return Ok();
    ++stats_->hidden;
    HL_TRY(writer_->DeleteRow(key));
    if (tracked_.in_references) HL_TRY(ledger::Touch(db_, tracked_, key));
    return HL_MUTANT(hidden_row_dropped) ? Ok() : shadows_->Put(key, Views(*image), by);
  }

  Result<std::vector<Contender>> BlockedBy(RowHandle blocker) override {
    HL_ASSIGN(std::vector<Row> keys, shadows_->BlockedBy(Views(keys_[blocker])));
    return AddAll(std::move(keys));
  }

 private:
  sqlite::Connection* db_;        // not owned
  TableWriter* writer_;           // not owned
  ledger::ShadowTable* shadows_;  // not owned
  const ledger::OriginTable& origins_;
  const ledger::TrackedTable& tracked_;
  ShadowStats* stats_;     // not owned
  std::vector<Row> keys_;  // Keys of the rows; a RowHandle is a position in it.
};

}  // namespace

Status SettleTable(sqlite::Connection* db, TableWriter* writer, ledger::ShadowTable* shadows,
                   const ledger::OriginTable& origins, const ledger::TrackedTable& tracked,
                   ShadowStats* stats) {
  HL_ASSIGN(std::vector<Row> pending, shadows->Pending());
  if (pending.empty()) return Ok();
  TableStage stage(db, writer, shadows, origins, tracked, stats);
  HL_ASSIGN(std::vector<Contender> contenders, stage.AddAll(std::move(pending)));
  return merge::Settle(std::move(contenders), &stage);
}

}  // namespace harmonylite::apply
