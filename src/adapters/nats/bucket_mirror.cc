#include "adapters/nats/bucket_mirror.h"

#include <algorithm>
#include <chrono>

namespace harmonylite::nats {

using std::chrono::milliseconds;

namespace {
// Entries that the server pushes must arrive within this time; otherwise the consumer is replaced.
constexpr milliseconds kCatchUp{2000};
// How long Drain() trusts the pushed changes without asking the server. If the bucket is deleted,
// its consumer goes with it, and the missing heartbeats show that. If the bucket is purged, no
// message says so; only asking shows it.
constexpr milliseconds kTrusted{10'000};
}  // namespace

bool IsDeleteMarker(natsMsg* message) {
  const char* operation = nullptr;
  if (natsMsgHeader_Get(message, "KV-Operation", &operation) != NATS_OK || operation == nullptr)
    return false;
  return std::string_view(operation) == "DEL" || std::string_view(operation) == "PURGE";
}

BucketMirror::BucketMirror(std::string stream, std::string subject_root, int64_t wait_ms)
    : stream_(std::move(stream)), subject_root_(std::move(subject_root)), wait_ms_(wait_ms) {}

Status BucketMirror::Drain(const std::shared_ptr<Session>& session) {
  const bool usable = consumer_ && consumer_->session() == session &&
                      std::chrono::steady_clock::now() - refreshed_ < kTrusted;
  if (usable && CatchUp(seen_).ok()) return Ok();
  return Refresh(session);
}

// The consumer can go on if it belongs to this session, if the bucket is the one that it was made
// for, and if the bucket has not lost revisions that were seen here. Otherwise the mirror starts
// over. A bucket that was emptied sends nothing, so its entries are dropped here.
Status BucketMirror::Refresh(const std::shared_ptr<Session>& session) {
  Status status = Ok();
  // The first round may fail because the consumer died unnoticed; the second round uses a new one.
  for (int round = 0; round < 2; ++round) {
    auto info = GetStreamInfo(*session, stream_, wait_ms_);
    if (!info.ok()) {
      consumer_.reset();
      return std::move(info).error();
    }
    const jsStreamInfo& now = **info;
    const bool usable = consumer_ && consumer_->session() == session &&
                        now.Created == created_ns_ && now.State.LastSeq >= seen_;
    status = Ok();
    if (!usable) status = Open(session, now.Created);
    if (status.ok()) status = CatchUp(now.State.Msgs == 0 ? 0 : now.State.LastSeq);
    if (status.ok()) {
      if (now.State.Msgs == 0 && seen_ <= now.State.LastSeq) entries_.clear();
      refreshed_ = std::chrono::steady_clock::now();
      return Ok();
    }
    consumer_.reset();
  }
  return MakeError(ErrorCode::kRetryLater, "{}", status.error().message());
}

Status BucketMirror::Open(const std::shared_ptr<Session>& session, int64_t created_ns) {
  consumer_.reset();
  entries_.clear();
  seen_ = 0;
  created_ns_ = created_ns;
  PushConsumer::Options options;
  options.stream = stream_;
  options.filter = subject_root_ + ">";
  options.last_per_subject = true;
  options.wait_ms = wait_ms_;
  HL_ASSIGN(consumer_, PushConsumer::Open(session, options));
  return Ok();
}

Status BucketMirror::CatchUp(uint64_t last) {
  const auto deadline = std::chrono::steady_clock::now() + kCatchUp;
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    const bool behind = seen_ < last;
    if (behind && left <= milliseconds(0))
      return MakeError(ErrorCode::kRetryLater, "entries of {} did not arrive in time", stream_);
    HL_ASSIGN(const PushedMessage pushed, consumer_->Next(behind ? left : milliseconds(0)));
    if (pushed.message) {
      Take(pushed);
    } else if (!behind) {
      return Ok();
    }
  }
}

void BucketMirror::Take(const PushedMessage& pushed) {
  seen_ = std::max(seen_, pushed.stream_seq);
  std::string_view key = natsMsg_GetSubject(pushed.message.get());
  if (!key.starts_with(subject_root_)) return;
  key.remove_prefix(subject_root_.size());
  if (IsDeleteMarker(pushed.message.get())) {
    entries_.erase(std::string(key));
    return;
  }
  ports::MetaEntry& entry = entries_[std::string(key)];
  entry.value.assign(natsMsg_GetData(pushed.message.get()),
                     static_cast<size_t>(natsMsg_GetDataLength(pushed.message.get())));
  entry.revision = pushed.stream_seq;
}

}  // namespace harmonylite::nats
