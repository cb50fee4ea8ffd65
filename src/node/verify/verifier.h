// Answers what other nodes and `harmonylite verify` ask about this node's rows, passes on their
// orders to repair rows, and runs the background check, in which all nodes compare digests now and
// then. It only reads the database, on a thread and a connection of its own, so that no other
// worker waits for it.
//
// Threads: one owner at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "node/options.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "node/verify/digest.h"
#include "node/verify/verify_replies.h"
#include "ports/meta_store.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class Verifier {
 public:
  struct Dependencies {
    const NodeOptions* options;
    sqlite::Connection* db;  // for reading only
    ports::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;  // seed of the ids of requests
  };
  explicit Verifier(const Dependencies& dependencies);

  StepResult Step();
  // How long to sleep after a step that made no progress.
  std::chrono::milliseconds until_next_look() const;

 private:
  using Entries = std::map<std::string, ports::MetaEntry>;
  // A request that this node has seen in the registry.
  struct Seen {
    int64_t since_ms = 0;  // when it was first seen, monotonic
    bool answered = false;
    std::vector<std::string> keys;  // keys that this node wrote to answer it
  };

  // Reads the registry and starts on a new request, if there is one.
  StepResult Look(int64_t now);
  void Forget(const Entries& entries, int64_t now);
  Status Start(const VerifyRequest& request);
  Status StartOrder(const VerifyOrder& named);
  // Does the next piece of work on current_.
  Result<StepResult> Work();
  Status PutAnswer(const VerifyAnswer& answer);
  Status StartCheck(int64_t now);
  void Evaluate(const Entries& entries);
  void Conclude(const std::vector<const VerifyAnswer*>& others);
  StepResult Fail(const Error& error, int64_t now);

  Dependencies d_;
  std::mt19937_64 random_;
  int64_t next_look_ms_ = 0;
  // Questions come in groups: until this time the registry is looked at more often.
  int64_t hot_until_ms_ = 0;
  std::map<std::string, Seen> seen_;  // the requests that were seen, by id
  std::optional<VerifyRequest> current_;
  std::optional<Digest> digest_;  // the scan that answers current_
  bool ordered_ = false;          // the consumer carries out the order in current_

  // The members below belong to the background check.
  int64_t next_check_ms_ = 0;
  int64_t data_version_ = -1;  // the database's data_version when the last check began
  std::string own_check_;      // id of the newest check that this node asked for
  int64_t own_check_until_ms_ = 0;
  // Id of the newest check that this node answered, and its answer.
  std::string check_;
  VerifyAnswer check_answer_;
  size_t compared_ = 0;  // how many other answers were compared with it
  std::string said_;
};

}  // namespace harmonylite::node
