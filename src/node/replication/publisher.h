// Sends this node's changes, and repairs others ask for: one batch at a time, on the node's own subject.
//
// Nothing counts as published because a call returned: only because the log holds it (P2).
//
// A node sends under its incarnation only when it is certain that its file has everything that was ever sent
// under it: this machine, not restarted since, remembers the newest number that was (sent_mark.h), and the file
// has that change. Else it goes on as a new incarnation before it sends anything, so that no number is used
// twice however far back the file, the log and the registry went (P2, P7).
//
// States (legal moves):
//   resync  → idle      the file is certain, and the newest record on our subject is understood
//   idle    → sending   changes, or a repair request, were read into a batch
//   sending → idle      every frame is in the log
//   sending → resync    the log's last record on our subject is not the one we expected
//   any     → resync    a new incarnation began
//
// Threads: one owner at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "capture/batch_reader.h"
#include "change/codec.h"
#include "node/options.h"
#include "node/replication/sent_mark.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "ports/replication_log.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class Publisher {
 public:
  struct Dependencies {
    const NodeOptions* options;
    sqlite::Connection* db;     // of its own
    sqlite::Connection* watch;  // likewise; sees commits while `db` reads
    ports::ReplicationLog* log;
    SentMarkStore* marks;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;  // of attempt numbers
  };
  explicit Publisher(const Dependencies& dependencies);

  StepResult Step();
  // No batch is at hand, and none was known to wait when the last one was built.
  bool between_batches() const { return state_ == PublisherState::kIdle && !more_; }
  // The log holds all that was journaled when Step last looked.
  bool drained() const { return state_ == PublisherState::kIdle && drained_; }

 private:
  enum class PublisherState { kResync, kIdle, kSending };

  StepResult Resync();
  StepResult Look();
  StepResult Resend(RowOrder order);
  StepResult SendFrame();
  Result<bool> HasAllThatWasSent();
  Status EndUncertainLife(const Result<ports::LogRecord>& last);
  void Mark(const SentMark& mark);
  Status Understand(const ports::LogRecord& last);
  Status StartBatch(capture::BuiltBatch batch);
  void NewAttempt();
  void AdaptLimit();
  StepResult WaitAndRetry(std::string why);

  Dependencies d_;
  capture::BatchReader reader_;
  std::mt19937_64 random_;
  PublisherState state_ = PublisherState::kResync;
  Origin self_;
  bool certain_ = false;     // the file has everything that was ever sent as self_
  std::optional<SentMark> mark_;  // as the machine remembers it
  ports::LogSeq last_seq_;     // of our subject, as far as we know
  int64_t seen_data_version_ = -1;
  bool drained_ = false;
  bool more_ = false;        // the batch built last was the first part of a backlog

  // Sending:
  std::optional<capture::BuiltBatch> batch_;
  change::FrameHeader frame_;
  size_t frame_body_ = 0;    // bytes of the batch in one frame
  std::string record_;       // the frame at hand; repeated bit for bit until its fate is known

  int64_t batch_limit_;        // changes; between min_batch_changes and max_batch_changes
  int64_t sending_since_ms_ = 0;  // monotonic; the batch at hand

  int64_t not_before_ms_ = 0;  // monotonic; back-off
  int64_t backoff_ms_ = 0;
  std::string said_;           // the last complaint logged, so that it is logged once
};

}  // namespace harmonylite::node
