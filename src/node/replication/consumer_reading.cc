// Reading the log: opening it at the right place, going on after failures, and going back to what
// could not be taken. See consumer.h.
#include <algorithm>

#include "node/replication/consumer.h"

namespace harmonylite::node {

using ports::LogRecord;
using ports::LogSeq;

namespace {

// Records read at once, at most.
constexpr size_t kReadRecords = 64;
// Pause before the log is opened again after a failure.
constexpr int64_t kReopenMs = 200;
// The pause between two attempts at a record that cannot be taken doubles each time, from kReopenMs
// to this.
constexpr int64_t kMostStallMs = 5'000;

}  // namespace

// Opens the log at next_. The cursor may be wrong without harm: if the log was made anew, or an
// older copy of it was put back, reading begins at its first record, since batches that are applied
// already are recognised. If the log no longer holds the records at next_, that is noted as a gap:
// repair brings what they held, or a snapshot if no node is left to ask.
Status Consumer::OpenReader() {
  HL_TRY(d_.log->EnsureReady());
  HL_ASSIGN(const ports::LogState state, d_.log->State());
  if (state.created_ns != log_created_) {
    if (log_created_ != 0)
      d_.logger->Warning(
          "the log was made anew: reading it from its start; what it lost is "
          "fetched from the other nodes");
    next_ = LogSeq(1);
    log_created_ = state.created_ns;
    assembler_.Clear();
  }
  if (next_.value > state.last.value + 1) {
    d_.logger->Warning(
        "the log ends at {}, before our position {}: an older copy was put back; "
        "reading it from its start",
        state.last.value, next_.value);
    next_ = LogSeq(1);
    assembler_.Clear();
  }
  if (next_ < state.first) {
    if (next_.value > 1)
      d_.logger->Warning(
          "the log no longer holds records {} to {}: what they brought is fetched "
          "from the other nodes where it is missing",
          next_.value, state.first.value - 1);
    d_.shared->SetLogGap(true);
    next_ = state.first;
    assembler_.Clear();
  }
  HL_ASSIGN(reader_, d_.log->OpenReader(next_));
  return Ok();
}

// Closes the reader after an error of the log; it is opened again after a pause.
void Consumer::LoseReader(const Error& error) {
  reader_.reset();
  caught_up_ = false;
  reopen_ms_ = d_.clock->MonotonicMs() + kReopenMs;
  if (error.message() != said_) {
    said_ = error.message();
    d_.logger->Warning("reading the log was interrupted: {}; trying again", said_);
  }
  Share();
}

// Reads records and takes each of them. Stops at a record that cannot be taken at the moment. A
// stall ends when the record it was about, or a later one, is taken, or when the log is found to
// hold nothing more from there on.
Result<bool> Consumer::TakeRecords(std::chrono::milliseconds wait) {
  std::vector<LogRecord> records;
  HL_TRY(reader_->Read(kReadRecords, wait, &records));
  for (const LogRecord& record : records) {
    if (Status taken = Take(record); !taken.ok()) {
      Stall(record, taken.error());
      break;
    }
    if (stalled_at_ && record.seq >= *stalled_at_) EndStall();
  }
  if (records.empty() && stalled_at_) EndStall();
  return !records.empty();
}

// Stops reading at a record that this node cannot take for a local reason, such as a full disk. The
// log still holds the record and those after it, so reading goes on from it after a pause (P7).
void Consumer::Stall(const LogRecord& record, const Error& error) {
  reader_.reset();
  caught_up_ = false;
  stall_pause_ms_ = std::clamp(2 * stall_pause_ms_, kReopenMs, kMostStallMs);
  reopen_ms_ = d_.clock->MonotonicMs() + stall_pause_ms_;
  stalled_at_ = record.seq;
  if (error.message() != stalled_) {
    stalled_ = error.message();
    d_.logger->Warning(
        "record {} of node {} cannot be taken at the moment ({}): trying again; nothing is lost, "
        "and what comes after it waits",
        record.seq.value, ToString(record.subject), stalled_);
  }
  Share();
}

void Consumer::EndStall() {
  stalled_at_.reset();
  stalled_.clear();
  stall_pause_ms_ = 0;
  d_.logger->Info("records of the log can be taken again");
  Share();
}

// Goes back to the first batch for which there was no room, once nothing of its sender waits any
// more. The log still holds it. Other nodes' records after it are read again, too, and dropped.
void Consumer::ReadSkippedAgain() {
  std::optional<LogSeq> from;
  for (auto it = skipped_.begin(); it != skipped_.end();) {
    if (held_.Waits(it->first)) {
      ++it;
      continue;
    }
    from = std::min(from.value_or(it->second), it->second);
    it = skipped_.erase(it);
  }
  if (!from) return;
  next_ = std::min(next_, *from);
  reader_.reset();
  caught_up_ = false;
}

// Reads from the log once, opening it first if necessary, and notes whether the log is read to its
// end.
StepResult Consumer::ReadLog(std::chrono::milliseconds wait) {
  ReadSkippedAgain();
  if (reader_ == nullptr) {
    if (d_.clock->MonotonicMs() < reopen_ms_)
      return StepResult::Blocked(stalled_.empty() ? said_ : stalled_);
    if (Status opened = OpenReader(); !opened.ok()) {
      LoseReader(opened.error());
      return StepResult::Blocked(said_);
    }
    said_.clear();
  }
  const auto took = TakeRecords(wait);
  if (!took.ok()) {
    LoseReader(took.error());
    return StepResult::Progress();
  }
  if (*took == caught_up_) {
    caught_up_ = !*took;
    Share();
  }
  return *took ? StepResult::Progress() : StepResult::Idle();
}

}  // namespace harmonylite::node
