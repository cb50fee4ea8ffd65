#include "adapters/nats/jetstream_log.h"

#include "adapters/nats/jetstream_reader.h"
#include "adapters/nats/names.h"
#include "adapters/nats/session.h"
#include "adapters/nats/stream_setup.h"

namespace harmonylite::nats {

namespace {

using ports::LogSeq;
using ports::LogState;
using ports::PublishOutcome;
using ports::PublishReply;

constexpr size_t kMaxMessageId = 256;

LogState StateOf(const jsStreamInfo& info) {
  LogState state;
  state.created_ns = info.Created;
  state.last = LogSeq(info.State.LastSeq);
  state.first = info.State.Msgs == 0 ? LogSeq(info.State.LastSeq + 1) : LogSeq(info.State.FirstSeq);
  return state;
}

PublishReply Refused(std::string message) {
  return {PublishOutcome::kRefused, LogSeq(), std::move(message)};
}

// Returns what a failed publish means. `code` is the server's error code, or 0 if it did not
// answer. Where it is unknown whether the record was stored, the outcome says so: P2.
PublishReply Outcome(natsStatus status, int code) {
  switch (code) {
    case JSStreamWrongLastSequenceErr:
      return {PublishOutcome::kOutOfSequence, LogSeq(), {}};
    case JSStreamMessageExceedsMaximumErr:
      return Refused("the record is larger than the stream's max_msg_size");
    default:
      break;
  }
  const Error error = LibraryError(status, "publishing");
  if (status == NATS_MAX_PAYLOAD || status == NATS_NOT_PERMITTED) return Refused(error.message());
  return {PublishOutcome::kUnknown, LogSeq(), error.message()};
}

}  // namespace

JetStreamLog::JetStreamLog(std::shared_ptr<Connection> connection, JetStreamLogOptions options)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      stream_(StreamName(options_.stream_prefix, options_.format, options_.shard)),
      subject_root_(SubjectRoot(options_.subject_prefix, options_.format, options_.shard)) {}

std::string JetStreamLog::SubjectOf(const Origin& origin) const {
  return subject_root_ + "." + ToString(origin);
}

void JetStreamLog::Doubt() {
  const std::lock_guard lock(mutex_);
  checked_ = false;
}

Status JetStreamLog::EnsureReady() {
  HL_TRY(CheckStreamPrefix(options_.stream_prefix));
  HL_TRY(CheckSubjectPrefix(options_.subject_prefix));
  HL_TRY(connection_->EnsureConnected());
  const uint64_t reconnects = connection_->state().reconnects;
  {
    const std::lock_guard lock(mutex_);
    if (checked_ && checked_reconnects_ == reconnects) return Ok();
  }
  HL_ASSIGN(const auto session, connection_->Acquire());
  StreamSetup setup;
  setup.name = stream_;
  setup.subject = subject_root_ + ".*.*";
  setup.max_entries = options_.max_entries;
  setup.replicas = options_.replicas;
  setup.update_existing = options_.update_existing;
  setup.wait_ms = options_.api_timeout.count();
  HL_TRY(EnsureStream(*session, setup));
  const std::lock_guard lock(mutex_);
  checked_ = true;
  checked_reconnects_ = reconnects;
  return Ok();
}

Result<LogState> JetStreamLog::State() {
  HL_ASSIGN(const auto session, connection_->Acquire());
  const auto info = GetStreamInfo(*session, stream_, options_.api_timeout.count());
  if (info.ok()) return StateOf(**info);
  Doubt();
  const bool gone = info.error().code() == ErrorCode::kNotFound;
  return MakeError(gone ? ErrorCode::kRetryLater : info.error().code(), "{}",
                   info.error().message());
}

Result<ports::LogRecord> JetStreamLog::LastOf(const Origin& subject) {
  HL_ASSIGN(const auto session, connection_->Acquire());
  const auto last = AskForLast(*session, stream_, SubjectOf(subject), options_.api_timeout.count());
  if (!last.ok()) {
    Doubt();
    const bool gone = last.error().code() == ErrorCode::kNotFound;
    return MakeError(gone ? ErrorCode::kRetryLater : last.error().code(), "{}",
                     last.error().message());
  }
  if (last->status == NATS_OK) {
    natsMsg* raw = last->message.get();
    const size_t size = static_cast<size_t>(natsMsg_GetDataLength(raw));
    return ports::LogRecord{LogSeq(natsMsg_GetSequence(raw)), subject,
                            std::string(natsMsg_GetData(raw), size)};
  }
  if (last->code == JSNoMessageFoundErr)
    return MakeError(ErrorCode::kNotFound, "the log holds no record of {}", ToString(subject));
  Doubt();
  if (last->code == JSStreamNotFoundErr)
    return MakeError(ErrorCode::kRetryLater, "stream {} does not exist", stream_);
  return ApiError(last->status, last->code, "asking for our last record");
}

PublishReply JetStreamLog::Publish(const ports::PublishRequest& request) {
  const auto session = connection_->Acquire();
  if (!session.ok()) return {PublishOutcome::kUnknown, LogSeq(), session.error().message()};
  const size_t limit = max_payload();
  if (request.payload.size() > limit)
    return Refused(
        fmt::format("a record of {} bytes is too large: the server takes {} (max_payload)",
                    request.payload.size(), limit));
  if (request.message_id.size() > kMaxMessageId) return Refused("the message id is too long");

  const std::string subject = SubjectOf(request.subject);
  natsMsg* raw = nullptr;
  natsStatus status = natsMsg_Create(&raw, subject.c_str(), nullptr, request.payload.data(),
                                     static_cast<int>(request.payload.size()));
  const MsgPtr message(raw);
  if (status != NATS_OK) return Outcome(status, 0);
  jsPubOptions options;
  jsPubOptions_Init(&options);
  options.MaxWait = options_.publish_timeout.count();
  options.MsgId = request.message_id.empty() ? nullptr : request.message_id.c_str();
  options.ExpectLastSubjectSeq = request.expected_last.value;
  // With ExpectNoMessage the library sends an explicit 0 instead of no condition.
  options.ExpectNoMessage = request.expected_last.value == 0;

  const uint64_t violations = (*session)->events().violations();
  jsPubAck* ack = nullptr;
  jsErrCode code{};
  status = js_PublishMsg(&ack, (*session)->js(), raw, &options, &code);
  const PubAckPtr ack_owner(ack);
  if (status == NATS_OK) return {PublishOutcome::kStored, LogSeq(ack->Sequence), {}};
  // If a publish is not permitted, the server drops it without an answer and reports a permission
  // violation separately.
  const std::string violation = (*session)->events().Violation(violations, subject_root_);
  if (!violation.empty())
    return Refused(fmt::format("{}: allow our user to publish to {}.>", violation, subject_root_));
  PublishReply reply = Outcome(status, code);
  if (reply.outcome == PublishOutcome::kUnknown) Doubt();
  return reply;
}

Result<std::unique_ptr<ports::LogReader>> JetStreamLog::OpenReader(LogSeq from) {
  if (from.value == 0) from = LogSeq(1);
  HL_ASSIGN(const auto session, connection_->Acquire());
  PushConsumer::Options options;
  options.stream = stream_;
  options.start_seq = from.value;
  options.wait_ms = options_.api_timeout.count();
  auto consumer = PushConsumer::Open(session, options);
  if (!consumer.ok()) {
    Doubt();
    const bool gone = consumer.error().code() == ErrorCode::kNotFound;
    return MakeError(gone ? ErrorCode::kRetryLater : consumer.error().code(), "{}",
                     consumer.error().message());
  }
  // The state is asked for after the consumer was made. So it describes the stream that the
  // consumer reads, or a newer stream; in the second case the consumer is dead, and its missing
  // heartbeats will show it.
  HL_ASSIGN(const LogState state, State());
  if (from < state.first || from.value > state.last.value + 1)
    return MakeError(ErrorCode::kLogGap, "record {} was asked for, the log holds {} to {}",
                     from.value, state.first.value, state.last.value);
  return std::unique_ptr<ports::LogReader>(
      new JetStreamReader(std::move(consumer).value(), subject_root_, from.value));
}

size_t JetStreamLog::max_payload() const {
  const auto session = connection_->Newest();
  const std::lock_guard lock(mutex_);
  if (session && session->max_payload() > 0)
    server_max_payload_ = static_cast<size_t>(session->max_payload());
  return server_max_payload_ > 2 * kHeaderRoom ? server_max_payload_ - kHeaderRoom
                                               : server_max_payload_ / 2;
}

}  // namespace harmonylite::nats
