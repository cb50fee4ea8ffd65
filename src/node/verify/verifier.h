// Answers what other nodes and `harmonylite verify` ask about this node's rows, and asks itself now and then:
// the background check. It has a thread and a connection of its own, so that nothing waits for it.
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
#include "node/verify/verify_wire.h"
#include "ports/meta_store.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class Verifier {
 public:
  struct Dependencies {
    const NodeOptions* options;
    sqlite::Connection* db;  // of its own
    ports::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;  // of ids
  };
  explicit Verifier(const Dependencies& dependencies);

  StepResult Step();
  // How long a step that made no progress may be waited after.
  std::chrono::milliseconds until_next_look() const;

 private:
  using Entries = std::map<std::string, ports::MetaEntry>;
  struct Seen {
    int64_t since_ms = 0;  // monotonic
    bool answered = false;
    std::vector<std::string> keys;  // of what we wrote about it
  };

  StepResult Look(int64_t now);
  void Forget(const Entries& entries, int64_t now);
  Status Start(const VerifyRequest& request);
  Status StartOrder(const VerifyRequest& request);
  Result<StepResult> Work();
  Status PutAnswer(const VerifyAnswer& answer);
  Status StartCheck(int64_t now);
  void Evaluate(const Entries& entries);
  void Conclude(const std::vector<const VerifyAnswer*>& others);
  StepResult Fail(const Error& error, int64_t now);

  Dependencies d_;
  std::mt19937_64 random_;
  int64_t next_look_ms_ = 0;
  int64_t hot_until_ms_ = 0;     // questions come in groups
  std::map<std::string, Seen> seen_;  // requests, by id
  std::optional<VerifyRequest> current_;
  std::optional<Digest> digest_;  // of current_
  bool ordered_ = false;          // current_ waits for the consumer

  // The background check.
  int64_t next_check_ms_ = 0;
  int64_t data_version_ = -1;     // when the last check began
  std::string own_check_;         // id of one that we asked for
  int64_t own_check_until_ms_ = 0;
  std::string check_;             // id of the newest one that we answered, and…
  VerifyAnswer check_answer_;     // … what we said
  size_t compared_ = 0;           // with the answers of so many others
  std::string said_;
};

}  // namespace harmonylite::node
