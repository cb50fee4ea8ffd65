#include "node/node.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "base/thread_name.h"
#include "ledger/fingerprint.h"
#include "ledger/next_incarnation.h"
#include "node/cluster/id_claims.h"
#include "node/recovery/joiner.h"
#include "node/recovery/resyncer.h"
#include "node/recovery/snapshot_keeper.h"
#include "node/recovery/snapshot_maker.h"
#include "node/replication/checkpointer.h"
#include "node/replication/lock_pacer.h"
#include "node/verify/verifier.h"
#include "sqlite/hooks.h"

namespace harmonylite::node {

namespace {

using sqlite::Connection;
using sqlite::OpenMode;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// How long one SQLite call waits for a lock. A worker whose call gives up tries again, without end.
constexpr int kBusyTimeoutMs = 100;
constexpr int kCacheKib = 4 * 1024;
// Page cache while attaching: SQLite looks through all of sqlite_schema for each object that is
// made, which has some 8 MB with 3,000 tables.
constexpr int kAttachCacheKib = 16 * 1024;
// Page cache of connections that scan each row once, or read only row versions.
constexpr int kSmallCacheKib = 512;
// Shortest time between two looks at data_version when no file event comes.
constexpr microseconds kPoll = milliseconds(25);
// After a batch the publisher pauses for this long, so that several transactions share the cost of
// the next batch, here and on every other node. The first batch after a silence does not wait.
constexpr microseconds kBetweenBatches{1000};
// Longest time between two looks at data_version when file events work and nothing happens. An
// event that is lost delays replication by at most this.
constexpr microseconds kLongestPoll = milliseconds(2000);
constexpr milliseconds kReadWait{50};
// The consumer waits longer for records when nothing was sent, applied or committed for kCalmMs,
// and longer still after kVeryCalmMs. A record that arrives ends the wait at any time; only changes
// of the schema and folding wait for its end, and neither is urgent then.
constexpr int64_t kCalmMs = 2'000;
constexpr milliseconds kCalmReadWait{100};
constexpr int64_t kVeryCalmMs = 5'000;
constexpr milliseconds kVeryCalmReadWait{2000};
// An application for which we had to wait within this time is taken to run long transactions.
constexpr int64_t kLocalUseMs = 1'000;
constexpr milliseconds kBetweenKeeperLooks{1000};
constexpr milliseconds kBlockedWait{5};
constexpr milliseconds kBetweenSnapshotLooks{1000};
constexpr milliseconds kJoinPause{10};

// When the publisher looks into the database.
//
// A file event comes with the first page that a transaction writes. The transaction's commit
// becomes visible later, mostly at once. Between the two, no further page may wake this process,
// because the writer would pay for the waking (P8). Therefore an event is followed by a few looks
// at growing pauses during which events are ignored, and then by one late look for a commit that
// had to wait for its disk. Without events, the pause between looks doubles from the shortest to
// the longest.
class LookSchedule {
 public:
  LookSchedule(microseconds shortest, microseconds longest)
      : shortest_(shortest), longest_(longest), poll_(shortest) {}

  void Found() {
    next_ = std::size(kAfterEvent);
    fruitless_ = 0;
    poll_ = shortest_;
  }

  void WaitForNext(capture::ChangeSignal* signal) {
    if (next_ == std::size(kAfterEvent)) {
      const bool late = std::exchange(late_, false);
      if (!signal->Wait(late ? kLate : poll_)) {
        if (!late) poll_ = std::min(poll_ * 2, longest_);
        return;
      }
      poll_ = shortest_;
      // If event after event leads to nothing, the events come from this node's own applying: one
      // look is then enough for many of them.
      next_ = std::min(fruitless_++, std::size(kAfterEvent) - 1);
      late_ = true;
    }
    signal->Pause(kAfterEvent[next_++]);
  }

 private:
  static constexpr microseconds kAfterEvent[] = {microseconds(50), microseconds(150),
                                                 microseconds(400), microseconds(1000)};
  // Pause before the late look, for a commit that waits for its disk.
  static constexpr microseconds kLate{5000};

