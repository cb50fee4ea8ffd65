// One simulated machine: a database file, an application that writes to it, and the sidecar beside it.
//
// Threads: one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/logger.h"
#include "node/consumer.h"
#include "node/keeper.h"
#include "node/publisher.h"
#include "node/replica.h"
#include "sim/picture.h"
#include "sim/sim_clock.h"
#include "sim/sim_log.h"
#include "sim/sim_meta.h"
#include "sim/sim_vfs.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

class SimNode {
 public:
  struct Setup {
    uint64_t id;
    std::string directory;  // of its own, exists
    const World* world;
    SimLog* log;
    SimMeta* meta;
    Sometimes* sometimes;
    Random* random;
    Logger* logger;
  };
  explicit SimNode(const Setup& setup);

  // The sidecar. It stays down when the application holds the file: start again later.
  Status Start();
  void Crash() { process_.reset(); }
  bool running() const { return process_ != nullptr; }
  node::StepResult StepPublisher();
  node::StepResult StepConsumer();
  node::StepResult StepKeeper();
  const node::SharedState& shared() const { return process_->shared; }
  bool drained() const { return process_->publisher->drained(); }

  // The file. Copies hold what is durable now; nothing may be open when one is put in its place.
  Result<sqlite::Connection> OpenFile() const;
  void CopyFile(const std::string& name) const;
  void UseCopy(const std::string& name);
  Result<Picture> Look();
  Result<Picture> LookAtCopy(const std::string& name) const;
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
    node::SharedState shared;
    std::unique_ptr<node::Replica> replica;
    std::unique_ptr<node::Consumer> consumer;
    std::unique_ptr<node::Publisher> publisher;
    std::unique_ptr<node::Keeper> keeper;
  };
  std::string File(const std::string& name) const { return setup_.directory + "/" + name; }

  Setup setup_;
  SimVfs vfs_;
  node::NodeOptions options_;
  std::unique_ptr<Process> process_;
  std::optional<sqlite::Connection> checker_;
};

}  // namespace harmonylite::sim
