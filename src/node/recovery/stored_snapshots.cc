#include "node/recovery/stored_snapshots.h"

#include "node/recovery/snapshot_keeper.h"

namespace harmonylite::node {

namespace {

class Fetched final : public OpenSnapshot {
 public:
  explicit Fetched(snapshot::PrivateDatabase database) : database_(std::move(database)) {}
  sqlite::Connection* db() override { return &database_.db(); }

 private:
  snapshot::PrivateDatabase database_;
};

}  // namespace

Result<std::optional<SnapshotInfo>> StoredSnapshots::Newest() {
  HL_ASSIGN(newest_, catalog_.Newest());
  if (!newest_) return std::optional<SnapshotInfo>();
  return std::optional<SnapshotInfo>({newest_->name, newest_->manifest->progress});
}

Result<std::shared_ptr<OpenSnapshot>> StoredSnapshots::Open(const std::string& name) {
  if (!newest_ || newest_->name != name) return MakeError(ErrorCode::kNotFound, "no snapshot {}", name);
  HL_ASSIGN(snapshot::PrivateDatabase database, catalog_.Open(*newest_, options_, &activity_));
  return std::shared_ptr<OpenSnapshot>(std::make_shared<Fetched>(std::move(database)));
}

// A request that is there is answered already; each new one would be answered by another snapshot.
Status StoredSnapshots::Ask(NodeId asker) {
  auto asked = meta_->CompareAndSet(kSnapshotRequest, ResyncRequest(asker), 0);
  if (asked.ok() || asked.error().code() == ErrorCode::kConflict) return Ok();
  return std::move(asked).error();
}

}  // namespace harmonylite::node
