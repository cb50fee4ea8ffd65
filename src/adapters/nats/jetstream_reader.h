// Private to src/adapters/nats: reads the log's stream forward. Keeps the contract of
// ports::LogReader in ports/replication_log.h.
//
// Threads: one at a time, as ports::LogReader demands.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adapters/nats/push_consumer.h"
#include "ports/replication_log.h"

namespace harmonylite::nats {

class JetStreamReader final : public ports::LogReader {
 public:
  JetStreamReader(std::unique_ptr<PushConsumer> consumer, std::string subject_root, uint64_t from);

  Status Read(size_t max_records, std::chrono::milliseconds wait,
              std::vector<ports::LogRecord>* out) override;

 private:
  // Returns the next record, or nothing if none came within `wait`.
  Result<std::optional<ports::LogRecord>> ReadOne(std::chrono::milliseconds wait);

  const std::unique_ptr<PushConsumer> consumer_;
  const std::string subject_root_;
  uint64_t next_;                 // stream sequence of the next record
  std::optional<Error> failure_;  // once set, every Read() returns it
};

}  // namespace harmonylite::nats
