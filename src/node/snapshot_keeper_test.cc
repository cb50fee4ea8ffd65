// Who makes snapshots, when, and how a node without a database gets one.
#include "node/snapshot_keeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <functional>

#include "capture/capture_test_util.h"
#include "node/empty_join.h"
#include "node/heartbeat.h"
#include "node/replica.h"
#include "node/snapshot_maker.h"
#include "snapshot/restore.h"
#include "support/memory_store.h"
#include "support/result_matchers.h"

namespace harmonylite::node {
namespace {

using capture::ManualClock;
using capture::TestNode;
using sqlite::Must;

constexpr int64_t kTtl = 30'000;

class FakeMeta final : public log::MetaStore {
 public:
  Result<uint64_t> Put(const std::string& key, std::string_view value) override {
    if (broken) return Broken();
    entries[key] = {std::string(value), ++revision};
    return revision;
  }
  Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                 uint64_t expected) override {
    if (broken) return Broken();
    const auto it = entries.find(key);
    if ((it == entries.end() ? 0 : it->second.revision) != expected)
      return MakeError(ErrorCode::kConflict, "another revision");
    return Put(key, value);
  }
  Result<log::MetaEntry> Get(const std::string& key) override {
    if (broken) return Broken();
    const auto it = entries.find(key);
    if (it == entries.end()) return MakeError(ErrorCode::kNotFound, "no {}", key);
    return it->second;
  }
  Status Delete(const std::string& key) override {
    if (broken) return Broken();
    entries.erase(key);
    return Ok();
  }
  Result<std::map<std::string, log::MetaEntry>> List(const std::string& prefix) override {
    if (broken) return Broken();
    std::map<std::string, log::MetaEntry> out;
    for (const auto& [key, entry] : entries)
      if (key.starts_with(prefix)) out[key] = entry;
    return out;
  }
  static Error Broken() { return MakeError(ErrorCode::kRetryLater, "out of reach"); }

  std::map<std::string, log::MetaEntry> entries;
  uint64_t revision = 0;
  bool broken = false;
};

class FakeLog final : public log::ReplicationLog {
 public:
  Status EnsureReady() override { return Ok(); }
  Result<log::LogState> State() override { return state; }
  Result<log::LogRecord> LastOf(const Origin&) override { return MakeError(ErrorCode::kNotFound, "none"); }
  log::PublishReply Publish(const log::PublishRequest&) override { return {}; }
  Result<std::unique_ptr<log::LogReader>> OpenReader(log::LogSeq) override {
    return MakeError(ErrorCode::kRetryLater, "none");
  }
  size_t max_payload() const override { return 1 << 20; }
  log::LogState state{1, log::LogSeq(1), log::LogSeq(0)};
};

// One node's two halves, and the time that all share.
class Maker {
 public:
  Maker(uint64_t id, FakeMeta* meta, log::ReplicationLog* log, log::ObjectStore* store, ManualClock* clock,
        Logger* logger, SnapshotPolicy policy = {0, kTtl, 1000, 3})
      : node("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", id) {
    shared.SetSelf(node.self);
    SetHolding(false);
    keeper.emplace(SnapshotKeeper::Dependencies{meta, log, &shared, &board, clock, logger, policy, id * 100});
    snapshot::Options options;
    options.db_path = node.path;
    options.spool_directory = node.dir.path();
    maker.emplace(SnapshotMaker::Dependencies{store, &board, &shared, clock, logger, options, policy.keep});
  }
  void SetHolding(bool holding, HoldKind kind = HoldKind::kSchema) {
    AppliedState applied;
    applied.caught_up = true;
    if (holding) applied.holds.push_back({{NodeId(5), Incarnation(5)}, kind, "it waits"});
    shared.SetApplied(applied);
  }
  void Step() {
    keeper->Step();
    StepMaker();
  }
  void StepMaker() {
    if (publishes) shared.SetPublished(node.self, {node.newest(), Hlc(1)});
    maker->Step();
  }

  TestNode node;
  bool publishes = true;
  SharedState shared;
  SnapshotBoard board;
  std::optional<SnapshotKeeper> keeper;
  std::optional<SnapshotMaker> maker;
};

class SnapshotKeeperTest : public testing::Test {
 protected:
  SnapshotKeeperTest() { clock_.monotonic_ms = 1'000'000; }
  ~SnapshotKeeperTest() override { ::close(null_); }

