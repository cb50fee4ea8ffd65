// Private to src/adapters/nats: one natsConnection with its JetStream context, and helpers for the
// C library.
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

// Ends a subscription now, but frees it only some seconds later, when another subscription is
// retired. The library's reading thread may be handing it a message at this moment, and libnats
// before 3.6 would then use freed memory (nats.c issue 637). Threads: may be called from any
// thread.
void RetireSubscription(natsSubscription* subscription);

using MsgPtr = std::unique_ptr<natsMsg, Destroyer<natsMsg_Destroy>>;
using OptionsPtr = std::unique_ptr<natsOptions, Destroyer<natsOptions_Destroy>>;
using SubscriptionPtr = std::unique_ptr<natsSubscription, Destroyer<RetireSubscription>>;
using StreamInfoPtr = std::unique_ptr<jsStreamInfo, Destroyer<jsStreamInfo_Destroy>>;
using ConsumerInfoPtr = std::unique_ptr<jsConsumerInfo, Destroyer<jsConsumerInfo_Destroy>>;
using PubAckPtr = std::unique_ptr<jsPubAck, Destroyer<jsPubAck_Destroy>>;

// Collects what the library reports from its own threads. Lives until the connection's last
// callback. Threads: every method may be called from any thread.
class SessionEvents {
 public:
  void AddError(natsStatus status, const char* text);
  void SetClosed();

  // Blocks until the connection is closed for good, or until Poke() is called.
  void WaitClosed();
  void Poke();
  // Returns the text of the newest permission violation if it came after the first `since`
  // violations and names `subject`; otherwise an empty text.
  std::string Violation(uint64_t since, std::string_view subject) const;
  uint64_t violations() const;

 private:
  mutable std::mutex mutex_;  // guards the members below
  std::condition_variable changed_;
  bool closed_ = false;
  bool poked_ = false;
  uint64_t violations_ = 0;
  std::string violation_;  // text of the newest violation
};

// One connection of the library. A session that is lost stays lost: another one takes its place.
// Threads: every method may be called from any thread, because the library's handles allow it.
class Session {
 public:
  // Takes ownership of `connection` and `js`; `url` is shown in errors.
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
  // Returns the most bytes of one message, headers included, as the server stated them when we
  // connected.
  int64_t max_payload() const;
  std::string connected_url() const;
  // Returns all servers of the cluster that the library knows, without credentials.
  std::vector<std::string> servers() const;

 private:
  natsConnection* const connection_;
  jsCtx* const js_;
  const std::shared_ptr<SessionEvents> events_;
  const std::string url_;
};

// Describes the failure of a library call that this thread made just now, with the library's own
// details. The code is kRetryLater if a later attempt may succeed, otherwise kInvalidArgument.
Error LibraryError(natsStatus status, std::string_view what);
// Describes the failure of a JetStream API call; `code` is the server's error code, or 0. The code
// is kNotFound, or chosen as in LibraryError().
Error ApiError(natsStatus status, int code, std::string_view what);

// kNotFound: the stream does not exist. Other failures are reported as ApiError() describes them.
// `subjects`: a filter; the answer then counts the messages on each subject that it matches.
Result<StreamInfoPtr> GetStreamInfo(const Session& session, const std::string& stream,
                                    int64_t wait_ms, const std::string& subjects = {});

// The library's answer to a request for one message.
struct LastMessage {
  MsgPtr message;  // null unless `status` is NATS_OK
  natsStatus status = NATS_OK;
  jsErrCode code{};
};

// Asks for the newest message of a subject. nats-server 2.9 crashes if it gets this request for a
// stream that another client is just making. A stream that is ready answers a publish, so this
// function first sends a message that the stream must refuse, and waits for the refusal. kNotFound:
// the stream does not exist. kRetryLater: the stream is being made, or has no leader.
Result<LastMessage> AskForLast(const Session& session, const std::string& stream,
                               const std::string& subject, int64_t wait_ms);

}  // namespace harmonylite::nats
