// Tells the others where this node stands, and notices what it lacks.
//
// A hole, a lost tail, a wiped or older log are all the same: somebody is ahead of us and nothing
// moves. Then we ask one of those; asked ourselves, we pass it to the publisher. Where nobody can
// answer, because deletes that we lack are forgotten there or nobody is there at all, a snapshot is
// wished for.
//
// Threads: one owner at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "node/cluster/heartbeat.h"
#include "node/cluster/membership.h"
#include "node/options.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "ports/meta_store.h"

namespace harmonylite::node {

class Keeper {
 public:
  struct Dependencies {
    ports::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t session;  // see NewSession
    int64_t eviction_horizon_ms = NodeOptions().eviction_horizon_ms;
  };
  explicit Keeper(const Dependencies& dependencies);

  // Does nothing until the next heartbeat is due.
  StepResult Step();
  // Another process with our node id is alive, and this is the one of the two that ends:
  // decisions/0032.
  bool rivalled() const { return rivalled_; }

 private:
  struct Peer {
    Heartbeat heartbeat;
    uint64_t revision = 0;
    int64_t heard_ms = 0;  // monotonic; when its revision last moved
    bool lives = false;    // that happened since the first look
  };

  StepResult Fail(const Error& error);
  Status Listen();
  std::optional<NodeId> WhomToAsk(const AppliedState& applied, int64_t now);
  bool IsStuck(const AppliedState& applied, const std::set<Origin>& ahead, int64_t now);
  bool IsAlone(const AppliedState& applied, bool alive, int64_t now);
  void Answer(const Heartbeat& peer, int64_t now);
  void WeighMembers(const AppliedState& applied, int64_t now);
  bool BehindForgotten(const AppliedState& applied, int64_t now) const;
  bool TablesElsewhere(const AppliedState& applied, int64_t now);
  void HearNamesake(const Heartbeat& namesake, uint64_t revision, int64_t now);
  Status HearKnock(int64_t now);
  bool Lives(const Heartbeat& namesake, uint64_t revision);
  bool hears_namesake(int64_t now) const { return heard_ && now - heard_ms_ <= kPeerSilentMs; }
  std::string NextKey(int64_t now);

  Dependencies d_;
  std::map<std::string, Peer> peers_;
  Membership membership_;
  struct Standstill {
    Lseq at;
    int64_t since_ms = 0;  // monotonic
  };
  std::map<Origin, Standstill> still_;
  std::optional<int64_t> alone_since_ms_;    // monotonic
  std::optional<int64_t> without_since_ms_;  // monotonic: since when tables are elsewhere only
  std::map<NodeId, std::pair<change::ProgressVector, int64_t>> answered_;
  int64_t next_ms_ = 0;
  uint64_t beat_ = 0;            // entries put by this process
  uint64_t put_revision_ = 0;    // of the newest of these
  std::optional<Beat> heard_;    // the newest entry of another session of our node
  int64_t heard_ms_ = 0;         // monotonic; then
  uint64_t knock_revision_ = 0;  // of the newest knock that was looked at
  // Our entry is where the others look for it. Until then we knock: an entry of our node may be a
  // live process's.
  bool introduced_ = false;
  int knocks_ = 0;
  // Of an earlier build, which does not answer: how many entries of ours were each followed by one
  // of its.
  struct Silent {
    uint64_t session = 0;
    uint64_t after = 0;  // revision of the newest such entry of ours
    int rounds = 0;
  };
  Silent silent_;
  bool rivalled_ = false;
  std::string said_;
};

}  // namespace harmonylite::node
