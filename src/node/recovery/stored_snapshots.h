// The snapshots in a store, as a node that is too far behind uses them. It asks the other nodes for
// another snapshot through the registry.
//
// Threads: one call at a time, by one thread; Cancel by any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "node/snapshot_source.h"
#include "ports/meta_store.h"
#include "ports/object_store.h"
#include "snapshot/catalog.h"

namespace harmonylite::node {

class StoredSnapshots final : public SnapshotSource {
 public:
  // The store and the registry are not owned.
  StoredSnapshots(ports::ObjectStore* store, ports::MetaStore* meta, snapshot::Options options)
      : catalog_(store), meta_(meta), options_(std::move(options)) {}

  Result<std::vector<SnapshotInfo>> List() override;
  Result<std::shared_ptr<OpenSnapshot>> Open(const std::string& name) override;
  Status Ask(NodeId asker) override;
  // Ends a call in progress soon, with kRetryLater, and every later call at once.
  void Cancel() { activity_.transfer.cancelled.store(true); }

 private:
  snapshot::Catalog catalog_;
  ports::MetaStore* meta_;
  snapshot::Options options_;
  snapshot::Activity activity_;
  // The usable snapshots that List() returned last; Open() takes no others.
  std::vector<snapshot::Listed> listed_;
};

}  // namespace harmonylite::node
