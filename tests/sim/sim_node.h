// One simulated machine: its disk with the database file, its clock and its connections, and the
// sidecar, which is made of the product's own workers. The application that writes to the file is
// an App (app.h).
//
// Threads: one. The simulation runs one step of one worker at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/logger.h"
#include "node/cluster/id_claims.h"
#include "node/cluster/keeper.h"
#include "node/recovery/empty_join.h"
#include "node/recovery/joiner.h"
#include "node/recovery/resyncer.h"
#include "node/recovery/snapshot_keeper.h"
#include "node/recovery/snapshot_maker.h"
#include "node/recovery/stored_snapshots.h"
#include "node/replication/consumer.h"
#include "node/replication/door_keeper.h"
#include "node/replication/publisher.h"
#include "node/replication/replica.h"
#include "node/verify/digest.h"
#include "node/verify/verifier.h"
#include "ports/row_listener.h"
#include "sim/picture.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_log.h"
#include "sim/sim_meta.h"
#include "sim/sim_read_marks.h"
#include "sim/sim_store.h"
#include "sim/sim_vfs.h"
#include "sqlite/connection.h"
#include "sqlite/door_vfs.h"

namespace harmonylite::sim {

// Settings for snapshots. A node without a store makes no snapshots and forgets no tombstones.
struct SnapshotSetup {
  SimStore* store = nullptr;
  node::SnapshotPolicy policy;
  int64_t horizon_ms = 0;  // a member that is silent for longer is evicted
};

// What the machine remembers, outside the database file, of the changes that it has sent. A power
// cut empties this memory: Simulation::CutPower() resets `mark`.
class SimSentMark final : public node::SentMarkStore {
 public:
  std::optional<node::SentMark> Load() override { return mark; }
  Status Save(const node::SentMark& saved) override {
    mark = saved;
    return Ok();
  }
  std::optional<node::SentMark> mark;
};

// Remembers the tables of which it was told that the sidecar has written to them.
class ToldTables final : public ports::RowListener {
 public:
  void RowsWritten(const std::map<std::string, int64_t>& rows) override {
    for (const auto& [table, written] : rows) tables.insert(table);
  }
  std::set<std::string> tables;
};

class SimNode {
 public:
  struct Setup {
    uint64_t id;
    std::string directory;  // an existing directory, in which the node makes one for its spools
    const World* world;
    SimLog* log;
    SimMeta* meta;
    Sometimes* sometimes;
    Random* random;
    Logger* logger;
    bool hide_orphans = false;
    bool follow = false;    // schema changes of other nodes are followed
    std::string name = {};  // a suffix that tells apart two machines with the same id
    SnapshotSetup snapshots = {};
    ledger::IdLayout id_layout = {};
    int64_t verify_interval_ms = 0;                         // 0: the node has no verifier
    node::FirstJoin first_join = node::FirstJoin::kAtOnce;  // others need a verifier
    // Lets time pass and all machines work while the node's joiner waits; false: it gives up.
    std::function<bool(SimNode*)> while_joining = {};
  };
  explicit SimNode(const Setup& setup);
  ~SimNode() {
    SetSpools(false);
    disk_.Stop();  // without this, closing the connections would copy the WAL into the file
  }

  // Starts the sidecar. After an error it is down; kRetryLater means, among other things, that the
  // application holds the file, and the caller starts it again later.
  Status Start();
  void Crash();
  bool running() const { return process_ != nullptr; }
  node::StepResult StepPublisher();
  node::StepResult StepConsumer();
  node::StepResult StepKeeper();
  // One step of the workers that make and fetch snapshots. The node must have a store for them.
  node::StepResult StepSnapshots();
  // One step of the worker that answers and asks about rows. The node must have a verify interval.
  node::StepResult StepVerifier();
  // One step of the first join. The node must have Setup::while_joining.
  node::StepResult StepJoiner();
  // Steps the verifier until it reads no rows: the joiner uses the same connection.
  void FinishAnswer();
  // True while a snapshot that was fetched is open, which lasts until it is merged with the file.
  bool merging() const;
  int64_t snapshots_made() const { return process_->board.done(); }
  const node::SharedState& shared() const { return process_->shared; }
  bool rivalled() const { return process_->keeper->rivalled(); }
  bool drained() const { return process_->publisher->drained(); }
  // How many transactions of the machine's sidecars could not wait until no other process was
  // inside a transaction.
  int64_t forced() const;

  // Interrupts the sidecar's `after`-th SQL statement from now. Statements inside triggers count
  // too.
  void PlanInterrupt(int64_t after) { until_interrupt_ = after; }
  // Ends the plan. Returns true if a statement was interrupted.
  bool ForgetInterrupt();

