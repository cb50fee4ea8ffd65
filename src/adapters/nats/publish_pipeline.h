// Private to src/adapters/nats: publishes many messages to one stream without waiting for each to
// be stored.
//
// Acknowledgements are only counted. After the first failure it is not known which messages are
// missing, so the caller must discard all of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/nats/session.h"
#include "ports/object_store.h"

namespace harmonylite::nats {

// Threads: one at a time.
class PublishPipeline {
 public:
  struct Options {
    std::string stream;                          // the stream that must acknowledge
    int max_pending = 64;                        // most messages published and not yet stored
    std::chrono::milliseconds patience{10'000};  // longest time without any acknowledgement
  };
  static Result<std::unique_ptr<PublishPipeline>> Open(std::shared_ptr<Session> session,
                                                       Options options);

  // Waits while too many messages are pending. An error may concern an earlier message. Also
  // returns kRetryLater if `transfer` is cancelled.
  Status Publish(const std::string& subject, std::string_view bytes,
                 const ports::Transfer* transfer);
  // Waits until every message is stored.
  Status Drain(const ports::Transfer* transfer);
  int pending() const { return pending_; }

 private:
  PublishPipeline(std::shared_ptr<Session> session, Options options);
  Status WaitForOne(const ports::Transfer* transfer);
  Status Check(natsMsg* acknowledgement) const;

  const std::shared_ptr<Session> session_;
  const Options options_;
  const uint64_t violations_;  // permission violations before the first message
  std::string inbox_;
  SubscriptionPtr subscription_;
  std::string subject_;  // subject of the newest message
  int pending_ = 0;
};

}  // namespace harmonylite::nats
