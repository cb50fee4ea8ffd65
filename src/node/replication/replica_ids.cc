// The ids that SQLite gives out in AUTOINCREMENT tables. See replica.h; the rules are in
// docs/decisions/0037-ids-in-blocks.md.
#include "base/mutant.h"
#include "change/row_hash.h"
#include "ledger/id_share.h"
#include "node/replication/replica.h"

namespace harmonylite::node {

using sqlite::TransactionKind;

std::optional<ledger::IdShare> Replica::DrawnIdShare(const Origin& self) const {
  if (!options_.share_ids || !options_.publish) return std::nullopt;
  const uint64_t drawn = change::MixHashes(self.node.value, self.incarnation.value);
  const auto slots = static_cast<uint64_t>(options_.id_layout.slots);
  return ledger::IdShare{options_.id_layout, static_cast<int64_t>(drawn % slots), false};
}

Status Replica::MoveIds(const ledger::Catalog& catalog, const ledger::State& state) {
  if (!state.ids) return Ok();
  auto moved = ledger::MoveLowIds(db_, catalog, *state.ids);
  return moved.ok() ? Ok() : std::move(moved).error();
}

Status Replica::MoveIds(const std::map<int64_t, int64_t>& used, const ledger::State& state) {
  if (!state.ids || HL_MUTANT(ids_not_moved)) return Ok();
  for (const auto& [table, id] : used) {
    const ledger::TrackedTable* tracked = catalog_.ById(table);
    if (tracked == nullptr) continue;
    auto moved = ledger::MoveIfLow(db_, *tracked, id, *state.ids);
    if (!moved.ok()) return std::move(moved).error();
  }
  return Ok();
}

Status Replica::TakeIdShare(const std::optional<ledger::IdShare>& share) {
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  ledger::State next = state_;
  next.ids = share;
  HL_TRY(MoveIds(catalog_, next));
  return Commit(&transaction, next);
}

Status Replica::DrawIdShare() {
  const auto drawn = DrawnIdShare(state_.self);
  return drawn ? TakeIdShare(*drawn) : Ok();
}

// Mostly nothing is low, and looking takes no lock.
Result<int64_t> Replica::RefillIds() {
  if (!state_.ids) return 0;
  bool low = false;
  {
    HL_ASSIGN(auto look, Begin(TransactionKind::kRead));
    HL_ASSIGN(const auto counters, ledger::ReadIdCounters(db_, catalog_));
    for (const ledger::IdCounter& counter : counters)
      low = low || (ledger::IsLow(*state_.ids, counter.newest) &&
                    ledger::NextBlock(*state_.ids, counter.newest));
  }
  if (!low) return 0;
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  HL_ASSIGN(const auto moved, ledger::MoveLowIds(db_, catalog_, *state_.ids));
  HL_TRY(Commit(&transaction, state_));
  int64_t left = 0;
  for (const ledger::MovedIds& one : moved) {
    if (!one.left_block) continue;
    ++left;
    logger_->Info(
        "table {}: the application has written ids up to {}, beyond this node's block, and goes on "
        "at {}: if another node gave out ids at the same time, some may be the same (see "
        "'harmonylite conflicts'; [ids] block)",
        one.table, one.newest, one.next);
  }
  return left;
}

}  // namespace harmonylite::node
