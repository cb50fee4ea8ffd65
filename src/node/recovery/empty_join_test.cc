// A node without a database becomes a replica: from a snapshot, or from one that it asks for, or
// empty.
#include "node/recovery/empty_join.h"

#include <gtest/gtest.h>

#include <chrono>
#include <iterator>

#include "ledger/fingerprint.h"
#include "node/cluster/heartbeat.h"
#include "node/recovery/snapshot_test_util.h"
#include "node/replication/replica.h"
#include "snapshot/restore.h"
#include "support/result_matchers.h"

namespace harmonylite::node {
namespace {

using sqlite::Must;

class EmptyJoinTest : public SnapshotKeeperTest {
 protected:
  // The triggers take their stamps from the real time of day, so the manual clock starts there.
  EmptyJoinTest() {
    const auto today = std::chrono::system_clock::now().time_since_epoch();
    clock_.wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(today).count();
  }
  EmptyJoin::Outcome Join(const std::vector<Maker*>& makers, bool alone = false) {
    snapshot::Options options;
    options.db_path = path_;
    options.spool_directory = dir_.path();
    EmptyJoin join(
        {&store_, &meta_, &clock_, &logger_, options, NodeId(9), kTtl, 60'000, alone, [this] {
           ++attached_;
           return Ok();
         }});
    for (steps_ = 0; steps_ < 200; ++steps_) {
      const auto outcome = Must(join.Step());
      if (outcome != EmptyJoin::Outcome::kWaiting) return outcome;
      for (Maker* maker : makers) {
        Heartbeat heartbeat;
        heartbeat.origin = maker->node.self;
        heartbeat.schema_fingerprint = maker->fingerprint;
        if (!meta_.broken)
          Must(meta_.Put(HeartbeatKey(heartbeat.origin.node), EncodeHeartbeat(heartbeat)));
      }
      Pass(1000, makers);
    }
    return EmptyJoin::Outcome::kWaiting;
  }
  // Stores, as the newest snapshot, one of a database without tables, as earlier versions did.
  void StoreEmptySnapshot(Maker* maker) {
    maker->board.Want("a test");
    maker->StepMaker();
    const auto newest = std::prev(store_.objects.end());  // its manifest
    snapshot::Manifest manifest = Must(snapshot::DecodeManifest(newest->second));
    manifest.schema = ledger::kNoTables;
    newest->second = EncodeManifest(manifest);
  }
  // Attaches to the restored file as node 9 and returns the node's origin.
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
  int steps_ = 0;  // steps of the newest Join, one second each
  int attached_ = 0;
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
  // The stamps of the node's own writes are greater than all that came with the snapshot.
  const std::string before = sqlite::Query(&db, "SELECT hlc FROM __harmonylite__v1")[0];
  sqlite::Execute(&db, "INSERT INTO t VALUES(2, 'two')");
  EXPECT_EQ(sqlite::Query(&db, "SELECT hlc > " + before +
                                   " FROM __harmonylite__journal ORDER BY id DESC LIMIT 1"),
            std::vector<std::string>{"1"});
  // A second start does not begin another incarnation.
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
  // Heartbeats that nodes which are gone, and this node's former process, left do not count.
  Must(meta_.Put(HeartbeatKey(NodeId(9)), "x"));
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kStartEmpty);
  Must(meta_.Put(HeartbeatKey(NodeId(3)), "x"));
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kStartEmpty);
  meta_.broken = true;
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kStartEmpty);
}

TEST_F(EmptyJoinTest, ARegistryThatWasJustEmptiedIsNotNobody) {
  Maker* one = New(1);
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  EXPECT_EQ(Join({one}), EmptyJoin::Outcome::kRestored);
  EXPECT_EQ(attached_, 1);
}

TEST_F(EmptyJoinTest, OneThatIsAloneDoesNotListen) {
  EXPECT_EQ(Join({}, /*alone=*/true), EmptyJoin::Outcome::kStartEmpty);
  EXPECT_EQ(steps_, 0);
  // A registry with an entry shows that the node is not alone after all, so it listens.
  Must(meta_.Put(HeartbeatKey(NodeId(3)), "x"));
  EXPECT_EQ(Join({}, /*alone=*/true), EmptyJoin::Outcome::kStartEmpty);
  EXPECT_GT(steps_, 3);
}

TEST_F(EmptyJoinTest, NodesWithoutTablesAreNobody) {
  Maker* one = New(1);
  one->fingerprint = ledger::kNoTables;
  one->SetHolding(false);
  EXPECT_EQ(Join({one}), EmptyJoin::Outcome::kStartEmpty);
  EXPECT_LT(steps_, 10);
  EXPECT_FALSE(meta_.entries.contains(kSnapshotRequest));
}

