// The facts that the workers of one node tell each other: small values behind one mutex. No
// callback runs, so that no worker's code runs on another worker's thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/ids.h"
#include "change/retirements.h"
#include "change/version.h"
#include "node/id_facts.h"
#include "node/membership_report.h"
#include "node/row_desk.h"
#include "node/snapshot_source.h"

namespace harmonylite::node {

struct Published {
  Lseq to;
  Hlc stamp;
};

// What a new incarnation must make good, as the worker that requested it knows.
struct IncarnationRequest {
  // True: the log may hold changes of the former incarnation that this file lacks, so the log is
  // read from its start.
  bool read_log_again = false;
  // True: other nodes may know other changes under numbers that this process has sent, so the
  // changes with these numbers are sent again.
  bool numbers_shared = false;
};

// Why a batch is held.
enum class HoldKind {
  kMissing,  // changes before it, or changes that its sender had seen, are not here
  kClock,    // its stamps are too far in the future
  kSchema,   // a table has other columns or another key here
  kRefused,  // a constraint of this node refuses a row
  kStale,    // its sender had not seen deletes that are forgotten here
};
struct Hold {
  Origin origin;
  HoldKind kind = HoldKind::kMissing;
  std::string reason;  // for the operator
  bool operator==(const Hold&) const = default;
};

// What was sent since the process started, for the metrics.
struct SentTotals {
  int64_t batches = 0;
  int64_t rows = 0;
  int64_t last_wall_ms = 0;  // 0: nothing yet
};

// What was applied since the process started, for the metrics.
struct AppliedTotals {
  int64_t batches = 0;
  int64_t rows = 0;
  int64_t conflicts = 0;
  int64_t last_wall_ms = 0;  // 0: nothing yet
};

// What the consumer has applied of the other nodes, and what it knows of the database.
struct AppliedState {
  change::ProgressVector progress;  // what is applied of the other origins
  bool caught_up = false;           // every record of the log was read
  bool dropped = false;  // something from the log could not be kept; only repair brings it
  // Fingerprint of all replicated tables; equal on nodes with equal tables.
  uint64_t schema_fingerprint = 0;
  uint64_t definitions = 0;  // fingerprint of their definitions
  std::vector<Hold> holds;
  AppliedTotals totals;
  int64_t tables = 0;   // number of replicated tables
  int64_t orphans = 0;  // rows without a parent, hidden or not, at the last count
  // Rows that stay here because of NULL in their keys, by table, at the last count.
  std::map<std::string, int64_t> null_keys;
  // Rows whose parents lost their ids to other nodes' rows, by table, at the last count.
  std::map<std::string, int64_t> lost_children;
  // This node's newest change when `progress` was reached; 0 if this node never sends any.
  Lseq journaled;
  // The collected vector: tombstones up to here may have been forgotten here.
  change::ProgressVector collected;
  int64_t tombstones = 0;  // tombstones at the last count
  int64_t forgotten = 0;   // tombstones forgotten since the process started
  // Why this node cannot take the next record of the log; empty: it can.
  std::string stalled;
  // The retired origins that this node knows; never null.
  std::shared_ptr<const change::Retirements> retirements = std::make_shared<change::Retirements>();
  Origin self;  // the origin under which the file counted when this was written
  // Tables that are not replicated, with the reasons. Those that [tables] leaves out, and virtual
  // tables, are not among them.
  std::map<std::string, std::string> left_out;
};

// The keeper's statement that repair cannot bring what this node lacks, so that a snapshot must.
struct ResyncWish {
  // For each node that has forgotten deletes which this node lacks, its collected vector. A
  // snapshot that covers one of them ends the wait for that node. Two such nodes may each lack what
  // the other has forgotten, and then no snapshot covers all vectors.
  std::vector<change::ProgressVector> forgotten;
  bool operator==(const ResyncWish&) const = default;
};

class SharedState {
 public:
  // Called by the publisher once the log holds the changes (P2). Ignored if this node is no longer
  // `self`: the new incarnation has to publish the changes once more.
  void SetPublished(const Origin& self, Published published);
  Published published() const;
  void CountSent(int64_t rows, int64_t wall_ms);
  SentTotals sent() const;
  // The value of published().to as the other nodes count it: 0 until a change of this incarnation
  // is published.
  Lseq published_as_self() const;

  // True if this node is `origin`, and the log holds its changes up to `to`.
  bool PublishedAs(const Origin& origin, Lseq to) const;
  // Set by the snapshot maker for the publisher: a finished snapshot waits until the log holds this
  // node's changes that are in it.
  void SetSnapshotWaits(bool waits);
  bool snapshot_waits() const;

