#include "adapters/nats/session.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <thread>

#include "base/url.h"

namespace harmonylite::nats {

namespace {

// How long a subscription that was ended is kept: far longer than a message takes from the socket
// to its subscription.
constexpr std::chrono::seconds kRetirement{10};
constexpr int kMaxKnocks = 20;
constexpr std::chrono::milliseconds kBetweenKnocks{20};

}  // namespace

void RetireSubscription(natsSubscription* subscription) {
  using Clock = std::chrono::steady_clock;
  struct Retired {
    natsSubscription* subscription;
    Clock::time_point since;
  };
  static std::mutex mutex;
  // The list is never freed, because it must outlive every thread.
  static auto& retired = *new std::deque<Retired>;
  natsSubscription_Unsubscribe(subscription);
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex);
  retired.push_back({subscription, now});
  for (; now - retired.front().since > kRetirement; retired.pop_front())
    natsSubscription_Destroy(retired.front().subscription);
}

void SessionEvents::AddError(natsStatus status, const char* text) {
  // Other errors show in the calls that they break.
  if (status != NATS_NOT_PERMITTED) return;
  const std::lock_guard lock(mutex_);
  ++violations_;
  violation_ = text != nullptr ? text : "";
}

void SessionEvents::SetClosed() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

void SessionEvents::Poke() {
  {
    const std::lock_guard lock(mutex_);
    poked_ = true;
  }
  changed_.notify_all();
}

void SessionEvents::WaitClosed() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closed_ || poked_; });
}

std::string SessionEvents::Violation(uint64_t since, std::string_view subject) const {
  const std::lock_guard lock(mutex_);
  if (violations_ <= since || violation_.find(subject) == std::string::npos) return {};
  return violation_;
}

uint64_t SessionEvents::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

Session::Session(natsConnection* connection, jsCtx* js, std::shared_ptr<SessionEvents> events,
                 std::string url)
    : connection_(connection), js_(js), events_(std::move(events)), url_(std::move(url)) {}

Session::~Session() {
  natsConnection_Close(connection_);
  jsCtx_Destroy(js_);
  natsConnection_Destroy(connection_);
}

bool Session::connected() const {
  return natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED;
}

int64_t Session::max_payload() const { return natsConnection_GetMaxPayload(connection_); }

std::string Session::connected_url() const {
  char buffer[1024];
  if (natsConnection_GetConnectedUrl(connection_, buffer, sizeof buffer) != NATS_OK) return {};
  return ServerOfUrl(buffer);
}

std::vector<std::string> Session::servers() const {
  char** list = nullptr;
  int count = 0;
  std::vector<std::string> out;
  if (natsConnection_GetServers(connection_, &list, &count) != NATS_OK) return out;
  for (int i = 0; i < count; ++i) {
    out.emplace_back(list[i]);
    free(list[i]);
  }
  free(list);
  return out;
}

Error LibraryError(natsStatus status, std::string_view what) {
  natsStatus last = NATS_OK;
  const char* detail = nats_GetLastError(&last);
  ErrorCode code = ErrorCode::kRetryLater;
  switch (status) {
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
    case NATS_NOT_PERMITTED:
    case NATS_MAX_PAYLOAD:
    case NATS_NO_SERVER_SUPPORT:
      code = ErrorCode::kInvalidArgument;
      break;
    default:
      break;
  }
  if (last == status && detail != nullptr && *detail != '\0')
    return MakeError(code, "{}: {}: {}", what, natsStatus_GetText(status), detail);
  return MakeError(code, "{}: {}", what, natsStatus_GetText(status));
}

