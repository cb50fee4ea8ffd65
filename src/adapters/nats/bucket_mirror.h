// Private to src/adapters/nats: a bucket's live entries, kept up to date by what the server pushes to us.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "adapters/nats/push_consumer.h"
#include "ports/meta_store.h"

namespace harmonylite::nats {

// A marker of the bucket format: the key was deleted by the message that carries it.
bool IsDeleteMarker(natsMsg* message);

class BucketMirror {
 public:
  // `stream` backs the bucket, its keys are on "<subject_root><key>".
  BucketMirror(std::string stream, std::string subject_root, int64_t wait_ms);

  // Catches up with all that is in the bucket now. kNotFound: there is no bucket. Otherwise an
  // error means kRetryLater; the mirror starts over by itself.
  Status Refresh(const std::shared_ptr<Session>& session);
  // Takes what has arrived; asks the server only when it was not asked for long, or something is
  // wrong.
  Status Drain(const std::shared_ptr<Session>& session);
  const std::map<std::string, ports::MetaEntry>& entries() const { return entries_; }

 private:
  Status Open(const std::shared_ptr<Session>& session, int64_t created_ns);
  // Takes what is queued, then waits until `last` has been seen.
  Status CatchUp(uint64_t last);
  void Take(const PushedMessage& pushed);

  const std::string stream_;
  const std::string subject_root_;
  const int64_t wait_ms_;
  std::unique_ptr<PushConsumer> consumer_;  // null: start over
  int64_t created_ns_ = 0;                  // of the bucket that is mirrored
  uint64_t seen_ = 0;                       // newest revision taken
  std::chrono::steady_clock::time_point refreshed_{};
  std::map<std::string, ports::MetaEntry> entries_;
};

}  // namespace harmonylite::nats
