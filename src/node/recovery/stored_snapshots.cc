#include "node/recovery/stored_snapshots.h"

#include <algorithm>

#include "node/recovery/snapshot_keeper.h"

namespace harmonylite::node {

namespace {

// Owns the fetched database as long as the consumer merges it.
class Fetched final : public OpenSnapshot {
 public:
  explicit Fetched(snapshot::PrivateDatabase database) : database_(std::move(database)) {}
  sqlite::Connection* db() override { return &database_.db(); }

 private:
  snapshot::PrivateDatabase database_;
};

}  // namespace

Result<std::vector<SnapshotInfo>> StoredSnapshots::List() {
  HL_ASSIGN(listed_, catalog_.List());
  std::erase_if(listed_, [](const snapshot::Listed& one) { return !one.problem.empty(); });
  std::vector<SnapshotInfo> out;
  for (const snapshot::Listed& one : listed_) out.push_back({one.name, one.manifest->progress});
  return out;
}

Result<std::shared_ptr<OpenSnapshot>> StoredSnapshots::Open(const std::string& name) {
  const auto listed = std::find_if(listed_.begin(), listed_.end(),
                                   [&](const snapshot::Listed& one) { return one.name == name; });
  if (listed == listed_.end()) return MakeError(ErrorCode::kNotFound, "no snapshot {}", name);
  HL_ASSIGN(snapshot::PrivateDatabase database, catalog_.Open(*listed, options_, &activity_));
  return std::shared_ptr<OpenSnapshot>(std::make_shared<Fetched>(std::move(database)));
}

// Puts the request only if there is none: a request in the registry is being answered already, and
// each new revision would be answered by another snapshot.
Status StoredSnapshots::Ask(NodeId asker) {
  auto asked = meta_->CompareAndSet(kSnapshotRequest, ResyncRequest(asker), 0);
  if (asked.ok() || asked.error().code() == ErrorCode::kConflict) return Ok();
  return std::move(asked).error();
}

}  // namespace harmonylite::node
