// One simulated machine: a database file, an application that writes to it, and the sidecar beside it.
//
// Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/logger.h"
#include "node/cluster/keeper.h"
#include "node/recovery/empty_join.h"
#include "node/recovery/resyncer.h"
#include "node/recovery/snapshot_keeper.h"
#include "node/recovery/snapshot_maker.h"
#include "node/recovery/stored_snapshots.h"
#include "node/replication/consumer.h"
#include "node/replication/publisher.h"
#include "node/replication/replica.h"
#include "node/verify/digest.h"
#include "node/verify/verifier.h"
#include "sim/picture.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_log.h"
#include "sim/sim_meta.h"
#include "sim/sim_store.h"
#include "sim/sim_vfs.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

// Snapshots are made, and tombstones forgotten, only where there is a store.
struct SnapshotSetup {
  SimStore* store = nullptr;
  node::SnapshotPolicy policy;
  int64_t horizon_ms = 0;  // of eviction
};

// A machine's memory of what was sent: whoever cuts its power empties it.
class SimSentMark final : public node::SentMarkStore {
 public:
  std::optional<node::SentMark> Load() override { return mark; }
  Status Save(const node::SentMark& saved) override {
    mark = saved;
    return Ok();
  }
  std::optional<node::SentMark> mark;
};

class SimNode {
 public:
  struct Setup {
    uint64_t id;
    std::string directory;  // for spools; exists
    const World* world;
    SimLog* log;
    SimMeta* meta;
    Sometimes* sometimes;
    Random* random;
    Logger* logger;
    bool hide_orphans = false;
    std::string name = {};  // of a second machine with this id
    SnapshotSetup snapshots = {};
    int64_t verify_interval_ms = 0;  // 0: it has nothing that compares rows
  };
  explicit SimNode(const Setup& setup);
  ~SimNode() {
    SetSpools(false);
    disk_.Stop();  // SQLite would copy the WAL into the file
  }

  // The sidecar. It stays down when the application holds the file: start again later.
  Status Start();
  void Crash() { process_.reset(); }
  bool running() const { return process_ != nullptr; }
  node::StepResult StepPublisher();
  node::StepResult StepConsumer();
  node::StepResult StepKeeper();
  // Makes snapshots and fetches them. Only where there is a store.
  node::StepResult StepSnapshots();
  // Answers and asks about rows. Only where there is an interval.
  node::StepResult StepVerifier();
  // A snapshot that was fetched is being merged with the file.
  bool merging() const;
  int64_t snapshots_made() const { return process_->board.done(); }
  const node::SharedState& shared() const { return process_->shared; }
  bool rivalled() const { return process_->keeper->rivalled(); }
  bool drained() const { return process_->publisher->drained(); }

  // The `after`-th statement of the sidecar from now, those of triggers counted, is interrupted.
  void PlanInterrupt(int64_t after) { until_interrupt_ = after; }
  // True: it was.
  bool ForgetInterrupt();

  // Everything outside works.
  void Heal();
  // From its next start on, batches that arrive and have more bytes go to temporary files; there is room for these.
  void SpoolFrom(int64_t bytes);
  // Whether there is room for temporary files.
  void SetSpools(bool there);
  bool spools() const { return spools_; }

  // Before there is a file: a sidecar that joins, as long as its process lives.
  Result<bool> CanBecomeReplica();
  std::unique_ptr<node::EmptyJoin> MakeJoin();

  // The file. The sidecar must be down when another content is put in its place.
  Result<sqlite::Connection> OpenFile() const;
  SimDisk& disk() { return disk_; }
  void UseFiles(const SimDisk::Files& files);
  // Taken anew only when something was committed since; the same object otherwise.
  Result<std::shared_ptr<const Picture>> Look();
  Result<Picture> LookAt(const SimDisk::Files& files);
  // What the node answers to `harmonylite verify`; kRetryLater: it cannot tell now.
  Result<node::VerifyAnswer> TakeDigest();
  // The checkers' connection; made anew when the file was replaced.
  Result<sqlite::Connection*> checker();

  uint64_t id() const { return setup_.id; }
  // Which life of the machine writes: another one after an older copy was put in place.
  int64_t life = 0;
  int64_t who() const { return static_cast<int64_t>(setup_.id) * 100 + life; }
  NodeClock clock;
  SimSentMark sent_mark;
  LogClient log;
  MetaClient meta;
  StoreClient store;

 private:
  // Remembers what was fetched.
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

  struct Process {
    sqlite::Connection write_db;
    sqlite::Connection read_db;
    sqlite::Connection watch_db;
    node::SharedState shared;
    std::unique_ptr<node::Replica> replica;
    std::unique_ptr<node::Consumer> consumer;
    std::unique_ptr<node::Publisher> publisher;
    std::unique_ptr<node::Keeper> keeper;
    node::SnapshotBoard board;
    std::unique_ptr<node::SnapshotKeeper> snapshot_keeper;  // null, as those below: there is no store
    std::unique_ptr<node::SnapshotMaker> maker;
    std::unique_ptr<NotedSnapshots> snapshots;
    std::unique_ptr<node::Resyncer> resyncer;
    std::optional<sqlite::Connection> verify_db;
    std::unique_ptr<node::Verifier> verifier;  // null: there is no interval
  };

  void StartSnapshots(Process* process, uint64_t session);
  Status StartVerifier(Process* process);

  static int OnStatement(unsigned kind, void* self, void* statement, void* text);

  Setup setup_;
  SimDisk disk_;
  SimVfs vfs_;
  node::NodeOptions options_;
  std::unique_ptr<Process> process_;
  bool spools_ = true;
  int64_t until_interrupt_ = 0;  // statements; not positive: no plan
  bool interrupted_ = false;
  std::optional<sqlite::Connection> checker_;
  std::shared_ptr<const Picture> picture_;
  int64_t picture_version_ = 0;  // SQLite's data_version for checker_
};

}  // namespace harmonylite::sim
