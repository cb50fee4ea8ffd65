// Private to src/adapters/nats: one natsConnection with its JetStream context, and helpers for the C
// library.
#pragma once

#include <nats/nats.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite::nats {

template <auto destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* object) const {
    destroy(object);
  }
};

// Ends a subscription now, and frees it some seconds later, when another one is ended: the library's reading thread
// may be handing a message to it at this moment, and libnats before 3.6 then uses what was freed (nats.c issue 637).
// Threads: any.
void RetireSubscription(natsSubscription* subscription);

using MsgPtr = std::unique_ptr<natsMsg, Destroyer<natsMsg_Destroy>>;
using OptionsPtr = std::unique_ptr<natsOptions, Destroyer<natsOptions_Destroy>>;
using SubscriptionPtr = std::unique_ptr<natsSubscription, Destroyer<RetireSubscription>>;
using StreamInfoPtr = std::unique_ptr<jsStreamInfo, Destroyer<jsStreamInfo_Destroy>>;
using ConsumerInfoPtr = std::unique_ptr<jsConsumerInfo, Destroyer<jsConsumerInfo_Destroy>>;
using PubAckPtr = std::unique_ptr<jsPubAck, Destroyer<jsPubAck_Destroy>>;

// What the library tells us from its own threads; lives until the connection's last callback.
// Threads: every method may be called from any thread.
class SessionEvents {
 public:
  void AddError(natsStatus status, const char* text);
  void SetClosed();

  // Blocks until the connection is closed for good, or Poke was called.
  void WaitClosed();
  void Poke();
  // Text of the newest permission violation after `since` that names `subject`; empty for none.
  std::string Violation(uint64_t since, std::string_view subject) const;
  uint64_t violations() const;

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool closed_ = false;
  bool poked_ = false;
  uint64_t violations_ = 0;
  std::string violation_;  // the newest one
};

// Once lost, a session stays lost: another one takes its place.
// Threads: every method may be called from any thread, as the library's handles allow it.
class Session {
 public:
  // Owns both; `url` is shown in errors.
  Session(natsConnection* connection, jsCtx* js, std::shared_ptr<SessionEvents> events,
          std::string url);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  natsConnection* connection() const { return connection_; }
  jsCtx* js() const { return js_; }
  const std::string& url() const { return url_; }
  SessionEvents& events() const { return *events_; }
  bool connected() const;
  // Of one message, headers included; as the server said when we connected.
  int64_t max_payload() const;
  std::string connected_url() const;
  // All servers of the cluster that we know of, without credentials.
  std::vector<std::string> servers() const;

 private:
  natsConnection* const connection_;
  jsCtx* const js_;
  const std::shared_ptr<SessionEvents> events_;
  const std::string url_;
};

// The failure of a library call made just now by this thread, with the library's own details.
// kRetryLater for what a later attempt may survive, else kInvalidArgument.
Error LibraryError(natsStatus status, std::string_view what);
// The same for a JetStream API call; `code` is the server's error code, or 0.
Error ApiError(natsStatus status, int code, std::string_view what);

// kNotFound: no such stream. Anything else: ApiError.
Result<StreamInfoPtr> GetStreamInfo(const Session& session, const std::string& stream,
                                    int64_t wait_ms);

// What the library said when it was asked for a message.
struct LastMessage {
  MsgPtr message;  // null: see the others
  natsStatus status = NATS_OK;
  jsErrCode code{};
};

// The newest message of a subject. nats-server 2.9 crashes when that is asked of a stream which another client is just
// making; a stream that is ready answers whoever publishes to it, and so it is first sent something that it must refuse.
// kNotFound: no such stream. kRetryLater: it is being made, or has no leader.
Result<LastMessage> AskForLast(const Session& session, const std::string& stream, const std::string& subject,
                               int64_t wait_ms);

}  // namespace harmonylite::nats
