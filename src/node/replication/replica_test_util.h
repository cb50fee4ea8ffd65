// TestReplica: a database file with its replica, without log, registry or threads. The test itself
// carries batches and snapshots from one replica to another.
//
// Threads: one.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/batch_reader.h"
#include "capture/capture_test_util.h"
#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "ledger/tombstones.h"
#include "node/replication/hold_queue.h"
#include "node/replication/replica.h"
#include "sqlite/transaction.h"
#include "sqlite/vacuum.h"

namespace harmonylite::node {

using Strings = std::vector<std::string>;
using sqlite::Must;

inline constexpr const char* kTables =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
    "CREATE TABLE u(k TEXT COLLATE NOCASE PRIMARY KEY, v UNIQUE);";

// The application, the replica and the batch reader use a connection each.
class TestReplica {
 public:
  explicit TestReplica(uint64_t node, std::string_view before = kTables,
                       schema::FollowOptions schema = {})
      : path_(dir_.File("app.db")),
        app_(Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kCreate))),
        db_(Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite))),
        reading_(Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite))) {
    options_.db_path = path_;
    options_.spool_directory = dir_.path();
    options_.schema = schema;
    App(before);
    replica_ = std::make_unique<Replica>(&db_, options_, &clock_, &logger_);
    Must(replica_->Attach(NodeId(node), {NodeId(node), Incarnation(1)}));
    reader_ = std::make_unique<capture::BatchReader>(
        &reading_, capture::BatchReaderOptions{{}, false, dir_.path()});
  }
  ~TestReplica() { close(null_); }

  // Runs `sql` as the application.
  void App(std::string_view sql) { sqlite::Execute(&app_, sql); }
  Strings Query(std::string_view sql) { return sqlite::Query(&app_, sql); }
  Replica& replica() { return *replica_; }
  const std::string& path() const { return path_; }
  Origin self() { return replica_->state().self; }
  capture::ManualClock& clock() { return clock_; }

  // The next batch of this node's changes, which counts as published from now on; none: there are
  // no changes.
  std::optional<capture::BuiltBatch> Publish() {
    auto batch = Must(reader_->ReadChanges(replica_->state().published_to));
    if (batch) replica_->SetPublished(batch->to, batch->to_stamp);
    Maintain();
    return batch;
  }
  // This node's repair batch for `asker`. As in Keeper::Answer(), the asker has all of its own
  // changes.
  Result<std::optional<capture::BuiltBatch>> Answer(TestReplica* asker) {
    change::ProgressVector have = asker->replica().progress();
    have.Advance(asker->self(), replica_->progress().Get(asker->self()));
    return reader_->ReadRepair(have);
  }
  // Judges the batch as the consumer would, and applies it if it is ready. A batch that must wait
  // is not kept.
  Judgement Apply(const capture::BuiltBatch& batch) {
    std::string bytes;
    Must(batch.bytes.ReadAt(0, batch.bytes.size(), &bytes));
    return Apply(batch.header, bytes);
  }
  Judgement Apply(const change::BatchHeader& header, const std::string& bytes) {
    Spool copy(dir_.path());
    Must(copy.Append(bytes));
    WaitingBatch waiting{{header.sender, std::move(copy), {}, {}}, header, std::nullopt, 0};
    const Judgement judgement =
        Judge(header, replica_->progress(), self(), clock_.WallMs(), int64_t{1} << 40,
              replica_->collected(), *replica_->retirements());
    if (judgement.verdict != Verdict::kReady) return judgement;
    size_t failed = 0;
    Must(replica_->Apply({&waiting}, {}, &failed));
    return judgement;
  }
  void ApplyFrom(TestReplica* other) {
    if (const auto batch = other->Publish()) Apply(*batch);
  }
  // Folds and trims until nothing is left to do.
  void Maintain() {
    while (!Must(replica_->Maintain(sqlite::TransactionKind::kUpkeep, 1'000, 1'000))) continue;
  }
  // Forgets every tombstone of this node, and returns their number.
  int64_t Forget() {
    Maintain();
    change::ProgressVector all = replica_->progress();
    all.Advance(self(), Lseq(INT64_MAX));
    return Must(replica_->Collect(all, 1'000'000));
  }

  // A snapshot of this node as snapshot::Make() would make it: everything is folded, the node's own
  // changes are in its progress, and the identity of the node and its journal are removed.
  std::unique_ptr<sqlite::Connection> Snapshot() {
    const std::string file = dir_.File("snapshot" + std::to_string(++snapshots_));
    Must(sqlite::VacuumInto(&app_, file));
    auto out = std::make_unique<sqlite::Connection>(
        Must(sqlite::Connection::Open(file, sqlite::OpenMode::kReadWrite)));
    auto transaction = Must(sqlite::Transaction::Begin(out.get(), sqlite::TransactionKind::kWrite));
    ledger::State state = Must(ledger::LoadState(out.get()));
    const ledger::State saved = state;
    const ledger::Catalog catalog = Must(capture::LoadCatalog(out.get(), {}));
    while (!Must(capture::Fold(out.get(), catalog, &state, 1'000))) continue;
    const capture::JournalEnd end = Must(capture::ReadJournalEnd(out.get()));
    const Lseq own = std::max(end.last_change, state.published_to);
    if (own.value > 0) Must(ledger::SaveProgress(out.get(), state.self_index, own));
    sqlite::Execute(out.get(),
                    "DELETE FROM __harmonylite__journal; INSERT INTO __harmonylite__journal"
                    "(id, tbl, op, hlc) VALUES(1, 0, 0, " +
                        std::to_string(end.stamp.value) + ")");
    auto origins = Must(ledger::OriginTable::Load(out.get()));
    state.self_index = Must(origins.IndexOf(out.get(), Origin{}));
    state.folded_to = Lseq(1);
    state.published_to = Lseq(0);
    Must(ledger::SaveState(out.get(), state, saved));
    Must(transaction.Commit());
    return out;
  }
  apply::MergePlan Plan(sqlite::Connection* snapshot) {
    const std::atomic<bool> never{false};
    return Must(replica_->PlanMerge(snapshot, never));
  }
  Replica::Merged Merge(sqlite::Connection* snapshot) {
    const auto merged = Must(replica_->MergeRestore(Plan(snapshot), snapshot));
    EXPECT_TRUE(merged.has_value());
    return merged.value_or(Replica::Merged{});
  }
  // The versions of all live rows of a table, visible or not.
  Strings Live(int table) {
    Maintain();
    return Query("SELECT lower(k1), hlc, node, incarnation, lseq FROM __harmonylite__v" +
                 std::to_string(table) +
                 " JOIN __harmonylite__nodes USING(n) WHERE gone = 0 ORDER BY 1");
  }
  Strings Rows() { return Query("SELECT id, a FROM t ORDER BY id"); }

 private:
  test::TempDir dir_;
  std::string path_;
  const int null_ = open("/dev/null", O_WRONLY | O_CLOEXEC);
  Logger logger_{null_, LogFormat::kConsole, LogLevel::kError};
  capture::ManualClock clock_;
  NodeOptions options_;
  sqlite::Connection app_;
  sqlite::Connection db_;
  sqlite::Connection reading_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<capture::BatchReader> reader_;
  int snapshots_ = 0;
};

// Moves the stamps of the node's next writes to `ms` behind all others, by an entry of its journal.
// The triggers look at the machine's clock, and the replica at its own.
inline void MoveStamps(TestReplica* node, int64_t ms) {
  const int64_t now_ms = SystemClock().WallMs();
  node->App(fmt::format(
      "INSERT INTO __harmonylite__journal(tbl, op, hlc) SELECT 0, 0, max(max(hlc), {}) + {} FROM "
      "__harmonylite__journal",
      HlcFromMillis(now_ms).value, HlcFromMillis(ms).value));
}

}  // namespace harmonylite::node
