// The simulated application: one connection of its own that runs transactions of every kind, and
// tells the ledger what it was told is committed.
//
// Threads: one.
#pragma once

#include <optional>
#include <string>

#include "sim/ledger.h"
#include "sim/random.h"
#include "sim/sim_node.h"
#include "sim/sometimes.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

class App {
 public:
  App(SimNode* node, Ledger* ledger, Random* random, Sometimes* sometimes)
      : node_(node), ledger_(ledger), random_(random), sometimes_(sometimes) {}

  Status Open();
  // What was not committed is gone.
  void Close();
  // Runs a whole transaction, or a part of one that stays open (with `may_hold`).
  Status Step(bool may_hold);
  // Ends an open transaction.
  Status Finish();
  bool holds() const { return holds_; }
  // ALTER TABLE; again is harmless. False: the file is locked.
  Result<bool> Migrate();

 private:
  Status Begin();
  Status Commit();
  Status Record();
  Status NoteLife();
  Result<bool> Migrated();
  Status RandomStatement();
  Status Transfer();
  Status Count();
  Status Chain();
  Status WriteKv();
  Status WriteNames();
  Status WritePairs();
  Status WriteFamily();
  Status WritePeople();
  // An error of a constraint is an answer, not a failure.
  Status Run(const std::string& sql, const change::Row& values);
  // NULL, numbers, text and blobs of many kinds.
  change::Value AnyValue();

  SimNode* node_;
  Ledger* ledger_;
  Random* random_;
  Sometimes* sometimes_;
  std::optional<sqlite::Connection> db_;
  bool holds_ = false;
  int64_t first_entry_ = 0;  // journal entries after this are the open transaction's
};

}  // namespace harmonylite::sim
