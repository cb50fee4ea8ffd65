#include "node/recovery/snapshot_maker.h"

#include <utility>

#include "base/free_memory.h"

namespace harmonylite::node {

snapshot::Options MakeSnapshotOptions(const NodeOptions& node) {
  snapshot::Options options;
  options.db_path = node.db_path;
  options.vfs = node.vfs;
  options.spool_directory = node.spool_directory;
  options.tables = node.tables;
  options.leaves_out = node.leaves_out;
  return options;
}

SnapshotMaker::SnapshotMaker(Dependencies dependencies)
    : d_(std::move(dependencies)), catalog_(d_.store) {}

StepResult SnapshotMaker::Step() {
  if (made_) return Wait();
  if (std::exchange(again_, false)) return Make();
  const std::optional<std::string> reason = d_.board->Take();
  if (!reason) return Look();
  d_.logger->Info("making a snapshot ({})", *reason);
  began_ms_ = d_.clock->MonotonicMs();
  return Make();
}

void SnapshotMaker::Drop() {
  made_.reset();
  ReturnFreeMemory();
}

StepResult SnapshotMaker::GiveUp(std::string why) {
  Drop();
  d_.shared->SetSnapshotWaits(false);
  d_.logger->Error("no snapshot was stored: {}; the older ones are as they were", why);
  d_.board->Failed(why);
  return StepResult::Blocked(std::move(why));
}

StepResult SnapshotMaker::Make() {
  auto made = snapshot::Make(d_.options, *d_.clock, &d_.board->activity());
  if (!made.ok()) return GiveUp(made.error().message());
  made_.emplace(std::move(*made));
  own_ = made_->manifest.progress.Get(made_->manifest.maker);
  published_ = d_.shared->published().to;
  published_at_ms_ = d_.clock->MonotonicMs();
  d_.board->activity().Begin(snapshot::Phase::kWaiting, 0);
  return Wait();
}

StepResult SnapshotMaker::Wait() {
  if (!d_.publish || own_ == Lseq(0)) return Store();
  if (d_.board->activity().cancelled()) return GiveUp("cancelled");
  if (d_.shared->self() != made_->manifest.maker) {
    constexpr const char* kAnew =
        "this database was found to be a copy meanwhile: its snapshot is made anew";
    d_.logger->Info("{}", kAnew);
    Drop();
    again_ = true;
    return StepResult::Blocked(kAnew);
  }
  if (d_.shared->PublishedAs(made_->manifest.maker, own_)) return Store();
  d_.shared->SetSnapshotWaits(true);
  const int64_t now = d_.clock->MonotonicMs();
  const Lseq published = d_.shared->published().to;
  if (published != published_) published_at_ms_ = now;
  published_ = published;
  const std::string why = fmt::format(
      "the log does not hold the newest {} changes of this node, which are in the snapshot",
      own_.value - published.value);
  if (now - published_at_ms_ > kSnapshotPublishMs) return GiveUp(why);
  return StepResult::Blocked(why);
}

StepResult SnapshotMaker::Store() {
  d_.shared->SetSnapshotWaits(false);
  auto name = catalog_.Save(&*made_, d_.keep, &d_.board->activity());
  if (!name.ok()) return GiveUp(name.error().message());
  KnownSnapshot stored{std::move(*name), made_->manifest};
  Drop();
  d_.logger->Info("snapshot {} is stored: {} bytes of database, {} packed, in {:.1f} s",
                  stored.name, stored.manifest.size, stored.manifest.packed,
                  static_cast<double>(d_.clock->MonotonicMs() - began_ms_) / 1000);
  d_.board->Done(std::move(stored));
  next_look_ms_ = d_.clock->MonotonicMs() + kSnapshotLookMs;
  return StepResult::Progress();
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
