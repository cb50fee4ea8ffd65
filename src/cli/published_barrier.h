// Whether the log holds what is in a snapshot as its maker's own, before one that is made by hand is stored (decision 26).
//
// While a node runs on the database, that node publishes, and this only looks. While none does, one is started for as long
// as this object lives.
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
  // `connect` is called when the log is needed: mostly it is not. `node` is not started yet; null: one runs elsewhere.
  using Connect = std::function<Result<std::shared_ptr<nats::Connection>>()>;
  PublishedBarrier(const config::Config* config, Connect connect, std::unique_ptr<node::Node> node, const Clock* clock,
           Logger* logger);

  // Waits until the log holds it. A log that cannot be reached is no reason not to store the snapshot: that is said.
  // kRetryLater: make it anew, as the database was found to be a copy and counts as another life. kConflict: it is a copy,
  // or the log takes nothing; the message says what to do.
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
  std::unique_ptr<node::Node> node_;  // ends before what it uses
  Lseq published_;                    // as far as was seen
  std::string unreachable_;           // why; empty: it is reached
};

}  // namespace harmonylite::cli
