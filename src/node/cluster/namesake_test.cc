// Two processes with the same node id: one of them must end, and a process must not end because a
// registry shows what former processes of its node have left there (docs/decisions/0032).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/cluster/keeper.h"
#include "node/options.h"

namespace harmonylite::node {
namespace {

constexpr Origin kSelf{NodeId(1), Incarnation(1)};
constexpr int kRoundsToEnd = 6;  // after so many rounds one of two live processes has ended

class FakeClock final : public Clock {
 public:
  int64_t WallMs() const override { return 1'700'000'000'000 + monotonic; }
  int64_t MonotonicMs() const override { return monotonic; }
  int64_t monotonic = 1'000'000;
};

using Entries = std::map<std::string, ports::MetaEntry>;

// A registry in memory. While `shown` is not empty, every process reads its first element instead
// of the true entries.
class FakeStore final : public ports::MetaStore {
 public:
  Result<uint64_t> Put(const std::string& key, std::string_view value) override {
    entries[key] = {std::string(value), ++revision};
    states.push_back(entries);
    return revision;
  }
  Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                 uint64_t) override {
    return Put(key, value);
  }
  Result<ports::MetaEntry> Get(const std::string& key) override { return RecentEntry(key); }
  Status Delete(const std::string& key) override {
    entries.erase(key);
    return Ok();
  }
  Result<Entries> List(const std::string& prefix) override {
    Entries from = entries;
    if (!shown.empty()) from = shown.front();
    Entries out;
    for (const auto& [key, entry] : from)
      if (key.starts_with(prefix)) out[key] = entry;
    return out;
  }
  Entries entries;
  uint64_t revision = 0;
  std::vector<Entries> states;  // the true entries after each write, oldest first
  std::vector<Entries> shown;   // Round() removes the first element
};

struct Process {
  Process(FakeStore* store, const Clock* clock, Logger* logger, uint64_t session)
      : keeper({store, &shared, clock, logger, session}) {
    shared.SetSelf(kSelf);
  }
  SharedState shared;
  Keeper keeper;
};

class NamesakeTest : public testing::Test {
 protected:
  ~NamesakeTest() override { close(null_); }

  // Starts a process of node 1. Its session is greater than those of all processes before it.
  std::unique_ptr<Process> Start() {
    clock_.monotonic += 1;
    return std::make_unique<Process>(&store_, &clock_, &logger_, NewSession(clock_.WallMs(), 0));
  }
  // Lets each process make one step, in this order, and then the next heartbeat become due.
  void Round(const std::vector<Process*>& processes) {
    for (Process* process : processes)
      if (!process->keeper.rivalled()) process->keeper.Step();
    if (!store_.shown.empty()) store_.shown.erase(store_.shown.begin());
    clock_.monotonic += kHeartbeatMs;
  }
  void Rounds(const std::vector<Process*>& processes, int count = kRoundsToEnd) {
    for (int i = 0; i < count; ++i) Round(processes);
  }
  Heartbeat Entry(const std::string& key = HeartbeatKey(kSelf.node)) {
    return DecodeHeartbeat(store_.entries.at(key).value).value();
  }
  // Puts a heartbeat without `beat` and `hears`, as earlier builds do.
  void PutAsEarlierBuild(uint64_t session) {
    Heartbeat heartbeat;
    heartbeat.origin = kSelf;
    heartbeat.session = session;
    ASSERT_TRUE(store_.Put(HeartbeatKey(kSelf.node), EncodeHeartbeat(heartbeat)).ok());
  }

