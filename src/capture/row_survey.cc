#include "capture/row_survey.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "capture/catalog_sync.h"
#include "ledger/key_sql.h"
#include "ledger/registry.h"
#include "ledger/retirement_table.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"
#include "sqlite/transaction.h"

namespace harmonylite::capture {

namespace {

using change::ValueView;
using sqlite::Quote;

// The most unfolded journal entries with which a survey begins; it holds their keys in memory.
constexpr int64_t kMaxUnfolded = 200'000;
constexpr const char* kVersionColumns = "v.hlc, v.n, v.lseq, v.gone, v.hash";
constexpr int kFirstKey = 5;

// Returns the query of a table's first pass: every row, with its version if it has one.
std::string RowsSql(const ledger::TrackedTable& tracked) {
  const schema::Table& table = tracked.table;
  return fmt::format("SELECT {}{}{} FROM {} t LEFT JOIN {} v ON {}", kVersionColumns,
                     ledger::KeyColumns("v", table), ledger::ImageColumns("t", table),
                     Quote(table.name), Quote(ledger::VersionTableName(tracked.id)),
                     ledger::HiddenMatches("v", "t", table));
}

// Returns the query of a table's second pass: every version whose row is not in the table, with the
// row's image if it is shadowed.
std::string VersionsSql(const ledger::TrackedTable& tracked, bool shadows, bool tombstones) {
  const schema::Table& table = tracked.table;
  return fmt::format(
      "SELECT {}{}{}{} FROM {} v {}LEFT JOIN {} t ON {} WHERE {} IS NULL{}", kVersionColumns,
      ledger::KeyColumns("v", table), ledger::ImageColumns("t", table), shadows ? ", s.image" : "",
      Quote(ledger::VersionTableName(tracked.id)),
      shadows ? fmt::format("LEFT JOIN {} s ON {} ", Quote(ledger::ShadowTableName(tracked.id)),
                            ledger::HiddenKeysEqual("s", "v", table))
              : "",
      Quote(table.name), ledger::KeyMatches("t", "v", table),
      ledger::ColumnIn("t", table, table.key[0].name), tombstones ? "" : " AND v.gone = 0");
}

// Returns the progress of this node's own changes, as other nodes count it: 0 until this
// incarnation has a change. A node that publishes also counts changes that are published and
// trimmed.
Lseq OwnProgress(const ledger::State& state, const JournalEnd& end, bool publishes) {
  if (!publishes) return end.last_change > state.incarnation_base ? end.last_change : Lseq(0);
  const Lseq own = std::max(end.last_change, state.published_to);
  return own > state.incarnation_base ? own : Lseq(0);
}

}  // namespace

Result<RowSurvey> RowSurvey::Begin(sqlite::Connection* db, const schema::LoadOptions& tables,
                                   bool publishes, bool tombstones, const std::string& only) {
  RowSurvey out(db);
  out.tombstones_ = tombstones;
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kRead));
  out.snapshot_ = std::make_unique<sqlite::Transaction>(std::move(snapshot));
  db->ClearCache();
  HL_ASSIGN(ledger::Catalog catalog, LoadCatalog(db, tables));
  if (!catalog.complete) return MakeError(ErrorCode::kRetryLater, "a table waits for its triggers");
  HL_ASSIGN(ledger::State state, ledger::LoadState(db));
  HL_ASSIGN(ledger::OriginTable origins, ledger::OriginTable::Load(db));
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db));
  if (end.last_change.value - state.folded_to.value > kMaxUnfolded)
    return MakeError(ErrorCode::kRetryLater, "local changes are not folded yet");
  // Files are compared by their vectors, so retired origins are named: another file may not have
  // left them out yet.
  HL_ASSIGN(change::ProgressVector progress,
            ledger::LoadWholeProgress(db, origins, state.self, OwnProgress(state, end, publishes)));
  HL_ASSIGN(out.registry_, ledger::LoadRegistry(db));
  out.point_ = std::make_unique<SurveyPoint>(SurveyPoint{state, std::move(origins),
                                                         std::move(progress), std::move(catalog),
                                                         state.folded_to >= end.last_change});
  HL_TRY(VisitNetChanges(db, out.point_->catalog, out.point_->state, out.point_->state.folded_to,
                         end.last_change, [&](const NetChange& change) -> Status {
                           out.unfolded_[change.table->id].Note(
                               out.canonical_.Of(change.table->table, change.key), change.lseq);
                           return Ok();
                         }));
  const std::vector<ledger::TrackedTable>& all = out.point_->catalog.tables;
  for (size_t i = all.size(); i-- > 0;)
    if (only.empty() || sqlite::SameName(all[i].table.name, only)) out.todo_.push_back(i);
  return out;
}

