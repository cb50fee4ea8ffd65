// Fakes and the fixture that the tests of making snapshots, and of joining from one, share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "capture/capture_test_util.h"
#include "node/recovery/snapshot_keeper.h"
#include "node/recovery/snapshot_maker.h"
#include "support/memory_meta_store.h"
#include "support/memory_store.h"

namespace harmonylite::node {

using capture::ManualClock;
using capture::TestNode;

constexpr int64_t kTtl = 30'000;

using FakeMeta = test::MemoryMetaStore;

class FakeLog final : public ports::ReplicationLog {
 public:
  Status EnsureReady() override { return Ok(); }
  Result<ports::LogState> State() override { return state; }
  Result<ports::LogRecord> LastOf(const Origin&) override {
    return MakeError(ErrorCode::kNotFound, "none");
  }
  ports::PublishReply Publish(const ports::PublishRequest&) override { return {}; }
  Result<std::unique_ptr<ports::LogReader>> OpenReader(ports::LogSeq) override {
    return MakeError(ErrorCode::kRetryLater, "none");
  }
  size_t max_payload() const override { return 1 << 20; }
  ports::LogState state{1, ports::LogSeq(1), ports::LogSeq(0)};
};

// One node that makes snapshots: its database, keeper, maker and the facts that they share. All
// nodes of a test share the clock.
class Maker {
 public:
  Maker(uint64_t id, FakeMeta* meta, ports::ReplicationLog* log, ports::ObjectStore* store,
        ManualClock* clock, Logger* logger, SnapshotPolicy policy = {0, kTtl, 1000, 3})
      : node("CREATE TABLE t(id INTEGER PRIMARY KEY, v)", id) {
    shared.SetSelf(node.self);
    SetHolding(false);
    keeper.emplace(
        SnapshotKeeper::Dependencies{meta, log, &shared, &board, clock, logger, policy, id * 100});
    snapshot::Options options;
    options.db_path = node.path;
    options.spool_directory = node.dir.path();
    maker.emplace(
        SnapshotMaker::Dependencies{store, &board, &shared, clock, logger, options, policy.keep});
  }
  void SetHolding(bool holding, HoldKind kind = HoldKind::kSchema) {
    AppliedState applied;
    applied.caught_up = true;
    applied.schema_fingerprint = fingerprint;
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
  uint64_t fingerprint = 1;  // fingerprint of the node's tables
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
    makers_.push_back(
        std::make_unique<Maker>(id, &meta_, &log_, &store_, &clock_, &logger_, policy));
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

}  // namespace harmonylite::node
