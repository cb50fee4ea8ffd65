#include "apply/old_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "capture/catalog_sync.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/retirement_table.h"
#include "ledger/tombstones.h"
#include "schema/schema.h"
#include "sqlite/identifier.h"

namespace harmonylite::apply {

using change::Row;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

namespace {

Result<bool> Finds(Statement* find, const schema::Table& table, const Row& image) {
  int index = 1;
  for (const uint32_t position : table.key_positions) find->Bind(index++, image[position]);
  HL_ASSIGN(const bool found, find->Step());
  find->Reset();
  return found;
}

}  // namespace

Result<OldRows> OldRows::Make(Connection* db, Connection* snapshot,
                              const schema::LoadOptions& options) {
  OldRows out(db, snapshot);
  // If this node has forgotten a delete that the snapshot's maker never saw, any unversioned row of
  // the snapshot may be the deleted row. Adding it would bring it back (P5), so none is added.
  HL_ASSIGN(const auto origins, ledger::OriginTable::Load(db));
  HL_ASSIGN(const auto collected, ledger::LoadCollected(db, origins));
  HL_ASSIGN(const auto their_origins, ledger::OriginTable::Load(snapshot));
  HL_ASSIGN(const auto progress, ledger::LoadProgress(snapshot, their_origins));
  HL_ASSIGN(const change::Retirements retirements, ledger::LoadRetirements(db, origins));
  if (!change::Knowledge(progress, retirements).Covers(collected)) return out;
  HL_ASSIGN(const ledger::Catalog ours, capture::LoadCatalog(db, options));
  HL_ASSIGN(const ledger::Catalog theirs, capture::LoadCatalog(snapshot, options));
  if (!ours.complete || !theirs.complete)
    return MakeError(ErrorCode::kRetryLater, "a table waits for its triggers");
  for (const ledger::TrackedTable& tracked : ours.tables) {
    const ledger::TrackedTable* there = theirs.ByName(tracked.table.name);
    if (there == nullptr || !there->had_rows) continue;
    if (const auto difference = schema::Difference(tracked.table.Shape(), there->table.Shape()))
      return MakeError(ErrorCode::kSchemaMismatch, "table {}: {}", tracked.table.name, *difference);
    Pair pair{tracked, *there};
    pair.theirs.table.columns = tracked.table.columns;
    pair.theirs.table.key_positions = tracked.table.key_positions;
    out.todo_.push_back(std::move(pair));
  }
  return out;
}

Status OldRows::Start(const Pair& pair) {
  const schema::Table& ours = pair.ours.table;
  const schema::Table& theirs = pair.theirs.table;
  HL_ASSIGN(scan_, snapshot_->Prepare(fmt::format(
                       "SELECT 0{}{} FROM {} t LEFT JOIN {} v ON {} WHERE v.hlc IS NULL",
                       ledger::KeyColumns("v", theirs), ledger::ImageColumns("t", theirs),
                       Quote(theirs.name), Quote(ledger::VersionTableName(pair.theirs.id)),
                       ledger::HiddenMatches("v", "t", theirs))));
  reader_.emplace(snapshot_, theirs, /*first_column=*/1);
  HL_ASSIGN(version_, db_->Prepare(fmt::format("SELECT 1 FROM {} WHERE {}",
                                               Quote(ledger::VersionTableName(pair.ours.id)),
                                               ledger::HiddenKeyIs(ours))));
  HL_ASSIGN(row_, db_->Prepare(fmt::format("SELECT 1 FROM {} WHERE {}", Quote(ours.name),
                                           ledger::RowKeyIs(ours))));
  return Ok();
}

Result<std::optional<FoundOldRows>> OldRows::Next(size_t limit) {
  FoundOldRows found;
  while (true) {
    if (!current_) {
      if (todo_.empty()) return std::optional<FoundOldRows>();
      current_ = std::make_unique<Pair>(std::move(todo_.back()));
      todo_.pop_back();
      HL_TRY(Start(*current_));
    }
    const schema::Table& table = current_->ours.table;
    found.table = current_->ours.id;
    while (found.images.size() < limit) {
      HL_ASSIGN(const bool row, scan_.Step());
      if (!row) {
        reader_.reset();
        current_.reset();
        break;
      }
      HL_TRY(reader_->Read(scan_));
      if (!reader_->present()) continue;  // It has NULL in its key and exists on its node only.
      Row image(reader_->image().begin(), reader_->image().end());
      const bool local = std::any_of(
          table.key_positions.begin(), table.key_positions.end(),
          [&](uint32_t at) { return image[at].view().type == change::ValueType::kNull; });
      if (local) continue;
      HL_ASSIGN(const bool version, Finds(&version_, table, image));
      HL_ASSIGN(const bool present, Finds(&row_, table, image));
      if (!version && !present) found.images.push_back(std::move(image));
    }
    if (!found.images.empty()) return std::optional<FoundOldRows>(std::move(found));
  }
}

}  // namespace harmonylite::apply
