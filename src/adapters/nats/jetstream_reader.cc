#include "adapters/nats/jetstream_reader.h"

#include "adapters/nats/names.h"

namespace harmonylite::nats {

namespace {
// One Read() stops after about this many bytes, so that a backlog of large records fits in memory.
constexpr size_t kReadBytes = 16 << 20;
}  // namespace

JetStreamReader::JetStreamReader(std::unique_ptr<PushConsumer> consumer, std::string subject_root,
                                 uint64_t from)
    : consumer_(std::move(consumer)), subject_root_(std::move(subject_root)), next_(from) {}

Status JetStreamReader::Read(size_t max_records, std::chrono::milliseconds wait,
                             std::vector<ports::LogRecord>* out) {
  if (failure_) return failure_->Copy();
  size_t bytes = 0;
  for (size_t count = 0; count < max_records && bytes < kReadBytes; ++count) {
    auto one = ReadOne(count == 0 ? wait : std::chrono::milliseconds(0));
    if (!one.ok()) {
      failure_ = std::move(one).error();
      // The records before the failure are good, so they are returned now; the next call reports
      // the failure.
      if (count > 0) return Ok();
      return failure_->Copy();
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
  // The log deletes only from its old end, so a hole means that it has deleted records that were
  // not read yet. P7: the hole is reported, never skipped.
  if (pushed.stream_seq != next_)
    return MakeError(ErrorCode::kLogGap, "the log goes on at {}, records from {} on are gone",
                     pushed.stream_seq, next_);
  ++next_;
  ports::LogRecord record;
  record.seq = ports::LogSeq(pushed.stream_seq);
  // A foreign subject leaves the origin empty. No frame agrees with an empty origin, so the
  // consumer refuses the record.
  record.subject = OriginOfSubject(natsMsg_GetSubject(message), subject_root_).value_or(Origin{});
  record.payload.assign(natsMsg_GetData(message),
                        static_cast<size_t>(natsMsg_GetDataLength(message)));
  return std::optional<ports::LogRecord>(std::move(record));
}

}  // namespace harmonylite::nats
