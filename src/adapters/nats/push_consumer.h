// Private to src/adapters/nats: receives a stream's messages in order, as the server pushes them;
// no message can go missing unnoticed.
//
// The server side is an ephemeral consumer without acknowledgements that numbers its deliveries. A
// hole in these numbers, missing heartbeats, a reconnect or too many unread messages make Next()
// fail with kRetryLater; it never just stays silent. The server forgets the consumer some seconds
// after this object is destroyed.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/nats/session.h"

namespace harmonylite::nats {

struct PushedMessage {
  MsgPtr message;           // null if none came in time
  uint64_t stream_seq = 0;  // position of the message in the stream
};

// Numbers that the server writes into the reply subject of a delivery.
struct DeliveryInfo {
  uint64_t stream_seq = 0;
  uint64_t consumer_seq = 0;
};
// Returns false if `reply` is not the reply subject of a delivery.
bool ParseDelivery(std::string_view reply, DeliveryInfo* out);

class PushConsumer {
 public:
  struct Options {
    std::string stream;
    std::string filter;  // a subject, with wildcards if need be; empty for all
    bool last_per_subject = false;
    uint64_t start_seq = 1;  // ignored with last_per_subject
    int64_t wait_ms = 5000;  // longest wait for an answer of the server
  };
  static Result<std::unique_ptr<PushConsumer>> Open(std::shared_ptr<Session> session,
                                                    const Options& options);

  // Waits up to `wait`, and returns as soon as a message is there. kRetryLater: this consumer is
  // broken, and the caller must open another one.
  Result<PushedMessage> Next(std::chrono::milliseconds wait);
  const std::shared_ptr<Session>& session() const { return session_; }

 private:
  explicit PushConsumer(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  Status Subscribe(const Options& options);
  // Handles a heartbeat or a flow control request.
  Status HandleControl(natsMsg* message, std::string_view reply);
  Status CheckAlive() const;

  const std::shared_ptr<Session> session_;
  SubscriptionPtr subscription_;
  uint64_t next_ = 1;  // consumer sequence of the next message
  std::chrono::steady_clock::time_point heard_{};
};

}  // namespace harmonylite::nats
