// Private to src/adapters/nats: a copy in memory of a bucket's live entries. The server pushes
// every change of the bucket, so the copy is current without asking for each key.
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

// True if `message` only records that its key was deleted: the bucket format stores such a marker
// in place of a value.
bool IsDeleteMarker(natsMsg* message);

class BucketMirror {
 public:
  // `stream` is the name of the stream behind the bucket; a key's subject is `subject_root`
  // followed by the key. `wait_ms` is the longest wait for an answer of the server.
  BucketMirror(std::string stream, std::string subject_root, int64_t wait_ms);

  // Catches up with everything that is in the bucket at the time of the call. kNotFound means that
  // the bucket does not exist. After any other error the caller should try again later; the mirror
  // then starts over by itself.
  Status Refresh(const std::shared_ptr<Session>& session);
  // Takes the changes that have already arrived. Asks the server as Refresh() does only if it was
  // last asked long ago, or if the subscription is broken.
  Status Drain(const std::shared_ptr<Session>& session);
  const std::map<std::string, ports::MetaEntry>& entries() const { return entries_; }

 private:
  Status Open(const std::shared_ptr<Session>& session, int64_t created_ns);
  // Takes what is queued here, then waits until revision `last` has been seen.
  Status CatchUp(uint64_t last);
  void Take(const PushedMessage& pushed);

  const std::string stream_;
  const std::string subject_root_;
  const int64_t wait_ms_;
  std::unique_ptr<PushConsumer> consumer_;  // null when the mirror has to start over
  int64_t created_ns_ = 0;                  // when the mirrored bucket was made, as the server says
  uint64_t seen_ = 0;                       // the newest revision taken
  std::chrono::steady_clock::time_point refreshed_{};
  std::map<std::string, ports::MetaEntry> entries_;
};

}  // namespace harmonylite::nats
