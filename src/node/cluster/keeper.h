// The worker that uses the registry: it puts this node's heartbeat, reads those of the others, and
// finds out from them what this node lacks (P7).
//
// A hole in the log, a lost tail, and a log that was wiped or replaced by an older one all look the
// same from here: another node is ahead and nothing moves. The keeper then asks a node that is
// ahead for repair, in this node's own heartbeat. A request of another node is passed to the
// publisher, which answers with a repair batch. If no node can answer, because each one has
// forgotten deletes that this node lacks or no other node is there, the keeper requests a snapshot
// from the resyncer.
//
// The keeper also notices another process with the same node id, a database of which this file is
// an older copy, and members that have been silent for too long (membership.h).
//
// Sources: docs/decisions/0020-forgetting-tombstones.md, 0032-a-rival-is-one-that-answers.md.
// Threads: one owner at a time; in production the keeper thread.
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
  struct Dependencies {  // none of the pointers is owned
    ports::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t session;  // the session of this process (NewSession)
    int64_t eviction_horizon_ms = NodeOptions().eviction_horizon_ms;
  };
  explicit Keeper(const Dependencies& dependencies);

  // Reads the registry and puts this node's heartbeat, if the next one is due; otherwise does
  // nothing.
  StepResult Step();
  // True once it is certain that another process with this node id is alive and that this process
  // is the one of the two that must end (docs/decisions/0032-a-rival-is-one-that-answers.md).
  bool rivalled() const { return rivalled_; }

 private:
  // The entry under one key of the registry, as far as it was read.
  struct Peer {
    Heartbeat heartbeat;
    uint64_t revision = 0;
    int64_t heard_ms = 0;  // monotonic time of the last look that found a new revision
    // True if the revision has moved since the first look. Before that the entry may have been left
    // behind by a node that is gone.
    bool lives = false;
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
  // The progress of one origin, which has not moved for a while.
  struct Standstill {
    Lseq at;
    int64_t since_ms = 0;  // monotonic time at which the keeper first saw it at `at`
  };
  std::map<Origin, Standstill> still_;  // origins of which another node has more
  // Monotonic time since which changes are missing and no other node is heard; none: that is not
  // so.
  std::optional<int64_t> alone_since_ms_;
  // Monotonic time since which other nodes have replicated tables and this node has none; none:
  // that is not so.
  std::optional<int64_t> without_since_ms_;
  // Per node that asked for repair: its progress at the last request that was passed on, and when
  // that was, in monotonic time.
  std::map<NodeId, std::pair<change::ProgressVector, int64_t>> answered_;
  int64_t next_ms_ = 0;          // monotonic time at which the next heartbeat is due
  uint64_t beat_ = 0;            // number of this process's newest entry, counted from 1
  uint64_t put_revision_ = 0;    // revision of this process's newest entry
  std::optional<Beat> heard_;    // the newest entry of another process with this node id
  int64_t heard_ms_ = 0;         // monotonic time at which `heard_` was read
  uint64_t knock_revision_ = 0;  // revision of the newest entry read under KnockKey()
  // True once this process puts its entries under HeartbeatKey(). Until then it knocks, because an
  // entry of this node under that key may belong to a live process (NextKey()).
  bool introduced_ = false;
  int knocks_ = 0;  // entries put under KnockKey()
  // The rounds played with a process of an earlier build, which does not fill in Heartbeat::hears.
  // One round is an entry of this process that was followed by an entry of the other one.
  struct Silent {
    uint64_t session = 0;  // session of the other process
    uint64_t after = 0;    // revision of this process's entry in the newest round
    int rounds = 0;
  };
  Silent silent_;
  bool rivalled_ = false;
  std::string said_;  // the error that was logged last; empty after a success
};

}  // namespace harmonylite::node