  void Pass(int64_t ms, const std::vector<Maker*>& makers) {
    for (int64_t passed = 0; passed < ms; passed += 1000) {
      clock_.monotonic_ms += 1000;
      clock_.wall_ms += 1000;
      for (Maker* maker : makers) maker->Step();
    }
  }
  Maker* New(uint64_t id, SnapshotPolicy policy = {0, kTtl, 1000, 3}) {
    makers_.push_back(std::make_unique<Maker>(id, &meta_, &log_, &store_, &clock_, &logger_, policy));
    return makers_.back().get();
  }

  const int null_ = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  Logger logger_{null_, LogFormat::kConsole, LogLevel::kError};
  ManualClock clock_;
  FakeMeta meta_;
  FakeLog log_;
  test::MemoryStore store_;
  std::vector<std::unique_ptr<Maker>> makers_;
};

TEST_F(SnapshotKeeperTest, OneOfSeveralMakesThemByInterval) {
  const SnapshotPolicy policy{60'000, kTtl, 1000, 3};
  Maker *one = New(1, policy), *two = New(2, policy);
  Pass(5'000, {one, two});
  EXPECT_EQ(one->board.done(), 1);
  Pass(120'000, {one, two});
  EXPECT_EQ(one->board.done(), 3);
  EXPECT_EQ(two->board.done(), 0);
}

TEST_F(SnapshotKeeperTest, TheLeaseMovesOnWhenItsHolderIsSilentAndNotBefore) {
  Maker *one = New(1), *two = New(2);
  Pass(10'000, {one, two});
  ASSERT_TRUE(one->board.leading());
  // It was last renewed up to a third of that ago.
  Pass(kTtl / 3 * 2 - 2'000, {two});
  EXPECT_FALSE(two->board.leading());
  Pass(kTtl / 3 + 4'000, {two});
  EXPECT_TRUE(two->board.leading());
  // Back from a pause, the former holder notices; what it was making it gives up.
  one->board.Want("a test");
  one->keeper->Step();
  EXPECT_FALSE(one->board.leading());
  EXPECT_TRUE(one->board.activity().transfer.cancelled);
}

TEST_F(SnapshotKeeperTest, AHolderThatCannotRenewLetsGoBeforeOthersTake) {
  Maker *one = New(1), *two = New(2);
  Pass(10'000, {one, two});
  meta_.broken = true;
  for (int64_t passed = 0; passed < 2 * kTtl; passed += 1000) {
    Pass(1000, {one, two});
    EXPECT_FALSE(one->board.leading() && two->board.leading());
  }
  EXPECT_FALSE(one->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatEndsFreesItAtOnce) {
  Maker *one = New(1), *two = New(2);
  Pass(10'000, {one, two});
  one->keeper->Release();
  Pass(2'000, {two});
  EXPECT_TRUE(two->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatHoldsChangesBackLeadsOnlyIfNobodyElseDoes) {
  Maker *one = New(1), *two = New(2);
  one->SetHolding(true);
  Pass(10'000, {one});
  EXPECT_FALSE(one->board.leading());
  Pass(2'000, {one, two});
  EXPECT_TRUE(two->board.leading());
  two->SetHolding(true);
  one->SetHolding(false);
  Pass(2 * kTtl, {one, two});
  EXPECT_TRUE(one->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatWaitsForOthersThatAreBehindMakesThemForThese) {
  Maker *one = New(1), *two = New(2);
  one->SetHolding(true, HoldKind::kStale);
  two->shared.SetResyncWish(ResyncWish{});
  Pass(8 * kTtl, {one, two});
  EXPECT_TRUE(one->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatIsBehindMakesNoneUnasked) {
  Maker* one = New(1, {30'000, kTtl, 1000, 3});
  one->shared.SetResyncWish(ResyncWish{});
  Pass(8 * kTtl, {one});
  EXPECT_EQ(one->board.done(), 0);
  one->shared.SetResyncWish({});
  Pass(60'000, {one});
  EXPECT_GT(one->board.done(), 0);
}

TEST_F(SnapshotKeeperTest, ARequestIsAnsweredOnce) {
  Maker* one = New(1);
  Pass(5'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  Must(meta_.Put(kSnapshotRequest, "node 9"));
  Pass(20'000, {one});
  EXPECT_EQ(one->board.done(), 1);
  EXPECT_FALSE(meta_.entries.contains(kSnapshotRequest));
}

TEST_F(SnapshotKeeperTest, ANodeThatNeedsOneLetsAnotherMakeIt) {
  Maker *one = New(1), *two = New(2);
  Pass(5'000, {one, two});
  ASSERT_TRUE(one->board.leading());
  one->shared.SetResyncWish(ResyncWish{});
  Must(meta_.Put(kSnapshotRequest, ResyncRequest(NodeId(1))));
  Pass(2 * kTtl, {one, two});
  EXPECT_EQ(one->board.done(), 0);
  EXPECT_EQ(two->board.done(), 1);
  EXPECT_FALSE(meta_.entries.contains(kSnapshotRequest));
}

TEST_F(SnapshotKeeperTest, NodesThatNeedEachOthersMakeThemInTurns) {
  Maker *one = New(1), *two = New(2);
  one->shared.SetResyncWish(ResyncWish{});
  two->shared.SetResyncWish(ResyncWish{});
  Must(meta_.Put(kSnapshotRequest, ResyncRequest(NodeId(1))));
  Pass(8 * kTtl, {one, two});
  EXPECT_EQ(one->board.done(), 0);
  EXPECT_EQ(two->board.done(), 1);
  Must(meta_.Put(kSnapshotRequest, ResyncRequest(NodeId(2))));
  Pass(8 * kTtl, {one, two});
  EXPECT_EQ(one->board.done(), 1);
  EXPECT_EQ(two->board.done(), 1);
}

TEST_F(SnapshotKeeperTest, BeforeTheLogForgets) {
  Maker* one = New(1);
  log_.state.last = log::LogSeq(499);
  Pass(10'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  log_.state.last = log::LogSeq(500);
  one->shared.CountSent(1, 1);  // the log is looked at when this node knows of something new
  Pass(10'000, {one});
  EXPECT_EQ(one->board.done(), 1);
  // The cursor of the snapshot is where it was: that alone is no reason to go on and on.
  Pass(60'000, {one});
  EXPECT_EQ(one->board.done(), 1);
}

TEST_F(SnapshotKeeperTest, FailuresAreSpacedOutAndShownAndThenAnotherTries) {
  Maker *one = New(1), *two = New(2);
  Pass(5'000, {one, two});
  store_.put_error = {ErrorCode::kRetryLater, "the disk is full"};
  Must(meta_.Put(kSnapshotRequest, "node 9"));
  Pass(10'000, {one, two});
  EXPECT_GT(one->board.failed(), 1);
  EXPECT_NE(one->board.last_error().find("the disk is full"), std::string::npos);
  EXPECT_NE(Must(Lease::NoteOf(&meta_, kSnapshotLease)).find("the disk is full"), std::string::npos);
  Pass(4 * kTtl, {one, two});
  EXPECT_GT(two->board.failed(), 0);
  EXPECT_LT(one->board.failed() + two->board.failed(), 20);
  store_.put_error.reset();
  Pass(4 * kTtl, {one, two});
  EXPECT_EQ(one->board.done() + two->board.done(), 1);
}

// What is in it of our own must be in the log: another life of this file may have given its number to something else.
TEST_F(SnapshotKeeperTest, OneWithUnpublishedChangesWaitsForTheLog) {
  Maker* one = New(1);
  one->publishes = false;
  one->node.App("INSERT INTO t VALUES(1, 'one'), (2, 'two')");
  const Lseq all = one->node.newest();
  one->board.Want("a test");
  Pass(5'000, {one});
  EXPECT_TRUE(one->maker->waiting() && one->shared.snapshot_waits());
  one->shared.SetPublished(one->shared.self(), {Lseq(all.value - 1), Hlc(1)});
  one->node.App("INSERT INTO t VALUES(3, 'not in it')");
  Pass(5'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  one->shared.SetPublished(one->shared.self(), {all, Hlc(2)});
  Pass(1'000, {one});
  EXPECT_EQ(one->board.done(), 1);
  EXPECT_FALSE(one->maker->waiting() || one->shared.snapshot_waits());
  EXPECT_EQ(one->board.newest()->manifest.progress.Get(one->node.self), all);
}

TEST_F(SnapshotKeeperTest, OneThatTheLogNeverTakesIsGivenUpAndSaidWhy) {
  Maker* one = New(1);
  one->publishes = false;
  one->node.App("INSERT INTO t VALUES(1, 'one'), (2, 'two')");
  const Lseq all = one->node.newest();
  one->board.Want("a test");
  Pass(kSnapshotPublishMs, {one});
  one->shared.SetPublished(one->shared.self(), {Lseq(all.value - 1), Hlc(1)});
  Pass(kSnapshotPublishMs, {one});
  EXPECT_EQ(one->board.failed(), 0);
  Pass(5'000, {one});
  EXPECT_EQ(one->board.failed(), 1);
  EXPECT_NE(one->board.last_error().find("the newest 1 changes of this node"), std::string::npos);
  EXPECT_FALSE(one->maker->waiting() || one->shared.snapshot_waits());
  // Or when another node has the lease by then.
  one->board.Want("a test");
  Pass(2'000, {one});
  one->board.Cancel();
  Pass(1'000, {one});
  EXPECT_EQ(one->board.failed(), 2);
  EXPECT_TRUE(store_.objects.empty());
}

TEST_F(SnapshotKeeperTest, OneOfAFileThatWasACopyIsMadeAnew) {
  Maker* one = New(1);
  one->publishes = false;
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  Pass(2'000, {one});
  // The log has taken another change 1 from somebody.
  const Origin other{one->node.self.node, Incarnation(one->node.self.incarnation.value + 1)};
  capture::State state = Must(capture::LoadState(&one->node.db));
  Must(capture::StartIncarnation(&one->node.db, &state, other.incarnation, state.published_to, /*read_again=*/true));
  one->shared.SetSelf(other);
  Pass(2'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  one->shared.SetPublished(one->shared.self(), {one->node.newest(), Hlc(1)});
  Pass(2'000, {one});
  ASSERT_EQ(one->board.done(), 1);
  EXPECT_EQ(one->board.newest()->manifest.maker, other);
  EXPECT_EQ(one->board.newest()->manifest.progress.Get(one->node.self), Lseq(0));
}

class EmptyJoinTest : public SnapshotKeeperTest {
 protected:
  // The triggers give stamps by the time of day.
  EmptyJoinTest() {
    const auto today = std::chrono::system_clock::now().time_since_epoch();
    clock_.wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(today).count();
  }
  EmptyJoin::Outcome Join(const std::vector<Maker*>& makers) {
    snapshot::Options options;
    options.db_path = path_;
    options.spool_directory = dir_.path();
    EmptyJoin join({&store_, &meta_, &clock_, &logger_, options, NodeId(9), kTtl});
    for (int step = 0; step < 200; ++step) {
      const auto outcome = Must(join.Step());
      if (outcome != EmptyJoin::Outcome::kWaiting) return outcome;
      for (Maker* maker : makers) {
        Heartbeat heartbeat;
        heartbeat.origin = maker->node.self;
        if (!meta_.broken) Must(meta_.Put(HeartbeatKey(heartbeat.origin.node), EncodeHeartbeat(heartbeat)));
      }
      Pass(1000, makers);
    }
    return EmptyJoin::Outcome::kWaiting;
  }
  // What a node that opens the file finds.
  Origin Attach() {
    sqlite::Connection db = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite));
    NodeOptions options;
    options.db_path = path_;
    Replica replica(&db, options, &clock_, &logger_);
    Must(replica.Attach(NodeId(9), {NodeId(5), Incarnation(77)}));
    progress_ = replica.progress();
    return replica.state().self;
  }

  test::TempDir dir_;
  const std::string path_ = dir_.File("joined.db");
  change::ProgressVector progress_;
};

TEST_F(EmptyJoinTest, FromASnapshotANodeOfItsOwn) {
  Maker* one = New(1);
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  one->StepMaker();
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kRestored);
  EXPECT_EQ(Attach(), (Origin{NodeId(9), Incarnation(77)}));
  EXPECT_EQ(progress_.Get(one->node.self), one->node.newest());
  sqlite::Connection db = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite));
  EXPECT_EQ(sqlite::Query(&db, "SELECT * FROM t"), std::vector<std::string>{"1|'one'"});
  // Its own writes begin after everything that it was given.
  const std::string before = sqlite::Query(&db, "SELECT hlc FROM __harmonylite__v1")[0];
  sqlite::Execute(&db, "INSERT INTO t VALUES(2, 'two')");
  EXPECT_EQ(sqlite::Query(&db, "SELECT hlc > " + before + " FROM __harmonylite__journal ORDER BY id DESC LIMIT 1"),
            std::vector<std::string>{"1"});
  // A second start is no second adoption.
  EXPECT_EQ(Attach(), (Origin{NodeId(9), Incarnation(77)}));
}

TEST_F(EmptyJoinTest, WaitsForTheTimeOfASnapshotFromTheFuture) {
  Maker* one = New(1);
  one->node.App("INSERT INTO __harmonylite__journal(tbl, op, hlc) SELECT 0, 0, (" +
                std::to_string(HlcFromMillis(clock_.wall_ms + 3'600'000).value) + ")");
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  one->StepMaker();
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kWaiting);
  clock_.wall_ms += 3'600'000;
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kRestored);
}

TEST_F(EmptyJoinTest, WithoutOneALiveNodeIsAsked) {
  Maker* one = New(1);
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  Pass(2'000, {one});
  Must(meta_.Put(HeartbeatKey(NodeId(1)), "x"));
  EXPECT_EQ(Join({one}), EmptyJoin::Outcome::kRestored);
  EXPECT_EQ(one->board.done(), 1);
}

TEST_F(EmptyJoinTest, NobodyThere) {
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kStartEmpty);
  // Entries of nodes that are gone, and of our own former life.
  Must(meta_.Put(HeartbeatKey(NodeId(9)), "x"));
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kStartEmpty);
  Must(meta_.Put(HeartbeatKey(NodeId(3)), "x"));
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kStartEmpty);
  meta_.broken = true;
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kStartEmpty);
}

TEST_F(EmptyJoinTest, ADamagedOneIsPassedOver) {
  Maker* one = New(1);
  for (int i = 0; i < 2; ++i) {
    one->node.App(fmt::format("INSERT INTO t VALUES({}, 'x')", i));
    one->board.Want("a test");
    one->StepMaker();
  }
  std::string& newest = std::prev(std::prev(store_.objects.end()))->second;
  newest[newest.size() / 2] ^= 1;
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kRestored);
  sqlite::Connection db = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite));
  EXPECT_EQ(sqlite::Query(&db, "SELECT count(*) FROM t"), std::vector<std::string>{"1"});
}

TEST_F(EmptyJoinTest, AFileWithATableIsNeverRestoredInto) {
  Maker* one = New(1);
  one->board.Want("a test");
  one->StepMaker();
  sqlite::Connection db = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kCreate));
  EXPECT_TRUE(Must(snapshot::CanBecomeReplica(path_)));
  sqlite::Execute(&db, "CREATE TABLE mine(a)");
  EXPECT_FALSE(Must(snapshot::CanBecomeReplica(path_)));
  snapshot::Options options;
  options.db_path = path_;
  options.spool_directory = dir_.path();
  snapshot::Catalog catalog(&store_);
  snapshot::Activity activity;
  ASSERT_VALUE(const auto newest, catalog.Newest());
  ASSERT_VALUE(snapshot::PrivateDatabase opened, catalog.Open(*newest, options, &activity));
  EXPECT_EQ(snapshot::Restore(&opened, path_, "", &activity).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(sqlite::Query(&db, "SELECT name FROM sqlite_schema"), std::vector<std::string>{"'mine'"});
}

TEST_F(EmptyJoinTest, AnotherPageSize) {
  Maker* one = New(1);
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  one->StepMaker();
  sqlite::Connection app = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kCreate));
  sqlite::Execute(&app, "PRAGMA page_size = 512; PRAGMA journal_mode = WAL");
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kRestored);
  EXPECT_EQ(sqlite::Query(&app, "SELECT * FROM t"), std::vector<std::string>{"1|'one'"});
  EXPECT_EQ(sqlite::Query(&app, "PRAGMA integrity_check"), std::vector<std::string>{"'ok'"});
}

}  // namespace
}  // namespace harmonylite::node