  // Ends every fault around the sidecar: of its clock, its connections, its store and its spools.
  // What is in store.silent stays silent.
  void Heal();
  // From the next start on, an arriving batch of more than `bytes` bytes goes to a temporary file.
  void SpoolFrom(int64_t bytes);
  // Says whether there is room for temporary files. At first there is.
  void SetSpools(bool there);
  bool spools() const { return spools_; }

  // For a machine without a database file. MakeJoin() gives the worker that fetches one; it stands
  // for the joining sidecar, so the caller destroys it where that process would end.
  Result<bool> CanBecomeReplica();
  std::unique_ptr<node::EmptyJoin> MakeJoin();

  // A new connection to the database file, as of another process than the sidecar's. It never waits
  // for a lock.
  Result<sqlite::Connection> OpenFile() const;
  SimDisk& disk() { return disk_; }
  // Replaces the database file and its companions. The sidecar must be down.
  void UseFiles(const SimDisk::Files& files);
  // A picture of the database file. The same object is returned until another commit changes the
  // file.
  Result<std::shared_ptr<const Picture>> Look();
  // A picture of other contents, for example of a backup. The database file is not touched.
  Result<Picture> LookAt(const SimDisk::Files& files);
  // The digest with which the node would answer `harmonylite verify`. kRetryLater: it has none now.
  Result<node::VerifyAnswer> TakeDigest();
  // The checkers' own connection to the database file. UseFiles() makes the next call open a new
  // one.
  Result<sqlite::Connection*> checker();

  uint64_t id() const { return setup_.id; }
  // Number of the machine's present life. A new life begins when the machine loses its file, or
  // when an older state of it takes the file's place.
  int64_t life = 0;
  // Names the machine and its life. Some tables have rows that only one life writes.
  int64_t who() const { return static_cast<int64_t>(setup_.id) * 100 + life; }
  NodeClock clock;
  SimSentMark sent_mark;
  ToldTables told;
  LogClient log;
  MetaClient meta;
  StoreClient store;

 private:
  // The stored snapshots. It remembers which one was opened last, for merging().
  class NotedSnapshots final : public node::SnapshotSource {
   public:
    NotedSnapshots(ports::ObjectStore* store, ports::MetaStore* meta, snapshot::Options options)
        : stored_(store, meta, std::move(options)) {}
    Result<std::vector<node::SnapshotInfo>> List() override { return stored_.List(); }
    Result<std::shared_ptr<node::OpenSnapshot>> Open(const std::string& name) override;
    Status Ask(NodeId asker) override { return stored_.Ask(asker); }
    std::weak_ptr<node::OpenSnapshot> fetched;

   private:
    node::StoredSnapshots stored_;
  };

  // Everything that ends with the sidecar's process.
  struct Process {
    sqlite::Connection write_db;
    sqlite::Connection read_db;
    sqlite::Connection watch_db;
    std::unique_ptr<node::DoorKeeper> door;
    node::SharedState shared;
    std::unique_ptr<node::Replica> replica;
    std::unique_ptr<node::Consumer> consumer;
    std::unique_ptr<node::Publisher> publisher;
    std::unique_ptr<node::Keeper> keeper;
    std::unique_ptr<node::IdClaims> ids;
    node::SnapshotBoard board;
    // The next four are null where there is no store.
    std::unique_ptr<node::SnapshotKeeper> snapshot_keeper;
    std::unique_ptr<node::SnapshotMaker> maker;
    std::unique_ptr<NotedSnapshots> snapshots;
    std::unique_ptr<node::Resyncer> resyncer;
    std::optional<sqlite::Connection> verify_db;
    std::unique_ptr<node::Verifier> verifier;  // null where there is no verify interval
    std::unique_ptr<node::Joiner> joiner;      // null where files join at once
  };

  Result<sqlite::Connection> OpenThrough(const std::string& vfs) const;
  // A connection of the sidecar.
  Result<sqlite::Connection> OpenOwn() const;
  Status StartWorkers(Process* process);
  void StartSnapshots(Process* process, uint64_t session);
  Status StartVerifier(Process* process);

  static int OnStatement(unsigned kind, void* self, void* statement, void* text);

  Setup setup_;
  SimDisk disk_;
  SimVfs vfs_;
  SimReadMarks marks_;
  sqlite::DoorVfs door_vfs_;
  node::NodeOptions options_;
  std::unique_ptr<Process> process_;
  bool spools_ = true;
  int64_t forced_before_ = 0;    // forced() of the processes that have ended
  int64_t until_interrupt_ = 0;  // statements until the interrupt; 0 or less: none is planned
  bool interrupted_ = false;
  std::optional<sqlite::Connection> checker_;
  std::shared_ptr<const Picture> picture_;
  int64_t picture_version_ = 0;  // the data_version of checker_ when picture_ was taken
};

}  // namespace harmonylite::sim
