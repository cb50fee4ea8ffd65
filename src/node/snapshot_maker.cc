#include "node/snapshot_maker.h"

#include "node/options.h"

namespace harmonylite::node {

SnapshotMaker::SnapshotMaker(Dependencies dependencies)
    : d_(std::move(dependencies)), catalog_(d_.store) {}

StepResult SnapshotMaker::Step() {
  const std::optional<std::string> reason = d_.board->Take();
  if (!reason) return Look();
  d_.logger->Info("making a snapshot ({})", *reason);
  const int64_t began = d_.clock->MonotonicMs();
  auto made = Make();
  if (!made.ok()) {
    d_.logger->Error("no snapshot was stored: {}; the older ones are as they were", made.error().message());
    d_.board->Failed(made.error().message());
    return StepResult::Blocked(made.error().message());
  }
  d_.logger->Info("snapshot {} is stored: {} bytes of database, {} packed, in {:.1f} s", made->name,
                  made->manifest.size, made->manifest.packed,
                  static_cast<double>(d_.clock->MonotonicMs() - began) / 1000);
  d_.board->Done(std::move(*made));
  next_look_ms_ = d_.clock->MonotonicMs() + kSnapshotLookMs;
  return StepResult::Progress();
}

Result<KnownSnapshot> SnapshotMaker::Make() {
  snapshot::Activity* activity = &d_.board->activity();
  HL_ASSIGN(snapshot::Made made, snapshot::Make(d_.options, *d_.clock, activity));
  HL_ASSIGN(std::string name, catalog_.Save(&made, d_.keep, activity));
  return KnownSnapshot{std::move(name), made.manifest};
}

StepResult SnapshotMaker::Look() {
  if (d_.clock->MonotonicMs() < next_look_ms_) return StepResult::Idle();
  next_look_ms_ = d_.clock->MonotonicMs() + kSnapshotLookMs;
  auto newest = catalog_.Newest();
  if (!newest.ok()) {
    if (newest.error().message() != said_)
      d_.logger->Warning("the store of snapshots cannot be read: {}", newest.error().message());
    said_ = newest.error().message();
    return StepResult::Blocked(said_);
  }
  said_.clear();
  if (*newest)
    d_.board->SetNewest(KnownSnapshot{(*newest)->name, *(*newest)->manifest});
  else
    d_.board->SetNewest(std::nullopt);
  return StepResult::Progress();
}

}  // namespace harmonylite::node
