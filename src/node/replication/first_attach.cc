#include "node/replication/first_attach.h"

#include <algorithm>
#include <utility>

#include "capture/row_map_sync.h"
#include "ledger/hidden_tables.h"
#include "node/replication/attach_step.h"
#include "sqlite/transaction.h"

namespace harmonylite::node {

using ledger::Installed;
using ledger::State;
using sqlite::Transaction;
using sqlite::TransactionKind;

Status FirstAttach::Run(const Origin& self, const std::string& journal_mode) {
  while (true) {
    HL_ASSIGN(const Installed installed, ledger::Inspect(db_));
    if (installed == Installed::kYes) {
      HL_ASSIGN(const bool attaching, ledger::IsAttaching(db_));
      if (!attaching) return Ok();
    }
    HL_TRY(Plan());
    HL_TRY(Step(installed == Installed::kYes, self, journal_mode));
  }
}

Status FirstAttach::Plan() {
  HL_ASSIGN(auto transaction, Transaction::Begin(db_, TransactionKind::kRead));
  HL_ASSIGN(const int64_t version, db_->QueryInt("PRAGMA schema_version"));
  if (plan_ && plan_->schema_version == version) return Ok();
  plan_.reset();
  HL_ASSIGN(plan_, capture::PlanSync(db_, options_.tables));
  return Ok();
}

// The application may have changed the schema before the lock was taken. Where that goes on, the
// plan is made behind the lock.
Result<bool> FirstAttach::PlanHolds() {
  HL_ASSIGN(const int64_t version, db_->QueryInt("PRAGMA schema_version"));
  const bool holds = plan_->schema_version == version;
  if (!holds && ++outdated_ < kMostOutdatedPlans) return false;
  outdated_ = 0;
  if (!holds) {
    HL_ASSIGN(plan_, capture::PlanSync(db_, options_.tables));
  }
  return true;
}

// What is noted in a plan is rolled back with its transaction, so the plan is kept only if that is
// committed.
Status FirstAttach::Step(bool installed, const Origin& self, const std::string& journal_mode) {
  HL_ASSIGN(auto transaction, Transaction::Begin(db_, TransactionKind::kUpkeep));
  HL_ASSIGN(const bool holds, PlanHolds());
  if (!holds) return Ok();
  capture::SyncPlan plan = *std::exchange(plan_, std::nullopt);
  if (!installed) HL_TRY(Install(self, journal_mode, !plan.tables.empty()));
  HL_ASSIGN(const bool all,
            capture::AdoptSome(db_, options_.tables, StepEnd(options_.attach_step, clock_), &plan));
  // The last transaction has nothing to read about the tables that others have adopted: its plan
  // was made after them.
  const bool last = all && (!installed || adopted_);
  if (last)
    HL_TRY(Finish(installed, std::move(plan)));
  else if (!installed)
    HL_TRY(ledger::SetAttaching(db_, true));
  HL_TRY(transaction.Commit());
  ++steps_;
  adopted_ = all;
  if (!all) plan_ = std::move(plan);
  return Ok();
}

// A file that is to be compared with the cluster first is marked as not compared, and if it has
// tables, as not joined: nothing is sent or applied until the first join is done. A file without
// tables has nothing to be compared: it catches up at once, so that the first rows of an
// application that starts later count as older than what the cluster has.
Status FirstAttach::Install(const Origin& self, const std::string& journal_mode, bool has_tables) {
  HL_TRY(ledger::Install(db_, self, journal_mode));
  if (options_.first_join == FirstJoin::kAtOnce) return Ok();
  HL_ASSIGN(const State attached, ledger::LoadState(db_));
  State waits = attached;
  waits.catching_up = !has_tables && options_.first_join == FirstJoin::kMerge && options_.replicate;
  waits.joined = !has_tables && !waits.catching_up;
  waits.compared = false;
  return ledger::SaveState(db_, waits, attached);
}

Status FirstAttach::Finish(bool in_steps, capture::SyncPlan plan) {
  HL_ASSIGN(
      capture::SyncResult sync,
      capture::SyncCatalog(db_, options_.tables, capture::Rows::kFromBefore, std::move(plan)));
  HL_TRY(capture::SyncRowMaps(db_, *clock_, Lseq(0), &sync));
  HL_CHECK(sync.audits.empty());
  if (!in_steps) return Ok();
  HL_TRY(capture::ForgetJournaled(db_, sync.catalog));
  return ledger::SetAttaching(db_, false);
}

}  // namespace harmonylite::node