  const int null_ = open("/dev/null", O_WRONLY | O_CLOEXEC);
  FakeClock clock_;
  FakeStore store_;
  Logger logger_{null_, LogFormat::kConsole, LogLevel::kError};
};

TEST_F(NamesakeTest, TheLaterOneEndsBeforeItHasSpoken) {
  const auto first = Start();
  Rounds({first.get()});
  const auto second = Start();
  Rounds({second.get(), first.get()}, 3);
  EXPECT_TRUE(second->keeper.rivalled());
  EXPECT_FALSE(first->keeper.rivalled());
  EXPECT_LT(Entry().session, Entry(KnockKey(kSelf.node)).session)
      << "the first one's own entry was not overwritten";
  Rounds({first.get()});
  EXPECT_FALSE(first->keeper.rivalled());
}

TEST_F(NamesakeTest, WhatAFormerProcessLeftBehindOnlyDelays) {
  const auto former = Start();
  Rounds({former.get()});
  const auto next = Start();
  Rounds({next.get()}, 3);
  EXPECT_EQ(Entry().beat, static_cast<uint64_t>(kRoundsToEnd)) << "it knocks";
  Rounds({next.get()});
  EXPECT_FALSE(next->keeper.rivalled());
  EXPECT_GT(Entry(KnockKey(kSelf.node)).session, 0u);
  EXPECT_EQ(Entry().session, Entry(KnockKey(kSelf.node)).session) << "it speaks";
}

TEST_F(NamesakeTest, OfTwoThatStartTogetherTheLaterOneEnds) {
  const auto first = Start();
  const auto second = Start();
  store_.shown = {Entries()};  // both find an empty registry at their first look
  Rounds({second.get(), first.get()});
  EXPECT_TRUE(second->keeper.rivalled());
  EXPECT_FALSE(first->keeper.rivalled());
}

// Both processes look at the same moments, and an entry becomes visible some milliseconds after it
// is put. Without early beats, the second process would always overwrite the first one's entry
// before it could see it.
TEST_F(NamesakeTest, TwoInStepHearEachOtherAllTheSame) {
  constexpr int64_t kPutMs = 5;
  const auto first = Start();
  const auto second = Start();
  // The states of the registry by the time at which each began.
  std::map<int64_t, Entries> since = {{0, {}}};
  for (const int64_t end = clock_.monotonic + 40'000; clock_.monotonic < end; ++clock_.monotonic) {
    for (Process* process : {first.get(), second.get()}) {
      store_.shown = {std::prev(since.upper_bound(clock_.monotonic - kPutMs))->second};
      if (!process->keeper.rivalled()) process->keeper.Step();
    }
    if (store_.states.size() >= since.size()) since[clock_.monotonic] = store_.entries;
  }
  EXPECT_TRUE(second->keeper.rivalled());
  EXPECT_FALSE(first->keeper.rivalled());
}

TEST_F(NamesakeTest, AnEntryOfAFormerProcessIsNobodyAfterThisOneHasSpoken) {
  const auto former = Start();
  Rounds({former.get()});
  const Entries old = store_.entries;
  const auto next = Start();
  Rounds({next.get()}, 8);
  store_.entries = old;  // an older copy of the store is put back
  Rounds({next.get()}, 8);
  EXPECT_FALSE(next->keeper.rivalled());
  EXPECT_NE(Entry().session, DecodeHeartbeat(old.at(HeartbeatKey(kSelf.node)).value)->session);
}

// A lagging replica of the registry shows every entry that former processes put, one after the
// other.
TEST_F(NamesakeTest, TheWholeHistoryOfFormerProcessesIsNobody) {
  for (int life = 0; life < 3; ++life) {
    const auto former = Start();
    Rounds({former.get()}, 8);
  }
  const std::vector<Entries> history = store_.states;
  for (const size_t spoken : {0, 1, 2, 8}) {
    const auto next = Start();
    Rounds({next.get()}, static_cast<int>(spoken));
    store_.shown = history;
    Rounds({next.get()}, static_cast<int>(history.size() + 4));
    EXPECT_FALSE(next->keeper.rivalled()) << spoken;
  }
}

// The second process did not see the answer of a rival while the rival lived. Now the rival is gone
// and the store shows the answer. It proves a live rival only while the entry that it names is
// fresh.
TEST_F(NamesakeTest, AnAnswerThatIsOldIsNobody) {
  for (const int beats_since : {0, 20}) {
    store_.entries.clear();
    const auto first = Start();
    const auto second = Start();
    for (Process* process : {first.get(), second.get()}) {
      store_.shown = {Entries()};
      Round({process});
    }
    Round({first.get()});
    const Entries answer = store_.entries;
    ASSERT_TRUE(Entry().hears.has_value());
    store_.entries.clear();
    Rounds({second.get()}, beats_since);
    store_.shown = {answer};
    Round({second.get()});
    EXPECT_EQ(second->keeper.rivalled(), beats_since == 0);
  }
}

TEST_F(NamesakeTest, AProcessOfAnEarlierBuildIsAliveOnceItHasFollowedThreeOfOurEntries) {
  PutAsEarlierBuild(5);
  const auto next = Start();
  for (int i = 0; i < 3; ++i) {
    Round({next.get()});
    EXPECT_FALSE(next->keeper.rivalled());
    PutAsEarlierBuild(5);
  }
  Round({next.get()});
  EXPECT_TRUE(next->keeper.rivalled());
}

TEST_F(NamesakeTest, EntriesOfAnEarlierBuildThatAreOlderThanOursAreNobody) {
  for (int i = 0; i < 8; ++i) PutAsEarlierBuild(5);
  const std::vector<Entries> history = store_.states;
  const auto next = Start();
  store_.shown = history;
  Rounds({next.get()}, 12);
  store_.entries = history[5];
  Rounds({next.get()}, 12);
  EXPECT_FALSE(next->keeper.rivalled());
}

TEST_F(NamesakeTest, NobodyIsThereWhereThereIsNoEntry) {
  const auto only = Start();
  Round({only.get()});
  EXPECT_EQ(Entry().beat, 1u) << "it need not knock";
  EXPECT_EQ(store_.entries.count(KnockKey(kSelf.node)), 0u);
}

}  // namespace
}  // namespace harmonylite::node
