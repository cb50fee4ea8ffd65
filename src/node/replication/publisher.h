// Sends this node's changes, and the repairs and rows that other nodes ask for, to the log: steps 2
// to 4 in the life of a change. One batch is sent at a time, on the node's own subject.
//
// A change counts as published only because the log holds it, never because a call returned (P2).
//
// A node sends under its incarnation only while it is certain that its file holds everything that
// was ever sent under it. It is certain if this machine, not restarted since, remembers the newest
// number that was sent (sent_mark.h), and the file has the change with that number. Otherwise the
// node goes on as a new incarnation before it sends anything. Thus no number is used twice, however
// far back the file, the log and the registry went (P2, P7).
// Source: docs/decisions/0033-certain-or-a-new-incarnation.md.
//
// States (legal moves):
//   resync  → idle      the file is certain, and the newest record on our subject is understood;
//                       nothing is left to send
//   resync  → sending   the same, and the batch at hand is sent again from its first frame
//   idle    → sending   changes, a repair or damaged rows were read into a batch
//   sending → idle      the log holds every frame
//   sending → resync    the log's last record on our subject is not the expected one
//   any     → resync    a new incarnation began
//
// Threads: one owner at a time; in production the thread `publisher`.
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
  // Nothing here is owned, and all of it outlives the publisher.
  struct Dependencies {
    const NodeOptions* options;
    sqlite::Connection* db;     // reads batches; used by the publisher alone
    sqlite::Connection* watch;  // sees commits while `db` reads; used by the publisher alone
    ports::ReplicationLog* log;
    SentMarkStore* marks;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;  // seed of the random attempt numbers
  };
  explicit Publisher(const Dependencies& dependencies);

  // Resynchronises, looks for something to send, or sends one frame, depending on the state.
  StepResult Step();
  // True if no batch is being sent, and the last one that was built was not cut from a backlog.
  bool between_batches() const { return state_ == PublisherState::kIdle && !more_; }
  // True if the log holds everything that was journaled when Step() last looked.
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
  StepResult WaitForDatabase(const Error& error);

  Dependencies d_;
  capture::BatchReader reader_;
  std::mt19937_64 random_;
  PublisherState state_ = PublisherState::kResync;
  Origin self_;                     // this node's origin when Step() last looked
  bool certain_ = false;            // true if the file has everything that was ever sent as self_
  std::optional<SentMark> mark_;    // the mark that this machine remembers
  ports::LogSeq last_seq_;          // newest record on our subject, as far as we know; 0: none
  int64_t seen_data_version_ = -1;  // data version of the last look for changes; -1: look again
  bool drained_ = false;            // true if the last look found nothing to send
  bool more_ = false;               // true if the last batch was only the first part of a backlog

  // The batch at hand, and its frame that is sent next.
  std::optional<capture::BuiltBatch> batch_;
  change::FrameHeader frame_;
  size_t frame_body_ = 0;  // bytes of the batch in one frame
  std::string record_;     // the encoded frame; repeated bit for bit until its fate is known

  int64_t batch_limit_;           // changes; between min_batch_changes and max_batch_changes
  int64_t sending_since_ms_ = 0;  // monotonic time at which the batch at hand was started

  int64_t not_before_ms_ = 0;  // monotonic time of the next attempt after a failure
  int64_t backoff_ms_ = 0;     // pause after the last failure; 0: the last attempt succeeded
  std::string said_;           // the last complaint logged, so that it is logged once
};

}  // namespace harmonylite::node
