// The simulated application: one connection of its own that runs transactions of every kind, and
// tells the ledger what it was told is committed.
//
// Threads: one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/ledger.h"
#include "sim/random.h"
#include "sim/sim_node.h"
#include "sim/sometimes.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

class App {
 public:
  // `lazy_sync`: it syncs when it checkpoints.
  App(SimNode* node, Ledger* ledger, Random* random, Sometimes* sometimes, TableGroups tables, bool lazy_sync)
      : node_(node), ledger_(ledger), random_(random), sometimes_(sometimes), tables_(tables),
        lazy_sync_(lazy_sync) {}

  Status Open();
  // What was not committed is gone.
  void Close();
  // Runs a whole transaction, or a part of one that stays open (with `may_hold`). An error is one that an
  // application without HarmonyLite would not have met: constraints and its own disk's faults are none.
  Status Step(bool may_hold);
  // Ends an open transaction.
  Status Finish();
  bool holds() const { return holds_; }
  // Runs the next migration, if there is one. The number of migrations after it; nothing: the file is locked, or
  // the migration waits for the sidecar.
  Result<std::optional<int64_t>> Migrate();
  int64_t level() const { return level_; }
  // Writes to the table that the migrations made, once it has its triggers.
  Status WriteToLater();
  // Makes one of the tables anew. False: the file is locked, or something is not folded, which would count as written
  // again.
  Result<bool> RebuildTable();

 private:
  struct Pending {
    std::string table;
    std::string key;
    Write write;
  };
  Status Transact(bool may_hold);
  Status Begin();
  Status Commit();
  Status Read(std::vector<Pending>* out);
  void Record(std::vector<Pending> writes, bool may_be_lost);
  Result<VersionRank> VersionBefore(const AppTable& table, const std::string& key_text,
                                    const change::Row& key);
  Result<Origin> NoteLife();
  // What is written to a table without triggers is found by an audit and sent as new writes: the ledger would not
  // know them.
  Result<bool> HasTriggers(const std::string& table);
  Result<bool> AllFolded();
  Result<bool> MakeIndex();
  Result<bool> MigrateNow();
  // What its disk did to it is the application's own trouble.
  Status UnlessDiskFailed(Status status);
  Status RandomStatement();
  // To which tables a statement of this number writes.
  TableGroup GroupOf(int64_t statement) const;
  Status Transfer();
  Status Count();
  Status Chain();
  Status WriteKv();
  Status WriteNames();
  Status WritePairs();
  Status WriteFamily();
  Status WritePeople();
  Status WriteLater();
  // An error of a constraint is an answer, not a failure.
  Status Run(const std::string& sql, const change::Row& values);
  // NULL, numbers, text and blobs of many kinds.
  change::Value AnyValue();

  SimNode* node_;
  Ledger* ledger_;
  Random* random_;
  Sometimes* sometimes_;
  const TableGroups tables_;  // that it has
  const bool lazy_sync_;
  std::optional<sqlite::Connection> db_;
  bool holds_ = false;
  int64_t level_ = 0;  // migrations that the file has run
  int64_t first_entry_ = 0;  // journal entries after this are the open transaction's
  std::vector<std::pair<int64_t, int64_t>> given_;  // lseq and stamp of those, as it commits
};

}  // namespace harmonylite::sim
