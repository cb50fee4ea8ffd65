#include "node/replication/assembler.h"

#include <algorithm>

#include "base/mutant.h"

namespace harmonylite::node {

using change::FrameHeader;
using change::FrameView;

Result<std::optional<ArrivedBatch>> Assembler::Add(const ports::LogRecord& record) {
  HL_ASSIGN(const FrameView frame, change::DecodeFrame(record.payload));
  const FrameHeader& header = frame.header;
  if (header.sender != record.subject)
    return MakeError(ErrorCode::kCorruption, "the record names {} as its sender, its subject {}",
                     ToString(header.sender), ToString(record.subject));
  if (header.index == 0) {
    // A new attempt replaces the slices of an older one.
    open_.erase(header.sender);
    open_.emplace(header.sender, Open{header,
                                      {header.sender, Spool(spool_directory_, spool_memory_),
                                       record.seq, record.seq}});
  }
  const auto it = open_.find(header.sender);
  if (it == open_.end()) return std::optional<ArrivedBatch>();  // the attempt's first frame is gone
  Open& open = it->second;
  const bool follows = open.header.attempt == header.attempt && open.header.count == header.count &&
                       open.header.batch_checksum == header.batch_checksum &&
                       (header.index == 0 || open.header.index + 1 == header.index);
  // The same slice may be in the log twice: its sender repeats it if the acknowledgement is lost.
  if (open.header.attempt == header.attempt && header.index != 0 &&
      header.index <= open.header.index)
    return std::optional<ArrivedBatch>();
  if (!follows) {
    open_.erase(it);
    return std::optional<ArrivedBatch>();
  }
  HL_TRY(open.batch.bytes.Append(frame.body));
  open.header = header;
  open.batch.last = record.seq;
  if (header.index + 1 < header.count && !HL_MUTANT(partial_batch_applied))
    return std::optional<ArrivedBatch>();

  ArrivedBatch batch = std::move(open.batch);
  open_.erase(it);
  HL_ASSIGN(const uint64_t checksum, batch.bytes.Checksum());
  if ((batch.bytes.size() != header.batch_bytes || checksum != header.batch_checksum) &&
      !HL_MUTANT(partial_batch_applied))
    return MakeError(ErrorCode::kCorruption, "the slices of a batch of {} do not add up",
                     ToString(header.sender));
  return std::optional<ArrivedBatch>(std::move(batch));
}

std::optional<ports::LogSeq> Assembler::oldest_open() const {
  std::optional<ports::LogSeq> oldest;
  for (const auto& [origin, open] : open_)
    if (!oldest || open.batch.first < *oldest) oldest = open.batch.first;
  return oldest;
}

std::optional<ports::LogSeq> Assembler::first_open(const Origin& origin) const {
  const auto it = open_.find(origin);
  return it == open_.end() ? std::nullopt : std::optional(it->second.batch.first);
}

}  // namespace harmonylite::node
