// What carries batches between nodes: an ordered log of records, one subject per origin.
//
// Implementations: adapters/nats/jetstream_log.h, and a simulated one in tests/sim. Neither is trusted to keep
// what it acknowledged: progress vectors in the databases are the truth, the log only carries.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace harmonylite::ports {

// Position of a record in the log; the first is 1.
using LogSeq = StrongId<struct LogSeqTag, uint64_t>;

struct LogState {
  int64_t created_ns = 0;  // identity: a log that was made anew has another one
  LogSeq first;            // oldest record still held (last + 1 when empty)
  LogSeq last;             // newest record ever stored; 0 for none
  bool operator==(const LogState&) const = default;
};

struct LogRecord {
  LogSeq seq;
  Origin subject;  // as the subject says; the frame inside must agree
  std::string payload;
};

struct PublishRequest {
  Origin subject;
  std::string message_id;     // the log drops a second record with the same id (within minutes)
  LogSeq expected_last;       // of this subject; 0: none must exist
  std::string_view payload;
};

enum class PublishOutcome {
  kStored,         // it is in the log (now, or it already was under the same message id)
  kOutOfSequence,  // expected_last is not the subject's last record: ask LastOf() and think again
  kUnknown,        // no answer: it may or may not be there. Repeat with the same id.
  kRefused,        // the log will never take it (too large, no permission): `message` says why
};

struct PublishReply {
  PublishOutcome outcome = PublishOutcome::kUnknown;
  LogSeq seq;           // with kStored
  std::string message;  // with kUnknown, kRefused
};

// Reads forward from one position. Made anew after every error.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Appends up to `max_records` consecutive records, waiting up to `wait` for the first one; appends
  // nothing when none came. Returns as soon as anything is there.
  // kLogGap: records between the position and the first one held are gone. kRetryLater: the connection
  // or the consumer was lost, or went silent: open another reader.
  virtual Status Read(size_t max_records, std::chrono::milliseconds wait,
                      std::vector<LogRecord>* out) = 0;
};

// Threads: all methods may be called from any thread; a LogReader by one at a time.
class ReplicationLog {
 public:
  virtual ~ReplicationLog() = default;
  // Connects and makes the log when it does not exist. Cheap when already connected.
  virtual Status EnsureReady() = 0;
  virtual Result<LogState> State() = 0;
  // The newest record of a subject. kNotFound is an answer: none is held.
  virtual Result<LogRecord> LastOf(const Origin& subject) = 0;
  virtual PublishReply Publish(const PublishRequest& request) = 0;
  // The first record returned will be `from` or, if that is gone, an error kLogGap.
  virtual Result<std::unique_ptr<LogReader>> OpenReader(LogSeq from) = 0;
  // Largest payload of one record, in bytes.
  virtual size_t max_payload() const = 0;
};

}  // namespace harmonylite::ports
