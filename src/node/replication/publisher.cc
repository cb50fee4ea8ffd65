#include "node/replication/publisher.h"

#include <algorithm>
#include <utility>

#include "base/free_memory.h"
#include "base/mutant.h"
#include "capture/journal.h"

namespace harmonylite::node {

namespace {

using change::FrameHeader;
using ports::LogRecord;
using ports::PublishOutcome;

constexpr int64_t kFirstBackoffMs = 5;
constexpr int64_t kMaxBackoffMs = 1'000;
// If the log takes longer than this for a batch, the connection is slow: batches then grow, so that
// more changes share its round trips.
constexpr int64_t kSlowSendMs = 20;

capture::BatchReaderOptions ReaderOptions(const NodeOptions& options) {
  return {options.tables, options.compress, options.spool_directory};
}

}  // namespace

Publisher::Publisher(const Dependencies& dependencies)
    : d_(dependencies),
      reader_(dependencies.db, ReaderOptions(*dependencies.options), dependencies.watch),
      random_(dependencies.seed),
      batch_limit_(dependencies.options->min_batch_changes) {}

StepResult Publisher::Step() {
  if (d_.shared->incarnation_requested()) return StepResult::Blocked("a new incarnation");
  if (self_ != d_.shared->self()) {
    self_ = d_.shared->self();
    certain_ = false;
    state_ = PublisherState::kResync;
    batch_.reset();
    seen_data_version_ = -1;
  }
  reader_.LookForCommits();
  if (d_.clock->MonotonicMs() < not_before_ms_) return StepResult::Blocked(said_);
  // Whether the file may use its incarnation is settled, and marked, before its first join is.
  if (state_ != PublisherState::kResync && !d_.shared->rows().joined())
    return StepResult::Blocked("a first join");
  switch (state_) {
    case PublisherState::kResync:
      return Resync();
    case PublisherState::kIdle:
      return Look();
    case PublisherState::kSending:
      return SendFrame();
  }
  return StepResult::Idle();
}

// Doubles the pause before the next attempt, up to kMaxBackoffMs, and logs `why` unless it was the
// last complaint.
StepResult Publisher::WaitAndRetry(std::string why) {
  backoff_ms_ = std::clamp(backoff_ms_ * 2, kFirstBackoffMs, kMaxBackoffMs);
  not_before_ms_ = d_.clock->MonotonicMs() + backoff_ms_;
  if (why != said_) {
    said_ = std::move(why);
    d_.logger->Warning("publishing waits: {}; changes stay in the database and are sent later",
                       said_);
  }
  return StepResult::Blocked(said_);
}

// Waits after the database could not be read. What goes on until somebody acts is told to the
// operator.
StepResult Publisher::WaitForDatabase(const Error& error) {
  if (error.code() != ErrorCode::kRetryLater) d_.shared->SetUnsendable(error.message());
  return WaitAndRetry(error.message());
}

// Makes sure of two things before anything is sent: that this file may use its incarnation, and
// which record is the newest on its subject, since the next frame must name it. Blocks while a new
// incarnation is wanted, which only the consumer can start.
StepResult Publisher::Resync() {
  if (Status ready = d_.log->EnsureReady(); !ready.ok())
    return WaitAndRetry(ready.error().message());
  auto last = d_.log->LastOf(self_);
  if (!last.ok() && last.error().code() != ErrorCode::kNotFound)
    return WaitAndRetry(last.error().message());
  if (!certain_) {
    const auto certain = HasAllThatWasSent();
    if (!certain.ok()) return WaitAndRetry(certain.error().message());
    if (!*certain) {
      if (Status requested = EndUncertainLife(last); !requested.ok())
        return WaitAndRetry(requested.error().message());
      return StepResult::Blocked("a new incarnation");
    }
    certain_ = true;
  }
  if (last.ok()) {
    if (Status understood = Understand(*last); !understood.ok())
      return WaitAndRetry(understood.error().message());
    if (d_.shared->incarnation_requested()) return StepResult::Blocked("a new incarnation");
    last_seq_ = last->seq;
  } else {
    last_seq_ = ports::LogSeq(0);
  }
  d_.shared->SetIdentified(true);
  backoff_ms_ = 0;
  said_.clear();
  // The log has later changes of ours than the batch at hand: another process sent them from a copy
  // of this file. The batch is dropped, and a node that wanted its rows asks for them again.
  if (batch_ && batch_->to < d_.shared->published().to) batch_.reset();
  // A batch at hand is sent from its first frame, as another attempt, because the log may have lost
  // frames of the old one.
  state_ = batch_ ? PublisherState::kSending : PublisherState::kIdle;
  if (batch_) NewAttempt();
  seen_data_version_ = -1;
  return StepResult::Progress();
}

// Compares this machine's memory of what was sent with the file. True if the file certainly holds
// every change that was ever sent as self_.
//
// An incarnation that this process drew has sent nothing but what the process knows. Otherwise the
// file must hold the newest change that the mark names, with the same stamp: an older copy of the
// file that went on writing has another change under that number. A mark below what the file says
// was published proves nothing, because something was then sent without leaving a mark.
Result<bool> Publisher::HasAllThatWasSent() {
  const Published known = d_.shared->published();
  if (d_.shared->self_is_new()) {
    Mark({self_, known.to, known.stamp});
    return true;
  }
  mark_ = d_.marks->Load();
  if (HL_MUTANT(restart_trusted)) return true;
  if (!mark_ || mark_->origin != self_ || mark_->to < known.to) return false;
  if (mark_->to == known.to) return mark_->stamp == known.stamp;
  if (HL_MUTANT(mark_not_compared)) return true;
  return capture::IsJournaled(d_.db, mark_->to, mark_->stamp);
}

// Asks for a new incarnation, because this file may lack changes that were sent under the present
// one. `last` is the newest record on our subject, or an error if there is none.
//
// If that record ends a batch whose last change is in our journal, the log and this file agree up
// to it. It is then noted as published, so that this node can still pass it on to nodes that lack
// it. If the record shows later changes that this file lacks, or cannot be read, the new
// incarnation reads the log from its start to get them.
Status Publisher::EndUncertainLife(const Result<LogRecord>& last) {
  bool read_again = false;
  if (last.ok()) {
    const auto frame = change::DecodeFrame(last->payload);
    read_again = !frame.ok() || frame->header.to > d_.shared->published().to;
    if (frame.ok() && read_again && frame->header.index + 1 == frame->header.count) {
      HL_ASSIGN(const bool ours,
                capture::IsJournaled(d_.db, frame->header.to, frame->header.to_stamp));
      if (ours) d_.shared->SetPublished(self_, {frame->header.to, frame->header.to_stamp});
      read_again = !ours;
    }
  }
  d_.logger->Info(
      "this machine has restarted, or the database was copied or restored, since changes of {} "
      "were last sent: what may have been lost is fetched from the other nodes, and this node goes "
      "on as a new incarnation, so that no change takes the number of a lost one",
      ToString(self_));
  d_.shared->RequestIncarnation({.read_log_again = read_again});
  return Ok();
}

// Saves `mark`, unless an equal or higher one of the same origin is saved. Must be called before
// any change with a higher number is sent, or a crash could leave a sent change that no mark
// covers. If the first save fails, sending goes on: the next start then finds no mark and begins a
// new incarnation.
void Publisher::Mark(const SentMark& mark) {
  if (mark_ && mark_->origin == mark.origin && mark_->to >= mark.to) return;
  const bool first = !mark_ || mark_->origin != mark.origin;
  mark_ = mark;
  Status saved = d_.marks->Save(mark);
  if (!saved.ok() && first)
    d_.logger->Warning(
        "cannot remember what is sent ({}): after each start this node goes on as a new "
        "incarnation, which other nodes keep account of",
        saved.error().message());
}

// Compares the newest record on our subject with our journal, and learns one of three things from
// it: nothing new, that a batch of ours is in the log although its acknowledgement was lost, or
// that the log holds changes of this origin that this file does not have. In the last case this
// file is an older copy, and a new incarnation is requested.
Status Publisher::Understand(const LogRecord& last) {
  auto frame = change::DecodeFrame(last.payload);
  if (!frame.ok()) {
    // A damaged or foreign record does not tell what other nodes have. Our next record follows it.
    d_.logger->Warning(
        "the newest record on our own subject is unreadable ({}): sending goes on "
        "from what this database remembers",
        frame.error().message());
    return Ok();
  }
  const FrameHeader& header = frame->header;
  const Published known = d_.shared->published();
  const bool complete = header.index + 1 == header.count;
  if (batch_ && header.attempt == frame_.attempt) return Ok();
  if (header.to < known.to || (header.to == known.to && header.to_stamp == known.stamp))
    return Ok();
  HL_ASSIGN(const bool ours, capture::IsJournaled(d_.db, header.to, header.to_stamp));
  if (!ours && !HL_MUTANT(copy_not_recognised)) {
    d_.logger->Warning(
        "the log holds changes of this node up to {} that this database does not have: it is a "
        "copy or was restored from a backup; it goes on as a new incarnation and fetches them",
        header.to.value);
    // Everything that this process sent stands before this record on the subject, so this process
    // has given no number to a second change.
    d_.shared->RequestIncarnation({.read_log_again = true});
    return Ok();
  }
  // The record is ours, from before a restart: its acknowledgement was lost with the process (P2).
  if (complete) d_.shared->SetPublished(self_, {header.to, header.to_stamp});
  return Ok();
}

// Looks for something to send. Damaged rows that another node asked for come first, then a repair
// request, then changes of the application. If there is something, its first frame is sent at once.
//
// The data version is read before the changes are: what is committed in between raises it again, so
// the next look finds it.
StepResult Publisher::Look() {
  auto version = d_.db->DataVersion();
  if (!version.ok()) return WaitAndRetry(version.error().message());
  if (auto resend = d_.shared->rows().TakeResend()) return Resend(std::move(*resend));
  auto repair = d_.shared->TakeRepairRequest();
  if (!repair && *version == seen_data_version_) return StepResult::Idle();
  // While other nodes have forgotten deletes that are not applied here, they would hold what this
  // node sends (HoldKind::kStale), so it is not sent. The exception is a snapshot of this node that
  // waits for its changes to be in the log: two nodes that are each behind what the other has
  // forgotten need each other's snapshots, and would otherwise wait forever.
  if (!repair && d_.shared->behind_forgotten() && !d_.shared->snapshot_waits())
    return StepResult::Blocked("deletes that others have forgotten are not applied here yet");
  // A repair does not look for new changes, so these have not been seen yet.
  if (!repair) seen_data_version_ = *version;

  auto built = repair ? reader_.ReadRepair(*repair)
                      : reader_.ReadChanges(d_.shared->published().to, batch_limit_);
  if (!built.ok()) {
    // Deletes are forgotten here that the asking node lacks. It sees that in our heartbeat, and
    // fetches a snapshot instead.
    if (repair && built.error().code() == ErrorCode::kLogGap) return StepResult::Progress();
    if (repair) d_.shared->RequestRepair(*repair);
    seen_data_version_ = -1;
    return WaitForDatabase(built.error());
  }
  d_.shared->SetUnsendable({});
  drained_ = !built->has_value();
  if (drained_) return repair ? StepResult::Progress() : StepResult::Idle();
  if (repair)
    d_.logger->Info("answers a repair request with {} rows of {} origins", (*built)->rows,
                    (*built)->header.covers.size());
  if (Status started = StartBatch(std::move(**built)); !started.ok()) {
    batch_.reset();
    seen_data_version_ = -1;
    return WaitAndRetry(started.error().message());
  }
  return SendFrame();
}

// Sends rows again whose copies on another node are damaged, under their present versions. Such a
// batch covers no changes, so sending it leaves what is published as it was. After a failure the
// order goes back to the desk.
StepResult Publisher::Resend(RowOrder order) {
  const Published published = d_.shared->published();
  auto built = reader_.ReadRows(order.table, order.keys, published.to, published.stamp);
  if (!built.ok()) {
    d_.shared->rows().OrderResend(std::move(order));
    return WaitForDatabase(built.error());
  }
  if (!built->has_value()) return StepResult::Progress();
  d_.logger->Info("sends {} rows of table {} again: they are damaged on another node",
                  (*built)->rows, order.table);
  if (Status started = StartBatch(std::move(**built)); !started.ok()) {
    batch_.reset();
    d_.shared->rows().OrderResend(std::move(order));
    return WaitAndRetry(started.error().message());
  }
  return SendFrame();
}

// Makes `batch` the batch at hand and prepares its first frame. What may be sent is made known to
// the other workers (SetSending) and remembered by the machine (Mark) before the first frame
// leaves.
Status Publisher::StartBatch(capture::BuiltBatch batch) {
  const size_t most = d_.log->max_payload();
  if (most <= 2 * change::kMaxFrameOverhead)
    return MakeError(ErrorCode::kRetryLater,
                     "the NATS server takes messages of at most {} bytes, which is too few for "
                     "anything: raise its max_payload",
                     most);
  batch_ = std::move(batch);
  more_ = batch_->more;
  HL_ASSIGN(frame_.batch_checksum, batch_->bytes.Checksum());
  d_.shared->SetSending(batch_->to);
  if (!HL_MUTANT(sent_not_marked)) Mark({self_, batch_->to, batch_->to_stamp});
  if (HL_MUTANT(published_before_stored))
    d_.shared->SetPublished(self_, {batch_->to, batch_->to_stamp});
  frame_.sender = self_;
  frame_.to = batch_->to;
  frame_.to_stamp = batch_->to_stamp;
  frame_.batch_bytes = batch_->bytes.size();
  frame_body_ = std::min(kMaxFrameBody, most - change::kMaxFrameOverhead);
  frame_.count = static_cast<uint32_t>((frame_.batch_bytes + frame_body_ - 1) / frame_body_);
  NewAttempt();
  sending_since_ms_ = d_.clock->MonotonicMs();
  state_ = PublisherState::kSending;
  return Ok();
}

// Doubles the size of the next batch after a slow one and halves it after a quick one: large
// batches make good for a slow connection, small ones keep write locks short on other nodes.
void Publisher::AdaptLimit() {
  const bool slow = d_.clock->MonotonicMs() - sending_since_ms_ > kSlowSendMs;
  batch_limit_ =
      std::clamp(slow ? batch_limit_ * 2 : batch_limit_ / 2, d_.options->min_batch_changes,
                 std::max(d_.options->min_batch_changes, d_.options->max_batch_changes));
}

// Starts the batch at hand from its first frame. The random attempt number keeps receivers from
// mixing frames of different attempts.
void Publisher::NewAttempt() {
  frame_.attempt = random_();
  frame_.index = 0;
  record_.clear();
}

// Sends the next frame of the batch at hand. Each frame names the record before it on our subject,
// so the log refuses it if something is missing or was added there. If the answer is lost, the same
// record is sent again under the same message id. The batch counts as published when the log has
// acknowledged its last frame (P2).
StepResult Publisher::SendFrame() {
  if (record_.empty()) {
    std::string body;
    if (Status read =
            batch_->bytes.ReadAt(uint64_t{frame_.index} * frame_body_, frame_body_, &body);
        !read.ok())
      return WaitAndRetry(read.error().message());
    record_ = change::EncodeFrame(frame_, body);
  }
  ports::PublishRequest request;
  request.subject = self_;
  request.message_id = fmt::format("{}-{}-{:016x}-{}", ToString(self_), frame_.to.value,
                                   frame_.attempt, frame_.index);
  request.expected_last = last_seq_;
  request.payload = record_;
  ports::PublishReply reply = d_.log->Publish(request);
  if (HL_MUTANT(returned_is_stored)) reply.outcome = PublishOutcome::kStored;
  switch (reply.outcome) {
    case PublishOutcome::kStored:
      break;
    case PublishOutcome::kOutOfSequence:
      if (HL_MUTANT(out_of_sequence_ignored)) break;
      // Another process may have written to our subject from a copy of this file. Until Resync()
      // has looked, the consumer cannot assume that this file has all changes of its own, and
      // waits.
      d_.shared->SetIdentified(false);
      state_ = PublisherState::kResync;
      return StepResult::Progress();
    case PublishOutcome::kUnknown:
    case PublishOutcome::kRefused:
      return WaitAndRetry(reply.message);
  }
  last_seq_ = reply.seq;
  backoff_ms_ = 0;
  said_.clear();
  record_.clear();
  if (++frame_.index < frame_.count) return StepResult::Progress();
  d_.shared->SetPublished(self_, {batch_->to, batch_->to_stamp});
  d_.shared->CountSent(static_cast<int64_t>(batch_->rows), d_.clock->WallMs());
  AdaptLimit();
  const bool was_large = std::cmp_greater_equal(batch_->rows, kRowsWorthReturning);
  batch_.reset();
  if (was_large) ReturnFreeMemory();
  state_ = PublisherState::kIdle;
  seen_data_version_ = -1;  // the application may have committed more meanwhile
  return StepResult::Progress();
}

}  // namespace harmonylite::node
