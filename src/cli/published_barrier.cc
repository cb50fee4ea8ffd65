#include "cli/published_barrier.h"

#include <chrono>
#include <thread>

#include "capture/journal.h"
#include "change/codec.h"
#include "cli/wiring.h"
#include "ledger/hidden_tables.h"

namespace harmonylite::cli {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{50};
// How long the log may give no answer. A node that was just started first reads the log, and
// publishes only after that.
constexpr int64_t kReachWithinMs = 10'000;
constexpr int kBusyTimeoutMs = 10'000;

Result<sqlite::Connection> OpenFile(const config::Config& config) {
  HL_ASSIGN(auto db, sqlite::Connection::Open(config.db_path, sqlite::OpenMode::kReadWrite));
  db.SetBusyTimeout(kBusyTimeoutMs);
  return db;
}

Error Anew() {
  return MakeError(ErrorCode::kRetryLater,
                   "this database was found to be a copy, and counts as another life from now on");
}

}  // namespace

PublishedBarrier::PublishedBarrier(const config::Config* config, Connect connect,
                                   std::unique_ptr<node::Node> node, const Clock* clock,
                                   Logger* logger)
    : config_(config),
      connect_(std::move(connect)),
      clock_(clock),
      logger_(logger),
      node_(std::move(node)) {}

// Returns the maker's newest change in the snapshot if this file does not know that the log holds
// it; otherwise 0. Fails with kRetryLater if the file belongs to another origin by now.
Result<Lseq> PublishedBarrier::Pending(const snapshot::Manifest& manifest) {
  const Lseq own = manifest.progress.Get(manifest.maker);
  if (own == Lseq(0) || !config_->publish) return Lseq(0);
  HL_ASSIGN(auto db, OpenFile(*config_));
  HL_ASSIGN(const ledger::State state, ledger::LoadState(&db));
  if (state.self != manifest.maker) return Anew();
  published_ = state.published_to;
  return state.published_to >= own ? Lseq(0) : own;
}

void PublishedBarrier::Reach() {
  if (log_ != nullptr) return;
  auto connection = connect_();
  if (!connection.ok()) {
    unreachable_ = connection.error().message();
    return;
  }
  connection_ = std::move(*connection);
  log_ = std::make_unique<nats::JetStreamLog>(connection_, MakeLogOptions(*config_));
  meta_ = std::make_unique<nats::KvMetaStore>(connection_, MakeMetaOptions(*config_));
  if (node_ != nullptr) node_->Start(log_.get(), meta_.get());
}

// Asks the log how far `maker` is published, while a node in another process publishes.
//
// The newest record of `maker` counts only if its last change is in this file's journal. If it is
// not, another copy of the database publishes under the same origin. P2: a batch counts as
// published only when its last frame is in the log.
Result<PublishedBarrier::Held> PublishedBarrier::AskLog(const Origin& maker, Lseq own) {
  HL_TRY(log_->EnsureReady());
  auto last = log_->LastOf(maker);
  if (!last.ok() && last.error().code() == ErrorCode::kNotFound) return Held::kNotYet;
  if (!last.ok()) return std::move(last).error();
  const auto frame = change::DecodeFrame(last->payload);
  if (!frame.ok()) return Held::kNotYet;
  HL_ASSIGN(auto db, OpenFile(*config_));
  HL_ASSIGN(const ledger::State state, ledger::LoadState(&db));
  if (state.self != maker) return Held::kOther;
  if (state.published_to >= own) return Held::kYes;
  const change::FrameHeader& header = frame->header;
  if (header.to <= state.published_to) return Held::kNotYet;
  HL_ASSIGN(const bool ours, capture::IsJournaled(&db, header.to, header.to_stamp));
  if (!ours)
    return MakeError(
        ErrorCode::kConflict,
        "the log holds changes of this node that this database does not have: it is a copy "
        "or was restored from a backup");
  // If the newest batch is not complete, it is not known how far the batch before it reached.
  if (header.index + 1 < header.count) return Held::kNotYet;
  published_ = std::max(published_, header.to);
  return header.to >= own ? Held::kYes : Held::kNotYet;
}

PublishedBarrier::Held PublishedBarrier::Ask(const Origin& maker, Lseq own) {
  if (node_ == nullptr) {
    auto held = AskLog(maker, own);
    unreachable_ = held.ok() ? "" : held.error().message();
    return held.ok() ? *held : Held::kUnknown;
  }
  const node::SharedState& shared = node_->shared();
  if (shared.self() != maker) return Held::kOther;
  if (shared.PublishedAs(maker, own)) return Held::kYes;
  published_ = std::max(published_, shared.published().to);
  unreachable_ = shared.identified() ? "" : "it has not answered yet";
  return shared.identified() ? Held::kNotYet : Held::kUnknown;
}

// Looks again and again until the log holds the maker's changes. As long as more of them become
// published, the wait goes on. Otherwise it ends: with a warning if the log cannot be connected, or
// gives no answer for kReachWithinMs; with an error if the log answers but has lacked changes for
// node::kSnapshotPublishMs.
Status PublishedBarrier::Await(const snapshot::Manifest& manifest) {
  HL_ASSIGN(const Lseq own, Pending(manifest));
  if (own == Lseq(0)) return Ok();
  int64_t moved = clock_->MonotonicMs();
  for (Lseq before = published_;; before = published_) {
    Reach();
    const Held held = log_ == nullptr ? Held::kUnknown : Ask(manifest.maker, own);
    if (held == Held::kYes) return Ok();
    if (held == Held::kOther) return Anew();
    const int64_t now = clock_->MonotonicMs();
    if (published_ != before) moved = now;
    if (log_ == nullptr ||
        now - moved > (held == Held::kUnknown ? kReachWithinMs : node::kSnapshotPublishMs)) {
      const auto missing = own.value - published_.value;
      if (held == Held::kNotYet)
        return MakeError(
            ErrorCode::kConflict,
            "JetStream does not accept the newest {} changes in this snapshot; see the "
            "node's log file for the reason",
            missing);
      logger_->Warning(
          "up to {} changes in this snapshot may not be in the log, which cannot be asked ({}): "
          "should this database turn out to be a copy, or restored from a backup, then nodes that "
          "take this snapshot need 'harmonylite verify --repair'",
          missing, unreachable_);
      return Ok();
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace harmonylite::cli
