// A simulated replication log. It does what JetStream promises, and on demand everything that
// JetStream has been seen to do against its promises.
//
// SimLog is the store. Each node reaches it through a LogClient of its own, which can be cut off.
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
  // The newest change of `sender` whose batch was ever complete in this log. No fault takes it
  // back: it is the measure of what may count as published (P2).
  Lseq HeldTo(const Origin& sender) const;
  size_t max_payload() const { return max_payload_; }
  // A number that changes whenever every reader must lose its connection.
  uint64_t generation() const { return generation_; }

  // Faults of the store.
  void DropReaders() { ++generation_; }
  void Trim(size_t keep);           // drops all but the newest `keep` records
  void Wipe();                      // makes the stream anew, empty and with another identity
  void Remember();                  // takes the copy that PutBack() puts in place
  bool PutBack();                   // returns false if no copy was taken
  void Sync();                      // puts the present contents on the server's disk
  void LosePower();                 // goes back to what was on the server's disk
  void StoreTwice(Random* random);  // repeats a subject's newest record, as a very late retry does
  bool Damage(Random* random);      // returns false if the log is empty

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
  std::deque<ports::LogRecord> records_;  // consecutive numbers; the newest record has number last_
  std::map<std::string, Id> ids_;
  Content Take() const;
  void Put(const Content& content);

  std::optional<Content> copy_;
  Content synced_;
  std::map<Origin, Lseq> held_to_;
};

// The probability of each fault in one call.
struct LogFaults {
  double lost_publish = 0;  // the record is not stored, and no answer comes
  double lost_ack = 0;      // the record is stored, and no answer comes
  double lost_reader = 0;   // a read finds that its consumer is gone
  double not_ready = 0;     // EnsureReady() fails
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
