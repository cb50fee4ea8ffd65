// The simulated application. On a connection of its own it runs transactions of every kind against
// the machine's database, and it records in the ledger what SQLite reported as committed.
//
// Threads: one.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/ledger.h"
#include "sim/places.h"
#include "sim/random.h"
#include "sim/sim_node.h"
#include "sim/sometimes.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

class App {
 public:
  // With `lazy_sync` the connection syncs only at checkpoints (synchronous = NORMAL), so a power
  // cut can take back its commits. The pointers are not owned.
  App(SimNode* node, Ledger* ledger, Random* random, Sometimes* sometimes, TableGroups tables,
      bool lazy_sync)
      : node_(node),
        ledger_(ledger),
        random_(random),
        sometimes_(sometimes),
        tables_(tables),
        lazy_sync_(lazy_sync) {}

  Status Open();
  // Closes the connection. An open transaction is lost.
  void Close();
  // Runs a whole transaction or, if `may_hold`, perhaps a part of one that stays open. It returns
  // only errors that the application would not have met without HarmonyLite (P8): a violated
  // constraint and a fault of the machine's disk are no errors here.
  Status Step(bool may_hold);
  // Commits the open transaction, if there is one.
  Status Finish();
  bool holds() const { return holds_; }
  // True from when the file was put back or cloned until it is known whether another file goes on
  // as this one. Meanwhile ids may be given out twice.
  void SetDoubtful(bool doubtful) { doubtful_ = doubtful; }
  // Runs the next migration, if there is one. Returns how many migrations the file has then run, or
  // nothing if the file is locked or the migration has to wait for the sidecar.
  Result<std::optional<int64_t>> Migrate();
  int64_t level() const { return level_; }
  // Runs a transaction that writes one row of `later`, the table that a migration makes. Until that
  // table has its triggers, the row is one of `kv`.
  Status WriteToLater();
  // Recreates one of the tables under its name. Returns false, with nothing changed, if the file is
  // locked, the table has no triggers yet, or a change is not folded yet. The rebuilding would
  // count such a change as written again.
  Result<bool> RebuildTable();
  // Runs VACUUM, which gives the rows of `links` other rowids. Returns false if the file is locked.
  Result<bool> Vacuum();

 private:
  // A write of the open transaction, which is recorded in the ledger once it is committed.
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
  // Finds the row of a table with this key. The statement is at the row if there is one.
  Result<bool> FindRow(const AppTable& table, const change::Row& key, const Places& links,
                       sqlite::CachedStatement* find);
  Result<Places> ReadLinks();
  Result<Origin> NoteLife();
  // True if the sidecar has put its triggers on the table. The application writes to no table
  // without them: an audit would find the rows and send them as new writes, which the ledger would
  // not know.
  Result<bool> HasTriggers(const std::string& table);
  // True if the sidecar has seen the table as it is. Until then nothing may tell whether a row was
  // written before a column was renamed.
  Result<bool> IsSeen(const std::string& table);
  // True if the sidecar has folded every change of the journal into the versions.
  Result<bool> AllFolded();
  Result<bool> MakeIndex();
  Status ReadLevel();
  Result<bool> MigrateNow();
  // Turns an error that the machine's disk caused into success, because it says nothing about the
  // product. The open transaction is rolled back.
  Status UnlessDiskFailed(Status status);
  // Turns an error of a deferred transaction into success, if a transaction of the sidecar could
  // not wait any longer: the limit that docs/limits.md names. The transaction is rolled back.
  Status UnlessForced(Status status);
  Status RandomStatement();
  // The group of the tables that RandomStatement() writes to for the number `statement`.
  TableGroup GroupOf(int64_t statement) const;
  Status Transfer();
  Status Count();
  Status Chain();
  Status WriteKv();
  Status WriteNames();
  Status WriteNotes();
  Status WriteLinks();
  Status WritePairs();
  Status WriteFamily();
  Status WritePeople();
  Status WriteLater();
  // Runs one statement. A violated constraint is an answer, not an error.
  Status Run(const std::string& sql, const change::Row& values);
  // NULL, numbers, text and blobs of many kinds.
  change::Value AnyValue();

  SimNode* node_;
  Ledger* ledger_;
  Random* random_;
  Sometimes* sometimes_;
  const TableGroups tables_;  // the groups of tables that the application has
  const bool lazy_sync_;
  std::optional<sqlite::Connection> db_;
  bool holds_ = false;
  bool doubtful_ = false;
  std::set<int64_t>
      own_ids_;  // ids of `notes` that the open transaction was given, of its own slot
  bool deferred_ =
      false;            // the open transaction began with a read, and takes the lock when it writes
  int64_t forced_ = 0;  // SimNode::forced() when the open transaction began
  int64_t level_ = 0;   // number of migrations that the file has run
  int64_t first_entry_ = 0;  // journal entries after this one belong to the open transaction
  // Number and stamp of each journal entry of the transaction that is being committed.
  std::vector<std::pair<int64_t, int64_t>> given_;
};

}  // namespace harmonylite::sim