  const microseconds shortest_;
  const microseconds longest_;
  microseconds poll_;
  size_t next_ = std::size(kAfterEvent);
  size_t fruitless_ = 0;
  bool late_ = false;
};

milliseconds CalmReadWait(int64_t idle_ms) {
  if (idle_ms > kVeryCalmMs) return kVeryCalmReadWait;
  return idle_ms > kCalmMs ? kCalmReadWait : kReadWait;
}

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

Result<Connection> OpenOnly(const NodeOptions& options, OpenMode mode) {
  HL_ASSIGN(Connection db, Connection::Open(options.db_path, mode, options.vfs));
  db.SetBusyTimeout(kBusyTimeoutMs);
  return db;
}

// SQLite reads the whole schema before it takes these settings, which takes long with many tables.
Status SetUp(Connection* db, int cache_kib) {
  HL_TRY(db->SetCacheKib(cache_kib));
  // With NORMAL a commit does not flush the WAL. What a power cut takes from these connections was
  // read from the log or computed from the journal, and is done again after the next start.
  return db->Exec("PRAGMA synchronous = NORMAL");
}

Result<Connection> OpenDatabase(const NodeOptions& options, OpenMode mode, int cache_kib) {
  HL_ASSIGN(Connection db, OpenOnly(options, mode));
  HL_TRY(SetUp(&db, cache_kib));
  return db;
}

// Attaches, and waits as long as an application holds the write lock: a busy database must not make
// the start fail.
Status AttachWhenFree(Replica* replica, std::optional<NodeId> node, Logger* logger) {
  std::mt19937_64 random(RandomSeed());
  // A node id that is drawn here has 53 bits, so that SQLite's and JSON's integers hold it.
  const Origin fresh{NodeId((random() >> 11) | 1), ledger::FirstIncarnation(random())};
  bool said = false;
  while (true) {
    Status attached = replica->Attach(node, fresh);
    if (attached.ok() || attached.error().code() != ErrorCode::kRetryLater) return attached;
    if (!said)
      logger->Info("the application holds the database ({}): waiting for it to let go",
                   attached.error().message());
    said = true;
    std::this_thread::sleep_for(kBlockedWait);
  }
}

}  // namespace

Node::Node(NodeOptions options, const Clock* clock, Logger* logger)
    : options_(std::move(options)), clock_(clock), logger_(logger), signal_(options_.db_path) {}

Result<std::unique_ptr<Node>> Node::Open(NodeOptions options, std::optional<NodeId> node,
                                         const Clock* clock, Logger* logger) {
  std::unique_ptr<Node> out(new Node(std::move(options), clock, logger));
  HL_ASSIGN(out->write_db_, OpenDatabase(out->options_, OpenMode::kCreate, kCacheKib));
  out->door_.emplace(&*out->write_db_, clock, [node = out.get()](bool stay_awake) {
    node->door_pause_.Wait(stay_awake);
    return !node->stopping_.load();
  });
  out->write_db_->SetWriteLockListener(&*out->door_);
  out->replica_.emplace(&*out->write_db_, out->options_, clock, logger);
  LockPacer pacer;
  out->door_->SetNext(&pacer);
  HL_TRY(out->write_db_->SetCacheKib(kAttachCacheKib));
  Status attached = AttachWhenFree(&*out->replica_, node, logger);
  out->door_->SetNext(nullptr);
  HL_TRY(std::move(attached));
  HL_TRY(out->write_db_->SetCacheKib(kCacheKib));
  if (!out->door_->has_door())
    logger->Warning(
        "{}-shm cannot be opened for writing, so this process cannot tell when the application is in "
        "no transaction: deferred transactions of the application may fail with SQLITE_BUSY; give "
        "this process's user the rights of the database file on it, and start again",
        out->options_.db_path);
  // The workers that use these set them up, so that none waits for the others' and the start for
  // none.
  HL_ASSIGN(out->read_db_, OpenOnly(out->options_, OpenMode::kReadWrite));
  HL_ASSIGN(out->watch_db_, OpenOnly(out->options_, OpenMode::kReadWrite));
  HL_ASSIGN(out->verify_db_, OpenOnly(out->options_, OpenMode::kReadWrite));
  HL_TRY(out->replica_->Introduce(&out->shared_));
  out->MarkActive();
  return out;
}

Node::~Node() {
  Stop();
  if (write_db_) write_db_->SetWriteLockListener(nullptr);
}

std::vector<std::string> Node::table_names() const {
  std::vector<std::string> out;
  for (const ledger::TrackedTable& tracked : replica_->catalog().tables)
    if (tracked.table.name != schema::kSchemaTable) out.push_back(tracked.table.name);
  return out;
}

void Node::Start(ports::ReplicationLog* log, ports::MetaStore* store, ports::ObjectStore* snapshots,
                 ports::RowListener* rows) {
  HL_CHECK(threads_.empty());
  replica_->SetRowListener(rows);
  // A file to which nothing is applied is no replica, so that a snapshot of it would be worthless.
  makes_snapshots_ = snapshots != nullptr && options_.replicate;
  if (makes_snapshots_)
    stored_ = std::make_unique<StoredSnapshots>(snapshots, store, MakeSnapshotOptions(options_));
  threads_.emplace_back([this, log] { RunConsumer(log); });
  if (options_.publish) threads_.emplace_back([this, log] { RunPublisher(log); });
  threads_.emplace_back([this, store, log] { RunKeeper(store, log); });
  threads_.emplace_back([this, store] { RunVerifier(store); });
  if (makes_snapshots_) threads_.emplace_back([this, snapshots] { RunSnapshotMaker(snapshots); });
}

bool Node::SavedForSleep() {
  const bool has_tables = shared_.applied().schema_fingerprint != ledger::kNoTables;
  if (!makes_snapshots_ || !has_tables) return true;
  if (snapshots_.busy()) return false;
  const AppliedState applied = shared_.applied();
  change::ProgressVector have = applied.progress;
  have.Advance(shared_.self(), shared_.published_as_self());
  const auto newest = snapshots_.newest();
  const bool saved =
      newest && change::Knowledge(newest->manifest.progress, *applied.retirements).Covers(have);
  if (saved && shared_.unsent() == 0) return true;
  if (failures_before_sleep_ && snapshots_.failed() > *failures_before_sleep_) return true;
  failures_before_sleep_ = snapshots_.failed();
  snapshots_.Want("nothing happens any more: sleep_timeout");
  return false;
}

void Node::Stop() {
  {
    const std::lock_guard lock(stop_mutex_);
    stopping_.store(true);
  }
  stopped_.notify_all();
  snapshots_.Cancel();
  if (stored_ != nullptr) stored_->Cancel();
  shared_.Stop();
  signal_.Interrupt();
  if (verify_db_) verify_db_->Interrupt();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Node::SetUpForWorker(Connection* db, int cache_kib) {
  while (!stopping_.load()) {
    const Status done = SetUp(db, cache_kib);
    if (done.ok()) return;
    // Without the settings a worker is only slower, and what is wrong it will say itself.
    if (done.error().code() != ErrorCode::kRetryLater) return;
    PauseUnlessStopping(kBlockedWait);
  }
}

void Node::PauseUnlessStopping(milliseconds most) {
  std::unique_lock lock(stop_mutex_);
  stopped_.wait_for(lock, most, [this] { return stopping_.load(); });
}

void Node::RunPublisher(ports::ReplicationLog* log) {
  NameThisThread("publisher");
  WakeThisThreadOnTime();
  SetUpForWorker(&*watch_db_, kSmallCacheKib);
  SetUpForWorker(&*read_db_, kCacheKib);
  TmpfsSentMark marks(options_.db_path, shared_.self().node);
  Publisher publisher(
      {&options_, &*read_db_, &*watch_db_, log, &marks, &shared_, clock_, logger_, RandomSeed()});
  const microseconds configured = milliseconds(options_.polling_interval_ms);
  LookSchedule looks = configured.count() > 0
                           ? LookSchedule(configured, configured)
                           : LookSchedule(kPoll, signal_.watching() ? kLongestPoll : kPoll);
  while (!stopping_.load()) {
    const StepResult result = publisher.Step();
    if (result.kind == StepResult::kProgress) {
      MarkActive();
      looks.Found();
      if (publisher.between_batches()) signal_.Pause(kBetweenBatches);
    } else if (result.kind == StepResult::kBlocked) {
      signal_.Wait(kBlockedWait);
    } else {
      looks.WaitForNext(&signal_);
    }
  }
}

void Node::RunConsumer(ports::ReplicationLog* log) {
  NameThisThread("consumer");
  WakeThisThreadOnTime();
  Consumer consumer({&options_, &*replica_, log, &shared_, clock_, logger_, RandomSeed()});
  LockPacer pacer;
  Checkpointer checkpointer(
      [this] { return OpenDatabase(options_, OpenMode::kReadWrite, kSmallCacheKib); });
  door_->SetNext(&pacer);
  write_db_->SetWriteLockListener(&*door_, &checkpointer);
  while (!stopping_.load()) {
    pacer.SetLocalUse(door_->WaitedWithin(kLocalUseMs) ? LocalUse::kLong
                      : consumer.local_writers()       ? LocalUse::kShort
                                                       : LocalUse::kNone);
    checkpointer.SetLocalWriters(consumer.local_writers());
    // While the pacer leaves the write lock to the application, the consumer reads ahead, which
    // needs no lock.
    while (pacer.waiting() && consumer.ReadAhead()) continue;
    const StepResult result =
        consumer.Step(consumer.local_writers() ? kReadWait : CalmReadWait(idle_ms()));
    if (result.kind == StepResult::kProgress) MarkActive();
    if (result.kind == StepResult::kBlocked || !options_.replicate)
      std::this_thread::sleep_for(kBlockedWait);
  }
  door_->SetNext(nullptr);
  write_db_->SetWriteLockListener(&*door_);
}

void Node::RunKeeper(ports::MetaStore* store, ports::ReplicationLog* log) {
  NameThisThread("keeper");
  const uint64_t session = NewSession(clock_->WallMs(), RandomSeed());
  Keeper keeper({store, &shared_, clock_, logger_, session, options_.eviction_horizon_ms});
  IdClaims ids({store, &shared_, clock_, logger_, options_.id_layout});
  const bool shares_ids = options_.share_ids && options_.publish;
  SnapshotKeeper snapshots(
      {store, log, &shared_, &snapshots_, clock_, logger_, options_.snapshots, session});
  while (!stopping_.load()) {
    keeper.Step();
    rivalled_.store(keeper.rivalled());
    if (shares_ids && !keeper.rivalled()) ids.Step();
    // A file that is not compared with the cluster yet must not become a snapshot of it.
    if (makes_snapshots_ && !keeper.rivalled() && shared_.rows().joined()) snapshots.Step();
    PauseUnlessStopping(kBetweenKeeperLooks);
  }
  snapshots.Release();
}

// Makes snapshots and fetches them on one thread, because a store takes one call at a time.
void Node::RunSnapshotMaker(ports::ObjectStore* store) {
  NameThisThread("snapshots");
  LowerThisThreadsPriority();
  SnapshotMaker maker({store, &snapshots_, &shared_, clock_, logger_, MakeSnapshotOptions(options_),
                       options_.snapshots.keep, options_.publish});
  Resyncer resyncer({stored_.get(), &shared_, clock_, logger_, options_.max_clock_skew_ms});
  while (!stopping_.load()) {
    const bool made = maker.Step().kind == StepResult::kProgress;
    const bool fetched = resyncer.Step().kind == StepResult::kProgress;
    if (!made && !fetched)
      PauseUnlessStopping(maker.waiting() ? kBlockedWait : kBetweenSnapshotLooks);
  }
}

void Node::RunVerifier(ports::MetaStore* store) {
  NameThisThread("verifier");
  SetUpForWorker(&*verify_db_, kSmallCacheKib);
  Verifier verifier({&options_, &*verify_db_, store, &shared_, clock_, logger_, RandomSeed()});
  const auto pause = [this] {
    std::this_thread::sleep_for(kJoinPause);
    return !stopping_.load();
  };
  // The verifier must not be left while it reads rows: both use one connection.
  const auto answer = [&] {
    while (verifier.Step().kind == StepResult::kProgress && !stopping_.load()) continue;
    return pause();
  };
  Joiner joiner(
      {&options_, &*verify_db_, store, &shared_, clock_, logger_, RandomSeed(), pause, answer});
  while (!stopping_.load()) {
    joiner.Step();
    const StepResult result = verifier.Step();
    if (result.kind != StepResult::kProgress)
      PauseUnlessStopping(shared_.rows().joined() ? verifier.until_next_look() : kReadWait);
  }
}

}  // namespace harmonylite::node
