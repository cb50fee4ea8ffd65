// Private to src/adapters/nats: publishes many messages to one stream without waiting for each to be stored.
//
// Acknowledgements are only counted: after the first failure the whole sequence is to be thrown
// away.
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
    std::string stream;                          // that must acknowledge
    int max_pending = 64;                        // messages published and not yet stored
    std::chrono::milliseconds patience{10'000};  // without any acknowledgement
  };
  static Result<std::unique_ptr<PublishPipeline>> Open(std::shared_ptr<Session> session,
                                                       Options options);

  // Waits while too many are pending. Errors may be about an earlier message. kRetryLater also when
  // `transfer` is cancelled meanwhile.
  Status Publish(const std::string& subject, std::string_view bytes, const ports::Transfer* transfer);
  // Until all are stored.
  Status Drain(const ports::Transfer* transfer);
  int pending() const { return pending_; }

 private:
  PublishPipeline(std::shared_ptr<Session> session, Options options);
  Status WaitForOne(const ports::Transfer* transfer);
  Status Check(natsMsg* acknowledgement) const;

  const std::shared_ptr<Session> session_;
  const Options options_;
  const uint64_t violations_;  // of permissions, before the first message
  std::string inbox_;
  SubscriptionPtr subscription_;
  std::string subject_;  // of the newest message
  int pending_ = 0;
};

}  // namespace harmonylite::nats
