// What the workers of one node tell each other: small facts behind one mutex, no callbacks.
//
// Threads: every method may be called from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "change/version.h"
#include "node/membership_report.h"
#include "node/row_desk.h"
#include "node/snapshot_source.h"

namespace harmonylite::node {

struct Published {
  Lseq to;
  Hlc stamp;
};

// Why this node must go on as a new incarnation.
struct IncarnationRequest {
  // The log may hold changes of the former life that this file lacks: it is read from its start.
  bool read_log_again = false;
  // Others may know other changes under numbers that this process has sent: these changes are sent again.
  bool numbers_shared = false;
};

// Why batches wait.
enum class HoldKind {
  kMissing,   // changes before it, or that its sender had seen, are not here
  kClock,     // stamped too far in the future
  kSchema,    // a table differs here
  kRefused,   // a constraint of this node refuses a row
  kStale,     // its sender had not seen deletes that are forgotten here
};
struct Hold {
  Origin origin;
  HoldKind kind = HoldKind::kMissing;
  std::string reason;  // for the operator
  bool operator==(const Hold&) const = default;
};

// Since the start, for metrics.
struct SentTotals {
  int64_t batches = 0;
  int64_t rows = 0;
  int64_t last_wall_ms = 0;  // 0: nothing yet
};

struct AppliedTotals {
  int64_t batches = 0;
  int64_t rows = 0;
  int64_t conflicts = 0;
  int64_t last_wall_ms = 0;  // 0: nothing yet
};

struct AppliedState {
  change::ProgressVector progress;  // of other origins
  bool caught_up = false;           // nothing in the log is waiting to be read
  bool dropped = false;             // something from the log could not be kept: only repair brings it
  uint64_t schema_fingerprint = 0;  // of all replicated tables: equal on nodes with equal tables
  std::vector<Hold> holds;
  AppliedTotals totals;
  int64_t tables = 0;  // that are replicated
  int64_t orphans = 0;  // rows without a parent, hidden or not, when they were last counted
  Lseq journaled;                    // newest own change when `progress` was reached; 0: none is ever sent
  change::ProgressVector collected;  // deletes up to here may be forgotten here
  int64_t tombstones = 0;            // kept, as of the last count
  int64_t forgotten = 0;             // since the start
  std::string stalled;               // why the next record of the log cannot be taken here; empty: it can
};

// What only a snapshot can bring here.
struct ResyncWish {
  change::ProgressVector forgotten;  // it must cover this, or we are behind as before
  bool operator==(const ResyncWish&) const = default;
};

class SharedState {
 public:
  // Written by the publisher. Nothing is noted when this file does not count as `self` any more: then a new
  // incarnation has to publish it once more.
  void SetPublished(const Origin& self, Published published);
  Published published() const;
  void CountSent(int64_t rows, int64_t wall_ms);
  SentTotals sent() const;
  // The same as others count it: 0 while nothing of this incarnation is published.
  Lseq published_as_self() const;

  // This file counts as `origin`, and the log has taken what it journaled up to `to`.
  bool PublishedAs(const Origin& origin, Lseq to) const;
  // From the maker of snapshots to the publisher: one is stored as soon as the log holds what is in it of ours.
  void SetSnapshotWaits(bool waits);
  bool snapshot_waits() const;

  // Nothing after this was ever sent by this file: whoever has more of us knows another copy of it.
  void SetSending(Lseq to);
  Lseq sending() const;

  // The publisher, the keeper or the consumer finds that this file is a copy of another life, or may be one; the
  // consumer starts a new one. Of several requests each demand counts.
  void RequestIncarnation(IncarnationRequest request);
  std::optional<IncarnationRequest> incarnation_request() const;
  bool incarnation_requested() const { return incarnation_request().has_value(); }
  // Also withdraws the request. `base`: the incarnation's own lseqs begin after this. `is_new`: this process drew the
  // incarnation, so nobody can have seen a change of it yet.
  void SetSelf(const Origin& self, Lseq base = Lseq(0), Published published = {}, bool is_new = false);
  Origin self() const;
  bool self_is_new() const;
  // The publisher has compared this file with the log: it is not an older copy, as far as the log knows. False again
  // when somebody else may have written as us, until they are compared again.
  void SetIdentified(bool identified);
  bool identified() const;

  // Written by the consumer.
  void SetApplied(AppliedState applied);
  AppliedState applied() const;

  // Newest change of the application that the consumer has seen in the journal.
  void SetLastChange(Lseq lseq);
  // Changes that the log does not hold yet, as far as was seen.
  int64_t unsent() const;
  // Of the newest attempt to write to the database; empty: it succeeded, or met no more than a lock.
  void SetDatabaseError(std::string error);
  std::string database_error() const;

  // The keeper passes on what others lack; the publisher takes it. Several are merged: answering the one
  // that has least answers all.
  void RequestRepair(const change::ProgressVector& have);
  std::optional<change::ProgressVector> TakeRepairRequest();

  // Questions and orders about single rows.
  RowDesk& rows() { return rows_; }
  const RowDesk& rows() const { return rows_; }
  // Who belongs to the cluster: from the file at first, then from the keeper.
  void SetMembership(MembershipReport report);
  MembershipReport membership() const;
  // Somebody has forgotten deletes that we have not seen yet. What we send would be held there, so it waits.
  void SetBehindForgotten(bool behind);
  bool behind_forgotten() const;

  // Written by the keeper: nothing is replicated here, and a node that lives has tables. The node
  // may then join again, as one without a file does.
  void SetTablesElsewhere(bool elsewhere);
  bool tables_elsewhere() const;

  // Written by the keeper, read by the resyncer.
  void SetResyncWish(std::optional<ResyncWish> wish);
  std::optional<ResyncWish> resync_wish() const;
  // The log no longer holds something that was not read; until it is known that nothing is missing.
  void SetLogGap(bool gap);
  bool log_gap() const;
  // From the resyncer to the consumer: a snapshot, to be merged with the database.
  void OfferSnapshot(std::shared_ptr<OpenSnapshot> snapshot);
  std::shared_ptr<OpenSnapshot> TakeSnapshot();
  // The consumer is done with it; what came of it.
  void SetResyncError(std::string error);
  std::string resync_error() const;
  // From the resyncer, for the operator: the snapshot that is needed and cannot be read, and why.
  // Empty: there is none.
  void SetUnreadableSnapshot(std::string text);
  std::string unreadable_snapshot() const;
  // Long work is to end soon.
  void Stop() { stopping_.store(true); }
  const std::atomic<bool>& stopping() const { return stopping_; }

  // The publisher saw the schema change; the consumer syncs triggers.
  void NoteSchemaVersion(int64_t version);
  int64_t noted_schema_version() const;

 private:
  RowDesk rows_;  // guards itself
  mutable std::mutex mutex_;
  Published published_;
  SentTotals sent_;
  Lseq sending_;
  std::optional<IncarnationRequest> incarnation_request_;
  bool self_is_new_ = false;
  bool identified_ = false;
  Origin self_;
  Lseq base_;
  AppliedState applied_;
  std::optional<change::ProgressVector> repair_;
  int64_t schema_version_ = -1;
  Lseq last_change_;
  std::string database_error_;
  MembershipReport membership_;
  bool behind_forgotten_ = false;
  bool tables_elsewhere_ = false;
  bool snapshot_waits_ = false;
  std::optional<ResyncWish> resync_wish_;
  bool log_gap_ = false;
  std::shared_ptr<OpenSnapshot> snapshot_;
  std::string resync_error_;
  std::string unreadable_snapshot_;
  std::atomic<bool> stopping_{false};
};

}  // namespace harmonylite::node
