#include "adapters/nats/publish_pipeline.h"

#include <nlohmann/json.hpp>

#include "ports/retry.h"

namespace harmonylite::nats {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// A wait notices within this time that the connection was lost, or that it was cancelled.
constexpr milliseconds kSlice{100};

}  // namespace

PublishPipeline::PublishPipeline(std::shared_ptr<Session> session, Options options)
    : session_(std::move(session)),
      options_(std::move(options)),
      violations_(session_->events().violations()) {}

Result<std::unique_ptr<PublishPipeline>> PublishPipeline::Open(std::shared_ptr<Session> session,
                                                               Options options) {
  std::unique_ptr<PublishPipeline> out(new PublishPipeline(std::move(session), std::move(options)));
  natsInbox* inbox = nullptr;
  if (const natsStatus s = natsInbox_Create(&inbox); s != NATS_OK)
    return LibraryError(s, "making an inbox");
  out->inbox_ = inbox;
  natsInbox_Destroy(inbox);
  natsSubscription* subscription = nullptr;
  const natsStatus status =
      natsConnection_SubscribeSync(&subscription, out->session_->connection(), out->inbox_.c_str());
  if (status != NATS_OK) return LibraryError(status, "subscribing");
  out->subscription_.reset(subscription);
  return out;
}

Status PublishPipeline::Publish(const std::string& subject, std::string_view bytes,
                                const ports::Transfer* transfer) {
  while (pending_ >= options_.max_pending) HL_TRY(WaitForOne(transfer));
  HL_TRY(ports::CheckCancelled(transfer));
  subject_ = subject;
  const natsStatus status =
      natsConnection_PublishRequest(session_->connection(), subject.c_str(), inbox_.c_str(),
                                    bytes.data(), static_cast<int>(bytes.size()));
  if (status != NATS_OK) return LibraryError(status, "sending");
  ++pending_;
  return Ok();
}

Status PublishPipeline::Drain(const ports::Transfer* transfer) {
  while (pending_ > 0) HL_TRY(WaitForOne(transfer));
  return Ok();
}

Status PublishPipeline::WaitForOne(const ports::Transfer* transfer) {
  const auto deadline = Clock::now() + options_.patience;
  while (true) {
    HL_TRY(ports::CheckCancelled(transfer));
    natsMsg* raw = nullptr;
    const natsStatus status = natsSubscription_NextMsg(&raw, subscription_.get(), kSlice.count());
    const MsgPtr message(raw);
    if (status == NATS_OK) {
      HL_TRY(Check(raw));
      --pending_;
      return Ok();
    }
    if (status != NATS_TIMEOUT) return LibraryError(status, "waiting for the store's answers");
    // If a publish is not permitted, the server drops it without an answer and reports a permission
    // violation separately.
    const std::string violation = session_->events().Violation(violations_, subject_);
    if (!violation.empty())
      return MakeError(ErrorCode::kInvalidArgument, "{}: allow our user to publish there",
                       violation);
    if (!session_->connected())
      return MakeError(ErrorCode::kRetryLater, "the connection to {} was lost", session_->url());
    if (Clock::now() >= deadline)
      return MakeError(ErrorCode::kRetryLater, "stream {} has stored nothing for {} s",
                       options_.stream, options_.patience.count() / 1000);
  }
}

Status PublishPipeline::Check(natsMsg* acknowledgement) const {
  if (natsMsg_IsNoResponders(acknowledgement))
    return MakeError(ErrorCode::kRetryLater,
                     "nobody answers for stream {}: it is gone, or has no leader yet",
                     options_.stream);
  const std::string_view text(natsMsg_GetData(acknowledgement),
                              static_cast<size_t>(natsMsg_GetDataLength(acknowledgement)));
  const auto answer = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object())
    return MakeError(ErrorCode::kRetryLater, "stream {} sent an answer that is not JSON",
                     options_.stream);
  if (const auto error = answer.find("error"); error != answer.end()) {
    const std::string why =
        error->is_object() ? error->value("description", std::string("no reason given")) : "";
    return MakeError(ErrorCode::kRetryLater,
                     "stream {} refused a part: {}: make room on the NATS servers, or raise their "
                     "limits",
                     options_.stream, why);
  }
  if (const auto stream = answer.find("stream");
      stream == answer.end() || !stream->is_string() || *stream != options_.stream)
    return MakeError(ErrorCode::kInvalidArgument,
                     "another stream than {} takes its subjects: remove that one", options_.stream);
  return Ok();
}

}  // namespace harmonylite::nats
