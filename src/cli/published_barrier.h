// Waits until the log contains the local changes in a hand-made snapshot, before the snapshot is
// stored (decision 26).
//
// While a node runs on the database, that node publishes, and this object only looks. Otherwise a
// node is started for as long as this object lives.
//
// Threads: one owner.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/nats/connection.h"
#include "base/clock.h"
#include "base/logger.h"
#include "config/config.h"
#include "node/node.h"
#include "ports/meta_store.h"
#include "ports/replication_log.h"
#include "snapshot/manifest.h"

namespace harmonylite::cli {

class PublishedBarrier {
 public:
  // `connect` is called only if the log is needed, which is rare. `node` must not be started yet;
  // it is null if a node runs in another process.
  using Connect = std::function<Result<std::shared_ptr<nats::Connection>>()>;
  PublishedBarrier(const config::Config* config, Connect connect, std::unique_ptr<node::Node> node,
                   const Clock* clock, Logger* logger);

  // Waits until the log holds the changes of the snapshot's maker. If the log cannot be reached,
  // the snapshot may still be stored, and a warning says so. kRetryLater: the database was found to
  // be a copy and has a new incarnation, so the snapshot must be made anew. kConflict: the database
  // is a copy, or the log accepts nothing; the message says what to do.
  Status Await(const snapshot::Manifest& manifest);

 private:
  enum class Held { kYes, kNotYet, kOther, kUnknown };
  Result<Lseq> Pending(const snapshot::Manifest& manifest);
  void Reach();
  Held Ask(const Origin& maker, Lseq own);
  Result<Held> AskLog(const Origin& maker, Lseq own);

  const config::Config* config_;
  Connect connect_;
  const Clock* clock_;
  Logger* logger_;
  std::shared_ptr<nats::Connection> connection_;
  std::unique_ptr<ports::ReplicationLog> log_;
  std::unique_ptr<ports::MetaStore> meta_;
  std::unique_ptr<node::Node> node_;  // destroyed before the members that it uses
  Lseq published_;                    // highest change known to be in the log
  std::string unreachable_;           // why the log cannot be reached; empty if it can
};

}  // namespace harmonylite::cli
