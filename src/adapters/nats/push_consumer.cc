#include "adapters/nats/push_consumer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace harmonylite::nats {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kHeartbeat{2000};
constexpr milliseconds kSilence{5000};  // two heartbeats and a margin
// How often a waiting reader checks whether heartbeats stopped; a lost connection wakes it at once.
constexpr milliseconds kSlice{2000};
// Most bytes of unread messages held for us. Flow control keeps the server below it.
constexpr int kPendingBytes = 64 << 20;
constexpr int64_t kNanosPerMilli = 1'000'000;

bool ParseNumber(std::string_view text, uint64_t* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool ParseDelivery(std::string_view reply, DeliveryInfo* out) {
  // The subject is $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer
  // seq>.<time>.<pending>, or has <domain>.<account> before the stream and perhaps more tokens at
  // the end.
  constexpr std::string_view kPrefix = "$JS.ACK.";
  if (!reply.starts_with(kPrefix)) return false;
  std::array<std::string_view, 16> tokens;
  size_t count = 0;
  while (count < tokens.size()) {
    const size_t dot = reply.find('.');
    tokens[count++] = reply.substr(0, dot);
    if (dot == std::string_view::npos) break;
    reply.remove_prefix(dot + 1);
  }
  if (count != 9 && count < 11) return false;
  const size_t base = count == 9 ? 5 : 7;
  return ParseNumber(tokens[base], &out->stream_seq) &&
         ParseNumber(tokens[base + 1], &out->consumer_seq);
}

Result<std::unique_ptr<PushConsumer>> PushConsumer::Open(std::shared_ptr<Session> session,
                                                         const Options& options) {
  std::unique_ptr<PushConsumer> consumer(new PushConsumer(std::move(session)));
  HL_TRY(consumer->Subscribe(options));
  return consumer;
}

Status PushConsumer::Subscribe(const Options& options) {
  natsInbox* inbox = nullptr;
  if (const natsStatus s = natsInbox_Create(&inbox); s != NATS_OK)
    return LibraryError(s, "making an inbox");
  const std::unique_ptr<natsInbox, Destroyer<natsInbox_Destroy>> inbox_owner(inbox);
  natsSubscription* subscription = nullptr;
  natsStatus status = natsConnection_SubscribeSync(&subscription, session_->connection(), inbox);
  if (status != NATS_OK) return LibraryError(status, "subscribing");
  subscription_.reset(subscription);
  status = natsSubscription_SetPendingLimits(subscription, -1, kPendingBytes);
  if (status != NATS_OK) return LibraryError(status, "subscribing");

  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.DeliverSubject = inbox;
  config.AckPolicy = js_AckNone;
  config.Heartbeat = kHeartbeat.count() * kNanosPerMilli;
  config.FlowControl = true;
  config.MemoryStorage = true;
  config.Replicas = 1;
  if (!options.filter.empty()) config.FilterSubject = options.filter.c_str();
  if (options.last_per_subject) {
    config.DeliverPolicy = js_DeliverLastPerSubject;
  } else {
    config.DeliverPolicy = js_DeliverByStartSequence;
    config.OptStartSeq = std::max<uint64_t>(1, options.start_seq);
  }
  jsOptions api;
  jsOptions_Init(&api);
  api.Wait = options.wait_ms;
  jsConsumerInfo* info = nullptr;
  jsErrCode code{};
  status = js_AddConsumer(&info, session_->js(), options.stream.c_str(), &config, &api, &code);
  const ConsumerInfoPtr info_owner(info);
  if (status != NATS_OK)
    return ApiError(status, code, fmt::format("making a consumer of {}", options.stream));
  heard_ = Clock::now();
  return Ok();
}

Result<PushedMessage> PushConsumer::Next(milliseconds wait) {
  const Clock::time_point deadline = Clock::now() + wait;
  while (true) {
    const auto left =
        std::chrono::ceil<milliseconds>(std::max(deadline - Clock::now(), Clock::duration::zero()));
    natsMsg* raw = nullptr;
    const natsStatus status =
        natsSubscription_NextMsg(&raw, subscription_.get(), std::min(left, kSlice).count());
    if (status == NATS_TIMEOUT) {
      HL_TRY(CheckAlive());
      if (Clock::now() >= deadline) return PushedMessage{};
      continue;
    }
    if (status == NATS_SLOW_CONSUMER)
      return MakeError(ErrorCode::kRetryLater, "records came faster than they were read");
    if (status != NATS_OK)
      return MakeError(ErrorCode::kRetryLater, "reading: {}", natsStatus_GetText(status));

    MsgPtr message(raw);
    heard_ = Clock::now();
    const char* reply_text = natsMsg_GetReply(raw);
    const std::string_view reply = reply_text != nullptr ? reply_text : "";
    DeliveryInfo info;
    if (!ParseDelivery(reply, &info)) {
      HL_TRY(HandleControl(raw, reply));
      continue;
    }
    if (info.consumer_seq != next_)
      return MakeError(ErrorCode::kRetryLater, "delivery {} came where {} was due",
                       info.consumer_seq, next_);
    ++next_;
    return PushedMessage{std::move(message), info.stream_seq};
  }
}

Status PushConsumer::HandleControl(natsMsg* message, std::string_view reply) {
  // A control message with a reply subject is a flow control request. The answer tells the server
  // that we have read everything before it.
  if (!reply.empty()) {
    const std::string subject(reply);
    natsConnection_Publish(session_->connection(), subject.c_str(), nullptr, 0);
    return Ok();
  }
  const char* value = nullptr;
  if (natsMsgHeader_Get(message, "Nats-Consumer-Stalled", &value) == NATS_OK && value != nullptr)
    natsConnection_Publish(session_->connection(), value, nullptr, 0);
  uint64_t last = 0;
  if (natsMsgHeader_Get(message, "Nats-Last-Consumer", &value) == NATS_OK && value != nullptr &&
      ParseNumber(value, &last) && last + 1 != next_)
    return MakeError(ErrorCode::kRetryLater, "deliveries {} to {} were lost", next_, last);
  return Ok();
}

Status PushConsumer::CheckAlive() const {
  if (!session_->connected())
    return MakeError(ErrorCode::kRetryLater, "the connection to {} was lost", session_->url());
  const auto silence = Clock::now() - heard_;
  if (silence < kSilence) return Ok();
  return MakeError(ErrorCode::kRetryLater, "the server's heartbeats stopped {} ms ago",
                   std::chrono::duration_cast<milliseconds>(silence).count());
}

}  // namespace harmonylite::nats
