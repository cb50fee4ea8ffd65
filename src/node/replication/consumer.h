// Reads the log, puts batches together, holds those that may not be applied yet, and applies the others.
// It is also the only one that writes to the database: schema changes, folding and trimming happen here,
// between batches.
//
// Threads: one owner at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "node/options.h"
#include "node/replication/assembler.h"
#include "node/replication/hold_queue.h"
#include "node/replication/replica.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "ports/replication_log.h"

namespace harmonylite::node {

class Consumer {
 public:
  struct Dependencies {
    const NodeOptions* options;
    Replica* replica;
    ports::ReplicationLog* log;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;  // of incarnations
  };
  explicit Consumer(const Dependencies& dependencies);

  // `wait`: how long to wait for records when there is nothing else to do.
  StepResult Step(std::chrono::milliseconds wait);
  // Takes what the log has for us, without waiting and without the database's lock. False: nothing was taken.
  bool ReadAhead();
  // The application has committed within the last second.
  bool local_writers() const;

 private:
  StepResult WriteSchemaOrIncarnation(bool* done);
  StepResult SyncSchema();
  StepResult ReadLog(std::chrono::milliseconds wait);
  // True: there were some.
  Result<bool> TakeRecords(std::chrono::milliseconds wait);
  Status OpenReader();
  void LoseReader(const Error& error);
  // An error: this node cannot take it now. Then next_ says from where to read again.
  Status Take(const ports::LogRecord& record);
  Judgement JudgeNow(const change::BatchHeader& header) const;
  void Stall(const ports::LogRecord& record, const Error& error);
  void EndStall();
  void ReadSkippedAgain();
  StepResult ApplyReady();
  std::vector<WaitingBatch*> Choose();
  void Refuse(WaitingBatch* batch, const Error& error);
  void Forget(const std::vector<WaitingBatch*>& batches);
  StepResult Maintain();
  // Orders about single rows, and rows that were sent again. Idle: there was nothing.
  StepResult CarryOutOrders();
  StepResult ForgetTombstones(int64_t limit);
  StepResult Merge(OpenSnapshot* snapshot);
  StepResult AddOldRows();
  StepResult EndMerge(std::string error);
  StepResult Busy(const Error& error);
  void Share();
  ports::LogSeq Cursor() const;

  Dependencies d_;
  std::mt19937_64 random_;
  std::unique_ptr<ports::LogReader> reader_;
  ports::LogSeq next_;            // position to read next
  int64_t log_created_ = 0;
  Assembler assembler_;
  HoldQueue held_;
  std::shared_ptr<OpenSnapshot> snapshot_;  // to be merged with the database
  std::optional<apply::OldRows> old_rows_;  // of that
  std::optional<apply::FoundOldRows> found_;
  bool old_rows_done_ = false;
  int64_t old_rows_added_ = 0;
  std::optional<apply::MergePlan> plan_;    // of that
  bool caught_up_ = false;
  bool dropped_ = false;
  bool judge_again_ = false;    // something changed that batches may have waited for
  static constexpr int64_t kNeverLooked = -1;
  int64_t data_version_ = kNeverLooked;
  // When there was nothing left to do: until one of these moves, or it is time, there is nothing.
  struct Moment {
    int64_t data_version;
    int64_t commits;
    Lseq published;
    bool operator==(const Moment&) const = default;
  };
  Moment Now() const;
  std::optional<Moment> rest_;
  int64_t rest_until_ms_ = 0;   // monotonic
  bool rests_ = false;          // in this step
  int64_t quiet_since_ms_ = 0;  // monotonic; no other connection has committed since
  std::optional<int64_t> local_write_ms_;  // monotonic; then one has, and it was not the first look that found it
  int64_t maintained_ms_ = 0;   // monotonic; the last Maintain that wrote
  int64_t judged_ms_ = 0;       // monotonic
  int64_t collected_ms_ = 0;    // monotonic; the last look for tombstones to forget
  int64_t counted_ms_ = 0;      // monotonic; when tombstones are counted next
  int64_t tombstones_ = 0;
  int64_t forgotten_ = 0;
  int64_t reopen_ms_ = 0;       // monotonic; back-off of the reader
  std::optional<ports::LogSeq> stalled_at_;    // a record that cannot be taken at the moment, for a local reason
  std::string stalled_;                      // that reason; empty: none cannot
  int64_t stall_pause_ms_ = 0;               // before the next attempt at it
  std::optional<ports::LogSeq> skipped_from_;  // the first record of what was left out as too much waited already
  std::optional<int64_t> failed_at_commit_;  // Replica::commits() when the database could not be written
  std::optional<RowOrders> orders_;   // taken, and not carried out yet
  std::deque<WaitingBatch> resends_;  // likewise
  std::string said_;            // the last complaint logged, so that it is logged once
  std::vector<Hold> holds_said_;
};

}  // namespace harmonylite::node