Status RowSurvey::NextStatement() {
  if (scan_ && !versions_) {
    const ledger::TrackedTable& tracked = point_->catalog.tables[table_];
    versions_ = true;
    HL_ASSIGN(shadows_, ledger::HasShadows(db_, tracked));
    HL_ASSIGN(scan_, db_->Prepare(VersionsSql(tracked, shadows_, tombstones_)));
    return Ok();
  }
  scan_ = sqlite::Statement();
  reader_.reset();
  if (todo_.empty()) return Ok();
  table_ = todo_.back();
  todo_.pop_back();
  versions_ = false;
  const ledger::TrackedTable& tracked = point_->catalog.tables[table_];
  for (const ledger::RegisteredTable& registered : registry_)
    if (registered.id == tracked.id) judge_.emplace(tracked.table, registered);
  had_rows_ = tracked.had_rows;
  reader_.emplace(db_, tracked.table, kFirstKey);
  HL_ASSIGN(scan_, db_->Prepare(RowsSql(tracked)));
  return Ok();
}

Result<bool> RowSurvey::Visit(int64_t rows,
                              const std::function<Status(const SurveyedRow&)>& visit) {
  while (rows > 0) {
    if (!scan_) {
      HL_TRY(NextStatement());
      if (!scan_) {
        snapshot_.reset();
        return true;
      }
    }
    HL_ASSIGN(const bool row, scan_.Step());
    if (!row) {
      HL_TRY(NextStatement());
      if (!scan_) {
        snapshot_.reset();
        return true;
      }
      continue;
    }
    HL_TRY(VisitOne(visit));
    --rows;
  }
  return false;
}

void RowSurvey::UseVersion(SurveyedRow* row) const {
  row->versioned = !scan_.IsNull(1);
  if (!row->versioned) return;
  row->stamp = Hlc(scan_.Int(0));
  row->origin = ledger::OriginIndex(scan_.Int(1));
  row->lseq = Lseq(scan_.Int(2));
  row->deleted = scan_.Int(3) != 0;
}

// A row with a journal entry that is not folded yet is newer than its version. It counts as this
// node's own write at that entry, and its hash is not judged. Any other row is compared with its
// version, which tells whether it is damaged.
Status RowSurvey::VisitOne(const std::function<Status(const SurveyedRow&)>& visit) {
  SurveyedRow row;
  row.table = &point_->catalog.tables[table_];
  HL_TRY(versions_ && shadows_ ? reader_->ReadShadowed(scan_) : reader_->Read(scan_));
  if (!versions_ && !reader_->present()) return Ok();  // The row has NULL in its key.
  UseVersion(&row);
  row.image = reader_->image();
  row.shadowed = versions_ && reader_->present();
  row.key = reader_->present() ? reader_->ImageKey() : reader_->key();
  const bool local = std::any_of(row.key.begin(), row.key.end(), [](const ValueView& value) {
    return value.type == change::ValueType::kNull;
  });
  if (local) return Ok();
  const auto newer = unfolded_.find(row.table->id);
  const Lseq unfolded = newer == unfolded_.end()
                            ? Lseq(0)
                            : newer->second.Newest(canonical_.Of(row.table->table, row.key));
  if (unfolded.value > 0) {
    // In the second pass the row is not in its table, so it was deleted since. An image that a
    // shadow table keeps of it is out of date.
    row.versioned = true;
    row.origin = point_->state.self_index;
    row.lseq = unfolded;
    HL_ASSIGN(row.stamp, StampOf(db_, unfolded));
    row.deleted = versions_;
    if (versions_) row.image = {};
    row.shadowed = false;
  } else if (row.image.empty()) {
    if (!row.deleted) row.damage = RowDamage::kMissing;
  } else if (row.deleted || (!row.versioned && !had_rows_)) {
    row.damage = RowDamage::kUnwritten;
  } else if (!HL_MUTANT(alteration_unnoticed) && row.versioned &&
             judge_->Judge(row.image, scan_.Int(4)) == ledger::HashJudge::kChanged) {
    row.damage = RowDamage::kAltered;
  }
  if (row.image.empty() && row.deleted && !tombstones_) return Ok();
  return visit(row);
}

}  // namespace harmonylite::capture
