#include "adapters/nats/jetstream_reader.h"

#include "adapters/nats/names.h"

namespace harmonylite::nats {

namespace {
// One Read returns about this much at most, so that a backlog of large records fits in memory.
constexpr size_t kReadBytes = 16 << 20;
}  // namespace

JetStreamReader::JetStreamReader(std::unique_ptr<PushConsumer> consumer, std::string subject_root,
                                 uint64_t from)
    : consumer_(std::move(consumer)), subject_root_(std::move(subject_root)), next_(from) {}

Status JetStreamReader::Read(size_t max_records, std::chrono::milliseconds wait,
                             std::vector<ports::LogRecord>* out) {
  if (failure_) return MakeError(failure_->code(), "{}", failure_->message());
  size_t bytes = 0;
  for (size_t count = 0; count < max_records && bytes < kReadBytes; ++count) {
    auto one = ReadOne(count == 0 ? wait : std::chrono::milliseconds(0));
    if (!one.ok()) {
      failure_ = std::move(one).error();
      // What came before the failure is good; the next call reports it.
      if (count > 0) return Ok();
      return MakeError(failure_->code(), "{}", failure_->message());
    }
    if (!one->has_value()) break;
    bytes += (*one)->payload.size();
    out->push_back(std::move(**one));
  }
  return Ok();
}

Result<std::optional<ports::LogRecord>> JetStreamReader::ReadOne(std::chrono::milliseconds wait) {
  HL_ASSIGN(const PushedMessage pushed, consumer_->Next(wait));
  natsMsg* message = pushed.message.get();
  if (message == nullptr) return std::optional<ports::LogRecord>();
  // The log deletes from its old end only, so a hole means that it ran away from us.
  if (pushed.stream_seq != next_)
    return MakeError(ErrorCode::kLogGap, "the log goes on at {}, records from {} on are gone",
                     pushed.stream_seq, next_);
  ++next_;
  ports::LogRecord record;
  record.seq = ports::LogSeq(pushed.stream_seq);
  // A foreign subject leaves the origin empty: no frame agrees with it, so its reader refuses it.
  record.subject = OriginOfSubject(natsMsg_GetSubject(message), subject_root_).value_or(Origin{});
  record.payload.assign(natsMsg_GetData(message),
                        static_cast<size_t>(natsMsg_GetDataLength(message)));
  return std::optional<ports::LogRecord>(std::move(record));
}

}  // namespace harmonylite::nats