  // The highest sequence number that this file may have sent. A node that knows a higher one has
  // seen another copy of this file.
  void SetSending(Lseq to);
  Lseq sending() const;

  // Called by the publisher, the keeper or the consumer when this file is, or may be, a copy of a
  // file that another process goes on with. The consumer then starts a new incarnation. If there
  // are several requests, the new incarnation meets the demands of all.
  void RequestIncarnation(IncarnationRequest request);
  std::optional<IncarnationRequest> incarnation_request() const;
  bool incarnation_requested() const { return incarnation_request().has_value(); }
  // Called when this node takes an incarnation; withdraws the request for one. The incarnation's
  // own changes have numbers after `base`. `is_new`: this process drew the incarnation, so no other
  // node can have seen a change of it yet.
  void SetSelf(const Origin& self, Lseq base = Lseq(0), Published published = {},
               bool is_new = false);
  Origin self() const;
  bool self_is_new() const;
  // True once the publisher has compared this file with the log and found no sign that the file is
  // an older copy. False again, until the next comparison, when another process may have written
  // under this origin.
  void SetIdentified(bool identified);
  bool identified() const;

  // Written by the consumer.
  void SetApplied(AppliedState applied);
  AppliedState applied() const;

  // The newest change of the application that the consumer has seen in the journal.
  void SetLastChange(Lseq lseq);
  // How many changes the log does not hold yet, as far as the workers have seen.
  int64_t unsent() const;
  // The error of the newest attempt to write to the database; empty if the attempt succeeded or
  // only met a lock.
  void SetDatabaseError(std::string error);
  std::string database_error() const;
  // Why the publisher cannot read this node's changes, so that none of them is sent; empty if it
  // can. A lock or a full disk is not meant.
  void SetUnsendable(std::string why);
  std::string unsendable() const;

  // Called by the keeper with the progress of a node that asks for repair; the publisher takes the
  // request. Several requests are merged into their minimum, because an answer to the node that has
  // least answers all.
  void RequestRepair(const change::ProgressVector& have);
  std::optional<change::ProgressVector> TakeRepairRequest();

  // Orders about single rows, and what comparing rows found.
  RowDesk& rows() { return rows_; }
  const RowDesk& rows() const { return rows_; }
  // The ids that this node gives out.
  Guarded<FileIds>& file_ids() { return file_ids_; }
  const Guarded<FileIds>& file_ids() const { return file_ids_; }
  Guarded<ClaimedIds>& claimed_ids() { return claimed_ids_; }
  const Guarded<ClaimedIds>& claimed_ids() const { return claimed_ids_; }
  // The members of the cluster: read from the file at first, then written by the keeper.
  void SetMembership(MembershipReport report);
  MembershipReport membership() const;
  // True if another node has forgotten deletes that this node has not applied. Other nodes would
  // hold what this node sends, so the publisher waits.
  void SetBehindForgotten(bool behind);
  bool behind_forgotten() const;

  // Written by the keeper: this node has no replicated table, and another running node has some.
  // This node may then join again like a node without a file.
  void SetTablesElsewhere(bool elsewhere);
  bool tables_elsewhere() const;

  // Written by the keeper, read by the resyncer.
  void SetResyncWish(std::optional<ResyncWish> wish);
  std::optional<ResyncWish> resync_wish() const;
  // True if the log no longer holds records that this node has not read, until it is known that
  // nothing is missing here.
  void SetLogGap(bool gap);
  bool log_gap() const;
  // Hands a snapshot from the resyncer to the consumer, which merges it with the database.
  void OfferSnapshot(std::shared_ptr<OpenSnapshot> snapshot);
  std::shared_ptr<OpenSnapshot> TakeSnapshot();
  // Called by the consumer when it is done with a snapshot; empty: the snapshot was merged.
  void SetResyncError(std::string error);
  std::string resync_error() const;
  // Set by the resyncer, for the operator: which snapshot this node needs and cannot read, and why;
  // empty: there is none.
  void SetUnreadableSnapshot(std::string text);
  std::string unreadable_snapshot() const;
  // Tells long work to end soon, because the process ends.
  void Stop() { stopping_.store(true); }
  const std::atomic<bool>& stopping() const { return stopping_; }

 private:
  RowDesk rows_;  // has a mutex of its own
  Guarded<FileIds> file_ids_;
  Guarded<ClaimedIds> claimed_ids_;
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
  Lseq last_change_;
  std::string database_error_;
  std::string unsendable_;
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
