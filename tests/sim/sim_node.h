// One simulated machine: a database file, an application that writes to it, and the sidecar beside it.
//
// Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/logger.h"
#include "node/consumer.h"
#include "node/digest.h"
#include "node/keeper.h"
#include "node/publisher.h"
#include "node/replica.h"
#include "sim/picture.h"
#include "sim/sim_clock.h"
#include "sim/sim_disk.h"
#include "sim/sim_log.h"
#include "sim/sim_meta.h"
#include "sim/sim_vfs.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

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
  };
  explicit SimNode(const Setup& setup);
  ~SimNode() { disk_.Stop(); }  // SQLite would copy the WAL into the file

  // The sidecar. It stays down when the application holds the file: start again later.
  Status Start();
  void Crash() { process_.reset(); }
  bool running() const { return process_ != nullptr; }
  node::StepResult StepPublisher();
  node::StepResult StepConsumer();
  node::StepResult StepKeeper();
  const node::SharedState& shared() const { return process_->shared; }
  bool rivalled() const { return process_->keeper->rivalled(); }
  bool drained() const { return process_->publisher->drained(); }

  // The `after`-th statement of the sidecar from now, those of triggers counted, is interrupted.
  void PlanInterrupt(int64_t after) { until_interrupt_ = after; }
  // True: it was.
  bool ForgetInterrupt();

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
  LogClient log;
  MetaClient meta;

 private:
  struct Process {
    sqlite::Connection write_db;
    sqlite::Connection read_db;
    sqlite::Connection watch_db;
    node::SharedState shared;
    std::unique_ptr<node::Replica> replica;
    std::unique_ptr<node::Consumer> consumer;
    std::unique_ptr<node::Publisher> publisher;
    std::unique_ptr<node::Keeper> keeper;
  };

  static int OnStatement(unsigned kind, void* self, void* statement, void* text);

  Setup setup_;
  SimDisk disk_;
  SimVfs vfs_;
  node::NodeOptions options_;
  std::unique_ptr<Process> process_;
  int64_t until_interrupt_ = 0;  // statements; not positive: no plan
  bool interrupted_ = false;
  std::optional<sqlite::Connection> checker_;
  std::shared_ptr<const Picture> picture_;
  int64_t picture_version_ = 0;  // SQLite's data_version for checker_
};

}  // namespace harmonylite::sim