TEST_F(EmptyJoinTest, TablesThatTheApplicationMakesEndTheWait) {
  Maker* one = New(1);
  one->board.Want("a test");
  one->StepMaker();
  sqlite::Connection app = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kCreate));
  sqlite::Execute(&app, "CREATE TABLE mine(a)");
  EXPECT_EQ(Join({one}), EmptyJoin::Outcome::kStartEmpty);
  EXPECT_EQ(sqlite::Query(&app, "SELECT name FROM sqlite_schema"),
            std::vector<std::string>{"'mine'"});
}

TEST_F(EmptyJoinTest, OneWithoutTablesIsPassedOverAndTakesNobodysPlace) {
  Maker* one = New(1, {0, kTtl, 1000, 1});
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  one->StepMaker();
  const std::string good = one->board.newest()->name;
  Maker* two = New(2);  // keeps three snapshots
  StoreEmptySnapshot(two);
  snapshot::Catalog catalog(&store_);
  const auto newest = Must(catalog.Newest());
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->name, good);
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kRestored);
  sqlite::Connection db = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite));
  EXPECT_EQ(sqlite::Query(&db, "SELECT * FROM t"), std::vector<std::string>{"1|'one'"});
  // Storing the next snapshot removes the unusable one.
  two->board.Want("a test");
  two->StepMaker();
  EXPECT_EQ(Must(catalog.List()).size(), 2u);
  EXPECT_EQ(Must(catalog.List()).back().name, good);
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

TEST_F(EmptyJoinTest, OneThatCannotBeReadIsPassedOver) {
  Maker* one = New(1);
  for (int i = 0; i < 2; ++i) {
    one->node.App(fmt::format("INSERT INTO t VALUES({}, 'x')", i));
    one->board.Want("a test");
    one->StepMaker();
  }
  store_.silent = {one->board.newest()->name + std::string(snapshot::kObjectSuffix)};
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kRestored);
  sqlite::Connection db = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite));
  EXPECT_EQ(sqlite::Query(&db, "SELECT count(*) FROM t"), std::vector<std::string>{"1"});
}

TEST_F(EmptyJoinTest, WhereTheOnlyOneCannotBeReadAnotherIsAskedFor) {
  Maker* one = New(1);
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  one->StepMaker();
  Pass(2'000, {one});
  store_.silent = {one->board.newest()->name + std::string(snapshot::kObjectSuffix)};
  Must(meta_.Put(HeartbeatKey(NodeId(1)), "x"));
  const int64_t began = clock_.monotonic_ms;
  EXPECT_EQ(Join({one}), EmptyJoin::Outcome::kRestored);
  EXPECT_LT(clock_.monotonic_ms - began, 60'000);
  EXPECT_EQ(one->board.done(), 2);
}

TEST_F(EmptyJoinTest, WhereNobodyRunsOneThatCannotBeReadIsTriedAgain) {
  Maker* one = New(1);
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  one->StepMaker();
  store_.silent = {one->board.newest()->name + std::string(snapshot::kObjectSuffix)};
  EXPECT_EQ(Join({}), EmptyJoin::Outcome::kWaiting) << "there are tables, somewhere";
  snapshot::Options options;
  options.db_path = path_;
  options.spool_directory = dir_.path();
  EmptyJoin join({&store_, &meta_, &clock_, &logger_, options, NodeId(9), kTtl, 60'000, false,
                  [] { return Ok(); }});
  EXPECT_EQ(Must(join.Step()), EmptyJoin::Outcome::kWaiting);
  Pass(10'000, {});  // it listens for others first
  EXPECT_EQ(Must(join.Step()), EmptyJoin::Outcome::kWaiting);
  EXPECT_NE(join.waiting_for().find("cannot be read now"), std::string::npos) << join.waiting_for();
  store_.silent.clear();
  EXPECT_EQ(Must(join.Step()), EmptyJoin::Outcome::kWaiting) << "it is left alone for a while";
  Pass(kUnreadableMs, {});
  EXPECT_EQ(Must(join.Step()), EmptyJoin::Outcome::kRestored);
}

// The work that a node causes for others does not grow with the time for which its own disk is
// full.
TEST_F(EmptyJoinTest, WhereNoneCanEverBeReadFewAreAskedFor) {
  Maker* one = New(1);
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  one->StepMaker();
  Pass(2'000, {one});
  Must(meta_.Put(HeartbeatKey(NodeId(1)), "x"));
  store_.all_silent = snapshot::kObjectSuffix;
  const int64_t began = clock_.monotonic_ms;
  EXPECT_EQ(Join({one}), EmptyJoin::Outcome::kWaiting);
  EXPECT_GE(clock_.monotonic_ms - began, 200'000);
  EXPECT_GT(one->board.done(), 1);
  EXPECT_LE(one->board.done(), 5);
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
  EXPECT_EQ(sqlite::Query(&db, "SELECT name FROM sqlite_schema"),
            std::vector<std::string>{"'mine'"});
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
