// Reads the log, puts frames together into batches, holds those that may not be applied yet, and
// applies the others: steps 5 and 6 in the life of a change.
//
// Once the workers run, the consumer is the only one of them that writes to the database, so
// between batches it does everything else that writes: schema changes, new incarnations, orders
// about single rows, merging snapshots, folding, trimming, and forgetting tombstones.
//
// The implementation is in four files: consumer.cc decides what to do next and applies,
// consumer_reading.cc reads the log, consumer_merge.cc merges snapshots, and
// consumer_housekeeping.cc works on this node's own file.
//
// Threads: one owner at a time; in production the thread `consumer`.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "node/options.h"
#include "node/replication/assembler.h"
#include "node/replication/catch_up.h"
#include "node/replication/hold_queue.h"
#include "node/replication/replica.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "ports/replication_log.h"

namespace harmonylite::node {

class Consumer {
 public:
  // Nothing here is owned, and all of it outlives the consumer.
  struct Dependencies {
    const NodeOptions* options;
    Replica* replica;
    ports::ReplicationLog* log;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;  // seed of the random numbers of new incarnations
  };
  explicit Consumer(const Dependencies& dependencies);

  // Does the first of these that there is: a schema change or a new incarnation, orders about rows,
  // merging a snapshot, applying batches, maintenance, and reading the log. Maintenance and reading
  // share a step, so that a busy log does not keep the journal from being folded.
  // If the log has no records, the step waits up to `wait` for some.
  StepResult Step(std::chrono::milliseconds wait);
  // Takes records that the log has for us, without waiting and without the database's write lock.
  // False if none were taken.
  bool ReadAhead();
  // True if the application has committed within the last second.
  bool local_writers() const;

 private:
  // Takes over a schema change, or starts the incarnation that another worker asked for. `*done` is
  // false if there was neither, and the step goes on.
  StepResult WriteSchemaOrIncarnation(bool* done);
  StepResult SyncSchema();
  StepResult ReadLog(std::chrono::milliseconds wait);
  // True if the log had records.
  Result<bool> TakeRecords(std::chrono::milliseconds wait);
  Status OpenReader();
  void LoseReader(const Error& error);
  // Takes one record. If it completes a batch, the batch goes to the queue, or to resends_ if it
  // only sends rows again. A damaged record is passed over, and a repair brings its rows. A record
  // that this node cannot take at the moment is an error: the log still holds it, and it is read
  // again (P7), from next_.
  Status Take(const ports::LogRecord& record);
  Judgement JudgeNow(const change::BatchHeader& header) const;
  void Stall(const ports::LogRecord& record, const Error& error);
  void EndStall();
  void ReadSkippedAgain();
  // Applies the batches that are ready, in one transaction. If too much of the journal is unfolded,
  // one chunk of it is folded instead, because versions can only be compared with folded ones.
  //
  // Held batches are not judged in every step: only if one is new, if something changed that they
  // may have waited for, or every kJudgeAgainMs, since a clock may have moved on.
  StepResult ApplyReady();
  // Chooses the batches of one transaction, in the order in which they are applied, and notes why
  // each of the others is held. Drops batches that are applied already.
  //
  // Each chosen batch counts as applied when the following ones are judged, so batches that depend
  // on each other fit into one transaction. The transaction ends where its size would exceed a
  // budget, which keeps the write lock short, but it has at least one batch.
  std::vector<WaitingBatch*> Choose();
  // Deals with a batch that cannot be applied. A damaged one is dropped, and a repair brings its
  // rows. Any other is held, because this node's schema or rows may change, and is tried again
  // later.
  void Refuse(WaitingBatch* batch, const Error& error);
  void Forget(const std::vector<WaitingBatch*>& batches);
  StepResult Maintain();
  // Takes the share of ids that the keeper has claimed, draws one if the registry did not answer
  // for long, and goes on to the next block when the application has used up most of one.
  StepResult ShareIds();
  // Carries out the verifier's orders about rows, or else puts the rows of one resent batch in
  // place. Orders that were taken stay in orders_ until the database could be written. Idle
  // if there is neither.
  StepResult CarryOutOrders();
  // True if the node applies what the others send: it takes part, or catches up in order to.
  bool Applies() const;
  // Takes part once the node has what the cluster had when it was compared. Idle: it does not catch
  // up, or something is missing still; health says what.
  StepResult EndCatchUp();
  // Forgets up to `limit` tombstones that every member has applied (membership.h), and now and then
  // counts all tombstones for the metric.
  //
  // Tombstones are forgotten only while the log is read to its end and nothing waits, was dropped,
  // or was skipped. A batch that is still on its way to us may be from a time before the deletes,
  // and would have to be held as stale once they are forgotten.
  StepResult ForgetTombstones(int64_t limit);
  StepResult Merge(OpenSnapshot* snapshot);
  StepResult AddOldRows();
  StepResult EndMerge(std::string error);
  // Handles an error of the database. The work at hand stays undone and is tried again, so nothing
  // is lost (P7). An error is shown in health until a transaction of ours commits, except a lock or
  // a schema change at this very moment, which are ordinary.
  StepResult Busy(const Error& error);
  void ShareStanding();
  // Tells the other workers where this node stands, and logs holds that are new. Missing
  // changes are not logged, because they usually arrive a moment later.
  void Share();
  // The position from which the log is read after a restart: before the oldest record that is not
  // applied. Everything before it is applied, or was dropped, and then the progress vector shows
  // that it is missing (P7).
  ports::LogSeq Cursor() const;

