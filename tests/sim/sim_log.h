// A simulated log: what JetStream promises, and everything it has been seen doing against its promises.
//
// SimLog is the store; each node talks to it through a LogClient of its own, which can be cut off.
// Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/replication_log.h"
#include "sim/random.h"
#include "sim/sim_clock.h"
#include "sim/sometimes.h"

namespace harmonylite::sim {

class SimLog {
 public:
  SimLog(const World* world, Sometimes* sometimes, size_t max_payload);

  ports::LogState State() const;
  std::optional<ports::LogRecord> LastOf(const Origin& subject) const;
  ports::PublishReply Append(const ports::PublishRequest& request);
  const ports::LogRecord* At(ports::LogSeq seq) const;
  // Newest change of this life whose batch was here whole, ever.
  Lseq HeldTo(const Origin& sender) const;
  size_t max_payload() const { return max_payload_; }
  // Changes when every reader must lose its connection.
  uint64_t generation() const { return generation_; }

  // Faults of the store.
  void DropReaders() { ++generation_; }
  void Trim(size_t keep);              // the oldest records are gone
  void Wipe();                         // made anew: another identity
  void Remember();                     // takes the copy that PutBack puts back
  bool PutBack();                      // false: no copy was taken
  void Sync();                         // what is here now is on the server's disk
  void LosePower();                    // the server's machine does: it has what was synced
  void StoreTwice(Random* random);     // a subject's newest record once more (retry after the window)
  bool Damage(Random* random);         // false: no record

 private:
  struct Id {
    ports::LogSeq seq;
    int64_t at_ms;
  };
  struct Content {
    int64_t created_ns;
    uint64_t last;
    std::deque<ports::LogRecord> records;
    std::map<std::string, Id> ids;
  };

  const World* world_;
  Sometimes* sometimes_;
  const size_t max_payload_;
  int64_t created_ns_;
  uint64_t last_ = 0;
  uint64_t generation_ = 0;
  std::deque<ports::LogRecord> records_;  // consecutive, the newest is last_
  std::map<std::string, Id> ids_;
  Content Take() const;
  void Put(const Content& content);

  std::optional<Content> copy_;
  Content synced_;
  std::map<Origin, Lseq> held_to_;
};

// Probabilities per call.
struct LogFaults {
  double lost_publish = 0;  // no answer, not stored
  double lost_ack = 0;      // no answer, stored all the same
  double lost_reader = 0;
  double not_ready = 0;
};

class LogClient final : public ports::ReplicationLog {
 public:
  LogClient(SimLog* store, Random* random, Sometimes* sometimes)
      : store_(store), random_(random), sometimes_(sometimes) {}

  Status EnsureReady() override;
  Result<ports::LogState> State() override;
  Result<ports::LogRecord> LastOf(const Origin& subject) override;
  ports::PublishReply Publish(const ports::PublishRequest& request) override;
  Result<std::unique_ptr<ports::LogReader>> OpenReader(ports::LogSeq from) override;
  size_t max_payload() const override { return store_->max_payload(); }

  LogFaults faults;
  bool connected = true;

 private:
  friend class ClientReader;
  SimLog* store_;
  Random* random_;
  Sometimes* sometimes_;
};

}  // namespace harmonylite::sim
