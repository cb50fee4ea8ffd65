// Private to src/adapters/nats: a stream's messages pushed to us in order, where nothing can go missing
// unseen.
//
// An ephemeral consumer without acknowledgements on the server numbers what it sends us. A hole in
// those numbers, heartbeats that stop, a reconnect or too much unread end it with kRetryLater; it
// never just stays silent. The server forgets it some seconds after it is destroyed here.
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
  MsgPtr message;           // null: none came in time
  uint64_t stream_seq = 0;  // its position in the stream
};

// What the server writes into the reply subject of a delivery.
struct DeliveryInfo {
  uint64_t stream_seq = 0;
  uint64_t consumer_seq = 0;
};
// False: `reply` is not that of a delivery.
bool ParseDelivery(std::string_view reply, DeliveryInfo* out);

class PushConsumer {
 public:
  struct Options {
    std::string stream;
    std::string filter;       // subject; empty for all
    bool last_per_subject = false;
    uint64_t start_seq = 1;   // without last_per_subject
    int64_t wait_ms = 5000;   // for the server's answers
  };
  static Result<std::unique_ptr<PushConsumer>> Open(std::shared_ptr<Session> session,
                                                    const Options& options);

  // Waits up to `wait`; returns as soon as a message is there. kRetryLater: open another one.
  Result<PushedMessage> Next(std::chrono::milliseconds wait);
  const std::shared_ptr<Session>& session() const { return session_; }

 private:
  explicit PushConsumer(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  Status Subscribe(const Options& options);
  // A heartbeat or a flow control request.
  Status HandleControl(natsMsg* message, std::string_view reply);
  Status CheckAlive() const;

  const std::shared_ptr<Session> session_;
  SubscriptionPtr subscription_;
  uint64_t next_ = 1;  // consumer sequence of the message to come
  std::chrono::steady_clock::time_point heard_{};
};

}  // namespace harmonylite::nats