Error ApiError(natsStatus status, int code, std::string_view what) {
  switch (code) {
    case JSStreamNotFoundErr:
    case JSConsumerNotFoundErr:
    case JSNoMessageFoundErr:
      return MakeError(ErrorCode::kNotFound, "{}: not found [{}]", what, code);
    case JSNotEnabledErr:
    case JSNotEnabledForAccountErr:
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: JetStream is not enabled there: start nats-server with -js, or enable "
                       "it for our account",
                       what);
    case JSStreamReplicasNotSupportedErr:
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: a single nats-server cannot keep several replicas: lower `replicas` or "
                       "run a cluster",
                       what);
    default:
      break;
  }
  if (status == NATS_NO_RESPONDERS)
    return MakeError(ErrorCode::kRetryLater,
                     "{}: nobody answers for JetStream: it is not enabled, or has no leader yet",
                     what);
  Error error = LibraryError(status, what);
  // The server refused. Whether a later attempt can succeed depends on its reason. The codes listed
  // here are about resources and leadership, which change; all others are about the request itself.
  static constexpr int kPassing[] = {
      0,
      JSInsufficientResourcesErr,
      JSClusterNotAvailErr,
      JSClusterNotLeaderErr,
      JSClusterNoPeersErr,
      JSClusterIncompleteErr,
      JSStorageResourcesExceededErr,
      JSMemoryResourcesExceededErr,
      JSStreamStoreFailedErr,
      JSRaftGeneralErr,
      JSConsumerCreateErr,
  };
  if (std::find(std::begin(kPassing), std::end(kPassing), code) != std::end(kPassing)) return error;
  return MakeError(ErrorCode::kInvalidArgument, "{} [{}]", error.message(), code);
}

Result<StreamInfoPtr> GetStreamInfo(const Session& session, const std::string& stream,
                                    int64_t wait_ms, const std::string& subjects) {
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = wait_ms;
  if (!subjects.empty()) options.Stream.Info.SubjectsFilter = subjects.c_str();
  jsStreamInfo* info = nullptr;
  jsErrCode code{};
  const natsStatus status = js_GetStreamInfo(&info, session.js(), stream.c_str(), &options, &code);
  if (status == NATS_OK) return StreamInfoPtr(info);
  if (code == JSStreamNotFoundErr || (status == NATS_NOT_FOUND && code == 0))
    return MakeError(ErrorCode::kNotFound, "stream {} does not exist", stream);
  return ApiError(status, code, fmt::format("asking for stream {}", stream));
}

namespace {

Status AwaitReady(const Session& session, const std::string& stream, const std::string& subject,
                  int64_t wait_ms) {
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, subject.c_str(), nullptr, nullptr, 0);
  const MsgPtr knock(raw);
  // No stream has this name, so no stream stores the message; it only refuses it.
  if (status == NATS_OK) status = natsMsgHeader_Set(raw, "Nats-Expected-Stream", "-");
  if (status != NATS_OK) return LibraryError(status, "asking stream " + stream);
  for (int knocks = 0; knocks < kMaxKnocks; ++knocks) {
    natsMsg* reply = nullptr;
    status = natsConnection_RequestMsg(&reply, session.connection(), raw, wait_ms);
    const MsgPtr answer(reply);
    if (status == NATS_OK) return Ok();
    if (status != NATS_NO_RESPONDERS) return LibraryError(status, "asking stream " + stream);
    auto info = GetStreamInfo(session, stream, wait_ms);
    if (!info.ok()) return std::move(info).error();
    // A server needs some milliseconds to make a stream.
    std::this_thread::sleep_for(kBetweenKnocks);
  }
  return MakeError(ErrorCode::kRetryLater, "stream {} is being made, or has no leader yet", stream);
}

}  // namespace

Result<LastMessage> AskForLast(const Session& session, const std::string& stream,
                               const std::string& subject, int64_t wait_ms) {
  HL_TRY(AwaitReady(session, stream, subject, wait_ms));
  jsOptions options;
  jsOptions_Init(&options);
  options.Wait = wait_ms;
  LastMessage last;
  natsMsg* raw = nullptr;
  last.status =
      js_GetLastMsg(&raw, session.js(), stream.c_str(), subject.c_str(), &options, &last.code);
  last.message.reset(raw);
  return last;
}

}  // namespace harmonylite::nats
