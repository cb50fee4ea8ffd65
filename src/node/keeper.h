// Tells the others where this node stands, and notices what it lacks.
//
// A hole, a lost tail, a wiped or older log are all the same: somebody is ahead of us and nothing moves.
// Then we ask one of those; asked ourselves, we pass it to the publisher.
//
// Threads: one owner at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "log/meta_store.h"
#include "node/heartbeat.h"
#include "node/shared_state.h"
#include "node/step.h"

namespace harmonylite::node {

class Keeper {
 public:
  struct Dependencies {
    log::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t session;  // drawn anew for every process
  };
  explicit Keeper(const Dependencies& dependencies);

  // Does nothing until the next heartbeat is due.
  StepResult Step();
  // Another process with our node id is alive, and it was there first: end this one.
  bool rivalled() const { return rivalled_; }

 private:
  struct Peer {
    Heartbeat heartbeat;
    uint64_t revision = 0;
    int64_t heard_ms = 0;  // monotonic; when its revision last moved
  };

  StepResult Fail(const Error& error);
  Status Listen();
  std::optional<NodeId> WhomToAsk(const AppliedState& applied, int64_t now);
  void Answer(const Heartbeat& peer, int64_t now);
  void HearNamesake(const Heartbeat& namesake, bool first_look, int64_t now);

  Dependencies d_;
  std::map<std::string, Peer> peers_;
  change::ProgressVector last_progress_;
  std::optional<int64_t> behind_since_ms_;       // monotonic
  std::map<NodeId, std::pair<change::ProgressVector, int64_t>> answered_;
  int64_t next_ms_ = 0;
  // Until then we only listen: an entry with our node id may be a live process's or our former one's.
  int64_t listen_until_ms_ = 0;
  bool rivalled_ = false;
  std::string said_;
};

}  // namespace harmonylite::node