  Dependencies d_;
  std::mt19937_64 random_;
  std::unique_ptr<ports::LogReader> reader_;
  ports::LogSeq next_;       // position in the log to read next
  int64_t log_created_ = 0;  // identity of the log that next_ belongs to; 0: none was read yet
  Assembler assembler_;
  HoldQueue held_;

  // The merge under way; there is none while snapshot_ is null.
  std::shared_ptr<OpenSnapshot> snapshot_;  // the snapshot to merge with the database
  std::optional<apply::OldRows> old_rows_;  // search for rows of snapshot_ from before HarmonyLite
  std::optional<apply::FoundOldRows> found_;  // rows that old_rows_ found, not added yet
  bool schema_followed_ = false;              // true if the schema is in line with the snapshot's
  bool old_rows_done_ = false;                // true when old_rows_ has found its last row
  int64_t old_rows_added_ = 0;                // rows of old_rows_ that were added so far
  std::optional<apply::MergePlan> plan_;      // what differs between snapshot_ and the database

  bool caught_up_ = false;    // true if the last look at the log found nothing to read
  bool dropped_ = false;      // true if something from the log could not be kept
  bool judge_again_ = false;  // true if something changed that held batches may have waited for
  static constexpr int64_t kNeverLooked = -1;
  int64_t data_version_ = kNeverLooked;  // changes when another connection commits

  // Resting: state at the last moment at which no maintenance was left to do. Until it changes, or
  // rest_until_ms_ has passed, steps neither look at the schema nor maintain; see Maintain().
  struct Moment {
    int64_t data_version;
    int64_t commits;
    Lseq published;
    bool operator==(const Moment&) const = default;
  };
  Moment Now() const;
  std::optional<Moment> rest_;
  int64_t rest_until_ms_ = 0;   // monotonic time
  bool rests_ = false;          // true if the present step rests
  int64_t quiet_since_ms_ = 0;  // monotonic time since which no other connection has committed
  // Monotonic time at which another connection was last seen to have committed. None until that
  // happens after the first look, which cannot tell how old the commits are that it finds.
  std::optional<int64_t> local_write_ms_;
  int64_t started_ms_ = 0;           // monotonic time of this object's construction
  int64_t ids_seen_ = kNeverLooked;  // data_version_ when the ids that are left were last looked at
  int64_t maintained_ms_ = 0;        // monotonic time of the last complete or forced maintenance
  int64_t judged_ms_ = 0;            // monotonic time at which held batches were last judged
  int64_t collected_ms_ = 0;         // monotonic time of the last look for tombstones to forget
  int64_t counted_ms_ = 0;           // monotonic time at which tombstones are counted next
  int64_t tombstones_ = 0;           // tombstones in the database, as of the last count
  int64_t forgotten_ = 0;            // tombstones forgotten since the start
  int64_t reopen_ms_ = 0;            // monotonic time before which the reader is not opened again
  std::optional<ports::LogSeq> stalled_at_;  // the record that cannot be taken for a local reason
  std::string stalled_;                      // why stalled_at_ cannot be taken; empty: no record
  int64_t stall_pause_ms_ = 0;               // pause before the next attempt at stalled_at_
  // First record of the batches for which the queue had no room, by their sender.
  std::map<Origin, ports::LogSeq> skipped_;
  std::optional<int64_t> failed_at_commit_;  // Replica::commits() when writing failed
  std::optional<RowOrders> orders_;          // orders that are not carried out yet
  CatchUp catch_up_;                         // of use while the node catches up
  std::deque<WaitingBatch> resends_;         // rows that were sent again, not put in place yet
  std::string said_;                         // the last complaint logged, so that it is logged once
  std::vector<Hold> holds_said_;             // the holds logged last
};

}  // namespace harmonylite::node
